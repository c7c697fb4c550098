//! The daemon's files: recordings, and the papers of scopes that still run.
//!
//! Every file appears complete or not at all. It refuses to know what is in them.

use super::error::DaemonError;
use super::keep::{Keep, Kept};
use super::names;
use super::passport::Passport;
use crate::recording;
use rustix::fs::{FlockOperation, Mode, OFlags};
use std::fs;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

const RECORDINGS: &str = "recordings";
const SCOPES: &str = "scopes";

/// Papers of containers that may live again, and what they did before they did.
const RESTING: &str = "resting";
const LIVES: &str = "lives";

/// Characters of a run's id, which is a UUID.
const RUN_ID_LEN: usize = 36;

/// How names of files begin that are not complete yet.
const UNFINISHED: &str = ".unfinished.";

/// The most that is read of a file. A recording is some 100 kB.
const FILE_MAX_BYTES: u64 = 256 << 20;

/// The folder, which nobody else uses as long as this lives.
pub(super) struct Store {
    recordings: PathBuf,
    scopes: PathBuf,
    resting: PathBuf,
    lives: PathBuf,
    boot: String,
    /// The folder, locked.
    lock: OwnedFd,
}

impl Store {
    /// Opens the folder, which is made if it is not there.
    pub(super) fn open(folder: &Path) -> Result<Self, DaemonError> {
        let problem = DaemonError::files(folder);
        make_folder(folder).map_err(&problem)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let lock = rustix::fs::open(folder, flags, Mode::empty());
        let lock = lock.map_err(|error| problem(error.into()))?;
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(DaemonError::InUse(folder.to_owned()));
            }
            locked => locked.map_err(|error| problem(error.into()))?,
        }
        let store = Self {
            recordings: folder.join(RECORDINGS),
            scopes: folder.join(SCOPES),
            resting: folder.join(RESTING),
            lives: folder.join(LIVES),
            boot: boot_id()?,
            lock,
        };
        let Self {
            recordings,
            scopes,
            resting,
            lives,
            ..
        } = &store;
        for inner in [recordings, scopes, resting, lives] {
            let problem = DaemonError::files(inner);
            make_folder(inner).map_err(&problem)?;
            remove_unfinished(inner).map_err(&problem)?;
        }
        Ok(store)
    }

    /// The papers of this boot.
    pub(super) fn passports(&self) -> Result<Vec<Passport>, DaemonError> {
        let mut passports = self.papers(&self.scopes)?;
        // A life that goes on with a recording has two for a moment; the later one holds.
        passports.sort_by_key(|passport| (passport.slot, u32::MAX - passport.lives));
        let mut kept: Vec<Passport> = Vec::new();
        for passport in passports {
            match kept.last() {
                Some(last) if last.slot == passport.slot && last.lives > 1 => {
                    self.erase(&passport.stem)?;
                    self.remove(&passport)?;
                }
                _ => kept.push(passport),
            }
        }
        Ok(kept)
    }

    /// The papers of containers that may live again.
    pub(super) fn resting(&self) -> Result<Vec<Passport>, DaemonError> {
        self.papers(&self.resting)
    }

    fn papers(&self, folder: &Path) -> Result<Vec<Passport>, DaemonError> {
        let problem = DaemonError::files(folder);
        let mut passports = Vec::new();
        for entry in fs::read_dir(folder).map_err(&problem)? {
            let text = read(&entry.map_err(&problem)?.path());
            let passport = text
                .ok()
                .and_then(|text| Passport::from_text(&text, &self.boot));
            passports.extend(passport);
        }
        Ok(passports)
    }

    /// Keeps the papers of a container that may live again.
    pub(super) fn rest(&self, passport: &Passport) -> Result<(), DaemonError> {
        let text = passport.to_text(&self.boot);
        write(&self.resting, &file_of(&self.resting, passport), &text)
    }

    /// Forgets that a container may live again.
    pub(super) fn wake(&self, passport: &Passport) -> Result<(), DaemonError> {
        remove(&file_of(&self.resting, passport))
    }

    /// Sets the recording of a container's lives aside, for as long as another one goes on.
    pub(super) fn set_aside(&self, passport: &Passport, text: &str) -> Result<(), DaemonError> {
        write(&self.lives, &file_of(&self.lives, passport), text)
    }

    /// What a container did in the lives before this one.
    pub(super) fn past(&self, passport: &Passport) -> Option<String> {
        read(&file_of(&self.lives, passport)).ok()
    }

    /// Forgets what is in the recording now.
    pub(super) fn forget_past(&self, passport: &Passport) -> Result<(), DaemonError> {
        remove(&file_of(&self.lives, passport))
    }

    /// Forgets all papers: what they are about is no longer there.
    pub(super) fn forget(&self) -> Result<(), DaemonError> {
        let problem = DaemonError::files(&self.scopes);
        for entry in fs::read_dir(&self.scopes).map_err(&problem)? {
            let path = entry.map_err(&problem)?.path();
            fs::remove_file(&path).map_err(DaemonError::files(&path))?;
        }
        Ok(())
    }

    /// Writes papers, over those of the same scope.
    pub(super) fn keep(&self, passport: &Passport) -> Result<(), DaemonError> {
        let text = passport.to_text(&self.boot);
        write(&self.scopes, &self.passport_path(passport), &text)
    }

    /// Removes papers.
    pub(super) fn remove(&self, passport: &Passport) -> Result<(), DaemonError> {
        remove(&self.passport_path(passport))
    }

    fn passport_path(&self, passport: &Passport) -> PathBuf {
        file_of(&self.scopes, passport)
    }

    /// Writes a recording.
    pub(super) fn write(&self, stem: &str, text: &str) -> Result<(), DaemonError> {
        write(&self.recordings, &self.recording_path(stem), text)
    }

    /// The recording of a run that another daemon ended.
    pub(super) fn find(&self, run_id: &str) -> Option<String> {
        // Anything else would fit to many files, and each would be read.
        if run_id.len() != RUN_ID_LEN || !run_id.is_ascii() {
            return None;
        }
        let ending = format!("-{}.json", names::stem("", run_id));
        let entries = fs::read_dir(&self.recordings).ok()?.flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut stems = names
            .filter(|name| name.ends_with(&ending))
            .filter_map(|name| name.strip_suffix(".json").map(str::to_owned));
        stems.find(|stem| {
            let text = self.read(stem).ok();
            let recording = text.and_then(|text| recording::from_json(&text).ok());
            recording.is_some_and(|recording| recording.run_id == run_id)
        })
    }

    /// Removes a recording, if there is one.
    pub(super) fn erase(&self, stem: &str) -> Result<(), DaemonError> {
        remove(&self.recording_path(stem))
    }

    /// Removes recordings that are not to be kept, but none of those that are still being made. Says how many.
    pub(super) fn sweep(
        &self,
        keep: &Keep,
        is_running: impl Fn(&str) -> bool,
    ) -> Result<u64, DaemonError> {
        if keep.is_everything() {
            return Ok(0);
        }
        let problem = DaemonError::files(&self.recordings);
        let entries = fs::read_dir(&self.recordings).map_err(problem)?.flatten();
        let ended = entries.filter_map(|entry| {
            let stem = entry.file_name().into_string().ok()?;
            let stem = stem.strip_suffix(".json")?.to_owned();
            let metadata = entry.metadata().ok()?;
            (metadata.is_file() && !is_running(&stem)).then_some(Kept {
                stem,
                written: metadata.modified().ok()?,
                bytes: metadata.len(),
            })
        });
        let surplus = keep.surplus(ended.collect(), SystemTime::now());
        for one in &surplus {
            self.erase(&one.stem)?;
            log::debug!("removed `{}.json`", crate::report::escape::text(&one.stem));
        }
        Ok(surplus.len() as u64)
    }

    /// When this returns, what was written before survives a power failure too. Once for many files.
    pub(super) fn sync(&self) -> Result<(), DaemonError> {
        let synced = rustix::fs::syncfs(&self.lock);
        synced.map_err(|error| DaemonError::files(&self.recordings)(error.into()))
    }

    /// Reads a recording.
    pub(super) fn read(&self, stem: &str) -> io::Result<String> {
        read(&self.recording_path(stem))
    }

    /// Where a recording is.
    pub(super) fn recording_path(&self, stem: &str) -> PathBuf {
        self.recordings.join(format!("{stem}.json"))
    }
}

