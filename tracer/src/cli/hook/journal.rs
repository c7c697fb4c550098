//! The system's log, for what nobody is there to read: a hook's words reach a terminal only when it fails,
//! and the recorder's never.
//!
//! It is best effort: where nobody keeps a log, nothing is said, and nothing fails.

use crate::cli::failure::Failure;
use crate::report::escape;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

/// Where every kind of syslog listens.
const SOCKET: &str = "/dev/log";

/// The facility for daemons, as its number has to be written.
const DAEMON: u8 = 3 << 3;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Severity {
    /// Something failed.
    Error = 3,
    /// Something is not as it should be.
    Warning = 4,
    /// For the record.
    Info = 6,
}

/// Logs a line.
pub(super) fn log(severity: Severity, line: &str) {
    send(Path::new(SOCKET), &message(severity, line));
}

/// Logs a failure with its causes.
pub(super) fn log_failure(failure: &Failure) {
    log(Severity::Error, &causes(failure));
}

/// `cannot do this: because of that`
pub(super) fn causes(failure: &Failure) -> String {
    let mut text = failure.error.to_string();
    let mut cause = failure.error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn message(severity: Severity, line: &str) -> String {
    let priority = DAEMON | severity as u8;
    let pid = std::process::id();
    format!("<{priority}>seccomp-tracer[{pid}]: {}", escape::text(line))
}

fn send(socket: &Path, message: &str) {
    let Ok(own) = UnixDatagram::unbound() else {
        return;
    };
    // A log that does not keep up must not hold up a container.
    let sent = own
        .set_nonblocking(true)
        .and_then(|()| own.send_to(message.as_bytes(), socket));
    if let Err(error) = sent {
        log::debug!("nobody keeps a log at {}: {error}", socket.display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reaches_whoever_listens_and_nobody_need() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("log");
        send(&socket, "lost");
        let listener = UnixDatagram::bind(&socket).unwrap();
        send(&socket, &message(Severity::Warning, "a\u{1b}[2J\nb"));
        let mut buffer = [0; 128];
        let length = listener.recv(&mut buffer).unwrap();
        let expected = format!(
            "<28>seccomp-tracer[{}]: a\\u{{1b}}[2J\\u{{a}}b",
            std::process::id()
        );
        assert_eq!(std::str::from_utf8(&buffer[..length]), Ok(&*expected));
    }
}
