//! `run`: a command under a profile, without a container.

use super::base;
use super::exit::Exit;
use super::failure::Failure;
use super::output;
use crate::profile::{Action, Circumstances, KernelVersion, Meaning, Profile, compiled::Program};
use crate::report::escape;
use crate::syscall::{Abi, Call, capability};
use crate::target::executable::{self, ExecutableError};
use crate::target::process;
use rustix::thread::CapabilitySet;
use std::collections::BTreeSet;
use std::ffi::{CString, NulError, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// Run a command under a profile.
///
/// The filter is loaded with libseccomp and stays with the command and all its children. Conditions of the
/// profile are resolved for this machine and for the capabilities that the command will have.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The profile.
    #[arg(long, value_name = "PROFILE")]
    profile: PathBuf,
    /// Set no_new_privs even where it is not needed; without CAP_SYS_ADMIN it always is.
    #[arg(long)]
    no_new_privileges: bool,
    /// The command.
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// The command could never start.
#[derive(Debug, thiserror::Error)]
#[error("`{}` does not permit `execve`, so no command can start under it", escape::path(.0))]
struct NoExec(PathBuf);

/// The kernel does not start the command.
#[derive(Debug, thiserror::Error)]
#[error("cannot execute `{}`", escape::path(.path))]
struct ExecFailed {
    path: PathBuf,
    source: std::io::Error,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let ours = |failure: Failure| Failure {
        exit: Exit::Ours,
        ..failure
    };
    let profile = resolve(arguments).map_err(ours)?;
    let path = std::env::var_os("PATH");
    let program = executable::resolve(&arguments.command[0], path.as_deref()).map_err(|error| {
        let exit = match error {
            ExecutableError::NotFound(_) => Exit::NotFound,
            ExecutableError::NotExecutable(_) => Exit::NotExecutable,
        };
        let hint = error.hint();
        let failure = Failure::new(exit, error);
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })?;
    let words = arguments
        .command
        .iter()
        .map(|word| c_string(word.as_bytes()));
    let words = words
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| Failure::new(Exit::Ours, error))?;
    let file = c_string(program.as_os_str().as_bytes());
    let file = file.map_err(|error| Failure::new(Exit::Ours, error))?;
    let native = native();
    let filter = Program::compile(&profile, native);
    let mut filter = filter.map_err(|error| Failure::new(Exit::Ours, error))?;
    let flags = profile.flags.as_deref().unwrap_or_default();
    let flagged = filter.set_flags(flags);
    flagged.map_err(|error| Failure::new(Exit::Ours, error))?;
    if let Some(note) = unanswered(&profile) {
        output::say(&note);
    }
    let needs_it = !may_filter();
    let no_new_privs = arguments.no_new_privileges || needs_it;
    if needs_it && !arguments.no_new_privileges && rustix::process::geteuid().is_root() {
        output::say(
            "note: without CAP_SYS_ADMIN a filter needs no_new_privs, which is set for the command: programs with \
             the set-user-ID bit or capabilities of their own do not get them",
        );
    }
    let source = execute(filter, no_new_privs, &file, &words)?;
    Err(Failure::new(
        Exit::NotExecutable,
        ExecFailed {
            path: program,
            source,
        },
    ))
}

/// The most calls that a note names.
const NAMES_MAX: usize = 8;

/// What is to be said where the profile asks a listener: there is none.
fn unanswered(profile: &Profile) -> Option<String> {
    let rules = profile
        .rules
        .iter()
        .filter(|rule| rule.action == Action::Notify);
    let names: BTreeSet<&str> = rules
        .flat_map(|rule| &rule.names)
        .map(String::as_str)
        .collect();
    let shown: Vec<&str> = names.iter().copied().take(NAMES_MAX).collect();
    let more = names.len().saturating_sub(shown.len());
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    (!names.is_empty()).then(|| {
        format!(
            "note: the profile has a listener asked about {}{more}, and nobody answers here: these calls get ENOSYS",
            escape::text(&shown.join(", "))
        )
    })
}

fn c_string(bytes: &[u8]) -> Result<CString, NulError> {
    CString::new(bytes)
}

/// Whether the kernel takes a filter from us as we are. It asks for the capability in our own user namespace, and root
/// in a container has it only where somebody gave it.
/// <https://man7.org/linux/man-pages/man2/seccomp.2.html>
fn may_filter() -> bool {
    let own = rustix::thread::capabilities(None);
    own.is_ok_and(|own| own.effective.contains(CapabilitySet::SYS_ADMIN))
}

/// The ABI that this program was built for.
fn native() -> Abi {
    if cfg!(target_arch = "aarch64") {
        Abi::Aarch64
    } else {
        Abi::X86_64
    }
}

/// The profile for this machine and our own bounding set.
fn resolve(arguments: &Arguments) -> Result<Profile, Failure> {
    let source = base::read_profile(&arguments.profile)?;
    let release = rustix::system::uname()
        .release()
        .to_string_lossy()
        .into_owned();
    let facts = process::facts(rustix::process::getpid()).map_err(Failure::environment)?;
    let profile = source.resolve(&Circumstances {
        host: native(),
        kernel: KernelVersion::from_release(&release)
            .unwrap_or(KernelVersion { major: 0, minor: 0 }),
        capabilities: facts.capabilities.unwrap_or_else(capability::all),
    });
    let execve = Call::named(native(), "execve").expect("every ABI has it");
    if Meaning::of(&profile, native()).permitted(execve).is_none() {
        return Err(Failure::invalid(NoExec(arguments.profile.clone())));
    }
    Ok(profile)
}

/// Loads the filter and becomes the command. Between the two only `execve` is called: the profile permits
/// what the command does, not what a start through the standard library does.
fn execute(
    filter: Program,
    no_new_privs: bool,
    file: &CString,
    words: &[CString],
) -> Result<std::io::Error, Failure> {
    let mut pointers: Vec<*const libc::c_char> = words.iter().map(|word| word.as_ptr()).collect();
    pointers.push(std::ptr::null());
    // Rust programs ignore SIGPIPE, and the command would inherit that.
    // SAFETY: restores the default, which needs no handler.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    filter
        .load(no_new_privs)
        .map_err(|error| Failure::new(Exit::Ours, error))?;
    // SAFETY: both are null-terminated, and live until the call.
    unsafe { libc::execv(file.as_ptr(), pointers.as_ptr()) };
    Ok(std::io::Error::last_os_error())
}
