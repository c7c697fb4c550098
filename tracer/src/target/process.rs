//! What `/proc` says about a process: rights, seccomp mode, program, and who shares its cgroup.
//!
//! It refuses to know about engines. Whatever is read here can change the next moment; the process can be
//! gone.

use super::cgroup::{Cgroup, CgroupError, Hierarchy};
use crate::recording::SeccompState;
use crate::syscall::capability::{self, Capabilities};
use procfs::process::{MMPermissions, MMapPath, Process, Status};
use procfs::{FromBufRead, ProcError};
use rustix::process::Pid;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::PathBuf;

/// Why nothing is known about a process.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It is not there, or no longer.
    #[error("no process with pid {0}")]
    Gone(i32),
    /// `/proc` does not tell.
    #[error("cannot read the state of process {pid}")]
    Read {
        /// The process.
        pid: i32,
        /// Why.
        source: ProcError,
    },
    /// Its cgroup cannot be watched.
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
}

impl ProcessError {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Gone(_) => {
                Some("pids are those of this pid namespace; `ps -e` lists them".into())
            }
            Self::Read { .. } => None,
            Self::Cgroup(error) => error.hint(),
        }
    }
}

/// A process at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The process.
    pub pid: Pid,
    /// `comm`, at most 15 bytes. Hostile.
    pub program: String,
    /// The executable file as the process sees it, if we may know. Hostile.
    pub executable: Option<PathBuf>,
    /// The capabilities in its bounding set.
    pub capabilities: Option<Capabilities>,
    /// `NoNewPrivs`.
    pub no_new_privs: Option<bool>,
    /// Whether it has a seccomp filter.
    pub seccomp: Option<SeccompMode>,
}

/// The seccomp mode of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeccompMode {
    /// None.
    Disabled,
    /// Only read, write, exit and sigreturn.
    Strict,
    /// At least one filter.
    Filter,
}

impl SeccompMode {
    /// From the number in `/proc/PID/status`.
    fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Disabled),
            1 => Some(Self::Strict),
            2 => Some(Self::Filter),
            _ => None,
        }
    }
}

/// What can be said from the process alone: not where a filter comes from.
impl From<SeccompMode> for SeccompState {
    fn from(mode: SeccompMode) -> Self {
        match mode {
            SeccompMode::Disabled => Self::Unconfined,
            SeccompMode::Strict | SeccompMode::Filter => Self::Filtered,
        }
    }
}

/// Reads the facts of a process.
///
/// # Errors
///
/// [`ProcessError`] if it is gone or not readable.
pub fn facts(pid: Pid) -> Result<Facts, ProcessError> {
    let number = pid.as_raw_nonzero().get();
    let problem = |source| problem(number, source);
    let process = Process::new(number).map_err(problem)?;
    let mut text = Vec::new();
    let file = process.open_relative("status").map_err(problem)?;
    let read = file.take(STATUS_MAX_BYTES).read_to_end(&mut text);
    read.map_err(|error| problem(error.into()))?;
    let status = status(&text).map_err(problem)?;
    let executable = process.exe().ok();
    Ok(Facts {
        executable,
        ..said(pid, status)
    })
}

/// A status has some 2 kB.
const STATUS_MAX_BYTES: u64 = 1 << 16;

/// A process may call itself by bytes that are no text, which must not hide it.
fn status(bytes: &[u8]) -> Result<Status, ProcError> {
    Status::from_buf_read(String::from_utf8_lossy(bytes).as_bytes())
}

/// What a process's status says.
fn said(pid: Pid, status: Status) -> Facts {
    Facts {
        pid,
        program: status.name,
        executable: None,
        capabilities: status.capbnd.map(capability::from_mask),
        no_new_privs: status.nonewprivs.map(|value| value != 0),
        seccomp: status.seccomp.and_then(SeccompMode::from_number),
    }
}

/// The same of the text of a status, if it is one.
pub(crate) fn read(bytes: &[u8]) -> Option<Facts> {
    let status = status(bytes).ok()?;
    let pid = Pid::from_raw(status.pid)?;
    Some(said(pid, status))
}

/// What a process is called: by its own name, and by the file that it executes, if we may know. Hostile.
#[must_use]
pub fn programs(pid: Pid) -> Vec<String> {
    // What the kernel says behind the path of a file that was removed or replaced.
    const REMOVED: &str = " (deleted)";
    let directory = PathBuf::from(format!("/proc/{}", pid.as_raw_nonzero()));
    let own = fs::read_to_string(directory.join("comm")).ok();
    let own = own.map(|name| name.trim_end_matches('\n').to_owned());
    let file = fs::read_link(directory.join("exe")).ok();
    let file = file.and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    let file = file.map(|name| name.strip_suffix(REMOVED).unwrap_or(&name).to_owned());
    own.into_iter().chain(file).collect()
}

/// What it means that `/proc` does not tell.
fn problem(pid: i32, source: ProcError) -> ProcessError {
    match source {
        ProcError::NotFound(_) => ProcessError::Gone(pid),
        ProcError::Io(error, _) if error.raw_os_error() == Some(libc::ESRCH) => {
            ProcessError::Gone(pid)
        }
        source => ProcessError::Read { pid, source },
    }
}

/// The files whose code is mapped into a process, as it sees them. Hostile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeFiles {
    /// Its program, if we may know.
    pub program: Option<PathBuf>,
    /// All of them, in order of path.
    pub mapped: BTreeSet<PathBuf>,
}

