//! Mount namespaces, by inode number: by them a container's own exec is told from its runtime's.

use super::engine::Engine;
use rustix::net::sockopt::socket_peercred;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;

/// Our own mount namespace.
#[must_use]
pub fn own() -> Option<u32> {
    inode("/proc/self/ns/mnt")
}

/// That of the host's first process, which the host's engines and runtimes are in as well; `None` if we may not
/// know it.
#[must_use]
pub fn host() -> Option<u32> {
    inode("/proc/1/ns/mnt")
}

/// The mount namespace in which an engine's daemon lives; `None` if it cannot be found out, as when it is
/// reached over the network, or when there is no daemon.
#[must_use]
pub fn engine(engine: &Engine) -> Option<u32> {
    let endpoint = engine.endpoint()?;
    let path = endpoint.strip_prefix("unix://")?;
    let stream = UnixStream::connect(path).ok()?;
    let peer = socket_peercred(&stream).ok()?;
    inode(&format!("/proc/{}/ns/mnt", peer.pid.as_raw_nonzero()))
}

/// Whether our process ids are the kernel's own.
#[must_use]
pub fn is_initial_pid() -> bool {
    // `PROC_PID_INIT_INO`, <https://github.com/torvalds/linux/blob/v6.12/include/linux/proc_ns.h#L45>.
    const INITIAL: u32 = 0xEFFF_FFFC;
    inode("/proc/self/ns/pid") == Some(INITIAL)
}

fn inode(path: &str) -> Option<u32> {
    u32::try_from(std::fs::metadata(path).ok()?.ino()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_namespace_is_that_of_our_threads() {
        assert!(own().is_some());
        assert_eq!(own(), inode("/proc/thread-self/ns/mnt"));
        assert_eq!(inode("/proc/self/ns/nothing"), None);
    }
}
