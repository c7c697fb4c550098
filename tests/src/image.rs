//! Images made from programs of the host: no registry, no network.

use crate::run::Program;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A root file system in the making.
pub struct Rootfs {
    directory: TempDir,
}

/// An image in the engine, removed when this value goes away.
pub struct Image {
    /// Its name.
    pub name: String,
}

impl Default for Rootfs {
    fn default() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for name in ["bin", "etc", "tmp", "proc", "sys", "dev", "run", "var"] {
            fs::create_dir(directory.path().join(name)).expect("a directory");
        }
        let tmp = fs::Permissions::from_mode(0o1777);
        fs::set_permissions(directory.path().join("tmp"), tmp).expect("permissions");
        let users = "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n";
        let rootfs = Self { directory };
        rootfs
            .file("etc/passwd", users)
            .file("etc/group", "root:x:0:\nnogroup:x:65534:\n")
    }
}

impl Rootfs {
    /// Where it is, until this value goes away.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn path(&self, inside: impl AsRef<Path>) -> PathBuf {
        let inside = inside.as_ref();
        let inside = inside.strip_prefix("/").unwrap_or(inside);
        let path = self.directory.path().join(inside);
        let parent = path.parent().expect("inside the root");
        fs::create_dir_all(parent).expect("a directory");
        path
    }

    /// Folders of the same name in `/usr`, as most distributions have them.
    ///
    /// # Panics
    ///
    /// If a folder cannot be replaced.
    #[must_use]
    pub fn linked(self, names: &[&str]) -> Self {
        for name in names {
            let link = self.directory.path().join(name);
            let _ = fs::remove_dir(&link);
            symlink(format!("usr/{name}"), link).expect("a link");
        }
        fs::create_dir(self.directory.path().join("usr")).expect("a directory");
        self
    }

    /// A file with that text.
    #[must_use]
    pub fn file(self, path: &str, text: &str) -> Self {
        fs::write(self.path(path), text).expect("a file");
        self
    }

    /// A program from a path of the host, alone: it must be static.
    #[must_use]
    pub fn static_program(self, from: &str, to: &str) -> Self {
        fs::copy(from, self.path(to)).unwrap_or_else(|error| panic!("cannot copy {from}: {error}"));
        self
    }

    /// busybox, and its applets by name.
    #[must_use]
    pub fn busybox(self, applets: &[&str]) -> Self {
        let rootfs = self.static_program(&found("busybox"), "bin/busybox");
        for applet in applets {
            let link = rootfs.path(Path::new("bin").join(applet));
            symlink("busybox", link).expect("a link");
        }
        rootfs
    }

    /// A program of the host, at the same path, with the libraries that it loads.
    #[must_use]
    pub fn program(self, name: &str) -> Self {
        let path = found(name);
        self.copy(&path);
        for library in libraries(Path::new(&path)) {
            self.copy(&library);
        }
        self
    }

    /// A folder of the host, at the same path, with the libraries that the shared objects in it load.
    #[must_use]
    pub fn folder(self, path: &str, leave_out: &[&str]) -> Self {
        self.copy_folder(Path::new(path), leave_out);
        self
    }

    fn copy_folder(&self, folder: &Path, leave_out: &[&str]) {
        let entries = fs::read_dir(folder)
            .unwrap_or_else(|error| panic!("cannot read {}: {error}", folder.display()));
        for entry in entries {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy();
            if leave_out.iter().any(|left| *left == name) {
                continue;
            }
            if path.is_dir() {
                self.copy_folder(&path, leave_out);
            } else if path.is_file() {
                self.copy(&path);
                if name.ends_with(".so") {
                    libraries(&path).iter().for_each(|path| self.copy(path));
                }
            }
        }
    }

    fn copy(&self, path: impl AsRef<Path>) {
        let path = path.as_ref();
        fs::copy(path, self.path(path))
            .unwrap_or_else(|error| panic!("cannot copy {}: {error}", path.display()));
    }

    /// Makes it an image. The name carries our process id, so that runs do not meet.
    #[must_use]
    pub fn import(self, name: &str) -> Image {
        let name = format!("house-tests/{name}:{}", std::process::id());
        let archive = Program::new("tar")
            .args(["-C"])
            .args([self.directory.path()])
            .args(["-c", "."])
            .run();
        archive.exits(0);
        Program::new("docker")
            .args(["import", "-", &name])
            .stdin(archive.stdout)
            .run()
            .exits(0);
        Image { name }
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let _ = Program::new("docker")
            .args(["rmi", "--force", &self.name])
            .run();
    }
}

/// Where a program of the host is; an absolute path stays as it is.
fn found(name: &str) -> String {
    let folders = ["", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
    let paths = folders.iter().map(|folder| Path::new(folder).join(name));
    let path = paths
        .into_iter()
        .find(|path| path.is_absolute() && path.is_file());
    let path = path.unwrap_or_else(|| panic!("`{name}` is not installed (see packages.txt)"));
    path.to_string_lossy().into_owned()
}

/// The libraries that the loader would load for a program, and the loader itself.
fn libraries(path: &Path) -> BTreeSet<PathBuf> {
    let answer = Program::new("ldd").args([path]).run().stdout_text();
    let words = answer
        .lines()
        .filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')));
    words.map(PathBuf::from).collect()
}
