//! What the kernel says of mounts and cgroups.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| seccomp_tracer::hostile::surroundings(bytes));
