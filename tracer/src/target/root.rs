//! Files below a directory that stands for a root: of an image, or of a process in a container.
//!
//! No link leads out of it, whatever it says: the kernel sees to that.
//! <https://man7.org/linux/man-pages/man2/openat2.2.html>

use rustix::fs::{Dir, FileType, Mode, OFlags, ResolveFlags, fstat, openat2};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The most entries of a directory that are listed.
const ENTRIES_MAX: usize = 4096;

/// A directory that stands for a root.
#[derive(Debug)]
pub struct Root {
    directory: OwnedFd,
}

/// Which file it is, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    device: u64,
    inode: u64,
}

impl Root {
    /// The directory at that path.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(path, flags, Mode::empty())?;
        Ok(Self { directory })
    }

    fn open_inside(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let flags = flags | OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY;
        Ok(openat2(
            &self.directory,
            path,
            flags,
            Mode::empty(),
            resolve,
        )?)
    }

    /// A regular file of no more bytes than that.
    ///
    /// # Errors
    ///
    /// As the operating system says; [`io::ErrorKind::InvalidInput`] for what is no regular file, and
    /// [`io::ErrorKind::FileTooLarge`].
    pub fn read(&self, path: &Path, limit_bytes: u64) -> io::Result<(Identity, Vec<u8>)> {
        // Nobody waits for the other end of a pipe.
        let file = self.open_inside(path, OFlags::NONBLOCK)?;
        let status = fstat(&file)?;
        if !FileType::from_raw_mode(status.st_mode).is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is no regular file",
            ));
        }
        let identity = Identity {
            device: status.st_dev,
            inode: status.st_ino,
        };
        let mut bytes = Vec::new();
        let mut file = File::from(file).take(limit_bytes.saturating_add(1));
        file.read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit_bytes {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        Ok((identity, bytes))
    }

    /// The names in a directory, in order.
    ///
    /// # Errors
    ///
    /// As the operating system says.
    pub fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let directory = Dir::new(self.open_inside(path, OFlags::DIRECTORY)?)?;
        let mut names = Vec::new();
        for entry in directory.take(ENTRIES_MAX) {
            names.push(PathBuf::from(OsStr::from_bytes(
                entry?.file_name().to_bytes(),
            )));
        }
        names.sort_unstable();
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn no_link_leads_out() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "s").unwrap();
        let inside = outside.path().join("root");
        fs::create_dir_all(inside.join("lib")).unwrap();
        fs::write(inside.join("lib/a"), "inner").unwrap();
        symlink("/lib/a", inside.join("absolute")).unwrap();
        symlink("../../../../lib/a", inside.join("lib/up")).unwrap();
        symlink("../secret", inside.join("out")).unwrap();
        symlink("loop", inside.join("loop")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, inside.join("pipe"), Mode::from(0o600)).unwrap();
        let root = Root::open(&inside).unwrap();
        let read = |path: &str| {
            let read = root.read(Path::new(path), 5);
            read.map(|(_, bytes)| String::from_utf8(bytes).unwrap())
                .map_err(|error| error.kind())
        };
        for path in ["lib/a", "/lib/a", "absolute", "lib/up", "../../lib/a"] {
            assert_eq!(read(path).as_deref(), Ok("inner"), "{path}");
        }
        for (path, expected) in [
            ("out", io::ErrorKind::NotFound),
            ("../secret", io::ErrorKind::NotFound),
            ("lib", io::ErrorKind::InvalidInput),
            ("pipe", io::ErrorKind::InvalidInput),
            ("lib/a/b", io::ErrorKind::NotADirectory),
        ] {
            assert_eq!(read(path), Err(expected), "{path}");
        }
        assert!(root.read(Path::new("loop"), 5).is_err());
        fs::write(inside.join("lib/a"), "longer").unwrap();
        assert_eq!(read("lib/a"), Err(io::ErrorKind::FileTooLarge));
        let (one, _) = root.read(Path::new("absolute"), 9).unwrap();
        assert_eq!(one, root.read(Path::new("lib/a"), 9).unwrap().0);
        let names = root.list(Path::new("lib")).unwrap();
        assert_eq!(names, [".", "..", "a", "up"].map(PathBuf::from));
    }
}
