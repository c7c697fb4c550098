//! One recording's kernel side, pinned, so that it goes on counting when its user space dies.
//!
//! A folder of a bpf file system, of one recording each. The links go first and alone: then what the maps hold is what
//! will ever be. It refuses to know what is in the maps, and whether anybody still needs them.

use super::attach::{ProbeError, map_error};
use super::objects::{self, Kind, Object};
use super::pins::{PinError, is_bpf_file_system};
use aya::maps::{Map, MapData};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// How names of pins begin, by what they are.
const PROGRAM: &str = "program-";
const LINK: &str = "link-";

/// Names the compiled kernel side that the maps belong to: only it knows what they mean.
const STAMP: &str = "of-";

/// What this process had before.
pub struct Before(BTreeSet<Object>);

impl Before {
    /// Looks at what there is, so that what comes is told from it.
    #[must_use]
    pub fn look() -> Self {
        let own = objects::own().unwrap_or_default();
        Self(own.into_iter().collect())
    }
}

/// The pins of one recording.
#[derive(Debug)]
pub struct Kept {
    folder: PathBuf,
}

impl Kept {
    /// Pins everything that came since, below a folder that must not be there yet. It appears complete or, after an
    /// error, not at all.
    ///
    /// # Errors
    ///
    /// [`PinError`] if this is no bpf file system, or the kernel refuses.
    pub fn pin(folder: &Path, before: &Before) -> Result<Self, PinError> {
        let problem = |source| PinError::Folder {
            path: folder.to_owned(),
            source,
        };
        let top = folder.parent().unwrap_or(folder);
        let made_top = !top.exists();
        super::pins::make_folder(top).map_err(problem)?;
        if !is_bpf_file_system(top) {
            if made_top {
                // Of no use to anybody.
                let _ = fs::remove_dir(top);
            }
            return Err(PinError::NotBpf(top.to_owned()));
        }
        super::pins::make_folder(folder).map_err(problem)?;
        let kept = Self {
            folder: folder.to_owned(),
        };
        match kept.pin_all(before) {
            Ok(()) => Ok(kept),
            Err(source) => {
                kept.remove();
                Err(problem(source))
            }
        }
    }

    fn pin_all(&self, before: &Before) -> io::Result<()> {
        // A directory is all that can carry a name of ours.
        super::pins::make_folder(&self.folder.join(format!("{STAMP}{}", super::pins::stamp())))?;
        // In their order, links come last: where one is, everything else is.
        let all = objects::own()?.into_iter();
        let new = all.filter(|object| !before.0.contains(object));
        for (count, object) in new.enumerate() {
            let name = object.name()?;
            let name = match object.kind {
                // Others than those with names of their own are read by nobody.
                Kind::Map if name.contains('.') => continue,
                Kind::Map => name,
                Kind::Program => format!("{PROGRAM}{name}"),
                Kind::Link => format!("{LINK}{count}"),
            };
            match object.pin(&self.folder.join(name)) {
                // The same map by another descriptor.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                pinned => pinned?,
            }
        }
        Ok(())
    }

    /// The pins that another user space made, if they are complete and ours.
    #[must_use]
    pub fn find(folder: &Path) -> Option<Self> {
        let stamp = folder.join(format!("{STAMP}{}", super::pins::stamp()));
        let kept = Self {
            folder: folder.to_owned(),
        };
        stamp.is_dir().then_some(kept)
    }

    /// Whether the programs are still attached.
    #[must_use]
    pub fn is_attached(&self) -> bool {
        self.names().iter().any(|name| name.starts_with(LINK))
    }

    /// Lets the programs go. What the maps hold stays.
    pub fn detach(&self) {
        for name in self.names() {
            if name.starts_with(LINK) {
                let _ = fs::remove_file(self.folder.join(name));
            }
        }
    }

    /// Lets everything go.
    pub fn remove(&self) {
        remove(&self.folder);
    }

    /// A pinned map.
    pub(super) fn map(&self, name: &'static str) -> Result<Map, ProbeError> {
        let data = MapData::from_pin(self.folder.join(name));
        data.and_then(Map::from_map_data).map_err(map_error(name))
    }

    /// The programs by the names that they have in the object, which the kernel cuts off.
    pub(super) fn programs(&self) -> Vec<(String, OwnedFd)> {
        let names = self.names().into_iter();
        let programs = names.filter_map(|name| {
            let program = objects::get(&self.folder.join(&name));
            let name = name.strip_prefix(PROGRAM)?.to_owned();
            Some((name, program.ok()?))
        });
        programs.collect()
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        names.collect()
    }
}

/// Removes a folder of pins, of any version, links first.
pub fn remove(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    let is_link = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with(LINK))
    };
    paths.sort_by_key(|path| !is_link(path));
    for path in paths {
        let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir(&path));
    }
    let _ = fs::remove_dir(folder);
}
