//! Where results and talk go: products to stdout or, atomically, to a file; talk to stderr.

use super::failure::Failure;
use super::limits;
use crate::report::escape;
use rustix::fs::OFlags;
use std::fs::{File, Metadata, Permissions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A file or stream that could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileProblem {
    #[error("cannot read `{}`", escape::path(.path))]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}` is larger than {limit_bytes} bytes", escape::path(.path))]
    TooLarge { path: PathBuf, limit_bytes: u64 },
    #[error("cannot write `{}`", escape::path(.path))]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot write to standard output")]
    Stdout(#[source] io::Error),
    #[error("nobody reads from the pipe `{}`", escape::path(.0))]
    NoReader(PathBuf),
    #[error("`{}` is no regular file", escape::path(.0))]
    NoFile(PathBuf),
}

/// The most that is read from one input file. A recording is some 100 kB.
const INPUT_MAX_BYTES: u64 = 256 << 20;

/// Reads a file, `-` being standard input.
pub(super) fn read(path: &Path) -> Result<String, Failure> {
    read_at_most(path, INPUT_MAX_BYTES)
}

/// Reads a file that has no more bytes than that.
pub(super) fn read_at_most(path: &Path, limit_bytes: u64) -> Result<String, Failure> {
    let source: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        let file = File::open(path).map_err(|source| {
            let path = path.to_owned();
            Failure::invalid(FileProblem::Read { path, source })
        });
        Box::new(file?)
    };
    text(source, path, limit_bytes)
}

fn text(source: impl Read, path: &Path, limit_bytes: u64) -> Result<String, Failure> {
    let problem = |source| {
        Failure::invalid(FileProblem::Read {
            path: path.to_owned(),
            source,
        })
    };
    let mut bytes = Vec::new();
    let mut source = source.take(limit_bytes.saturating_add(1));
    source.read_to_end(&mut bytes).map_err(problem)?;
    if bytes.len() as u64 > limit_bytes {
        let path = path.to_owned();
        return Err(Failure::invalid(FileProblem::TooLarge {
            path,
            limit_bytes,
        }));
    }
    String::from_utf8(bytes)
        .map_err(|error| problem(io::Error::new(io::ErrorKind::InvalidData, error)))
}

/// Reads a file that somebody else named: a regular one, which is there already and that nobody waits for. What
/// looks like one and has no size, as `/proc` has them, may be anything.
pub(super) fn read_file_at_most(path: &Path, limit_bytes: u64) -> Result<String, Failure> {
    let problem = |source| {
        Failure::invalid(FileProblem::Read {
            path: path.to_owned(),
            source,
        })
    };
    let mut options = File::options();
    options
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    let file = options.open(path).map_err(problem)?;
    let there = file.metadata().map_err(problem)?;
    if !there.is_file() || there.len() == 0 {
        return Err(Failure::invalid(FileProblem::NoFile(path.to_owned())));
    }
    text(file, path, limit_bytes)
}

/// Where a product goes, opened before the long work so that a bad path fails in the first second.
pub(super) enum Sink {
    /// Standard output.
    Stdout,
    /// Something that is no regular file, like `/dev/null` or a pipe: written into, never replaced.
    Stream { path: PathBuf, stream: File },
    /// A temporary file beside the target, renamed over it when complete.
    File {
        path: PathBuf,
        target: PathBuf,
        temporary: tempfile::NamedTempFile,
    },
}

impl Sink {
    /// Opens the sink; `None` and `-` are standard output.
    pub(super) fn open(path: Option<&Path>) -> Result<Self, Failure> {
        Self::open_as(path, "seccomp-tracer")
    }

    /// The same; what is not complete yet has that name in its own.
    pub(super) fn open_as(path: Option<&Path>, name: &str) -> Result<Self, Failure> {
        let Some(path) = path.filter(|path| *path != Path::new("-")) else {
            return Ok(Self::Stdout);
        };
        let problem = |source| {
            Failure::invalid(FileProblem::Write {
                path: path.to_owned(),
                source: without_path(source),
            })
        };
        let existing = std::fs::metadata(path).ok();
        if existing.as_ref().is_some_and(Metadata::is_dir) {
            return Err(problem(io::Error::from(io::ErrorKind::IsADirectory)));
        }
        if existing.as_ref().is_some_and(|there| !there.is_file()) {
            let stream = open_stream(path)?;
            let path = path.to_owned();
            return Ok(Self::Stream { path, stream });
        }
        // A link stays a link; what it points to is replaced.
        let target = match existing {
            Some(_) => path.canonicalize().map_err(problem)?,
            None => path.to_owned(),
        };
        let directory = match target.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let prefix = format!(".{name}.");
        let mut builder = tempfile::Builder::new();
        builder
            .prefix(&prefix)
            .permissions(Permissions::from_mode(0o644));
        let temporary = builder.tempfile_in(directory).map_err(problem)?;
        Ok(Self::File {
            path: path.to_owned(),
            target,
            temporary,
        })
    }

    /// Opens a regular file, and nothing else: for who does not choose the path.
    pub(super) fn open_file(path: &Path) -> Result<Self, Failure> {
        match Self::open(Some(path))? {
            file @ Self::File { .. } => Ok(file),
            Self::Stdout | Self::Stream { .. } => {
                Err(Failure::invalid(FileProblem::NoFile(path.to_owned())))
            }
        }
    }

    /// Writes the whole product; a regular file appears complete or not at all.
    pub(super) fn write(self, text: &str) -> Result<(), Failure> {
        self.write_bytes(text.as_bytes())
    }

    /// The same for a product that is no text.
    pub(super) fn write_bytes(self, product: &[u8]) -> Result<(), Failure> {
        self.write_with(|out| out.write_all(product))
    }

    /// The same for a product that is too large to have it in memory as well.
    pub(super) fn write_with(
        self,
        product: impl FnOnce(&mut BufWriter<&mut dyn Write>) -> io::Result<()>,
    ) -> Result<(), Failure> {
        let written = |out: &mut dyn Write| {
            let mut out = BufWriter::new(out);
            product(&mut out).and_then(|()| out.flush())
        };
        match self {
            Self::Stdout => stdout(written),
            Self::Stream { path, mut stream } => written(&mut stream)
                .map_err(|source| Failure::invalid(FileProblem::Write { path, source })),
            Self::File {
                path,
                target,
                mut temporary,
            } => {
                let written = written(&mut temporary)
                    .and_then(|()| temporary.as_file().sync_all())
                    .and_then(|()| {
                        temporary
                            .persist(&target)
                            .map_err(|error| error.error)
                            .map(drop)
                    });
                written.map_err(|source| {
                    let source = without_path(source);
                    Failure::invalid(FileProblem::Write { path, source })
                })
            }
        }
    }
}

/// How long a pipe may be without a reader, and how often that is looked at.
const READER_MAX: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(5);

fn is_unread(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENXIO)
}

