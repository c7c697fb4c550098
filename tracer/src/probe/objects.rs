//! Objects of the kernel's eBPF by descriptor: which are ours, what they are called, and where they are pinned.
//!
//! aya pins what it made one by one and by type; this is for whoever wants all of them to outlive us, whatever they
//! are. It refuses to know what is in them.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Commands of bpf(2).
/// <https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/bpf.h#L922>
mod command {
    pub(super) const OBJ_PIN: libc::c_int = 6;
    pub(super) const OBJ_GET: libc::c_int = 7;
    pub(super) const OBJ_GET_INFO_BY_FD: libc::c_int = 15;
}

/// Bytes of an object's name, with the zero at its end.
const NAME_LEN: usize = 16;

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Map,
    Program,
    Link,
}

/// An object, by a descriptor that is open as long as nobody closes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Object {
    pub(super) kind: Kind,
    pub(super) fd: RawFd,
}

/// The objects that this process has open.
pub(super) fn own() -> io::Result<Vec<Object>> {
    let mut objects = Vec::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        let path = entry?.path();
        let fd = path.file_name().and_then(|name| name.to_str());
        let fd = fd.and_then(|name| name.parse().ok());
        // The directory's own is gone by now.
        let (Some(fd), Ok(target)) = (fd, fs::read_link(&path)) else {
            continue;
        };
        let kind = match target.as_os_str().as_bytes() {
            b"anon_inode:bpf-map" => Kind::Map,
            b"anon_inode:bpf-prog" => Kind::Program,
            b"anon_inode:bpf_link" => Kind::Link,
            _ => continue,
        };
        objects.push(Object { kind, fd });
    }
    objects.sort_unstable();
    Ok(objects)
}

impl Object {
    /// The name that it was given; a link has none.
    pub(super) fn name(&self) -> io::Result<String> {
        // `struct bpf_map_info` and `struct bpf_prog_info` begin with other things.
        let at = match self.kind {
            Kind::Map => 24,
            Kind::Program => 64,
            Kind::Link => return Ok(String::new()),
        };
        let mut info = [0_u8; 80];
        #[repr(C)]
        struct Attributes {
            fd: u32,
            info_len: u32,
            info: u64,
        }
        let attributes = Attributes {
            fd: self.fd.cast_unsigned(),
            info_len: u32::try_from(at + NAME_LEN).unwrap_or(0),
            info: info.as_mut_ptr() as u64,
        };
        bpf(command::OBJ_GET_INFO_BY_FD, &attributes)?;
        let name = info[at..at + NAME_LEN].split(|&byte| byte == 0).next();
        Ok(String::from_utf8_lossy(name.unwrap_or_default()).into_owned())
    }

    /// Pins it.
    pub(super) fn pin(&self, path: &Path) -> io::Result<()> {
        let path = CString::new(path.as_os_str().as_bytes())?;
        bpf(command::OBJ_PIN, &Place::of(&path, self.fd)).map(drop)
    }
}

/// A descriptor of a pinned object. aya asks for its types as well, which takes more rights than recording does.
pub(super) fn get(path: &Path) -> io::Result<OwnedFd> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let fd = bpf(command::OBJ_GET, &Place::of(&path, 0))?;
    // SAFETY: a new descriptor that nobody else has.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// What a command about a path takes.
#[repr(C)]
struct Place {
    path: u64,
    fd: u32,
    flags: u32,
}

impl Place {
    fn of(path: &CString, fd: RawFd) -> Self {
        Self {
            path: path.as_ptr() as u64,
            fd: fd.cast_unsigned(),
            flags: 0,
        }
    }
}

fn bpf<T>(command: libc::c_int, attributes: &T) -> io::Result<RawFd> {
    // SAFETY: attributes of that size; what they point to is the caller's, and outlives the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            &raw const *attributes,
            size_of::<T>(),
        )
    };
    match RawFd::try_from(result) {
        Ok(result) if result >= 0 => Ok(result),
        _ => Err(io::Error::last_os_error()),
    }
}
