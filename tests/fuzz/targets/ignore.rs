//! A list of findings that are to be ignored.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| seccomp_tracer::hostile::ignore(bytes));
