//! Who and what is in a cgroup.

use super::cgroup::{Cgroup, CgroupError};
use rustix::process::Pid;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

impl Cgroup {
    /// Whether a process is in it or in a cgroup below. One that is already removed is empty.
    ///
    /// # Errors
    ///
    /// [`CgroupError::Read`] if the kernel does not say, as for the root, which has no such file.
    pub fn is_populated(&self) -> Result<bool, CgroupError> {
        let path = self.path.join("cgroup.events");
        match fs::read_to_string(&path) {
            Ok(text) => populated(&text).ok_or_else(|| CgroupError::Read {
                path,
                source: io::Error::from(io::ErrorKind::InvalidData),
            }),
            Err(source) if is_gone(&source) && !self.is_root() => Ok(false),
            Err(source) => Err(CgroupError::Read { path, source }),
        }
    }

    /// The processes in it and below it, ascending.
    #[must_use]
    pub fn members(&self) -> Vec<Pid> {
        let mut members: BTreeSet<i32> = BTreeSet::new();
        for directory in tree(&self.path) {
            // Not readable: gone, or a threaded cgroup, whose processes its parent lists.
            let text = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
            members.extend(text.lines().filter_map(|line| line.parse::<i32>().ok()));
        }
        // 0 stands for a process that our pid namespace does not show.
        let visible = members.into_iter().filter(|&pid| pid > 0);
        visible.filter_map(Pid::from_raw).collect()
    }

    /// The cgroups directly below it, by path.
    #[must_use]
    pub fn children(&self) -> Vec<Self> {
        let mut paths = directories(&self.path);
        paths.sort_unstable();
        let children = paths.iter().filter_map(|path| self.child(path).ok());
        children.collect()
    }
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

/// Whether the error means that the cgroup was removed. `ENODEV` is what an open file of one answers.
pub(super) fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ENODEV)
}

/// The directory and everything below it, upper before lower. The workload may have made any number of
/// cgroups of any depth; a list does not overflow as a stack does.
pub(super) fn tree(top: &Path) -> Vec<PathBuf> {
    let mut found = vec![top.to_owned()];
    let mut next = 0;
    while let Some(directory) = found.get(next) {
        found.extend(directories(directory));
        next += 1;
    }
    found
}

/// The directories directly below, in no order.
pub(super) fn directories(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let directories = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    directories.map(|entry| entry.path()).collect()
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
}
