//! The seccomp filters that a process really has, as the kernel keeps them: classic BPF, byte for byte.
//!
//! The kernel gives them only to a tracer, of a task that is stopped. So the process stops for as long as that
//! takes, and goes on as after `SIGSTOP` and `SIGCONT`. What filters mean is not known here.

use rustix::process::Pid;
use std::io;
use std::ptr;

/// `PTRACE_SECCOMP_GET_FILTER`, which the C library's headers lack.
/// <https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/ptrace.h#L73>
const GET_FILTER: libc::c_uint = 0x420c;

/// More than a task can have: all of them together may have 32768 instructions, and each counts for five at
/// least. <https://github.com/torvalds/linux/blob/v6.12/kernel/seccomp.c#L240>
const FILTERS_MAX: usize = 32768 / 5;

/// The most instructions of one filter, `BPF_MAXINSNS`.
const INSTRUCTIONS_MAX: usize = 4096;

/// `struct sock_filter`.
type Instruction = [u8; 8];

/// Why the filters of a process are not known.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    /// The process has ended.
    #[error("process {0} has ended")]
    Gone(i32),
    /// It cannot be traced.
    #[error("cannot trace process {pid}")]
    Trace {
        /// The process.
        pid: i32,
        /// Why.
        source: io::Error,
    },
    /// The kernel does not give its filters.
    #[error("the kernel does not give the filters of process {pid}")]
    Refused {
        /// The process.
        pid: i32,
        /// Why.
        source: io::Error,
    },
}

impl FilterError {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Gone(_) => return None,
            Self::Trace { source, .. } if source.raw_os_error() == Some(libc::EPERM) => {
                "it takes CAP_SYS_PTRACE, and no other tracer may be there, like strace or a debugger"
            }
            Self::Refused { source, .. } if source.raw_os_error() == Some(libc::EACCES) => {
                "it takes CAP_SYS_ADMIN, and no seccomp filter may be on this program itself"
            }
            Self::Refused { source, .. } if source.raw_os_error() == Some(libc::EINVAL) => {
                "it takes a kernel with CONFIG_CHECKPOINT_RESTORE=y"
            }
            Self::Trace { .. } | Self::Refused { .. } => return None,
        };
        Some(text.to_owned())
    }
}

/// A process that stands still; it goes on when this is dropped.
#[derive(Debug)]
pub struct Held {
    pid: Pid,
    /// The signal that stopped it before we could; it gets it when it goes on.
    signal: i32,
}

impl Held {
    /// Stops a process, its first thread only. The calling thread is its tracer, and the only one that may use
    /// what comes back.
    ///
    /// # Errors
    ///
    /// [`FilterError`] if it is gone, or if we may not.
    pub fn take(pid: Pid) -> Result<Self, FilterError> {
        let number = pid.as_raw_nonzero().get();
        let problem = |source: io::Error| match source.raw_os_error() {
            Some(libc::ESRCH) => FilterError::Gone(number),
            _ => FilterError::Trace {
                pid: number,
                source,
            },
        };
        request(libc::PTRACE_SEIZE, pid, 0, ptr::null_mut()).map_err(problem)?;
        // From here on it is let go whatever happens.
        let mut held = Self { pid, signal: 0 };
        request(libc::PTRACE_INTERRUPT, pid, 0, ptr::null_mut()).map_err(problem)?;
        let status = wait(pid).map_err(problem)?;
        if !libc::WIFSTOPPED(status) {
            return Err(FilterError::Gone(number));
        }
        // A stop without an event is a signal on its way.
        if status >> 16 == 0 {
            held.signal = libc::WSTOPSIG(status);
        }
        Ok(held)
    }

    /// Its filters, in the order in which they were installed. It must have one: a task without, the kernel does
    /// not tell from one whose filters it did not keep.
    ///
    /// # Errors
    ///
    /// [`FilterError`] if the kernel does not give them.
    pub fn filters(&self) -> Result<Vec<Vec<u8>>, FilterError> {
        let pid = self.pid.as_raw_nonzero().get();
        let mut filters = Vec::new();
        while filters.len() < FILTERS_MAX {
            match self.filter(filters.len()) {
                Ok(filter) => filters.push(filter),
                Err(source) => match source.raw_os_error() {
                    Some(libc::ENOENT) => break,
                    Some(libc::ESRCH) => return Err(FilterError::Gone(pid)),
                    _ => return Err(FilterError::Refused { pid, source }),
                },
            }
        }
        Ok(filters)
    }

