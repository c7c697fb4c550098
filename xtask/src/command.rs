//! Commands that are run for the user: shown as the user would type them, and failing loudly.
//!
//! Knows nothing of what the commands are for.

use crate::{interrupt, talk};
use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

/// Whether root's rights are at hand: our own, through `sudo`, or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    /// We are root.
    Ourselves,
    /// `sudo` is installed and may ask for a password.
    Sudo,
    /// Neither.
    Absent,
}

impl Root {
    /// What holds for this process.
    pub(crate) fn now() -> Self {
        // SAFETY: geteuid has no arguments, no preconditions, and cannot fail.
        let user = unsafe { libc::geteuid() };
        if user == 0 {
            Self::Ourselves
        } else if on_path("sudo") {
            Self::Sudo
        } else {
            Self::Absent
        }
    }

    /// A command with root's rights, with these variables in its environment even through `sudo`,
    /// which passes none of ours on.
    pub(crate) fn command(self, program: &str, variables: &[(&str, &str)]) -> Command {
        let mut command = match self {
            Self::Sudo => {
                let mut command = Command::new("sudo");
                if !variables.is_empty() {
                    command.arg("env");
                    command.args(
                        variables
                            .iter()
                            .map(|(name, value)| format!("{name}={value}")),
                    );
                }
                command.arg(program);
                return command;
            }
            Self::Ourselves | Self::Absent => Command::new(program),
        };
        command.envs(variables.iter().copied());
        command
    }
}

/// A command with root's rights and these variables, in the project's folder.
pub(crate) fn rightful(program: &str, variables: &[(&str, String)]) -> Command {
    let variables: Vec<_> = variables
        .iter()
        .map(|(name, value)| (*name, &**value))
        .collect();
    let mut command = Root::now().command(program, &variables);
    command.current_dir(root());
    command
}

/// Whether a program of this name is on the path.
pub(crate) fn on_path(program: &str) -> bool {
    find(program).is_some()
}

/// Where the program of this name is. Debian keeps daemons in `sbin`, which an ordinary user's path lacks.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(Into::into))
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
}

/// The command as a user would type it, with the variables that it gets from us.
pub(crate) fn typed(command: &Command) -> String {
    // Nobody types control characters.
    let plain = |value: &OsStr| !value.to_string_lossy().contains(char::is_control);
    let variables = command
        .get_envs()
        .filter(|(_, value)| value.is_some_and(plain))
        .filter_map(|(name, value)| Some(format!("{}={}", name.display(), word(value?))));
    variables
        .chain([words(command)])
        .collect::<Vec<_>>()
        .join(" ")
}

/// The command as a user would type it, without variables.
pub(crate) fn words(command: &Command) -> String {
    let program = Path::new(command.get_program());
    // Cargo is told to us by its path inside the toolchain.
    let cargo = program.is_absolute() && program.ends_with("cargo");
    let program = if cargo {
        OsStr::new("cargo")
    } else {
        program.as_os_str()
    };
    let words = [program].into_iter().chain(command.get_args()).map(word);
    words.collect::<Vec<_>>().join(" ")
}

/// One word of a shell command, quoted where the shell would take it apart.
fn word(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+^".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Runs a command to its end; anything but success is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = wait(command)?;
    if !status.success() {
        bail!("`{}` failed: {status}", typed(command));
    }
    Ok(())
}

/// Runs a command to its end, which comes soon if we are asked to stop.
pub(crate) fn wait(command: &mut Command) -> Result<ExitStatus> {
    if interrupt::asked().is_some() {
        bail!("interrupted");
    }
    let child = command
        .spawn()
        .with_context(|| format!("cannot execute `{}`", typed(command)))?;
    let status = attend(child)?;
    if interrupt::asked().is_some() {
        bail!("interrupted");
    }
    Ok(status)
}

/// How often we look whether a child has ended or we are asked to stop.
const ATTENTION_MS: u64 = 10;

/// How long a child may take to stop when asked to.
const PATIENCE_MS: u64 = 15_000;

/// Waits for a child. If we are asked to stop, it is asked, too, and made to if it does not.
pub(crate) fn attend(mut child: Child) -> Result<ExitStatus> {
    let mut asked_ms = None;
    loop {
        if let Some(status) = child.try_wait().context("cannot wait for a child")? {
            return Ok(status);
        }
        asked_ms = match (interrupt::asked(), asked_ms) {
            (None, _) => None,
            (Some(signal), None) => {
                interrupt::send(child.id(), signal);
                Some(0)
            }
            (Some(_), Some(waited)) if waited >= PATIENCE_MS => {
                interrupt::send(child.id(), libc::SIGKILL);
                Some(0)
            }
            (Some(_), Some(waited)) => Some(waited + ATTENTION_MS),
        };
        std::thread::sleep(Duration::from_millis(ATTENTION_MS));
    }
}

/// Runs a command to its end, shows what it writes to standard output, and gives that.
pub(crate) fn echo(command: &mut Command) -> Result<(ExitStatus, String)> {
    gather(command, talk::print)
}

/// Runs a command to its end and gives what it writes to standard output, whatever becomes of it.
pub(crate) fn hear(command: &mut Command) -> Result<(ExitStatus, String)> {
    gather(command, |_| ())
}

/// Runs a command to its end, hands over each line that it writes to standard output, and gives them all.
fn gather(command: &mut Command, each: fn(&str)) -> Result<(ExitStatus, String)> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot execute `{}`", typed(command)))?;
    let output = child.stdout.take();
    let reader =
        std::thread::spawn(move || output.map(|output| lines(output, each)).unwrap_or_default());
    let status = attend(child)?;
    // A child that lives on may keep the pipe; whoever stops it is not us.
    let text = reader.join().unwrap_or_default();
    if interrupt::asked().is_some() {
        bail!("interrupted");
    }
    Ok((status, text))
}

/// Hands over lines as they come, and gives them all.
fn lines(output: impl std::io::Read, each: fn(&str)) -> String {
    let mut text = String::new();
    for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).into_owned();
        each(&line);
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// Runs a command to its end and gives what it wrote to standard output, its last newline removed.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let output = collect(command)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!(
            "`{}` failed: {}: {}",
            typed(command),
            output.status,
            said.trim_end()
        );
    }
    let text = String::from_utf8(output.stdout)
        .with_context(|| format!("`{}` wrote something that is not text", typed(command)))?;
    Ok(text.trim_end_matches('\n').to_owned())
}

/// Runs a command to its end and collects everything that it says.
pub(crate) fn collect(command: &mut Command) -> Result<Output> {
    command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot execute `{}`", typed(command)))
}

/// Whether the command succeeds; what it says is not shown.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Cargo: the one that runs us.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// The folder of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or_else(|| Path::new("."))
}
