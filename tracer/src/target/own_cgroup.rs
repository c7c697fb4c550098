//! A cgroup of our own: made fresh, joined by what we start, gone when we are done.
//!
//! It may also be a parent into which a container engine puts its cgroups. It refuses to know when a
//! recording ends; it only tells whether somebody is in it.

use super::cgroup::{Cgroup, CgroupError, Hierarchy};
use super::contents::{is_gone, tree};
use rustix::process::Signal;
use rustix::time::{ClockId, clock_gettime};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often, and how long apart, a cgroup is asked again to go: a process that has been reaped can still
/// hold it for a moment.
const REMOVALS_MAX: u32 = 50;
const PAUSE: Duration = Duration::from_millis(10);

/// How often it is tried to kill every member, with the same pause between.
const KILL_ROUNDS_MAX: u32 = 100;

/// A directory that is about to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made<'a> {
    /// On the way to a cgroup of our own: it goes if nobody uses it.
    Above(&'a Path),
    /// Ours, with everything below it.
    Own(&'a Path),
}

/// Told of each directory before it is made, for whoever comes after our sudden death.
pub type Note<'a> = &'a mut dyn FnMut(Made<'_>);

/// Removes a directory that somebody noted, as far as nobody is in it: the kernel removes no cgroup with processes.
pub fn remove_empty(made: Made<'_>) {
    match made {
        Made::Above(path) => drop(fs::remove_dir(path)),
        Made::Own(path) => remove(path),
    }
}

/// A cgroup that we made and that goes when the value goes.
#[derive(Debug)]
pub struct OwnCgroup {
    cgroup: Cgroup,
    /// Directories that are ours with everything below them: this one, and those at the same place in the
    /// old hierarchies, which an engine makes.
    ours: Vec<PathBuf>,
    /// Directories made on the way to it, by us or in the old hierarchies by an engine, upper before lower.
    above: Directories,
}

impl OwnCgroup {
    /// Makes a fresh cgroup below our own, so that what is started in it keeps our limits; where that is not
    /// possible, below the root.
    ///
    /// # Errors
    ///
    /// [`CgroupError::Create`] if the hierarchy cannot be written.
    pub fn create(hierarchy: &Hierarchy, note: Note<'_>) -> Result<Self, CgroupError> {
        let own = hierarchy.of_process(rustix::process::getpid());
        let above = match &own {
            Ok(own) if !own.is_root() => own.path.strip_prefix(hierarchy.point()).ok(),
            _ => None,
        };
        let name = fresh_name();
        let nested = above.map(|above| Self::create_at(hierarchy, &above.join(&name), note));
        match nested {
            Some(Ok(nested)) => Ok(nested),
            _ => Self::create_at(hierarchy, Path::new(&name), note),
        }
    }

    /// Makes the cgroup at this path below the root, which must be free. Cgroups above it that are missing
    /// are made too, and go with it.
    ///
    /// # Errors
    ///
    /// [`CgroupError::Create`] if there is one already, or if the hierarchy cannot be written.
    pub fn create_at(
        hierarchy: &Hierarchy,
        relative: &Path,
        note: Note<'_>,
    ) -> Result<Self, CgroupError> {
        let mut above = Directories::default();
        let mut upper = PathBuf::new();
        for part in relative.parent().unwrap_or(Path::new("")) {
            upper.push(part);
            let path = hierarchy.point().join(&upper);
            if path.is_dir() {
                continue;
            }
            // Where it is missing now, the engine will make it for our sake.
            let old = hierarchy.old_points().iter();
            let old = old.map(|point| point.join(&upper));
            let old: Vec<PathBuf> = old.filter(|path| !path.exists()).collect();
            for path in old.iter().chain([&path]) {
                note(Made::Above(path));
            }
            create_directory(&path)?;
            above.0.push(path);
            above.0.extend(old);
        }
        let path = hierarchy.point().join(relative);
        let old = hierarchy.old_points().iter();
        for path in old.map(|point| point.join(relative)).chain([path.clone()]) {
            note(Made::Own(&path));
        }
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

    /// Sends a signal to every process in it and below it. Those that come meanwhile may not get it.
    pub fn signal(&self, which: Signal) {
        for pid in self.cgroup.members() {
            let _ = rustix::process::kill_process(pid, which);
        }
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
            if !self.cgroup.is_populated()? {
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
        self.signal(Signal::KILL);
    }
}

/// Removes what is ours, without a word: somebody who is still in there keeps it alive, and it is empty
/// directories that would remain.
impl Drop for OwnCgroup {
    fn drop(&mut self) {
        for _ in 0..REMOVALS_MAX {
            if matches!(self.cgroup.is_populated(), Ok(true)) {
                break;
            }
            for top in &self.ours {
                remove(top);
            }
            if !self.ours.iter().any(|top| top.exists()) {
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

/// A name that no other recording has: process ids repeat in other pid namespaces and after a crash, moments
/// do not.
#[must_use]
pub fn fresh_name() -> String {
    let now = clock_gettime(ClockId::Boottime);
    let pid = std::process::id();
    format!("seccomp-tracer-{pid}-{:x}{:08x}", now.tv_sec, now.tv_nsec)
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

/// Removes the directory with every directory below it, as far as possible.
fn remove(top: &Path) {
    for path in tree(top).iter().rev() {
        let _ = fs::remove_dir(path);
    }
}

#[cfg(test)]
mod tests {
    use super::super::contents::directories;
    use super::*;

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
        let own = OwnCgroup::create_at(&hierarchy, Path::new("mine/new/deeper/own"), &mut |_| {})
            .unwrap();
        assert_eq!(own.cgroup().level, 4);
        // What an engine and a workload leave behind.
        fs::create_dir_all(own.cgroup().path.join("0123abcd/init.scope")).unwrap();
        let old = top
            .path()
            .join("pids")
            .join(own.cgroup().relative.trim_start_matches('/'));
        fs::create_dir_all(old.join("0123abcd")).unwrap();
        let children = own.cgroup().children();
        assert_eq!(children.len(), 1);
        assert_eq!(
            (children[0].name(), children[0].level),
            ("0123abcd".into(), 5)
        );
        let path = own.cgroup().path.clone();
        drop(own);
        assert!(!path.exists() && !old.exists());
        assert!(!top.path().join("unified/mine/new").exists());
        assert!(!top.path().join("pids/mine/new").exists());
        assert!(top.path().join("unified/mine").exists());
    }

    #[test]
    fn what_is_there_already_is_not_taken_over() {
        let (top, hierarchy) = small_world();
        fs::create_dir(top.path().join("unified/taken")).unwrap();
        let result = OwnCgroup::create_at(&hierarchy, Path::new("taken"), &mut |_| {});
        assert!(matches!(result, Err(CgroupError::Create { .. })));
        assert!(top.path().join("unified/taken").is_dir());
        assert_ne!(fresh_name(), fresh_name());
    }

    #[test]
    fn nothing_remains_of_a_cgroup_that_could_not_be_made() {
        let (_top, hierarchy) = small_world();
        let long = format!("new/{}", "x".repeat(300));
        let result = OwnCgroup::create_at(&hierarchy, Path::new(&long), &mut |_| {});
        assert!(matches!(result, Err(CgroupError::Create { .. })));
        assert_eq!(directories(hierarchy.point()), [] as [PathBuf; 0]);
    }
}
