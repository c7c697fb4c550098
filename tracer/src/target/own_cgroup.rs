//! A cgroup of our own: made fresh, joined by what we start, gone when we are done.
//!
//! It may also be a parent into which a container engine puts its cgroups. It refuses to know when a
//! recording ends; it only tells whether somebody is in it.

use super::cgroup::{Cgroup, CgroupError, Hierarchy};
use rustix::process::{Pid, Signal};
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How many names are tried before giving up; each failure means that a name is taken.
const NAMES_MAX: u32 = 1000;

/// How often, and how long apart, a cgroup is asked again to go: a process that has been reaped can still
/// hold it for a moment.
const REMOVALS_MAX: u32 = 50;
const PAUSE: Duration = Duration::from_millis(10);

/// How often it is tried to kill every member, with the same pause between.
const KILL_ROUNDS_MAX: u32 = 100;

/// A cgroup that we made and that goes when the value goes.
#[derive(Debug)]
pub struct OwnCgroup {
    cgroup: Cgroup,
    /// Directories that are ours with everything below them: this one, and those at the same place in the
    /// old hierarchies, which an engine makes.
    ours: Vec<PathBuf>,
    /// Directories made on the way to it, upper before lower.
    above: Directories,
}

impl OwnCgroup {
    /// Makes a fresh cgroup below our own, so that what is started in it keeps our limits; where that is not
    /// possible, below the root.
    ///
    /// # Errors
    ///
    /// [`CgroupError::Create`] if the hierarchy cannot be written.
    pub fn create(hierarchy: &Hierarchy) -> Result<Self, CgroupError> {
        let own = hierarchy.of_process(rustix::process::getpid());
        let above = match &own {
            Ok(own) if !own.is_root() => own.path.strip_prefix(hierarchy.point()).ok(),
            _ => None,
        };
        let nested = above.map(|above| Self::create_named(hierarchy, |name| above.join(name)));
        match nested {
            Some(Ok(nested)) => Ok(nested),
            _ => Self::create_named(hierarchy, |name| name.into()),
        }
    }

