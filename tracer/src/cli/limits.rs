//! What is short for everything alike: where the operating system gives no more of something, whatever failed.

use crate::probe::errno;
use std::error::Error;

/// What the user can do about it. It goes before any other hint: that would be about what failed, and that is not why.
pub(super) fn hint(error: &(dyn Error + 'static)) -> Option<&'static str> {
    Some(match errno(error)? {
        libc::EMFILE => {
            "this program may not open more files at once: raise the limit, as with `ulimit -n 1024`"
        }
        libc::ENFILE => "this machine has too many open files: raise `sysctl fs.file-max`",
        libc::ENOMEM => {
            "there is too little memory: raise the limit on address space (`ulimit -v`), or the memory that this \
             program's cgroup may have"
        }
        libc::EAGAIN => {
            "no more processes or threads can be made: raise `ulimit -u`, or `pids.max` of this program's cgroup"
        }
        libc::EFBIG => {
            "files may not become that large: raise the limit, as with `ulimit -f unlimited`"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::ProbeError;
    use std::io;

    #[test]
    fn what_is_short_is_found_among_the_causes() {
        let deep = |errno| ProbeError::NoBtf(io::Error::from_raw_os_error(errno));
        for (errno, said) in [
            (libc::EMFILE, "ulimit -n"),
            (libc::ENFILE, "fs.file-max"),
            (libc::ENOMEM, "ulimit -v"),
            (libc::EAGAIN, "ulimit -u"),
            (libc::EFBIG, "ulimit -f"),
        ] {
            let hint = hint(&deep(errno));
            assert!(hint.is_some_and(|hint| hint.contains(said)), "{hint:?}");
        }
        assert_eq!(hint(&deep(libc::EPERM)), None);
    }
}
