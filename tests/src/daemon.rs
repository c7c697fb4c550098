//! A daemon for tests, with everything of its own, gone when dropped.

use crate::cgroup::Cgroup;
use crate::run::{Program, Run, Running};
use seccomp_tracer::daemon::Client;
use seccomp_tracer::daemon::protocol::{Answer, Request, Target};
use seccomp_tracer::recording::Recording;
use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

/// Where a daemon keeps everything, and how it is started.
pub struct Place {
    folder: TempDir,
    product: &'static str,
}

impl Place {
    /// A place with a bpf file system, for this product.
    ///
    /// # Panics
    ///
    /// If there cannot be one.
    #[must_use]
    pub fn new(product: &'static str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let place = Self { folder, product };
        let point = place.path("bpf");
        fs::create_dir(&point).expect("a folder");
        mount(&point);
        place
    }

    /// A file of the place.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where the daemon listens.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.path("socket")
    }

    /// Where the kernel side is pinned.
    #[must_use]
    pub fn pins(&self) -> PathBuf {
        self.path("bpf/pins")
    }

    /// The daemon's command, with all that is its own.
    #[must_use]
    pub fn command(&self, flags: &[&str]) -> Program {
        let program = Program::product(self.product).args(["daemon", "--state"]);
        let program = program.args([self.path("state")]);
        let program = program.args([Path::new("--socket"), &self.socket()]);
        let program = match flags.contains(&"--no-pin") {
            true => program,
            false => program.args([Path::new("--pin"), &self.pins()]),
        };
        program.args(flags)
    }

    /// Starts the daemon.
    #[must_use]
    pub fn begin(&self, flags: &[&str]) -> Daemon {
        Daemon(Some(self.command(flags).start()))
    }

    /// Starts the daemon and waits until it listens.
    #[must_use]
    pub fn start(&self, flags: &[&str]) -> Daemon {
        Self::await_start(self.command(flags))
    }

    /// Starts a daemon's command, in whatever way, and waits until it listens.
    #[must_use]
    pub fn await_start(command: Program) -> Daemon {
        let mut running = command.start();
        running.await_stderr("listening at ");
        Daemon(Some(running))
    }

    /// Removes what is pinned.
    #[must_use]
    pub fn release(&self) -> Run {
        let program = Program::product(self.product).args(["daemon", "--release", "--pin"]);
        program.args([self.pins()]).run()
    }

    /// A connection.
    ///
    /// # Panics
    ///
    /// If nobody listens.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::connect(&self.socket()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Has a cgroup recorded; a refusal comes as it is shown.
    ///
    /// # Errors
    ///
    /// If the daemon does not want to.
    pub fn start_recording(&self, cgroup: &Cgroup) -> Result<Target, String> {
        let cgroup = cgroup.relative();
        match self.client().ask(&Request::Start { cgroup }) {
            Ok(Answer::Started(target)) => Ok(target),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.to_string()),
        }
    }

    /// What is recorded now.
    ///
    /// # Panics
    ///
    /// If the daemon does not say.
    #[must_use]
    pub fn targets(&self) -> Vec<Target> {
        match self.client().ask(&Request::List) {
            Ok(Answer::Targets(targets)) => targets,
            other => panic!("{other:?}"),
        }
    }

    /// The recordings that are there, by file name.
    ///
    /// # Panics
    ///
    /// If one cannot be read.
    #[must_use]
    pub fn recordings(&self) -> Vec<(String, Recording)> {
        let files = fs::read_dir(self.path("state/recordings"));
        let files = files.into_iter().flatten().flatten();
        let files = files.map(|file| file.path());
        let mut files: Vec<_> = files
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "json")
            })
            .map(|path| (name(&path), crate::facts::read(&path)))
            .collect();
        files.sort_by(|(one, _), (other, _)| one.cmp(other));
        files
    }

    /// Waits until nothing is recorded any more, and gives the recordings.
    #[must_use]
    pub fn await_end(&self) -> Vec<(String, Recording)> {
        while !self.targets().is_empty() {
            thread::sleep(Duration::from_millis(20));
        }
        self.recordings()
    }
}

/// A daemon that runs, and is killed when dropped.
pub struct Daemon(Option<Running>);

impl Daemon {
    /// Its process id.
    ///
    /// # Panics
    ///
    /// Never: it runs.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.0.as_ref().expect("it runs").pid()
    }

    /// Ends it by a signal, and gives what it did.
    ///
    /// # Panics
    ///
    /// Never: it runs.
    #[must_use]
    pub fn end(mut self, signal: i32) -> Run {
        let running = self.0.take().expect("it runs");
        running.signal(signal);
        running.finish()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(running) = self.0.take() {
            running.signal(libc::SIGKILL);
            let _ = running.finish();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A test that failed may have left something pinned.
        let _ = self.release();
        let point = self.path("bpf");
        let point = CString::new(point.as_os_str().as_bytes()).expect("a path");
        // SAFETY: a path that ends with a zero.
        unsafe { libc::umount2(point.as_ptr(), libc::MNT_DETACH) };
    }
}

/// The name of a recording's target, as its file has it: without the run's id.
fn name(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let (name, _) = stem.rsplit_once('-').unwrap_or_default();
    name.to_owned()
}

fn mount(point: &Path) {
    let point = CString::new(point.as_os_str().as_bytes()).expect("a path");
    let kind = c"bpf";
    // SAFETY: strings that end with a zero, and no data.
    let result = unsafe {
        libc::mount(
            kind.as_ptr(),
            point.as_ptr(),
            kind.as_ptr(),
            0,
            std::ptr::null(),
        )
    };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}
