//! Cgroups for tests, in the v2 hierarchy, gone when dropped.

use std::fs;
use std::path::{Path, PathBuf};

/// A cgroup of our own.
pub struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// Makes one below the root; the name carries our process id.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let path = mount().join(format!("house-{}-{name}", std::process::id()));
        fs::create_dir(&path).unwrap_or_else(|error| panic!("cannot make {path:?}: {error}"));
        Self { path }
    }

    /// Its directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Moves a process there.
    pub fn add(&self, pid: u32) {
        fs::write(self.path.join("cgroup.procs"), pid.to_string()).expect("a process");
    }
}

impl Cgroup {
    /// Ends every process in it.
    pub fn kill(&self) {
        fs::write(self.path.join("cgroup.kill"), "1").expect("a cgroup");
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // Only an empty one can be removed; what still runs in it was started by a test that failed.
        let _ = fs::write(self.path.join("cgroup.kill"), "1");
        while fs::remove_dir(&self.path)
            .is_err_and(|error| error.raw_os_error() == Some(libc::EBUSY))
        {
            std::thread::yield_now();
        }
    }
}

/// Where the v2 hierarchy is mounted.
#[must_use]
pub fn mount() -> PathBuf {
    let mounts = fs::read_to_string("/proc/self/mounts").expect("mounts");
    let mount = mounts.lines().find(|line| line.contains(" cgroup2 "));
    let point = mount.and_then(|line| line.split(' ').nth(1));
    point.expect("a cgroup v2 mount").into()
}