    /// One filter. Number 0 was installed first.
    /// <https://github.com/torvalds/linux/blob/v6.12/kernel/seccomp.c#L2152>
    fn filter(&self, index: usize) -> io::Result<Vec<u8>> {
        let length = request(GET_FILTER, self.pid, index, ptr::null_mut())?;
        let length = usize::try_from(length).unwrap_or(0);
        if length > INSTRUCTIONS_MAX {
            return Err(io::Error::from_raw_os_error(libc::E2BIG));
        }
        let mut program: Vec<Instruction> = vec![[0; 8]; length];
        // Nobody can change a filter that is there, so the length is still right.
        request(GET_FILTER, self.pid, index, program.as_mut_ptr().cast())?;
        Ok(program.concat())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // The signal is passed as a number in the place of a pointer. Who is gone need not be let go.
        let signal = ptr::without_provenance_mut(usize::try_from(self.signal).unwrap_or(0));
        let _ = request(libc::PTRACE_DETACH, self.pid, 0, signal);
    }
}

/// A request to the kernel about a task that this thread traces, or wants to.
fn request(
    request: libc::c_uint,
    pid: Pid,
    address: usize,
    data: *mut libc::c_void,
) -> io::Result<libc::c_long> {
    let address: *mut libc::c_void = ptr::without_provenance_mut(address);
    let pid = pid.as_raw_nonzero().get();
    // SAFETY: of all requests that are made here only `GET_FILTER` writes to our memory: to `data`, where there
    // is room for a whole filter if it is not null.
    let answer = unsafe { libc::ptrace(request, pid, address, data) };
    if answer < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(answer)
    }
}

/// Waits until the task stops or ends.
fn wait(pid: Pid) -> io::Result<i32> {
    let mut status = 0;
    loop {
        // SAFETY: the kernel writes one integer.
        let answer =
            unsafe { libc::waitpid(pid.as_raw_nonzero().get(), &raw mut status, libc::__WALL) };
        if answer >= 0 {
            return Ok(status);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command};

    fn sleeper() -> Child {
        let mut sleep = Command::new("sleep");
        sleep.arg("60").spawn().expect("`sleep` starts")
    }

    fn pid(child: &Child) -> Pid {
        Pid::from_child(child)
    }

    /// Twice, because it must have been let go after the first time; and it still runs.
    #[test]
    fn who_is_held_goes_on() {
        let mut child = sleeper();
        for _ in 0..2 {
            let held = Held::take(pid(&child)).expect("our own child");
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id()));
            assert!(stat.expect("a process").contains(") t "));
            drop(held);
        }
        assert!(child.try_wait().expect("a child").is_none());
        child.kill().expect("a child");
        child.wait().expect("a child");
    }

    #[test]
    fn who_has_ended_is_said_to_have() {
        let mut child = sleeper();
        child.kill().expect("a child");
        let gone = pid(&child);
        child.wait().expect("a child");
        let error = Held::take(gone).expect_err("nobody is there");
        assert!(matches!(error, FilterError::Gone(_)), "{error}");
    }

    #[test]
    fn who_may_not_is_told_what_it_takes() {
        let os = io::Error::from_raw_os_error;
        let refused = |errno| FilterError::Refused {
            pid: 1,
            source: os(errno),
        };
        let hint = |error: FilterError| error.hint().unwrap_or_default();
        assert!(hint(refused(libc::EACCES)).contains("CAP_SYS_ADMIN"));
        assert!(hint(refused(libc::EINVAL)).contains("CONFIG_CHECKPOINT_RESTORE"));
        let traced = FilterError::Trace {
            pid: 1,
            source: os(libc::EPERM),
        };
        assert!(hint(traced).contains("CAP_SYS_PTRACE"));
        assert_eq!(hint(refused(libc::EIO)), "");
    }
}
