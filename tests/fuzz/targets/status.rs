//! What the kernel says of a process.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| seccomp_tracer::hostile::status(bytes));
