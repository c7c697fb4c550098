//! Whether this kernel lets itself be watched, found out by doing it: the program is loaded and attached, and a call is
//! made that it has to see.

use crate::probe::{Attachment, Looking, Probe, ProbeError, Scope, Start, Watch};
use crate::target::cgroup::{CgroupError, Hierarchy};
use crate::target::requirements::{Check, Verdict};
use std::error::Error;
use std::fmt::Write as _;

/// The check's name.
const ID: &str = "program";

/// The call that is made.
const CALL: &str = "getppid";

/// Why nothing was seen.
#[derive(Debug, thiserror::Error)]
enum Blind {
    #[error("there are no cgroups")]
    Cgroup(#[from] CgroupError),
    #[error(transparent)]
    Probe(#[from] ProbeError),
    #[error("the program is attached by `{0}`, and did not see our own call")]
    Unseen(Attachment),
}

/// Tries it.
pub(super) fn check() -> Check {
    match sees() {
        Ok(attachment) => Check {
            id: ID,
            verdict: Verdict::Ok,
            detail: format!("it loads, attaches by `{attachment}`, and sees calls"),
            hint: None,
        },
        Err(blind) => Check {
            id: ID,
            verdict: Verdict::Failure,
            hint: Some(hint(&blind)),
            detail: with_causes(&blind),
        },
    }
}

fn sees() -> Result<Attachment, Blind> {
    let hierarchy = Hierarchy::detect()?;
    // In a container it may be one that cannot be seen from there; the root is everybody's.
    let own = hierarchy.of_process(rustix::process::getpid());
    let own = own.unwrap_or_else(|_| hierarchy.root());
    let watch = Watch {
        scope: Scope {
            cgroup_id: own.id,
            level: own.level,
            children_max: 0,
            beside: None,
        },
        start: Start::Now,
        what: Looking::AtCalls,
        raw_tracepoint: false,
    };
    let mut probe = Probe::attach(&watch)?;
    let _ = rustix::process::getppid();
    probe.detach()?;
    let seen = probe.snapshot(0)?;
    if seen.keys().any(|key| key.call.name() == Some(CALL)) {
        Ok(probe.attachment())
    } else {
        Err(Blind::Unseen(probe.attachment()))
    }
}

fn hint(blind: &Blind) -> String {
    let hint = match blind {
        Blind::Cgroup(error) => return error.hint().unwrap_or_else(|| "mount /proc".into()),
        Blind::Probe(error) => error.hint(),
        Blind::Unseen(_) => None,
    };
    let unknown = "report it with the kernel's version (`uname -r`) and with what `--verbose` says";
    hint.unwrap_or(unknown).to_owned()
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let _ = write!(text, ": {cause}");
        next = cause.source();
    }
    text
}