/// The file of a run.
fn file_of(folder: &Path, passport: &Passport) -> PathBuf {
    folder.join(format!("{}.json", passport.run_id))
}

/// An id that no other run has.
pub(super) fn new_run_id() -> Result<String, DaemonError> {
    kernel_id("/proc/sys/kernel/random/uuid")
}

fn boot_id() -> Result<String, DaemonError> {
    kernel_id("/proc/sys/kernel/random/boot_id")
}

fn kernel_id(path: &str) -> Result<String, DaemonError> {
    let text = fs::read_to_string(path).map_err(DaemonError::files(Path::new(path)))?;
    Ok(text.trim().to_owned())
}

fn make_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

/// Removes what a daemon that was killed had not finished to write.
fn remove_unfinished(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry
            .file_name()
            .as_bytes()
            .starts_with(UNFINISHED.as_bytes())
        {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Removes a file, if it is there.
fn remove(path: &Path) -> Result<(), DaemonError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(DaemonError::files(path)(error))
        }
        _ => Ok(()),
    }
}

fn read(path: &Path) -> io::Result<String> {
    use io::Read;
    let mut text = String::new();
    let file = fs::File::open(path)?;
    file.take(FILE_MAX_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

fn write(folder: &Path, path: &Path, text: &str) -> Result<(), DaemonError> {
    let file = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .tempfile_in(folder);
    let written = file.and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.persist(path).map(drop).map_err(|error| error.error)
    });
    written.map_err(DaemonError::files(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_daemons_do_not_share_a_folder() {
        let top = tempfile::tempdir().unwrap();
        let folder = top.path().join("a/b");
        let store = Store::open(&folder).unwrap();
        assert!(matches!(Store::open(&folder), Err(DaemonError::InUse(path)) if path == folder));
        store.write("web-1", "first").unwrap();
        store.write("web-1", "second").unwrap();
        assert_eq!(store.read("web-1").unwrap(), "second");
        drop(store);
        fs::write(folder.join(RECORDINGS).join(".unfinished.x"), "{").unwrap();
        let again = Store::open(&folder).unwrap();
        assert_eq!(again.read("web-1").unwrap(), "second");
        assert_eq!(fs::read_dir(folder.join(RECORDINGS)).unwrap().count(), 1);
    }
}
