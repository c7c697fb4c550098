//! Several recordings of one command: a folder with a file for each target.

use super::failure::Failure;
use super::output::Sink;
use super::watching::Part;
use crate::recording::{self, MergeError, Recording, Runs};
use crate::report::escape;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Why a folder cannot be filled.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("cannot create `{}`", escape::path(.path))]
    Create { path: PathBuf, source: io::Error },
    #[error("`{}` cannot be the name of a file", escape::text(.0))]
    Name(String),
    #[error("recordings of `{}` do not belong together", escape::text(.name))]
    Merge { name: String, source: MergeError },
}

/// A folder that is there.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes it if it is not there.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        std::fs::create_dir_all(path).map_err(|source| {
            let path = path.to_owned();
            Failure::invalid(Unusable::Create { path, source })
        })?;
        Ok(Self(path.to_owned()))
    }

    /// The file of a target.
    pub(super) fn file(&self, name: &str, extension: &str) -> Result<PathBuf, Failure> {
        let name = format!("{name}.{extension}");
        let is_plain =
            !name.starts_with('.') && Path::new(&name).file_name() == Some(name.as_ref());
        if is_plain {
            Ok(self.0.join(name))
        } else {
            Err(Failure::invalid(Unusable::Name(name)))
        }
    }

    /// Writes the recordings of a target: of one container, or of several of the same.
    fn keep(&self, name: &str, recordings: &[Recording]) -> Result<PathBuf, Failure> {
        let path = self.file(name, "json")?;
        let runs = together(name, recordings)?;
        Sink::open(Some(&path))?.write_with(|out| recording::write(&runs, out))?;
        Ok(path)
    }
}

/// A target: its name, where its recordings went, and the recordings.
pub(super) type Written = (String, PathBuf, Vec<Recording>);

/// Where the recordings of a command go that has several targets, or may have.
pub(super) enum Outlet {
    /// A file, for the only one.
    File(PathBuf, Sink),
    /// A folder.
    Folder(Folder),
}

impl Outlet {
    /// A folder.
    pub(super) fn folder(path: &Path) -> Result<Self, Failure> {
        Folder::open(path).map(Self::Folder)
    }

    /// As the user called it.
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::File(path, _) | Self::Folder(Folder(path)) => path,
        }
    }

    /// Writes the recordings of all targets.
    pub(super) fn write(
        self,
        named: BTreeMap<String, Vec<Recording>>,
    ) -> Result<Vec<Written>, Failure> {
        let folder = match self {
            Self::Folder(folder) => folder,
            Self::File(path, sink) => {
                let Some((name, recordings)) = named.into_iter().next() else {
                    return Ok(Vec::new());
                };
                let runs = together(&name, &recordings)?;
                sink.write_with(|out| recording::write(&runs, out))?;
                return Ok(vec![(name, path, recordings)]);
            }
        };
        let written = named.into_iter().map(|(name, recordings)| {
            let path = folder.keep(&name, &recordings)?;
            Ok((name, path, recordings))
        });
        written.collect()
    }
}

/// The runs of a target.
fn together(name: &str, recordings: &[Recording]) -> Result<Runs, Failure> {
    let runs: Vec<Runs> = recordings.iter().cloned().map(Runs::from).collect();
    Runs::merged(&runs).map_err(|source| {
        let name = name.to_owned();
        Failure::invalid(Unusable::Merge { name, source })
    })
}

/// The recordings of each target, by name.
pub(super) fn by_name(parts: Vec<Part>) -> BTreeMap<String, Vec<Recording>> {
    let mut named: BTreeMap<String, Vec<Recording>> = BTreeMap::new();
    for Part { name, recording } in parts {
        named.entry(name).or_default().push(recording);
    }
    named
}
