//! Folders of recorders that are no more.

use super::folder::{
    CHECKPOINT, CLIENT, FINISHED, FolderError, LOCK, OUTPUT, PAPERS, Places, lock, open_state,
    problem, remove, remove_cgroups,
};
use super::papers::Papers;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The most that is read of a file.
const FILE_MAX_BYTES: u64 = 256 << 20;

/// The folder of a recorder that died; nobody else looks into it as long as the value is there.
#[derive(Debug)]
pub struct Dead {
    path: PathBuf,
    pins: PathBuf,
    /// What is to be finished, if anything is.
    pub papers: Option<Papers>,
    _lock: OwnedFd,
}

/// All of them, in order.
///
/// # Errors
///
/// [`FolderError`] if the place for folders cannot be read.
pub fn dead(places: &Places) -> Result<Vec<Dead>, FolderError> {
    if !places.state.exists() {
        return Ok(Vec::new());
    }
    let _state = open_state(&places.state)?;
    let problem = problem(&places.state);
    let mut dead = Vec::new();
    for entry in fs::read_dir(&places.state).map_err(&problem)? {
        let entry = entry.map_err(&problem)?;
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let path = entry.path();
        // Who lives has it locked.
        if let Ok(Some(lock)) = lock(&path.join(LOCK)) {
            let papers = read(&path.join(PAPERS)).ok();
            dead.push(Dead {
                pins: places.pins.join(entry.file_name()),
                papers: papers.and_then(|text| Papers::from_text(&text)),
                path,
                _lock: lock,
            });
        }
    }
    dead.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(dead)
}

impl Dead {
    /// Where the kernel side was pinned.
    #[must_use]
    pub fn pins(&self) -> &Path {
        &self.pins
    }

    /// Where the recording was to go.
    #[must_use]
    pub fn output(&self) -> Option<PathBuf> {
        let bytes = fs::read(self.path.join(OUTPUT)).ok()?;
        Some(PathBuf::from(OsStr::from_bytes(&bytes)))
    }

    /// The last checkpoint.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn checkpoint(&self) -> io::Result<String> {
        read(&self.path.join(CHECKPOINT))
    }

    /// The finished recording, if it only has to be put where it belongs.
    #[must_use]
    pub fn finished(&self) -> Option<String> {
        read(&self.path.join(FINISHED)).ok()
    }

    /// Whether an engine's client still lives that was to start what is recorded.
    #[must_use]
    pub fn has_client(&self) -> bool {
        let client = self.path.join(CLIENT);
        client.exists() && !matches!(lock(&client), Ok(Some(_)))
    }

    /// Writes the finished recording, and puts it where it stays when the folder goes.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn put_aside(&self, text: &str) -> io::Result<PathBuf> {
        let new = self.path.join(format!(".{FINISHED}"));
        let aside = self.path.with_extension("json");
        fs::write(&new, text)?;
        fs::rename(&new, &aside)?;
        Ok(aside)
    }

    /// Removes the cgroups that it made, if nobody is in them. When they are gone, nobody can come any more: who was on
    /// the way finds none to enter.
    #[must_use]
    pub fn close_cgroups(&self) -> bool {
        remove_cgroups(&self.path)
    }

    /// Removes what is left: the folder, its pins, and of what it noted what is empty.
    pub fn remove(self) {
        if let (Some(output), Some(name)) = (self.output(), self.path.file_name()) {
            remove_unfinished(&output, name);
        }
        remove(&self.path, &self.pins);
    }
}

/// Removes what had been begun beside an output.
fn remove_unfinished(output: &Path, name: &OsStr) {
    let Some(parent) = output.parent() else {
        return;
    };
    let beginning = [b".", name.as_bytes(), b"."].concat();
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_file && entry.file_name().as_bytes().starts_with(&beginning) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let file = fs::File::open(path)?;
    file.take(FILE_MAX_BYTES).read_to_string(&mut text)?;
    Ok(text)
}
