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
    pub(super) fn keep(&self, name: &str, recordings: &[Recording]) -> Result<PathBuf, Failure> {
        keep_at(self.file(name, "json")?, name, recordings)
    }
}

/// Writes the recordings of a target to a file.
pub(super) fn keep_at(
    path: PathBuf,
    name: &str,
    recordings: &[Recording],
) -> Result<PathBuf, Failure> {
    let runs = together(name, recordings)?;
    Sink::open(Some(&path))?.write_with(|out| recording::write(&runs, out))?;
    Ok(path)
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