/// Finds the files whose code is mapped into a process.
///
/// # Errors
///
/// [`ProcessError`] if it is gone or not readable.
pub fn code(pid: Pid) -> Result<CodeFiles, ProcessError> {
    let number = pid.as_raw_nonzero().get();
    let problem = |source| problem(number, source);
    let process = Process::new(number).map_err(problem)?;
    let maps = process.maps().map_err(problem)?;
    let mapped = maps.into_iter().filter_map(|map| match map.pathname {
        MMapPath::Path(path) if map.perms.contains(MMPermissions::EXECUTE) => Some(path),
        _ => None,
    });
    Ok(CodeFiles {
        mapped: mapped.collect(),
        program: process.exe().ok(),
    })
}

/// A process to be watched by its cgroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// The process.
    pub facts: Facts,
    /// Its cgroup, never the root.
    pub cgroup: Cgroup,
    /// Others in that cgroup, neither the process nor descended from it, by pid. What they do is recorded
    /// too, so they deserve a warning.
    pub strangers: Vec<Stranger>,
}

/// A process that shares a cgroup by accident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stranger {
    /// The process.
    pub pid: Pid,
    /// Its `comm`. Hostile.
    pub program: String,
}

/// Finds what to watch for `--pid`.
///
/// # Errors
///
/// [`ProcessError`] if the process is gone, or its cgroup is the root or not visible.
pub fn watched(hierarchy: &Hierarchy, pid: Pid) -> Result<Watched, ProcessError> {
    let facts = facts(pid)?;
    let cgroup = hierarchy.of_process(pid)?;
    if cgroup.is_root() {
        return Err(ProcessError::Cgroup(CgroupError::Root {
            what: format!("process {} is in", pid.as_raw_nonzero()),
        }));
    }
    let parents = parents();
    let strangers = cgroup
        .members()
        .into_iter()
        .filter(|member| !descends(*member, pid, &parents))
        .filter_map(|member| {
            let process = Process::new(member.as_raw_nonzero().get()).ok()?;
            Some(Stranger {
                pid: member,
                program: process.stat().ok()?.comm,
            })
        })
        .collect();
    Ok(Watched {
        facts,
        cgroup,
        strangers,
    })
}

/// Every process with its parent.
fn parents() -> BTreeMap<i32, i32> {
    let processes = procfs::process::all_processes().into_iter().flatten();
    let stats = processes.filter_map(|process| process.ok()?.stat().ok());
    stats.map(|stat| (stat.pid, stat.ppid)).collect()
}

/// Whether the process is `ancestor` or descends from it. The table was not read in one moment, so it could
/// hold a circle; it is followed for no more steps than it has entries.
fn descends(pid: Pid, ancestor: Pid, parents: &BTreeMap<i32, i32>) -> bool {
    let ancestor = ancestor.as_raw_nonzero().get();
    let mut current = pid.as_raw_nonzero().get();
    for _ in 0..=parents.len() {
        if current == ancestor {
            return true;
        }
        match parents.get(&current) {
            Some(&parent) => current = parent,
            None => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descent_is_followed_to_the_end_and_not_in_circles() {
        let parents: BTreeMap<i32, i32> =
            [(1, 0), (10, 1), (11, 10), (12, 11), (20, 21), (21, 20)].into();
        let pid = |number| Pid::from_raw(number).unwrap();
        for (process, ancestor, expected) in [
            (10, 10, true),
            (12, 10, true),
            (10, 12, false),
            (20, 10, false),
            (99, 10, false),
            (99, 99, true),
        ] {
            assert_eq!(
                descends(pid(process), pid(ancestor), &parents),
                expected,
                "{process} from {ancestor}"
            );
        }
    }

    #[test]
    fn a_program_is_known_by_its_file_whatever_it_calls_itself() {
        let top = tempfile::tempdir().unwrap();
        let copy = top.path().join("docker");
        // Not by us: had we it open for writing, it could not be executed.
        let mut copying = std::process::Command::new("cp");
        assert!(
            copying
                .arg("/bin/sleep")
                .arg(&copy)
                .status()
                .unwrap()
                .success()
        );
        let link = top.path().join("innocent");
        std::os::unix::fs::symlink(&copy, &link).unwrap();
        let mut child = std::process::Command::new(&link)
            .arg("100")
            .spawn()
            .unwrap();
        let expected = ["innocent", "docker"];
        assert_eq!(programs(Pid::from_child(&child)), expected);
        fs::remove_file(&copy).unwrap();
        assert_eq!(programs(Pid::from_child(&child)), expected);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn we_can_be_described() {
        let facts = facts(rustix::process::getpid()).unwrap();
        assert_eq!(facts.executable, std::env::current_exe().ok());
        assert!(facts.capabilities.is_some() && facts.seccomp.is_some());
    }

    #[test]
    fn a_name_that_is_no_text_hides_nobody() {
        let text = fs::read_to_string("/proc/self/status").unwrap();
        let (_, rest) = text.split_once('\n').unwrap();
        let renamed = [b"Name:\t\xFF\\n\xFE\n", rest.as_bytes()].concat();
        let expected = read(text.as_bytes()).unwrap();
        let found = read(&renamed).unwrap();
        let program = "\u{FFFD}\\n\u{FFFD}".to_owned();
        assert_eq!(
            found,
            Facts {
                program,
                ..expected
            }
        );
    }

    #[test]
    fn a_process_that_is_gone_is_said_to_be() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = Pid::from_child(&child);
        child.wait().unwrap();
        let error = facts(pid).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("no process with pid {}", pid.as_raw_nonzero())
        );
    }
}