    /// Makes a fresh cgroup at the path, below the root, that `place` gives for a fresh name; the name is of
    /// the form `seccomp-tracer-PID-N`. Cgroups above it that are missing are made too, and go with it.
    ///
    /// # Errors
    ///
    /// [`CgroupError::Create`] if the hierarchy cannot be written.
    pub fn create_named(
        hierarchy: &Hierarchy,
        place: impl Fn(&str) -> PathBuf,
    ) -> Result<Self, CgroupError> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let pid = std::process::id();
        let mut last = None;
        for _ in 0..NAMES_MAX {
            let n = NEXT.fetch_add(1, Ordering::Relaxed);
            match Self::create_at(hierarchy, &place(&format!("seccomp-tracer-{pid}-{n}"))) {
                // Somebody with our process id in another pid namespace, or who died before cleaning up.
                Err(CgroupError::Create { path, source })
                    if source.kind() == io::ErrorKind::AlreadyExists =>
                {
                    last = Some(CgroupError::Create { path, source });
                }
                result => return result,
            }
        }
        Err(last.unwrap_or(CgroupError::NotMounted { old: false }))
    }

    fn create_at(hierarchy: &Hierarchy, relative: &Path) -> Result<Self, CgroupError> {
        let mut above = Directories::default();
        let mut path = hierarchy.point().to_owned();
        for part in relative.parent().unwrap_or(Path::new("")) {
            path.push(part);
            if !path.is_dir() {
                create_directory(&path)?;
                above.0.push(path.clone());
            }
        }
        path = hierarchy.point().join(relative);
        create_directory(&path)?;
        let mut ours = Directories(vec![path]);
        let cgroup = hierarchy.below(relative)?;
        let old = hierarchy.old_points().iter();
        ours.0.extend(old.map(|point| point.join(relative)));
        Ok(Self {
            cgroup,
            ours: std::mem::take(&mut ours.0),
            above,
        })
    }

    /// The cgroup.
    #[must_use]
    pub fn cgroup(&self) -> &Cgroup {
        &self.cgroup
    }

    /// The file by which a process joins: it writes `0` there.
    ///
    /// # Errors
    ///
    /// [`CgroupError::Write`] if it cannot be opened for writing.
    pub fn procs_file(&self) -> Result<File, CgroupError> {
        let path = self.cgroup.path.join("cgroup.procs");
        let file = OpenOptions::new().write(true).open(&path);
        file.map_err(|source| CgroupError::Write { path, source })
    }

    /// The file that becomes ready with `POLLPRI` when the cgroup gets its first or loses its last process.
    ///
    /// # Errors
    ///
    /// [`CgroupError::Read`] if it cannot be opened.
    pub fn events_file(&self) -> Result<File, CgroupError> {
        let path = self.cgroup.path.join("cgroup.events");
        File::open(&path).map_err(|source| CgroupError::Read { path, source })
    }

    /// Whether a process is in it or in a cgroup below. One that is already removed is empty.
    ///
    /// # Errors
    ///
    /// [`CgroupError::Read`] if the kernel does not say.
    pub fn is_populated(&self) -> Result<bool, CgroupError> {
        is_populated(&self.cgroup)
    }

    /// The processes in it and below it, ascending.
    #[must_use]
    pub fn members(&self) -> Vec<Pid> {
        members(&self.cgroup)
    }

    /// The names of the cgroups directly below it, in order. Hostile.
    #[must_use]
    pub fn children(&self) -> Vec<String> {
        let mut names: Vec<String> = directories(&self.cgroup.path)
            .iter()
            .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
            .collect();
        names.sort_unstable();
        names
    }

    /// Kills every process in it and below it, and waits until they are gone.
    ///
    /// # Errors
    ///
    /// [`CgroupError::Write`] if the kernel refuses, or if processes are still there after a second: those
    /// that wait for a device cannot be killed.
    pub fn kill(&self) -> Result<(), CgroupError> {
        let path = self.cgroup.path.join("cgroup.kill");
        for _ in 0..KILL_ROUNDS_MAX {
            match write(&path, b"1") {
                Ok(()) => {}
                // Linux before 5.14, or the cgroup is gone.
                Err(error) if is_gone(&error) => self.kill_one_by_one(),
                Err(source) => return Err(CgroupError::Write { path, source }),
            }
            if !self.is_populated()? {
                return Ok(());
            }
            std::thread::sleep(PAUSE);
        }
        Err(CgroupError::Write {
            path,
            source: io::Error::from(io::ErrorKind::ResourceBusy),
        })
    }

    fn kill_one_by_one(&self) {
        // Frozen processes cannot fork while we go through them; signals that kill still reach them.
        let _ = write(&self.cgroup.path.join("cgroup.freeze"), b"1");
        for pid in self.members() {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
    }
}

/// Removes what is ours, without a word: somebody who is still in there keeps it alive, and it is empty
/// directories that would remain.
impl Drop for OwnCgroup {
    fn drop(&mut self) {
        for _ in 0..REMOVALS_MAX {
            for top in &self.ours {
                remove(top);
            }
            let gone = !self.ours.iter().any(|top| top.exists());
            if gone || matches!(self.is_populated(), Ok(true)) {
                break;
            }
            std::thread::sleep(PAUSE);
        }
        drop(std::mem::take(&mut self.above));
    }
}

/// Directories that go with the value if nobody uses them, upper before lower.
#[derive(Debug, Default)]
struct Directories(Vec<PathBuf>);

impl Drop for Directories {
    fn drop(&mut self) {
        for path in self.0.iter().rev() {
            let _ = fs::remove_dir(path);
        }
    }
}

/// Whether a process is in the cgroup or below it; see [`OwnCgroup::is_populated`].
///
/// # Errors
///
/// [`CgroupError::Read`] if the kernel does not say.
pub fn is_populated(cgroup: &Cgroup) -> Result<bool, CgroupError> {
    let path = cgroup.path.join("cgroup.events");
    match fs::read_to_string(&path) {
        Ok(text) => populated(&text).ok_or_else(|| CgroupError::Read {
            path,
            source: io::Error::from(io::ErrorKind::InvalidData),
        }),
        Err(source) if is_gone(&source) => Ok(false),
        Err(source) => Err(CgroupError::Read { path, source }),
    }
}

