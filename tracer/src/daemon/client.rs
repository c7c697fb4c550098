//! The other end of the daemon's socket.

use super::protocol::{
    ANSWER_MAX_BYTES, Answer, Refusal, RefusalKind, Request, read_answer, request_line,
};
use crate::report::escape;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long an answer may take: a profile is made meanwhile, or a thousand recordings are written.
const PATIENCE: Duration = Duration::from_secs(120);

/// A connection to a daemon.
pub struct Client {
    path: PathBuf,
    stream: BufReader<UnixStream>,
}

/// Why the daemon gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is none.
    #[error("no daemon answers at `{}`", escape::path(.path))]
    Absent {
        /// Its socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It went away.
    #[error("the daemon at `{}` does not answer any more", escape::path(.path))]
    Gone {
        /// Its socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It does not want to.
    #[error("the daemon refuses: {}", escape::text(&.0.message))]
    Refused(Refusal),
    /// It said something else.
    #[error("the daemon's answer does not fit the request")]
    Unfitting,
}

impl ClientError {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let user = rustix::process::geteuid();
        let allow = format!("`seccomp-tracer daemon --allow {}`", user.as_raw());
        let source = match self {
            Self::Absent { source, .. } => source,
            Self::Refused(refusal) if refusal.kind == RefusalKind::Denied => {
                return Some(format!(
                    "root admits you with {allow}; others' containers need `:all` behind it"
                ));
            }
            Self::Refused(_) | Self::Gone { .. } | Self::Unfitting => return None,
        };
        Some(match source.kind() {
            io::ErrorKind::PermissionDenied => {
                format!("only root may, unless the daemon was started with --allow, as in {allow}")
            }
            _ if user.is_root() => {
                "start one with `seccomp-tracer daemon`, or name its socket with --socket".into()
            }
            _ => format!("root starts one that records for you with {allow}"),
        })
    }
}

impl Client {
    /// Connects to the daemon at this socket.
    ///
    /// # Errors
    ///
    /// [`ClientError::Absent`] if there is none.
    pub fn connect(path: &Path) -> Result<Self, ClientError> {
        let connected = UnixStream::connect(path).and_then(|stream| {
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            Ok(stream)
        });
        let path = path.to_owned();
        match connected {
            Ok(stream) => Ok(Self {
                path,
                stream: BufReader::new(stream),
            }),
            Err(source) => Err(ClientError::Absent { path, source }),
        }
    }

    /// Asks, and waits for the answer, which is no refusal.
    ///
    /// # Errors
    ///
    /// [`ClientError`] if there is no such answer.
    pub fn ask(&mut self, request: &Request) -> Result<Answer, ClientError> {
        // A daemon that turns us away says why before it hears us.
        let sent = self
            .stream
            .get_mut()
            .write_all(request_line(request).as_bytes());
        let mut line = Vec::new();
        let limit = ANSWER_MAX_BYTES as u64;
        let heard = (&mut self.stream).take(limit).read_until(b'\n', &mut line);
        let gone = |source| ClientError::Gone {
            path: self.path.clone(),
            source,
        };
        if !line.ends_with(b"\n") {
            sent.map_err(gone)?;
            heard.map_err(gone)?;
            return Err(gone(io::ErrorKind::UnexpectedEof.into()));
        }
        match read_answer(&line) {
            Ok(Answer::Error(refusal)) | Err(refusal) => Err(ClientError::Refused(refusal)),
            Ok(answer) => Ok(answer),
        }
    }
}
