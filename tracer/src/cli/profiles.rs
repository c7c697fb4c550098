//! Profiles as `audit` takes them: files, folders of them, and files with several inside.

use super::failure::Failure;
use super::output;
use crate::profile::Source;
use crate::profile::read::{self, Inside, Problem, ReadError};
use crate::report::escape;
use std::io;
use std::path::{Path, PathBuf};

/// A profile and where it is.
pub(super) struct Found {
    /// The file, as the user named it or its folder.
    pub(super) path: PathBuf,
    /// What it is called in that file; empty for a file that is the profile.
    pub(super) part: String,
    pub(super) source: Source,
}

/// Why there is nothing to audit.
#[derive(Debug, thiserror::Error)]
enum NoProfiles {
    #[error("cannot use `{}`", escape::path(.path))]
    File { path: PathBuf, source: ReadError },
    #[error("cannot read `{}`", escape::path(.path))]
    Folder { path: PathBuf, source: io::Error },
    #[error("no profile in `{}`", escape::path(.0))]
    Empty(PathBuf),
    #[error("no profile `{}` in any of the files", escape::text(.0))]
    NoName(String),
}

/// How deep folders are searched.
const DEPTH_MAX: usize = 16;

/// All profiles in these files and folders, in the order in which they are given, those of a folder by name. With
/// a name, only those that are called so. Files in a folder that are none are left out, with a note.
pub(super) fn read_all(paths: &[PathBuf], name: Option<&str>) -> Result<Vec<Found>, Failure> {
    let mut found = Vec::new();
    for path in paths {
        let before = found.len();
        if path != Path::new("-") && path.is_dir() {
            for file in files(path)? {
                of_folder(&file, &mut found)?;
            }
        } else {
            take(path, &mut found)?.map_err(|source| refused(path, source))?;
        }
        if found.len() == before {
            return Err(Failure::invalid(NoProfiles::Empty(path.clone())));
        }
    }
    if let Some(name) = name {
        let is = |one: &Found| one.part == name || one.part.rsplit('/').next() == Some(name);
        found.retain(is);
        if found.is_empty() {
            return Err(Failure::invalid(NoProfiles::NoName(name.to_owned())));
        }
    }
    Ok(found)
}

/// The profiles of one file.
fn take(path: &Path, found: &mut Vec<Found>) -> Result<Result<(), ReadError>, Failure> {
    let limit = u64::try_from(read::SIZE_MAX_BYTES).unwrap_or(u64::MAX);
    let text = output::read_at_most(path, limit)?;
    Ok(read::profiles(&text).map(|inside| {
        found.extend(inside.into_iter().map(|Inside { name, source }| Found {
            path: path.to_owned(),
            part: name,
            source,
        }));
    }))
}

/// The same of a file that nobody named: if it is something else, that is no mistake.
fn of_folder(path: &Path, found: &mut Vec<Found>) -> Result<(), Failure> {
    let Err(error) = take(path, found)? else {
        return Ok(());
    };
    let is_other = match &error.problem {
        Problem::NoManifest
        | Problem::Foreign(_)
        | Problem::Path(_)
        | Problem::Unconfined
        | Problem::EngineDefault
        // An object with nothing of a profile in it.
        | Problem::Empty => true,
        _ => false,
    };
    if !is_other {
        return Err(refused(path, error));
    }
    let error = escape::text(&error.to_string());
    output::say(&format!(
        "note: `{}` is left out: {error}",
        escape::path(path)
    ));
    Ok(())
}

fn refused(path: &Path, source: ReadError) -> Failure {
    let hint = source.hint();
    let path = path.to_owned();
    Failure::invalid(NoProfiles::File { path, source }).hint_if(hint.map(str::to_owned))
}

/// The files below a folder that may be profiles, by name.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    let mut open = vec![(folder.to_owned(), DEPTH_MAX)];
    while let Some((folder, depth)) = open.pop() {
        let problem = |source| {
            let path = folder.clone();
            Failure::invalid(NoProfiles::Folder { path, source })
        };
        for entry in std::fs::read_dir(&folder).map_err(problem)? {
            let path = entry.map_err(problem)?.path();
            let kind = path.extension().unwrap_or_default();
            if path.is_dir() && !path.is_symlink() && depth > 0 {
                open.push((path, depth - 1));
            } else if ["json", "yaml", "yml"].iter().any(|known| kind == *known) {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}
