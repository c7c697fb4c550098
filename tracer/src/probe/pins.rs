//! Where the kernel side is pinned, so that it outlives its user space.
//!
//! A folder of a bpf file system, with a folder in it for each compiled kernel side: only the user space that
//! carries the same bytes knows what their maps mean. The link is pinned last and let go first, so where it is,
//! everything else is. It refuses to know what is in the maps.

use super::attach::{Attachment, OBJECT, ProbeError};
use super::hook::{self, Held};
use super::submitted;
use aya::Ebpf;
use aya::maps::{Map, MapData, MapError};
use aya::pin::PinError as Refusal;
use aya::programs::ProgramInfo;
use rustix::fs::{FlockOperation, Mode, OFlags};
use std::ffi::CString;
use std::fs;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// The maps that user space reads or writes.
const MAPS: [&str; 14] = [
    "CALLS",
    "NEAR",
    "TUPLES",
    "TUPLE_COUNTS",
    "ODD_CALLS",
    "COUNTERS",
    "SLOTS",
    "FREE_SLOTS",
    "ARMED",
    "SEEN",
    "EVENTS",
    "MEMBERS",
    "EXECUTED",
    "PATHS",
];

const PROGRAM: &str = "program";
const LINK: &str = "link";

/// `BPF_FS_MAGIC`.
/// <https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/magic.h#L90>
const BPF_FS_MAGIC: u64 = 0xcafe_4a11;

/// Whether the path is in a bpf file system.
#[must_use]
pub fn is_bpf_file_system(path: &Path) -> bool {
    // The type of the field differs between architectures.
    let magic = rustix::fs::statfs(path).map(|found| u64::try_from(found.f_type));
    magic == Ok(Ok(BPF_FS_MAGIC))
}

/// Why pins cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// Only a bpf file system can hold them.
    #[error("`{}` is not in a bpf file system", crate::report::escape::path(.0))]
    NotBpf(PathBuf),
    /// Somebody else has them.
    #[error("another daemon uses `{}`", crate::report::escape::path(.0))]
    InUse(PathBuf),
    /// Another version of the program made them.
    #[error("`{}` holds what another version of this program left behind", crate::report::escape::path(.0))]
    Foreign(PathBuf),
    /// The folder cannot be used.
    #[error("cannot use `{}`", crate::report::escape::path(.path))]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The kernel does not pin.
    #[error("cannot pin `{}`", crate::report::escape::path(.path))]
    Refused {
        /// Where to.
        path: PathBuf,
        /// Why.
        source: Refusal,
    },
}

/// The pins, which nobody else uses as long as this lives.
pub struct Pins {
    /// For all versions.
    top: PathBuf,
    /// For ours.
    folder: PathBuf,
    _lock: OwnedFd,
}

impl Pins {
    /// Opens the folder, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// [`PinError`] if it is in use, in no bpf file system, or cannot be made.
    pub fn open(top: &Path) -> Result<Self, PinError> {
        let problem = |source| folder_error(top, source);
        make_folder(top).map_err(problem)?;
        if !is_bpf_file_system(top) {
            // Of no use to anybody, if we made it.
            let _ = fs::remove_dir(top);
            return Err(PinError::NotBpf(top.to_owned()));
        }
        let lock = lock(top)?;
        Ok(Self {
            top: top.to_owned(),
            folder: top.join(stamp()),
            _lock: lock,
        })
    }

    /// Whether there is a kernel side to be picked up.
    ///
    /// # Errors
    ///
    /// [`PinError::Foreign`] if another version of the program left it behind.
    pub fn are_there(&self) -> Result<bool, PinError> {
        for folder in self.folders()? {
            if folder != self.folder && folder.join(LINK).exists() {
                return Err(PinError::Foreign(folder));
            }
        }
        Ok(self.folder.join(LINK).exists())
    }

    /// Detaches and forgets whatever is pinned, of any version. Says whether there was anything.
    ///
    /// # Errors
    ///
    /// [`PinError::Folder`] if it cannot be removed.
    pub fn release(self) -> Result<bool, PinError> {
        let mut was_there = false;
        for folder in self.folders()? {
            was_there |= folder.join(LINK).exists();
            remove_folder(&folder).map_err(|source| folder_error(&folder, source))?;
        }
        fs::remove_dir(&self.top).map_err(|source| folder_error(&self.top, source))?;
        Ok(was_there)
    }

    /// Pins the maps, after removing what a start left behind that did not come to its end.
    pub(super) fn make(&self, ebpf: &Ebpf) -> Result<(), PinError> {
        for folder in self.folders()? {
            remove_folder(&folder).map_err(|source| folder_error(&folder, source))?;
        }
        make_folder(&self.folder).map_err(|source| folder_error(&self.folder, source))?;
        for name in MAPS {
            let map = ebpf.map(name).expect("in the object");
            self.put(name, |path| map.pin(path))?;
        }
        Ok(())
    }

    /// Pins the program.
    pub(super) fn pin(
        &self,
        pin: impl FnOnce(&Path) -> Result<(), Refusal>,
    ) -> Result<(), PinError> {
        self.put(PROGRAM, pin)
    }

