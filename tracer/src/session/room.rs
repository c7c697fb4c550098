//! Whether there is room for a session: descriptors and memory that the libraries below us take without asking.
//!
//! They end the program where they get none. An error with its cause is better, so they are asked for before.

use rustix::process::{Resource, getrlimit};
use std::fs::File;
use std::io;

/// Descriptors that waiting for events takes.
const DESCRIPTORS: usize = 16;

/// Memory that reading the kernel's types and loading the kernel side takes: measured 24 MiB, with the small BTF of
/// some kernels and the large one of others in mind.
const BYTES: usize = 40 << 20;

/// Looks whether there is room, by taking it and giving it back.
pub(super) fn check() -> io::Result<()> {
    save_address_space();
    let one = File::open("/dev/null")?;
    let others = (1..DESCRIPTORS).map(|_| one.try_clone());
    others.collect::<io::Result<Vec<_>>>()?;
    let mut memory: Vec<u8> = Vec::new();
    let reserved = memory.try_reserve_exact(BYTES);
    // As the operating system says it.
    reserved.map_err(|_| io::Error::from_raw_os_error(libc::ENOMEM))
}

/// Where address space is limited, threads share one heap. glibc gives each up to 128 MiB of addresses otherwise, and then
/// nothing is left for memory.
fn save_address_space() {
    if getrlimit(Resource::As).current.is_some() {
        #[cfg(target_env = "gnu")]
        // SAFETY: a call without pointers; it is about heaps that are not there yet.
        unsafe {
            libc::mallopt(libc::M_ARENA_MAX, 1)
        };
    }
}
