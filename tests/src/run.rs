//! Running programs, and saying what is expected of them.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// No program of these tests takes nearly as long; one that does hangs.
const HANGS_AFTER: Duration = Duration::from_secs(300);

/// A program to be run.
pub struct Program {
    command: Command,
    stdin: Vec<u8>,
    stdout: Option<File>,
}

impl Program {
    /// The program at that path, found on `PATH` if it is a bare name.
    pub fn new(path: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(path);
        command.env_remove("RUST_BACKTRACE").env("NO_COLOR", "1");
        Self {
            command,
            stdin: Vec::new(),
            stdout: None,
        }
    }

    /// The product, under the name by which its users call it.
    pub fn product(path: &str) -> Self {
        let mut program = Self::new(path);
        program.command.arg0("seccomp-tracer");
        program
    }

    /// A copy of the product in that folder, for users who cannot reach where it was built.
    ///
    /// Another program makes the copy: had we it open for writing, a child that another thread forks
    /// meanwhile would keep it open, and it could not be executed.
    #[must_use]
    pub fn copied_product(path: &str, folder: &Path) -> Self {
        let copy = folder.join("product");
        Self::new("cp")
            .args([path.as_ref(), copy.as_os_str()])
            .run()
            .exits(0);
        Self::product(&copy.to_string_lossy()).in_directory(folder)
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Adds the words of a line as arguments.
    #[must_use]
    pub fn words(self, line: &str) -> Self {
        self.args(line.split_whitespace())
    }

    /// Runs it there.
    #[must_use]
    pub fn in_directory(mut self, directory: impl AsRef<Path>) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// What it reads from standard input.
    #[must_use]
    pub fn stdin(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.stdin = text.into();
        self
    }

    /// Standard output goes there instead of to us.
    #[must_use]
    pub fn stdout_to(mut self, path: &str) -> Self {
        let file = File::options().write(true).open(path);
        self.stdout = Some(file.unwrap_or_else(|error| panic!("cannot open {path}: {error}")));
        self
    }

    /// Runs it as `nobody`, without any capability.
    #[must_use]
    pub fn as_nobody(self) -> Self {
        const NOBODY: u32 = 65534;
        self.as_user(NOBODY)
    }

    /// Runs it as the user with that number, in the group with the same, without any capability.
    #[must_use]
    pub fn as_user(mut self, id: u32) -> Self {
        self.command.uid(id).gid(id);
        self
    }

    /// Runs it as `nobody` with these capabilities, as in `+bpf,+perfmon`, and no others.
    #[must_use]
    pub fn as_nobody_with(self, capabilities: &str) -> Self {
        let mut outer = Self::new("setpriv").words("--reuid 65534 --regid 65534 --clear-groups");
        outer = outer.args(["--inh-caps", capabilities, "--ambient-caps", capabilities]);
        self.inside(outer)
    }

    /// Runs it in a mount namespace of its own, after a shell has prepared that, as in
    /// `mount -t tmpfs none /mnt`. Nobody else sees those mounts.
    #[must_use]
    pub fn after(self, preparation: &str) -> Self {
        let script = format!("set -e\n{preparation}\nexec \"$@\"");
        let outer = Self::new("unshare").args(["--mount", "--propagation", "private"]);
        self.inside(outer.args(["bash", "-c", &script, "bash"]))
    }

    /// Runs it under this product, which records it.
    #[must_use]
    pub fn recorded(self, product: &str, output: &Path) -> Self {
        let record = Self::product(product).args(["record", "-q", "-o"]);
        self.inside(record.args([output]).args(["--"]))
    }

    /// Runs it under a profile.
    #[must_use]
    pub fn confined(self, product: &str, profile: &str) -> Self {
        self.inside(Self::product(product).args(["run", "--profile", profile, "--"]))
    }

    /// Runs it as root with these capabilities, as in `+bpf,+perfmon`, and no others.
    #[must_use]
    pub fn as_root_with(self, capabilities: &str) -> Self {
        let bounding = format!("-all,{capabilities}");
        let outer = Self::new("setpriv").args(["--inh-caps", "-all", "--ambient-caps", "-all"]);
        self.inside(outer.args(["--bounding-set", &bounding]))
    }

    /// Runs it by way of another program, whose last arguments it becomes. The name by which it is called is
    /// lost, so usage lines are not tested like this.
    fn inside(self, mut outer: Self) -> Self {
        outer = outer.args([self.command.get_program()]);
        outer = outer.args(self.command.get_args());
        for (name, value) in self.command.get_envs() {
            match value {
                Some(value) => outer.command.env(name, value),
                None => outer.command.env_remove(name),
            };
        }
        if let Some(directory) = self.command.get_current_dir() {
            outer.command.current_dir(directory);
        }
        outer.stdin = self.stdin;
        outer.stdout = self.stdout;
        outer
    }

    /// Starts it.
    #[must_use]
    pub fn start(mut self) -> Running {
        let label = format!("{:?}", self.command);
        self.command.stdin(Stdio::piped());
        let stdout = self.stdout.take().map_or_else(Stdio::piped, Stdio::from);
        self.command.stdout(stdout).stderr(Stdio::piped());
        let mut child = self
            .command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {label}: {error}"));
        let mut stdin = child.stdin.take().expect("piped");
        let text = self.stdin;
        // A program need not read what it is given.
        thread::spawn(move || stdin.write_all(&text));
        let stdout = child.stdout.take().map(Collected::of);
        let stderr = Collected::of(child.stderr.take().expect("piped"));
        Running {
            label,
            child,
            stdout,
            stderr,
        }
    }

    /// Runs it to its end.
    #[must_use]
    pub fn run(self) -> Run {
        self.start().finish()
    }
}

/// What comes out of a pipe, while it comes.
struct Collected {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Collected {
    fn of(mut pipe: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&bytes);
        let reader = thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = pipe.read(&mut buffer) {
                sink.lock().expect("bytes").extend(&buffer[..length]);
            }
        });
        Self { bytes, reader }
    }

    fn so_far(&self) -> Vec<u8> {
        self.bytes.lock().expect("bytes").clone()
    }

    fn all(self) -> Vec<u8> {
        self.reader.join().expect("a reader");
        self.bytes.lock().expect("bytes").clone()
    }
}

