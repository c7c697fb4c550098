//! A second observer: what `strace -f` sees of the same program, read call by call.
//!
//! Numbers are taken from `-n` and ABIs from the lines in which strace says that a process changed its
//! mode; names are not used at all. Lines that are no call (signals, exits, resumptions) are skipped; a line
//! that is not understood is an error, because a call might hide in it.

use crate::facts::Counts;
use crate::run::{Program, Run};
use seccomp_tracer::syscall::{Abi, Call, X32_BIT};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::{fs, iter};

/// What strace saw.
pub struct Seen {
    /// Calls as they were made.
    pub counts: Counts,
    /// Entries that are there only because of the tracing: a call that a stop of the tracer interrupted
    /// and the kernel made again by itself. Not in `counts`.
    pub restarts: Counts,
    /// Exit code of the traced program.
    pub code: i32,
    /// Its standard output.
    pub stdout: String,
}

/// Runs a command under strace.
///
/// # Panics
///
/// If strace says something that is not understood.
#[must_use]
pub fn watch(command: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Seen {
    let (run, text) = strace(command);
    let (counts, restarts) = parse(&text, |_, _| true);
    Seen {
        counts,
        restarts,
        code: run.code(),
        stdout: run.stdout_text(),
    }
}

/// Runs a command that starts a program, and sees that program and its descendants, from its first exec of
/// that path on, as they are: entries that only the tracing causes are counted as well, because another
/// observer of the same run sees them, too.
///
/// # Panics
///
/// If strace says something that is not understood, or the program was never started.
#[must_use]
pub fn watch_within(
    command: impl IntoIterator<Item = impl AsRef<OsStr>>,
    program: &str,
) -> (Run, Counts) {
    let (run, text) = strace(command);
    let parents = parents(&text);
    let exec = format!("execve(\"{program}\"");
    let mut root: Option<&str> = None;
    let (mut counts, restarts) = parse(&text, |pid, rest| {
        if root.is_none() && rest.starts_with(&exec) {
            root = Some(pid);
        }
        let line = iter::successors(Some(pid), |pid| parents.get(pid).copied());
        root.is_some_and(|root| line.into_iter().any(|pid| pid == root))
    });
    assert!(root.is_some(), "`{program}` was not started: {run}");
    for (call, times) in restarts {
        *counts.entry(call).or_default() += times;
    }
    (run, counts)
}

fn strace(command: impl IntoIterator<Item = impl AsRef<OsStr>>) -> (Run, String) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let output = directory.path().join("strace");
    let run = Program::new("strace")
        .args(["-f", "-n", "-e", "quiet=none", "-o"])
        .args([&output])
        .args(["--"])
        .args(command)
        .run();
    let bytes = fs::read(&output).unwrap_or_else(|error| panic!("{error}: {run}"));
    (run, String::from_utf8_lossy(&bytes).into_owned())
}

/// Who started whom, from what the calls that make processes and threads returned.
fn parents(text: &str) -> HashMap<&str, &str> {
    let numbers = ["56", "57", "58", "435", "120", "2", "190"];
    let mut parents = HashMap::new();
    for line in text.lines() {
        let makes = |number: &str| numbers.contains(&number);
        let Some((pid, _, rest)) = fields(line).filter(|fields| makes(fields.1)) else {
            continue;
        };
        let child = rest.rsplit_once(" = ").map(|(_, result)| result.trim());
        let is_pid = |child: &&str| child.bytes().all(|byte| byte.is_ascii_digit());
        if let Some(child) = child.filter(is_pid) {
            parents.insert(child, pid);
        }
    }
    parents
}

/// A line's process, number and rest.
fn fields(line: &str) -> Option<(&str, &str, &str)> {
    let (pid, rest) = split(line, ' ')?;
    let (number, rest) = split(rest.strip_prefix('[')?, ']')?;
    Some((pid, number, rest))
}

/// Reads strace's output: calls, and calls that the kernel restarted, in the lines that are chosen by
/// process and rest.
fn parse<'a>(text: &'a str, mut choose: impl FnMut(&'a str, &'a str) -> bool) -> (Counts, Counts) {
    let mut modes: HashMap<&str, Abi> = HashMap::new();
    let (mut counts, mut restarts) = (Counts::new(), Counts::new());
    for line in text.lines() {
        let (pid, number, rest) = fields(line).unwrap_or_else(|| panic!("not understood: {line}"));
        if let Some(mode) = rest.strip_prefix("[ Process PID=") {
            modes.insert(pid, abi(mode));
            continue;
        }
        let mode = modes.get(pid).copied().unwrap_or(Abi::X86_64);
        if rest.starts_with("+++ ") || rest.starts_with("--- ") || !choose(pid, rest) {
            continue;
        }
        let is_entry = !rest.starts_with("<... ");
        let is_restart = rest.contains(" = ? ERESTART");
        if !is_entry && !is_restart {
            continue;
        }
        let call = call(mode, number, rest).unwrap_or_else(|| panic!("not understood: {line}"));
        if is_restart {
            *restarts.entry(call).or_default() += 1;
        }
        if is_entry {
            *counts.entry(call).or_default() += 1;
        }
    }
    for (call, times) in &restarts {
        remove(&mut counts, *call, *times);
    }
    // The entry by which an interrupted sleep goes on; nobody asks for it.
    let restart = Call::new(Abi::X86_64, 219);
    if let Some(times) = counts.remove(&restart) {
        restarts.insert(restart, times);
    }
    (counts, restarts)
}

