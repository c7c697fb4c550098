//! The ELF files of a workload: its programs, and whatever they are linked to, as the loader would find it.
//!
//! It finds and reads files below one root; what is in them is not its business.

use super::root::{Identity, Root};
use crate::reach::{ElfError, FILE_MAX_BYTES, Module, Role};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// The most files of a workload, and their most bytes together.
const FILES_MAX: usize = 512;
const BYTES_MAX: usize = 1 << 30;

/// The most bytes of a file that lists directories.
const LIST_MAX_BYTES: u64 = 64 << 10;

/// The most directories that libraries are looked for in.
const DIRECTORIES_MAX: usize = 256;

/// Where loaders look when nobody tells them.
const DIRECTORIES: [&str; 8] = [
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/lib",
    "/usr/local/lib",
    "/usr/local/lib64",
];

/// Where commands are looked for.
const COMMANDS: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// The most bytes of a program's name that the kernel keeps.
const NAME_MAX: usize = 15;

/// Files, and what is missing of them.
#[derive(Debug, Default)]
pub struct Workload {
    /// What can be read.
    pub modules: Vec<Module>,
    /// What cannot, and why. Names are hostile.
    pub skipped: BTreeMap<String, String>,
}

/// Finds the files of a workload.
pub struct Finder<'a> {
    root: &'a Root,
    directories: Vec<PathBuf>,
    seen: BTreeSet<Identity>,
    waiting: VecDeque<Wanted>,
    bytes: usize,
    workload: Workload,
}

/// A file that is wanted.
enum Wanted {
    /// At that path.
    File(PathBuf, Role),
    /// A library, with the directories that whoever needs it wants it to be looked for in.
    Library(String, Vec<PathBuf>),
}

/// Why a file is not there.
enum Missing {
    Read(io::Error),
    Elf(ElfError),
    Nowhere,
    Full,
}

impl<'a> Finder<'a> {
    /// Files below this root.
    #[must_use]
    pub fn new(root: &'a Root) -> Self {
        Self {
            root,
            directories: directories(root),
            seen: BTreeSet::new(),
            waiting: VecDeque::new(),
            bytes: 0,
            workload: Workload::default(),
        }
    }

    /// Wants a file; files are taken in the order in which they are wanted, each once.
    pub fn want(&mut self, path: &Path, role: Role) {
        self.waiting.push_back(Wanted::File(path.to_owned(), role));
        while let Some(wanted) = self.waiting.pop_front() {
            match wanted {
                Wanted::File(path, role) => {
                    if let Err(missing) = self.file(&path, role) {
                        self.skip(path.to_string_lossy().into_owned(), &missing);
                    }
                }
                Wanted::Library(name, own) => self.library(name, &own),
            }
        }
    }

    /// Everything that was found.
    #[must_use]
    pub fn finish(self) -> Workload {
        self.workload
    }

    fn skip(&mut self, name: String, missing: &Missing) {
        let why = match missing {
            Missing::Read(error) => error.to_string(),
            Missing::Elf(error) => error.to_string(),
            Missing::Nowhere => "it is not where loaders look".to_owned(),
            Missing::Full => "there are too many others".to_owned(),
        };
        self.workload.skipped.entry(name).or_insert(why);
    }

    fn file(&mut self, path: &Path, role: Role) -> Result<(), Missing> {
        if self.workload.modules.len() >= FILES_MAX {
            return Err(Missing::Full);
        }
        let limit = FILE_MAX_BYTES.min(BYTES_MAX - self.bytes) as u64;
        let (identity, bytes) = self.root.read(path, limit).map_err(Missing::Read)?;
        if self.seen.contains(&identity) {
            return Ok(());
        }
        if let Some(interpreter) = script(&bytes).filter(|_| role == Role::Program) {
            self.seen.insert(identity);
            self.waiting.push_back(Wanted::File(interpreter, role));
            return Ok(());
        }
        let length = bytes.len();
        let name = path.to_string_lossy().into_owned();
        let module = Module::read(name, bytes, role).map_err(Missing::Elf)?;
        self.seen.insert(identity);
        self.bytes += length;
        if let Some(loader) = &module.interpreter {
            let loader = Wanted::File(loader.into(), Role::Loader);
            self.waiting.push_back(loader);
        }
        let own = own_directories(&module, path);
        for name in &module.needed {
            let wanted = Wanted::Library(name.clone(), own.clone());
            self.waiting.push_back(wanted);
        }
        self.workload.modules.push(module);
        Ok(())
    }

