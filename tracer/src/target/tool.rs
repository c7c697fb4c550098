//! Running somebody else's program for its answer: bounded in time and in bytes.

use crate::report::escape;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How much of the talk on standard error is kept. More is cut off; it is only shown.
const TALK_MAX_BYTES: u64 = 64 << 10;

/// How often an ending program is asked whether it has ended.
const PAUSE: Duration = Duration::from_millis(5);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// The program is not there.
    #[error("`{}` is not installed", escape::text(.program))]
    NotInstalled {
        /// Its name.
        program: String,
    },
    /// It could not be started or waited for.
    #[error("cannot run `{}`", escape::text(.program))]
    Run {
        /// Its name.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// It did not end in time and was killed.
    #[error("`{}` did not answer within {seconds} s", escape::text(.program))]
    Late {
        /// Its name.
        program: String,
        /// The bound.
        seconds: u64,
    },
    /// It said more than a sensible answer can be long.
    #[error("`{}` answered with more than {limit_bytes} bytes", escape::text(.program))]
    TooLong {
        /// Its name.
        program: String,
        /// The bound.
        limit_bytes: u64,
    },
}

/// What a program answered.
pub(super) struct Answer {
    pub(super) status: ExitStatus,
    pub(super) stdout: Vec<u8>,
    /// Standard error, cut off, invalid UTF-8 replaced, without white space around it.
    pub(super) talk: String,
}

/// Bounds of an answer.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    pub(super) bytes: u64,
    pub(super) time: Duration,
}

/// Runs a program without input.
pub(super) fn ask(
    program: &OsStr,
    arguments: &[OsString],
    bounds: Bounds,
) -> Result<Answer, ToolError> {
    ask_of(program, arguments, None, bounds)
}

/// Runs a program with that input, if there is any.
pub(super) fn ask_of(
    program: &OsStr,
    arguments: &[OsString],
    input: Option<&str>,
    bounds: Bounds,
) -> Result<Answer, ToolError> {
    let name = || program.to_string_lossy().into_owned();
    let run = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => ToolError::NotInstalled { program: name() },
        _ => ToolError::Run {
            program: name(),
            source,
        },
    };
    let mut command = Command::new(program);
    command.args(arguments);
    command.stdin(input.map_or_else(Stdio::null, |_| Stdio::piped()));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Running(command.spawn().map_err(run)?);
    let deadline = Instant::now() + bounds.time;
    let late = || ToolError::Late {
        program: name(),
        seconds: bounds.time.as_secs(),
    };
    if let (Some(mut stdin), Some(input)) = (child.0.stdin.take(), input) {
        let input = input.to_owned();
        // Who does not read it all has seen enough.
        let write = move || drop(stdin.write_all(input.as_bytes()));
        std::thread::Builder::new().spawn(write).map_err(run)?;
    }
    let stdout = reader(child.0.stdout.take(), bounds.bytes + 1).map_err(run)?;
    let stderr = reader(child.0.stderr.take(), TALK_MAX_BYTES).map_err(run)?;
    let stdout = receive(&stdout, deadline).map_err(run)?.ok_or_else(late)?;
    if stdout.len() as u64 > bounds.bytes {
        return Err(ToolError::TooLong {
            program: name(),
            limit_bytes: bounds.bytes,
        });
    }
    let stderr = receive(&stderr, deadline).map_err(run)?.ok_or_else(late)?;
    let status = child.wait(deadline).map_err(run)?.ok_or_else(late)?;
    Ok(Answer {
        status,
        stdout,
        talk: String::from_utf8_lossy(&stderr).trim().to_owned(),
    })
}

/// A child that does not outlive the question.
struct Running(Child);

impl Running {
    fn wait(&mut self, deadline: Instant) -> io::Result<Option<ExitStatus>> {
        loop {
            let status = self.0.try_wait()?;
            if status.is_some() || Instant::now() >= deadline {
                return Ok(status);
            }
            std::thread::sleep(PAUSE);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // After a wait that succeeded this does nothing.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Reads a stream on a thread of its own, so that both streams are drained and a deadline can be kept even
/// if a descendant of the program keeps the stream open. Reading stops at the limit; a program that goes on
/// writing gets SIGPIPE.
fn reader(
    stream: Option<impl Read + Send + 'static>,
    limit_bytes: u64,
) -> io::Result<Receiver<io::Result<Vec<u8>>>> {
    let (sender, receiver) = channel();
    let read = move || {
        let mut bytes = Vec::new();
        let result = match stream {
            Some(stream) => stream.take(limit_bytes).read_to_end(&mut bytes),
            None => Ok(0),
        };
        // Nobody waits any more after the deadline.
        let _ = sender.send(result.map(|_| bytes));
    };
    std::thread::Builder::new().spawn(read)?;
    Ok(receiver)
}

fn receive(
    receiver: &Receiver<io::Result<Vec<u8>>>,
    deadline: Instant,
) -> io::Result<Option<Vec<u8>>> {
    let left = deadline.saturating_duration_since(Instant::now());
    match receiver.recv_timeout(left) {
        Ok(result) => result.map(Some),
        Err(RecvTimeoutError::Timeout) => Ok(None),
        Err(RecvTimeoutError::Disconnected) => Err(io::Error::from(io::ErrorKind::BrokenPipe)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(line: &str, bytes: u64, time: Duration) -> Result<Answer, ToolError> {
        ask(
            OsStr::new("sh"),
            &["-c".into(), line.into()],
            Bounds { bytes, time },
        )
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn an_answer_comes_with_its_talk_and_status() {
        let answer = shell("echo product; echo ' talk ' >&2; exit 3", 100, LONG).unwrap();
        assert_eq!(
            (
                answer.stdout.as_slice(),
                answer.talk.as_str(),
                answer.status.code()
            ),
            (b"product\n".as_slice(), "talk", Some(3))
        );
    }

    #[test]
    fn an_endless_answer_ends_at_the_bound() {
        let refusal = |line: &str| shell(line, 10, LONG).map(|answer| answer.stdout);
        assert!(matches!(
            refusal("yes"),
            Err(ToolError::TooLong {
                limit_bytes: 10,
                ..
            })
        ));
        assert_eq!(refusal("printf 0123456789").unwrap(), b"0123456789");
        let talk = "head -c 1000000 /dev/zero >&2; echo x";
        assert_eq!(refusal(talk).unwrap(), b"x\n");
    }

    #[test]
    fn who_does_not_answer_is_not_waited_for() {
        // The grandchild keeps the stream open after the program was killed.
        for line in ["exec sleep 1000", "sleep 1000 & sleep 1000"] {
            let started = Instant::now();
            let answer = shell(line, 10, Duration::from_millis(200));
            assert!(matches!(answer, Err(ToolError::Late { .. })), "{line}");
            assert!(started.elapsed() < LONG);
        }
    }

    #[test]
    fn what_is_not_installed_is_said_to_be() {
        let bounds = Bounds {
            bytes: 1,
            time: LONG,
        };
        let error = ask(OsStr::new("no-such-program-here"), &[], bounds).err();
        assert_eq!(
            error.map(|error| error.to_string()).as_deref(),
            Some("`no-such-program-here` is not installed")
        );
    }
}
