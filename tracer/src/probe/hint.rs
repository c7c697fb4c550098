//! What the user can do where the kernel cannot be watched: by what failed, and by the kernel's reason.

use super::attach::ProbeError;
use super::pins::PinError;
use aya::EbpfError;
use aya::maps::MapError;
use aya::programs::ProgramError;
use std::error::Error;
use std::io;

/// What watching takes.
const RIGHTS: &str =
    "recording needs CAP_BPF and CAP_PERFMON; run `seccomp-tracer doctor` to see what is missing";

/// The kernel's own, which it does not promise to users.
/// <https://github.com/torvalds/linux/blob/v6.12/include/linux/errno.h#L26>
const ENOTSUPP: i32 = 524;

const TYPES: &str =
    "recording needs a kernel with CONFIG_DEBUG_INFO_BTF=y; run `seccomp-tracer doctor`";

const EVENT_RIGHTS: &str =
    "recording on this kernel needs CAP_PERFMON, and where no tracefs is mounted CAP_SYS_ADMIN";

const DOCTOR: &str = "run `seccomp-tracer doctor` to see what is missing";

const REFUSED: &str = "this kernel refuses the program; report it with its version (`uname -r`) and with what \
                       `--verbose` says";

impl ProbeError {
    /// What the user can do. What is short is said elsewhere: it is so for everything alike.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        let errno = errno(self);
        match self {
            Self::NoBtf(_) => Some(match errno {
                Some(libc::ENOENT) => TYPES,
                Some(libc::EACCES | libc::EPERM) => {
                    "run as root; in a container mount the host's /sys"
                }
                _ => DOCTOR,
            }),
            Self::Btf(_) | Self::KernelBtf(_) => Some(TYPES),
            Self::Load(EbpfError::MapError(MapError::CreateError { name, .. }))
                if name == "EVENTS" && errno == Some(libc::EINVAL) =>
            {
                Some("boot Linux 5.8 or newer: its eBPF ring buffer is needed")
            }
            Self::Event { .. } => Some(match errno {
                Some(libc::EACCES | libc::EPERM) => EVENT_RIGHTS,
                _ => DOCTOR,
            }),
            Self::Load(_) | Self::Attach { .. } | Self::Map { .. } => Some(of_kernel(errno)),
            Self::Pin(error) => of_pin(error),
        }
    }
}

/// The kernel's reasons to refuse what eBPF asks for.
fn of_kernel(errno: Option<i32>) -> &'static str {
    match errno {
        Some(libc::EPERM) => RIGHTS,
        Some(libc::EACCES | libc::EINVAL | libc::E2BIG | ENOTSUPP) => REFUSED,
        Some(libc::EBUSY | libc::EEXIST) => {
            "something else of the kind is attached; `bpftool link` lists what is"
        }
        _ => DOCTOR,
    }
}

fn of_pin(error: &PinError) -> Option<&'static str> {
    match error {
        PinError::NotBpf(_) => {
            Some("mount a bpf file system, as with `mount -t bpf bpf /sys/fs/bpf`")
        }
        PinError::InUse(_) => Some("give each its own with --pin"),
        PinError::Foreign(_) => Some("start the version that left it"),
        PinError::Folder { .. } | PinError::Refused { .. } => None,
    }
}

/// The operating system's reason, wherever it is among the causes.
#[must_use]
pub fn errno(error: &(dyn Error + 'static)) -> Option<i32> {
    let mut next = Some(error);
    while let Some(error) = next {
        // Some of aya's errors pass an error of the operating system off as their own.
        let system = error
            .downcast_ref::<io::Error>()
            .or_else(|| match error.downcast_ref()? {
                MapError::IoError(system) => Some(system),
                _ => None,
            })
            .or_else(|| match error.downcast_ref()? {
                ProgramError::IOError(system) => Some(system),
                _ => None,
            });
        if let Some(errno) = system.and_then(io::Error::raw_os_error) {
            return Some(errno);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use aya::sys::SyscallError;

    fn system(errno: i32) -> io::Error {
        io::Error::from_raw_os_error(errno)
    }

    #[test]
    fn each_reason_has_a_hint_of_its_own() {
        let attach = |errno| ProbeError::Attach {
            hook: "raw_syscalls:sys_enter",
            source: ProgramError::SyscallError(SyscallError {
                call: "bpf_prog_load",
                io_error: system(errno),
            }),
        };
        let map = |errno| ProbeError::Map {
            name: "CALLS",
            source: MapError::IoError(system(errno)),
        };
        let create = |name: &str, errno| {
            ProbeError::Load(EbpfError::MapError(MapError::CreateError {
                name: name.to_owned(),
                io_error: system(errno),
            }))
        };
        let load = |errno| create("CALLS", errno);
        let event = |errno| ProbeError::Event {
            tracepoint: "raw_syscalls:sys_enter",
            source: system(errno),
        };
        for (error, expected) in [
            (attach(libc::EPERM), RIGHTS),
            (load(libc::EPERM), RIGHTS),
            (map(libc::EPERM), RIGHTS),
            (event(libc::EACCES), EVENT_RIGHTS),
            (event(libc::EIO), DOCTOR),
            (load(libc::EINVAL), REFUSED),
            (
                create("EVENTS", libc::EINVAL),
                "boot Linux 5.8 or newer: its eBPF ring buffer is needed",
            ),
            (attach(libc::EINVAL), REFUSED),
            (attach(libc::EACCES), REFUSED),
            (map(libc::EIO), DOCTOR),
            (ProbeError::NoBtf(system(libc::ENOENT)), TYPES),
            (ProbeError::NoBtf(system(libc::EIO)), DOCTOR),
            (
                ProbeError::NoBtf(system(libc::EACCES)),
                "run as root; in a container mount the host's /sys",
            ),
        ] {
            assert_eq!(error.hint(), Some(expected), "{error:?}");
        }
    }
}