fn remove(counts: &mut Counts, call: Call, times: u64) {
    if let Some(count) = counts.get_mut(&call) {
        *count -= times;
        if *count == 0 {
            counts.remove(&call);
        }
    }
}

fn split(text: &str, at: char) -> Option<(&str, &str)> {
    let (left, right) = text.split_once(at)?;
    Some((left.trim(), right.trim_start()))
}

fn abi(mode: &str) -> Abi {
    match mode.split_once(" runs in ").map(|(_, mode)| mode) {
        Some("64 bit mode. ]") => Abi::X86_64,
        Some("32 bit mode. ]") => Abi::I386,
        Some("x32 mode. ]") => Abi::X32,
        _ => panic!("unknown mode: {mode}"),
    }
}

fn call(mode: Abi, number: &str, rest: &str) -> Option<Call> {
    if number == "???" {
        // strace knows no number for it and puts it, as it found it, into the name.
        let name = rest.strip_prefix("syscall_0x")?;
        let number = u64::from_str_radix(name.split_once('(')?.0, 16).ok()?;
        return Some(Call::new(mode, low(number)));
    }
    let number = low(number.parse::<u64>().ok()?);
    let number = match mode {
        Abi::X32 => number & !X32_BIT.cast_signed(),
        _ => number,
    };
    Some(Call::new(mode, number))
}

/// The 32 bits that the kernel looks at.
#[expect(
    clippy::cast_possible_truncation,
    reason = "cutting is what the kernel does"
)]
fn low(number: u64) -> i32 {
    number as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_line_is_read() {
        let text = "\
10 [  59] execve(\"./a\", [\"./a\"], 0x7ffe /* 35 vars */) = 0
10 [  59] [ Process PID=10 runs in 32 bit mode. ]
10 [  64] getppid()                  = 9
10 [  64] [ Process PID=10 runs in 64 bit mode. ]
10 [  56] clone(child_stack=NULL, flags=SIGCHLD <unfinished ...>
11 [ 110] getppid( <unfinished ...>
10 [  56] <... clone resumed>)       = 11
11 [ 110] <... getppid resumed>)     = 10
11 [ 110] [ Process PID=11 runs in x32 mode. ]
11 [1073741934] getppid()            = -1 ENOSYS (Function not implemented)
11 [1073741934] [ Process PID=11 runs in 64 bit mode. ]
11 [???] syscall_0xffffffffffffffff(0, 0, 0, 0, 0, 0) = -1 ENOSYS (Function not implemented)
11 [???] syscall_0xffffffffffffffff(0, 0, 0, 0, 0, 0 <unfinished ...>
11 [???] <... syscall_0xffffffffffffffff resumed>) = -1 ENOSYS (Function not implemented)
11 [100000] syscall_0x186a0(0, 0, 0, 0, 0, 0) = -1 ENOSYS (Function not implemented)
11 [ 231] exit_group(0)              = ?
11 [ 231] +++ exited with 0 +++
10 [  61] wait4(-1, 0x1, 0, NULL)    = ? ERESTARTSYS (To be restarted if SA_RESTART is set)
10 [  61] --- SIGCHLD {si_signo=SIGCHLD} ---
10 [  61] wait4(-1, NULL, 0, NULL)   = 11
10 [ 219] restart_syscall(<... resuming interrupted nanosleep ...>) = 0
";
        let call = |abi, number| Call::new(abi, number);
        let expected: Counts = [
            (call(Abi::X86_64, 59), 1),
            (call(Abi::I386, 64), 1),
            (call(Abi::X86_64, 56), 1),
            (call(Abi::X86_64, 110), 1),
            (call(Abi::X32, 110), 1),
            (call(Abi::X86_64, -1), 2),
            (call(Abi::X86_64, 100_000), 1),
            (call(Abi::X86_64, 231), 1),
            (call(Abi::X86_64, 61), 1),
        ]
        .into();
        let (counts, restarts) = parse(text, |_, _| true);
        assert_eq!(counts, expected);
        let restarted = [(call(Abi::X86_64, 61), 1), (call(Abi::X86_64, 219), 1)];
        assert_eq!(restarts, restarted.into());
    }

    #[test]
    #[should_panic(expected = "not understood")]
    fn a_line_that_is_not_understood_is_not_skipped() {
        let _ = parse("10 [???] something else\n", |_, _| true);
    }
}