/// A program that runs.
pub struct Running {
    label: String,
    child: Child,
    stdout: Option<Collected>,
    stderr: Collected,
}

impl Running {
    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: i32) {
        let pid = self.child.id().cast_signed();
        // SAFETY: a call without pointers; the child has not been waited for, so the id is still its own.
        let result = unsafe { libc::kill(pid, signal) };
        assert_eq!(result, 0, "{}", self.label);
    }

    /// Whether it has children that it has not waited for.
    #[must_use]
    pub fn has_children(&self) -> bool {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let mut threads = threads.into_iter().flatten().flatten();
        threads.any(|thread| {
            let children = std::fs::read_to_string(thread.path().join("children"));
            children.is_ok_and(|children| !children.is_empty())
        })
    }

    /// Whether it has children that execute something else by now: until then they hold open what it has open.
    #[must_use]
    pub fn has_started_children(&self) -> bool {
        let file = |pid: &str| std::fs::read_link(format!("/proc/{pid}/exe")).ok();
        let own = file(&self.child.id().to_string());
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let mut threads = threads.into_iter().flatten().flatten();
        threads.any(|thread| {
            let children = std::fs::read_to_string(thread.path().join("children"));
            let children = children.unwrap_or_default();
            let mut children = children.split_whitespace();
            children.any(|child| file(child).is_some_and(|file| Some(file) != own))
        })
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_some()
    }

    /// Waits until it has said this on standard error.
    ///
    /// # Panics
    ///
    /// If it ends without.
    pub fn await_stderr(&mut self, expected: &str) {
        self.await_text(expected, |running| running.stderr.so_far());
    }

    /// Waits until it has said this on standard output.
    ///
    /// # Panics
    ///
    /// If it ends without.
    pub fn await_stdout(&mut self, expected: &str) {
        self.await_text(expected, |running| {
            let stdout = running.stdout.as_ref();
            stdout.map(Collected::so_far).unwrap_or_default()
        });
    }

    fn await_text(&mut self, expected: &str, so_far: impl Fn(&Self) -> Vec<u8>) {
        let said = |running: &Self| String::from_utf8_lossy(&so_far(running)).into_owned();
        while !said(self).contains(expected) {
            if self.has_ended() {
                // The end can be seen before the last words are read.
                thread::sleep(Duration::from_millis(100));
                let said = said(self);
                assert!(
                    said.contains(expected),
                    "{} did not say {expected:?} but:\n{said}",
                    self.label
                );
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits for its end.
    #[must_use]
    pub fn finish(mut self) -> Run {
        let started = Instant::now();
        let mut hung = false;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status;
            }
            if !hung && started.elapsed() > HANGS_AFTER {
                hung = true;
                self.child.kill().expect("a child");
            }
            thread::sleep(Duration::from_millis(2));
        };
        let run = Run {
            label: self.label,
            status,
            stdout: self.stdout.map(Collected::all).unwrap_or_default(),
            stderr: self.stderr.all(),
        };
        assert!(!hung, "hangs: {run}");
        run
    }
}