/// The processes in the cgroup and below it, ascending.
#[must_use]
pub fn members(cgroup: &Cgroup) -> Vec<Pid> {
    let mut members: BTreeSet<i32> = BTreeSet::new();
    for directory in tree(&cgroup.path) {
        // Not readable: gone, or a threaded cgroup, whose processes its parent lists.
        let text = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
        members.extend(text.lines().filter_map(|line| line.parse::<i32>().ok()));
    }
    // 0 stands for a process that our pid namespace does not show.
    members.into_iter().filter_map(Pid::from_raw).collect()
}

/// What `cgroup.events` says about processes.
fn populated(text: &str) -> Option<bool> {
    let mut values = text
        .lines()
        .filter_map(|line| line.strip_prefix("populated "));
    match values.next()? {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

/// `ENODEV` is what an open file of a removed cgroup answers.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ENODEV)
}

fn create_directory(path: &Path) -> Result<(), CgroupError> {
    fs::create_dir(path).map_err(|source| CgroupError::Create {
        path: path.to_owned(),
        source,
    })
}

fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    OpenOptions::new().write(true).open(path)?.write_all(text)
}

/// The directory and everything below it, upper before lower. The workload may have made any number of
/// cgroups of any depth; a stack of our own does not overflow.
fn tree(top: &Path) -> Vec<PathBuf> {
    let mut found = vec![top.to_owned()];
    let mut next = 0;
    while let Some(directory) = found.get(next) {
        found.extend(directories(directory));
        next += 1;
    }
    found
}

fn directories(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let directories = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    directories.map(|entry| entry.path()).collect()
}

/// Removes the directory with every directory below it, as far as possible.
fn remove(top: &Path) {
    for path in tree(top).iter().rev() {
        let _ = fs::remove_dir(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_whether_somebody_is_in_there() {
        assert_eq!(populated("populated 1\nfrozen 0\n"), Some(true));
        assert_eq!(populated("frozen 1\npopulated 0\n"), Some(false));
        assert_eq!(populated("frozen 1\n"), None);
        assert_eq!(populated("populated 2\n"), None);
    }

    /// Plain directories that stand for a v2 and an old hierarchy.
    fn small_world() -> (tempfile::TempDir, Hierarchy) {
        let top = tempfile::tempdir().unwrap();
        for name in ["unified", "pids"] {
            fs::create_dir(top.path().join(name)).unwrap();
        }
        let hierarchy = Hierarchy::at(top.path().join("unified"), vec![top.path().join("pids")]);
        (top, hierarchy)
    }

    #[test]
    fn what_was_made_goes_and_nothing_else() {
        let (top, hierarchy) = small_world();
        fs::create_dir(top.path().join("unified/mine")).unwrap();
        let own =
            OwnCgroup::create_named(&hierarchy, |name| Path::new("mine/new/deeper").join(name))
                .unwrap();
        assert_eq!(own.cgroup().level, 4);
        // What an engine and a workload leave behind.
        fs::create_dir_all(own.cgroup().path.join("0123abcd/init.scope")).unwrap();
        let old = top
            .path()
            .join("pids")
            .join(own.cgroup().relative.trim_start_matches('/'));
        fs::create_dir_all(old.join("0123abcd")).unwrap();
        assert_eq!(own.children(), ["0123abcd"]);
        let path = own.cgroup().path.clone();
        drop(own);
        assert!(!path.exists() && !old.exists());
        assert!(!top.path().join("unified/mine/new").exists());
        assert!(top.path().join("unified/mine").exists());
    }

    #[test]
    fn a_name_that_is_taken_is_not_taken_over() {
        let (top, hierarchy) = small_world();
        let taken = std::cell::Cell::new(None);
        let own = OwnCgroup::create_named(&hierarchy, |name| {
            if taken.take().is_none() {
                fs::create_dir(top.path().join("unified").join(name)).unwrap();
            }
            taken.set(Some(()));
            PathBuf::from(name)
        })
        .unwrap();
        let there = directories(hierarchy.point());
        assert_eq!(there.len(), 2, "{there:?}");
        drop(own);
        assert_eq!(directories(hierarchy.point()).len(), 1);
    }

    #[test]
    fn nothing_remains_of_a_cgroup_that_could_not_be_made() {
        let (_top, hierarchy) = small_world();
        let result =
            OwnCgroup::create_named(&hierarchy, |_| format!("new/{}", "x".repeat(300)).into());
        assert!(matches!(result, Err(CgroupError::Create { .. })));
        assert_eq!(directories(hierarchy.point()), [] as [PathBuf; 0]);
    }
}