/// Opens a pipe or a device, and waits for nobody: a pipe that nobody reads is refused, and so is a disk.
fn open_stream(path: &Path) -> Result<File, Failure> {
    let owned = || path.to_owned();
    let problem = |source| {
        let path = owned();
        Failure::invalid(FileProblem::Write { path, source })
    };
    let kind = std::fs::metadata(path).map_err(problem)?.file_type();
    if kind.is_block_device() || kind.is_socket() {
        return Err(Failure::invalid(FileProblem::NoFile(owned())));
    }
    let mut options = File::options();
    options
        .write(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    let since = Instant::now();
    let stream = loop {
        match options.open(path) {
            // Whoever reads may have been started a moment ago.
            Err(error) if is_unread(&error) && since.elapsed() < READER_MAX => {
                std::thread::sleep(PAUSE);
            }
            Err(error) if is_unread(&error) => {
                return Err(Failure::invalid(FileProblem::NoReader(owned()))
                    .hint("start what reads from it first, or give a regular file"));
            }
            opened => break opened.map_err(problem)?,
        }
    };
    // From here on it may take its time.
    let waiting = rustix::fs::fcntl_getfl(&stream)
        .and_then(|flags| rustix::fs::fcntl_setfl(&stream, flags - OFlags::NONBLOCK));
    waiting.map_err(|error| problem(error.into()))?;
    Ok(stream)
}

/// The error without the name of the temporary file, which means nothing to the user and which no
/// field gives apart.
fn without_path(error: io::Error) -> io::Error {
    match error.to_string().rsplit_once(" at path ") {
        Some((cause, _)) => match errno_of(cause) {
            Some(errno) => io::Error::from_raw_os_error(errno),
            None => io::Error::new(error.kind(), cause),
        },
        None => error,
    }
}

/// The number at the end of `No space left on device (os error 28)`, by which hints are chosen.
fn errno_of(cause: &str) -> Option<i32> {
    let (_, rest) = cause.rsplit_once("(os error ")?;
    rest.strip_suffix(')')?.parse().ok()
}

/// Prints a part of a product, at once.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    clear_line();
    stdout(|out| out.write_all(text.as_bytes()))
}

/// Writes a product to standard output. A reader that went away is not an error.
fn stdout(product: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match product(&mut stdout) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::invalid(FileProblem::Stdout(error)))
        }
        _ => Ok(()),
    }
}

/// Whether the terminal's last line is one that changes in place.
static CHANGING: AtomicBool = AtomicBool::new(false);

/// Says something to the user. It takes the place of a line that changes.
pub(super) fn say(line: &str) {
    clear_line();
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// Says something in a line that changes in place; for terminals.
pub(super) fn say_in_place(line: &str) {
    clear_line();
    let mut stderr = io::stderr();
    let _ = write!(stderr, "{line}").and_then(|()| stderr.flush());
    CHANGING.store(true, Ordering::Relaxed);
}

/// Removes the line that changes, if there is one, so that what comes next stands alone.
pub(super) fn clear_line() {
    if CHANGING.swap(false, Ordering::Relaxed) {
        // No matter of colour, so not for `NO_COLOR` to take away.
        let mut stderr = io::stderr();
        let _ = write!(stderr, "\r\x1b[K").and_then(|()| stderr.flush());
    }
}

/// Says what failed, why, and what to do.
pub(super) fn failure(failure: &Failure) {
    say(&format!("error: {}", failure.error));
    let mut cause = failure.error.source();
    while let Some(error) = cause {
        say(&format!("  cause: {}", escape::text(&error.to_string())));
        cause = error.source();
    }
    let short = limits::hint(&*failure.error);
    if let Some(hint) = short.or(failure.hint.as_deref()) {
        say(&format!("\nhint: {hint}"));
    }
}
