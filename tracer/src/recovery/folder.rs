//! The folder of one recorder.

use super::papers::Papers;
use crate::probe::remove_pins;
use crate::report::escape;
use crate::target::own_cgroup::{Made, fresh_name, remove_empty};
use rustix::fs::{FlockOperation, Mode, OFlags};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// The file that a recorder locks.
pub(super) const LOCK: &str = "lock";
/// The file that an engine's client holds locked as long as it lives.
pub(super) const CLIENT: &str = "client";
/// Where the recording is to go.
pub(super) const OUTPUT: &str = "output";
/// Directories of cgroups that are ours, in the order in which they are made, each with its kind before it and a zero
/// behind it.
pub(super) const CGROUPS: &str = "cgroups";
pub(super) const ABOVE: u8 = b'a';
pub(super) const OWN: u8 = b'o';
pub(super) const PAPERS: &str = "papers.json";
pub(super) const CHECKPOINT: &str = "checkpoint.json";
/// The finished recording, until it is where it belongs.
pub(super) const FINISHED: &str = "recording.json";

/// Where root keeps its folders: in memory, so that a full disk is no reason to lose anything.
const STATE: &str = "/run/seccomp-tracer-recordings";
/// Where kernel sides are pinned.
const PINS: &str = "/sys/fs/bpf/seccomp-tracer-recordings";

/// Where folders and pins are.
#[derive(Clone, Debug)]
pub struct Places {
    /// Folders.
    pub state: PathBuf,
    /// Pins.
    pub pins: PathBuf,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            state: state(),
            pins: PINS.into(),
        }
    }
}

/// Where this user's folders are.
fn state() -> PathBuf {
    let user = rustix::process::geteuid();
    if user.is_root() {
        return STATE.into();
    }
    match std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from) {
        Some(runtime) if runtime.is_absolute() => runtime.join("seccomp-tracer-recordings"),
        _ => std::env::temp_dir().join(format!("seccomp-tracer-recordings-{}", user.as_raw())),
    }
}

/// Why there is no folder.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The operating system refuses.
    #[error("cannot use `{}`", escape::path(.path))]
    Files {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody else made it, and could put anything in it.
    #[error("`{}` is not ours", escape::path(.0))]
    Foreign(PathBuf),
}

pub(super) fn problem(path: &Path) -> impl Fn(io::Error) -> FolderError {
    move |source| FolderError::Files {
        path: path.to_owned(),
        source,
    }
}

/// The folder of a recorder that lives. It goes with the value, unless there is something to be finished in it.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    name: String,
    pins: PathBuf,
    /// What has been noted about cgroups so far.
    cgroups: Vec<u8>,
    /// Whether it stays when the value goes.
    stays: bool,
    lock: OwnedFd,
}

impl Folder {
    /// Makes it.
    ///
    /// # Errors
    ///
    /// [`FolderError`] if it cannot be made.
    pub fn make(places: &Places) -> Result<Self, FolderError> {
        let state = open_state(&places.state)?;
        let name = fresh_name();
        let path = places.state.join(&name);
        let problem = |source| problem(&path)(source);
        // While the state is locked, nobody takes a folder without a lock for one of the dead.
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(problem)?;
        let locked = lock(&path.join(LOCK))
            .and_then(|lock| lock.ok_or_else(|| io::Error::from(io::ErrorKind::ResourceBusy)));
        drop(state);
        let lock = locked.map_err(|error| {
            let _ = fs::remove_dir_all(&path);
            problem(error)
        })?;
        Ok(Self {
            pins: places.pins.join(&name),
            path,
            name,
            cgroups: Vec::new(),
            stays: false,
            lock,
        })
    }

    /// A name that nothing else has.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the kernel side is pinned.
    #[must_use]
    pub fn pins(&self) -> &Path {
        &self.pins
    }

