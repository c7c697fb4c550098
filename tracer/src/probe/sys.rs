//! `bpf(2)`, as far as aya does not offer what is needed: maps and programs without an object file.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

// <https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/bpf.h#L918>
const MAP_CREATE: libc::c_int = 0;
const PROG_LOAD: libc::c_int = 5;
const OBJ_PIN: libc::c_int = 6;
const RAW_TRACEPOINT_OPEN: libc::c_int = 17;

/// `BPF_MAP_TYPE_LRU_HASH`.
const LRU_HASH: u32 = 9;

/// `BPF_PROG_TYPE_RAW_TRACEPOINT`.
const RAW_TRACEPOINT: u32 = 17;

/// Attributes, of which the kernel takes all others as zero.
#[repr(C)]
struct Attributes {
    words: [u32; 4],
    long: u64,
    more: [u32; 10],
}

/// Asks the kernel.
fn bpf(command: libc::c_int, attributes: &Attributes) -> io::Result<i32> {
    let size = size_of::<Attributes>();
    // SAFETY: attributes of that size; whoever made them sees to it that what they point to outlives the call.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, &raw const *attributes, size) };
    match i32::try_from(result) {
        Ok(result) if result >= 0 => Ok(result),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The same, for what gives a new descriptor.
fn open(command: libc::c_int, attributes: &Attributes) -> io::Result<OwnedFd> {
    // SAFETY: a new descriptor that nobody else has.
    bpf(command, attributes).map(|fd| unsafe { OwnedFd::from_raw_fd(fd) })
}

fn size(many: usize) -> io::Result<u32> {
    u32::try_from(many).map_err(|_| io::ErrorKind::InvalidInput.into())
}

/// Both halves of a 64-bit attribute.
fn halves(word: u64) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = word.to_ne_bytes();
    [[a, b, c, d], [e, f, g, h]].map(u32::from_ne_bytes)
}

/// A hash map that forgets what was not used for the longest.
pub(super) fn create_lru_map(key: usize, value: usize, entries: u32) -> io::Result<OwnedFd> {
    let attributes = Attributes {
        words: [LRU_HASH, size(key)?, size(value)?, entries],
        long: 0,
        more: [0; 10],
    };
    open(MAP_CREATE, &attributes)
}

/// A program for a raw tracepoint. It reads the kernel's memory, which the kernel lets programs do that are free.
pub(super) fn load_raw_tracepoint(instructions: &[u64]) -> io::Result<OwnedFd> {
    let license = c"GPL";
    let [low, high] = halves(instructions.as_ptr() as u64);
    let attributes = Attributes {
        words: [RAW_TRACEPOINT, size(instructions.len())?, low, high],
        long: license.as_ptr() as u64,
        more: [0; 10],
    };
    open(PROG_LOAD, &attributes)
}

/// Attaches a program; it stays attached as long as somebody has what this gives, or that is pinned.
pub(super) fn attach_raw_tracepoint(name: &CStr, program: &OwnedFd) -> io::Result<OwnedFd> {
    let [low, high] = halves(name.as_ptr() as u64);
    let attributes = Attributes {
        words: [low, high, program.as_raw_fd().cast_unsigned(), 0],
        long: 0,
        more: [0; 10],
    };
    open(RAW_TRACEPOINT_OPEN, &attributes)
}

/// Pins something into a bpf file system.
pub(super) fn pin(path: &Path, fd: &OwnedFd) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let [low, high] = halves(path.as_ptr() as u64);
    let attributes = Attributes {
        words: [low, high, fd.as_raw_fd().cast_unsigned(), 0],
        long: 0,
        more: [0; 10],
    };
    bpf(OBJ_PIN, &attributes).map(drop)
}
