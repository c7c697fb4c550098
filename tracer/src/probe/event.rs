//! Events of perf on tracepoints, with a program on them.
//!
//! Their ids are in tracefs, which often is not mounted. Then it is mounted where nobody else sees it.

use aya::pin::PinError;
use aya::sys::SyscallError;
use rustix::fs::{Mode, OFlags, openat};
use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Where tracefs is, if it is mounted.
const PLACES: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// tracefs.
pub(super) struct Events(OwnedFd);

impl Events {
    /// Opens it where it is mounted, or mounts it for ourselves.
    pub(super) fn open() -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mounted = PLACES.iter().find_map(|place| {
            let folder = rustix::fs::open(*place, flags, Mode::empty()).ok()?;
            // An empty folder is there whether anything is mounted on it or not.
            openat(&folder, "events", flags, Mode::empty()).ok()?;
            Some(folder)
        });
        mounted.map_or_else(detached, Ok).map(Self)
    }

    /// The id of the event on a tracepoint, given with its group.
    pub(super) fn id(&self, tracepoint: &str) -> io::Result<u32> {
        let path = format!("events/{}/id", tracepoint.replace(':', "/"));
        let file = openat(
            &self.0,
            path,
            OFlags::RDONLY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        let mut text = String::new();
        File::from(file).take(16).read_to_string(&mut text)?;
        text.trim().parse().map_err(io::Error::other)
    }
}

/// A mount that is at no place, so it ends with its descriptor.
fn detached() -> io::Result<OwnedFd> {
    use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags};
    let context = rustix::mount::fsopen("tracefs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    rustix::mount::fsconfig_create(context.as_fd())?;
    let mount = rustix::mount::fsmount(
        context.as_fd(),
        FsMountFlags::FSMOUNT_CLOEXEC,
        MountAttrFlags::empty(),
    )?;
    Ok(mount)
}

/// Puts a program on an event, of all tasks and on all CPUs. The event is not enabled: nothing is written down, and
/// programs run all the same.
pub(super) fn attach(id: u32, program: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let event = open_event(id)?;
    link(program, event.as_fd())
}

fn open_event(id: u32) -> io::Result<OwnedFd> {
    const PERF_TYPE_TRACEPOINT: u32 = 2;
    const DISABLED: u64 = 1;
    const EVERY_TASK: libc::pid_t = -1;
    const CPU: libc::c_int = 0;
    const NO_GROUP: libc::c_int = -1;
    const PERF_FLAG_FD_CLOEXEC: libc::c_ulong = 8;
    /// `struct perf_event_attr`, the first version.
    /// <https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/perf_event.h#L389>
    #[repr(C)]
    #[derive(Default)]
    struct Attributes {
        kind: u32,
        size: u32,
        config: u64,
        period: u64,
        sample_kind: u64,
        read_format: u64,
        flags: u64,
        wakeup: u32,
        breakpoint: u32,
        more: u64,
    }
    const SIZE: u32 = 64;
    const _: () = assert!(size_of::<Attributes>() == SIZE as usize);
    let attributes = Attributes {
        kind: PERF_TYPE_TRACEPOINT,
        size: SIZE,
        config: u64::from(id),
        flags: DISABLED,
        ..Attributes::default()
    };
    // SAFETY: attributes of the size that they say, which outlive the call.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            &raw const attributes,
            EVERY_TASK,
            CPU,
            NO_GROUP,
            PERF_FLAG_FD_CLOEXEC,
        )
    };
    owned(fd)
}

/// `BPF_LINK_CREATE`
/// <https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/bpf.h#L1723>
fn link(program: BorrowedFd<'_>, event: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    const BPF_LINK_CREATE: libc::c_int = 28;
    const BPF_PERF_EVENT: u32 = 41;
    #[repr(C)]
    struct Attributes {
        program: i32,
        target: i32,
        kind: u32,
        flags: u32,
        cookie: u64,
    }
    let attributes = Attributes {
        program: program.as_raw_fd(),
        target: event.as_raw_fd(),
        kind: BPF_PERF_EVENT,
        flags: 0,
        cookie: 0,
    };
    let size = size_of::<Attributes>();
    // SAFETY: attributes of that size, which outlive the call.
    owned(unsafe { libc::syscall(libc::SYS_bpf, BPF_LINK_CREATE, &raw const attributes, size) })
}

fn owned(fd: libc::c_long) -> io::Result<OwnedFd> {
    match i32::try_from(fd) {
        // SAFETY: a new descriptor that nobody else has.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// `BPF_OBJ_PIN`
/// <https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/bpf.h#L1620>
pub(super) fn pin(object: BorrowedFd<'_>, path: &Path) -> Result<(), PinError> {
    const BPF_OBJ_PIN: libc::c_int = 6;
    #[repr(C)]
    struct Attributes {
        path: u64,
        fd: i32,
        flags: u32,
    }
    let invalid = |error| PinError::InvalidPinPath {
        path: path.to_owned(),
        error,
    };
    let name = CString::new(path.as_os_str().as_bytes()).map_err(invalid)?;
    let attributes = Attributes {
        path: name.as_ptr() as u64,
        fd: object.as_raw_fd(),
        flags: 0,
    };
    let size = size_of::<Attributes>();
    // SAFETY: attributes of that size, in which is a string that ends with a zero; both outlive the call.
    let done = unsafe { libc::syscall(libc::SYS_bpf, BPF_OBJ_PIN, &raw const attributes, size) };
    if done == 0 {
        return Ok(());
    }
    Err(PinError::SyscallError(SyscallError {
        call: "BPF_OBJ_PIN",
        io_error: io::Error::last_os_error(),
    }))
}