    /// Notes where the recording is to go.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn note_output(&self, output: &Path) -> io::Result<()> {
        let output = std::path::absolute(output)?;
        self.write(OUTPUT, output.as_os_str().as_bytes())
    }

    /// Notes a directory of a cgroup that will be made.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn note_cgroup(&mut self, made: Made<'_>) -> io::Result<()> {
        let (kind, directory) = match made {
            Made::Above(directory) => (ABOVE, directory),
            Made::Own(directory) => (OWN, directory),
        };
        self.cgroups.push(kind);
        self.cgroups.extend(directory.as_os_str().as_bytes());
        self.cgroups.push(0);
        self.write(CGROUPS, &self.cgroups)
    }

    /// Writes papers. With them there is something to be finished.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn write_papers(&self, papers: &Papers) -> io::Result<()> {
        self.write(PAPERS, papers.to_text().as_bytes())
    }

    /// Writes the recording as it stands.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn write_checkpoint(&self, text: &str) -> io::Result<()> {
        self.write(CHECKPOINT, text.as_bytes())
    }

    /// Writes the recording as it is at its end.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn write_finished(&self, text: &str) -> io::Result<()> {
        self.write(FINISHED, text.as_bytes())
    }

    /// A descriptor for an engine's client: as long as it is open, what the client was asked for may still come.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn client(&self) -> io::Result<OwnedFd> {
        let lock = lock(&self.path.join(CLIENT))?;
        lock.ok_or_else(|| io::Error::from(io::ErrorKind::ResourceBusy))
    }

    /// Puts the finished recording where it stays when the folder goes, because it cannot be where it belongs.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn put_aside(&self) -> io::Result<PathBuf> {
        let aside = self.path.with_extension("json");
        fs::rename(self.path.join(FINISHED), &aside)?;
        Ok(aside)
    }

    /// Leaves everything to whoever finishes it.
    pub fn leave(mut self) {
        self.stays = true;
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let new = self.path.join(format!(".{name}"));
        let mut file = File::create(&new)?;
        file.write_all(bytes)?;
        fs::rename(&new, self.path.join(name))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What was being recorded when we fail in a way that nobody thought of is not lost.
        if self.stays || std::thread::panicking() {
            return;
        }
        remove(&self.path, &self.pins);
        // Nobody may take it for one of the dead before.
        let _ = rustix::fs::flock(&self.lock, FlockOperation::Unlock);
    }
}

/// Removes a folder with what was noted in it, as far as that is empty: its papers first, without which there is
/// nothing to be finished. As long as somebody is in a cgroup of ours, the notes about it stay, for the next to look.
pub(super) fn remove(path: &Path, pins: &Path) {
    let _ = fs::remove_file(path.join(PAPERS));
    remove_pins(pins);
    if remove_cgroups(path) {
        let _ = fs::remove_dir_all(path);
        return;
    }
    for name in [CHECKPOINT, FINISHED, CLIENT] {
        let _ = fs::remove_file(path.join(name));
    }
}

/// Removes the cgroups that were noted, as far as they are empty. Says whether none of them is left.
pub(super) fn remove_cgroups(path: &Path) -> bool {
    let noted = fs::read(path.join(CGROUPS)).unwrap_or_default();
    let noted = noted.split(|&byte| byte == 0);
    let noted: Vec<&[u8]> = noted.filter(|made| !made.is_empty()).collect();
    let mut are_gone = true;
    // What is below goes before what is above.
    for made in noted.into_iter().rev() {
        let path = |bytes| Path::new(OsStr::from_bytes(bytes));
        match made {
            [ABOVE, above @ ..] => remove_empty(Made::Above(path(above))),
            [OWN, own @ ..] => {
                remove_empty(Made::Own(path(own)));
                are_gone &= !path(own).exists();
            }
            _ => {}
        }
    }
    are_gone
}

/// Opens the place for folders, which is made if it is not there, and keeps others from making or taking any.
pub(super) fn open_state(state: &Path) -> Result<OwnedFd, FolderError> {
    let problem = problem(state);
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(state).map_err(&problem)?;
    let there = fs::symlink_metadata(state).map_err(&problem)?;
    let own = rustix::process::geteuid().as_raw();
    if !there.is_dir() || there.uid() != own || there.mode() & 0o022 != 0 {
        return Err(FolderError::Foreign(state.to_owned()));
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = rustix::fs::open(state, flags, Mode::empty());
    let opened = opened.map_err(|error| problem(error.into()))?;
    let locked = rustix::fs::flock(&opened, FlockOperation::LockExclusive);
    locked.map_err(|error| problem(error.into()))?;
    Ok(opened)
}

/// Locks a file, which is made if it is not there; `None` if somebody else has it locked.
pub(super) fn lock(path: &Path) -> io::Result<Option<OwnedFd>> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = rustix::fs::open(path, flags, Mode::from(0o600))?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        locked => Ok(locked.map(|()| Some(file))?),
    }
}
