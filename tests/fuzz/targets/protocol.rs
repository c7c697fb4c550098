//! What clients and the daemon say to each other.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| seccomp_tracer::hostile::protocol(bytes));