/// What a program did.
#[derive(Clone)]
pub struct Run {
    label: String,
    status: ExitStatus,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

impl Run {
    /// Expects this exit code.
    #[track_caller]
    pub fn exits(&self, code: i32) -> &Self {
        assert_eq!(self.status.code(), Some(code), "exit code of {self}");
        self
    }

    /// Expects an end by this signal.
    #[track_caller]
    pub fn dies_of(&self, signal: i32) -> &Self {
        assert_eq!(self.status.signal(), Some(signal), "signal of {self}");
        self
    }

    /// Expects exactly this on standard output.
    #[track_caller]
    pub fn stdout(&self, expected: &str) -> &Self {
        assert_eq!(self.stdout_text(), expected, "stdout of {self}");
        self
    }

    /// Expects exactly this on standard error.
    #[track_caller]
    pub fn stderr(&self, expected: &str) -> &Self {
        assert_eq!(self.stderr_text(), expected, "stderr of {self}");
        self
    }

    /// Expects this somewhere on standard output.
    #[track_caller]
    pub fn stdout_has(&self, expected: &str) -> &Self {
        assert!(
            self.stdout_text().contains(expected),
            "no {expected:?} in stdout of {self}"
        );
        self
    }

    /// Expects this somewhere on standard error.
    #[track_caller]
    pub fn stderr_has(&self, expected: &str) -> &Self {
        assert!(
            self.stderr_text().contains(expected),
            "no {expected:?} in stderr of {self}"
        );
        self
    }

    /// Standard output as text.
    #[must_use]
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text.
    #[must_use]
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// How it ended: the exit code, or 128 and the signal.
    #[must_use]
    pub fn code(&self) -> i32 {
        let signal = || 128 + self.status.signal().unwrap_or(0);
        self.status.code().unwrap_or_else(signal)
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.label, self.status)?;
        writeln!(f, "--- stdout\n{}", self.stdout_text())?;
        write!(f, "--- stderr\n{}---", self.stderr_text())
    }
}

/// Arguments of different types in one list.
#[macro_export]
macro_rules! arguments {
    ($($argument:expr),* $(,)?) => {
        [$($crate::run::owned(&$argument)),*]
    };
}

/// The argument as an `OsString`.
pub fn owned(argument: &(impl AsRef<OsStr> + ?Sized)) -> OsString {
    argument.as_ref().to_owned()
}