    fn library(&mut self, name: String, own: &[PathBuf]) {
        let mut missing = Missing::Nowhere;
        let all = own.iter().chain(&self.directories);
        let paths: Vec<PathBuf> = if name.contains('/') {
            vec![PathBuf::from(&name)]
        } else {
            all.map(|directory| directory.join(&name)).collect()
        };
        for path in paths {
            match self.file(&path, Role::Library) {
                Ok(()) => return,
                // For another machine, perhaps; the loader looks further, too.
                Err(Missing::Read(error)) if error.kind() == io::ErrorKind::NotFound => {}
                Err(other) => missing = other,
            }
        }
        self.skip(name, &missing);
    }
}

/// Where a file wants its libraries to be looked for.
fn own_directories(module: &Module, path: &Path) -> Vec<PathBuf> {
    let origin = path.parent().unwrap_or(Path::new("/")).to_string_lossy();
    let directories = module.search.iter().map(|directory| {
        let directory = directory.replace("${ORIGIN}", &origin);
        PathBuf::from(directory.replace("$ORIGIN", &origin))
    });
    directories.collect()
}

/// The program that runs a script.
pub(crate) fn script(bytes: &[u8]) -> Option<PathBuf> {
    const LINE_MAX: usize = 256;
    let line = bytes.strip_prefix(b"#!")?;
    let line = &line[..line.len().min(LINE_MAX)];
    let line = line.split(|&byte| byte == b'\n').next()?;
    let line = line.trim_ascii_start();
    let word = line.split(u8::is_ascii_whitespace).next()?;
    (!word.is_empty()).then(|| PathBuf::from(std::ffi::OsStr::from_bytes(word)))
}

/// Where the loaders of this root look: what they are told to, and what they know.
fn directories(root: &Root) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut lists = vec![PathBuf::from("/etc/ld.so.conf")];
    let folder = Path::new("/etc/ld.so.conf.d");
    let names = root.list(folder).unwrap_or_default();
    let is_list = |name: &PathBuf| name.extension().is_some_and(|it| it == "conf");
    lists.extend(
        names
            .into_iter()
            .filter(is_list)
            .map(|name| folder.join(name)),
    );
    lists.push("/etc/ld-musl-x86_64.path".into());
    for list in lists {
        let Ok((_, bytes)) = root.read(&list, LIST_MAX_BYTES) else {
            continue;
        };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let words = text.split(['\n', ':']).map(str::trim);
        found.extend(
            words
                .filter(|word| word.starts_with('/'))
                .map(PathBuf::from),
        );
    }
    found.extend(DIRECTORIES.map(PathBuf::from));
    found.truncate(DIRECTORIES_MAX);
    found
}

/// The path of the command that the kernel calls by that name, which may be cut.
#[must_use]
pub fn command(root: &Root, name: &str) -> Option<PathBuf> {
    let is_plain = matches!(
        Path::new(name).components().collect::<Vec<_>>()[..],
        [Component::Normal(_)]
    );
    if !is_plain {
        return None;
    }
    COMMANDS.iter().find_map(|directory| {
        let directory = Path::new(directory);
        let names = root.list(directory).ok()?;
        let bytes = name.as_bytes();
        let is_meant = |found: &PathBuf| {
            let found = found.as_os_str().as_bytes();
            found == bytes || (bytes.len() == NAME_MAX && found.starts_with(bytes))
        };
        names
            .into_iter()
            .find(is_meant)
            .map(|found| directory.join(found))
    })
}
