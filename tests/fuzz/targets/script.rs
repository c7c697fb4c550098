//! The first line of a script.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| seccomp_tracer::hostile::script(bytes));
