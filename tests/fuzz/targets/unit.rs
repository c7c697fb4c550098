//! What systemd says of a unit.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| seccomp_tracer::hostile::unit(bytes));
