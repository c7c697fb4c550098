//! The paths of cgroups, kept by the kernel side as they are made: one that lives for a few milliseconds is gone before
//! anybody could look for its name.

use super::attach::{ProbeError, map_error};
use super::counts::Wire;
use aya::maps::{HashMap, Map, MapData};
use seccomp_tracer_ebpf::{PATH_LEN, Path};
use std::path::PathBuf;

/// Paths that are kept; of more, those that were not asked for the longest go.
pub(super) const PATHS_MAX: u32 = 8192;

/// Paths by cgroup id.
pub struct Paths(HashMap<MapData, u64, Wire<Path>>);

impl Paths {
    /// What is in the kernel side's map.
    pub(super) fn of_map(map: Map) -> Result<Self, ProbeError> {
        map.try_into().map(Self).map_err(map_error("PATHS"))
    }

    /// The path of a cgroup below the root, with a slash before it; `None` if it is not kept, or is too long to be.
    #[must_use]
    pub fn of(&self, cgroup_id: u64) -> Option<PathBuf> {
        path(&self.0.get(&cgroup_id, 0).ok()?.0)
    }

    /// Cgroups that were made after the one with this id, with their paths.
    #[must_use]
    pub fn since(&self, cgroup_id: u64) -> Vec<(u64, PathBuf)> {
        let ids = self.0.keys().flatten().filter(|&id| id > cgroup_id);
        let mut found: Vec<_> = ids.filter_map(|id| Some((id, self.of(id)?))).collect();
        found.sort_unstable();
        found
    }
}

/// Reads what a program may have kept, whatever it is.
pub(super) fn read(bytes: &[u8]) {
    let mut text = [0; PATH_LEN];
    let len = bytes.len().min(PATH_LEN);
    text[..len].copy_from_slice(&bytes[..len]);
    std::hint::black_box(path(&text));
}

/// A path as it was kept. One that fills all the room was cut off.
fn path(text: &Path) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    let end = text.iter().position(|&byte| byte == 0)?;
    let is_whole = end < PATH_LEN - 1 && text[0] == b'/';
    is_whole.then(|| std::ffi::OsStr::from_bytes(&text[..end]).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_was_cut_off_is_none() {
        let text = |bytes: &[u8]| {
            let mut text = [0; PATH_LEN];
            text[..bytes.len()].copy_from_slice(bytes);
            path(&text)
        };
        assert_eq!(text(b"/docker/ab"), Some("/docker/ab".into()));
        assert_eq!(text(b""), None);
        assert_eq!(text(b"docker"), None);
        assert_eq!(text(&[b'/'; PATH_LEN - 2]).map(|_| ()), Some(()));
        assert_eq!(text(&[b'/'; PATH_LEN - 1]), None);
        assert_eq!(text(&[b'/'; PATH_LEN]), None);
    }
}