    /// Pins what holds the programs: when the last one is, there is something to be picked up.
    pub(super) fn hold(&self, mut held: Vec<(&'static str, Held)>) -> Result<(), PinError> {
        let last = held.pop();
        for (name, held) in held {
            let name = format!("{LINK}-{}", name.replace(':', "-"));
            self.put(&name, |path| held.pin(path))?;
        }
        last.map_or(Ok(()), |(_, held)| self.put(LINK, |path| held.pin(path)))
    }

    /// Which kind of hook is in use.
    pub(super) fn attachment(&self) -> Attachment {
        let info = ProgramInfo::from_pin(self.folder.join(PROGRAM));
        let info = info.ok();
        let name = info.as_ref().and_then(ProgramInfo::name_as_str);
        if self.holds(submitted::PROGRAM) {
            Attachment::PerfSubmit
        } else if name.is_some() && name == hook::COUNT.typed {
            Attachment::BtfTracepoint
        } else {
            Attachment::RawTracepoint
        }
    }

    fn put(
        &self,
        name: &str,
        pin: impl FnOnce(&Path) -> Result<(), Refusal>,
    ) -> Result<(), PinError> {
        let path = self.folder.join(name);
        pin(&path).map_err(|source| PinError::Refused { path, source })
    }

    /// Whether what holds a program is pinned.
    pub(super) fn holds(&self, program: &str) -> bool {
        self.folder.join(format!("{LINK}-{program}")).exists()
    }

    /// A pinned map.
    pub(super) fn map(&self, name: &'static str) -> Result<Map, ProbeError> {
        let data = MapData::from_pin(self.folder.join(name));
        let map: Result<Map, MapError> = data.and_then(Map::from_map_data);
        map.map_err(super::attach::map_error(name))
    }

    /// The pinned program.
    pub(super) fn program(&self) -> Result<OwnedFd, PinError> {
        let path = self.folder.join(PROGRAM);
        open(&path).map_err(|source| folder_error(&path, source))
    }

    /// The number that the kernel gave the pinned program.
    pub(super) fn program_id(&self) -> Option<u32> {
        let info = ProgramInfo::from_pin(self.folder.join(PROGRAM));
        info.ok().map(|info| info.id())
    }

    /// The folders of all versions.
    fn folders(&self) -> Result<Vec<PathBuf>, PinError> {
        let problem = |source| folder_error(&self.top, source);
        let entries = fs::read_dir(&self.top).map_err(problem)?;
        let mut folders = Vec::new();
        for entry in entries {
            let entry = entry.map_err(problem)?;
            if entry.file_type().map_err(problem)?.is_dir() {
                folders.push(entry.path());
            }
        }
        Ok(folders)
    }
}

/// Names the kernel side: FNV-1a over its bytes. It need not withstand anybody; who may write here may do
/// anything.
pub(super) fn stamp() -> String {
    const OFFSET: u64 = 0xCBF2_9CE4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01B3;
    let add = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(PRIME);
    format!("{:016x}", OBJECT.iter().fold(OFFSET, add))
}

/// A descriptor of a pinned object (`BPF_OBJ_GET`). aya asks for its types as well, which takes more rights than
/// recording does.
/// <https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/bpf.h#L1620>
fn open(path: &Path) -> io::Result<OwnedFd> {
    const BPF_OBJ_GET: libc::c_int = 7;
    #[repr(C)]
    struct Attributes {
        path: u64,
        fd: u32,
        flags: u32,
    }
    let path = CString::new(path.as_os_str().as_bytes())?;
    let attributes = Attributes {
        path: path.as_ptr() as u64,
        fd: 0,
        flags: 0,
    };
    let size = size_of::<Attributes>();
    // SAFETY: attributes of that size, in which is a string that ends with a zero; both outlive the call.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, BPF_OBJ_GET, &raw const attributes, size) };
    match i32::try_from(fd) {
        // SAFETY: a new descriptor that nobody else has.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Takes the folder for ourselves. It may be removed by whoever had it before us while we wait.
fn lock(top: &Path) -> Result<OwnedFd, PinError> {
    let problem = |source: io::Error| folder_error(top, source);
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let fd = rustix::fs::open(top, flags, Mode::empty()).map_err(|error| problem(error.into()))?;
    rustix::fs::flock(&fd, FlockOperation::NonBlockingLockExclusive).map_err(
        |error| match error {
            rustix::io::Errno::WOULDBLOCK => PinError::InUse(top.to_owned()),
            error => problem(error.into()),
        },
    )?;
    let ours = rustix::fs::fstat(&fd).map_err(|error| problem(error.into()))?;
    match fs::metadata(top) {
        Ok(there) if there.ino() == ours.st_ino => Ok(fd),
        _ => Err(PinError::InUse(top.to_owned())),
    }
}

pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Removes the link first: what is half removed looks as if it had never been complete.
fn remove_folder(folder: &Path) -> io::Result<()> {
    match fs::remove_file(folder.join(LINK)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        removed => removed?,
    }
    for entry in fs::read_dir(folder)? {
        fs::remove_file(entry?.path())?;
    }
    fs::remove_dir(folder)
}

fn folder_error(path: &Path, source: io::Error) -> PinError {
    PinError::Folder {
        path: path.to_owned(),
        source,
    }
}
