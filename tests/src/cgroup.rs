//! Cgroups for tests, in the v2 hierarchy, gone when dropped.

use crate::run::Program;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
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

    /// Makes one below it, which must go first.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        let path = self.path.join(name);
        fs::create_dir(&path).unwrap_or_else(|error| panic!("cannot make {path:?}: {error}"));
        Self { path }
    }

    /// Its path below the mount.
    #[must_use]
    pub fn relative(&self) -> String {
        let path = self.path.strip_prefix(mount()).expect("below the mount");
        format!("/{}", path.display())
    }

    /// Its id, as the kernel counts them.
    #[must_use]
    pub fn id(&self) -> u64 {
        fs::metadata(&self.path).expect("a cgroup").ino()
    }

    /// Waits until somebody is in it.
    pub fn await_populated(&self) {
        let events = || fs::read_to_string(self.path.join("cgroup.events")).expect("a cgroup");
        while !events().contains("populated 1") {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    }

    /// A command that begins in it, with the exec of the program.
    #[must_use]
    pub fn command(&self, command: &[impl AsRef<OsStr>]) -> Program {
        const ENTER: &str = "echo 0 > \"$0/cgroup.procs\" && exec \"$@\"";
        let enter = Program::new("sh").args(["-c", ENTER]);
        enter.args([&self.path]).args(command)
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
