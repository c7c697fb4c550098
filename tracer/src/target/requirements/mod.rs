//! What recording needs of the machine, and whether it is there: facts in, checks out.
//!
//! Deciding is pure; the facts come from `surroundings`. A failure means that recording is impossible, a
//! warning that something else is or that something will be worse.

mod engines;
mod surroundings;

pub use engines::{Engines, engines};
pub use surroundings::{CgroupFacts, Presence, Roots, SeccompSupport, Surroundings};

use super::cgroup::Mode;
use super::runtime::Version;
use crate::profile::KernelVersion;
use crate::report::escape;
use crate::syscall::capability::Capabilities;

/// From here on, eBPF memory is charged to the cgroup; before, it counts against `RLIMIT_MEMLOCK`.
/// <https://lore.kernel.org/bpf/20201201215900.3569844-1-guro@fb.com/>
const NO_MEMLOCK_KERNEL: KernelVersion = KernelVersion {
    major: 5,
    minor: 11,
};

/// libseccomp before this version can give a call the action of another rule, where rules with different
/// actions compare one 64-bit argument otherwise than for equality.
/// <https://github.com/seccomp/libseccomp/security/advisories/GHSA-4q85-33p6-j5g6>
pub const FIXED_LIBSECCOMP: Version = Version::new(2, 6, 1);

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Recording is possible, but something else is not, or not as well.
    Warning,
    /// Recording is impossible.
    Failure,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// A stable name.
    pub id: &'static str,
    /// How it came out.
    pub verdict: Verdict,
    /// What was found. Hostile parts are escaped.
    pub detail: String,
    /// What the user can do; always there unless all is well.
    pub hint: Option<String>,
}

impl Check {
    fn ok(id: &'static str, detail: impl Into<String>) -> Self {
        Self {
            id,
            verdict: Verdict::Ok,
            detail: detail.into(),
            hint: None,
        }
    }

    fn warning(id: &'static str, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            id,
            verdict: Verdict::Warning,
            detail: detail.into(),
            hint: Some(hint.into()),
        }
    }

    fn failure(id: &'static str, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Failure,
            ..Self::warning(id, detail, hint)
        }
    }
}

/// Why recording is impossible here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot record on this machine: {}", self.details())]
pub struct Unmet {
    /// What is missing; never empty, failures only.
    failures: Vec<Check>,
}

impl Unmet {
    fn details(&self) -> String {
        let details: Vec<&str> = self
            .failures
            .iter()
            .map(|one| one.detail.as_str())
            .collect();
        details.join("; ")
    }

    /// What the user can do first.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        self.failures.first().and_then(|first| first.hint.clone())
    }
}

/// Looks whether this machine can record. Takes no time worth mentioning and asks no other program.
///
/// # Errors
///
/// [`Unmet`] if it cannot.
pub fn met() -> Result<(), Unmet> {
    unmet(checks(&Surroundings::look(&Roots::default())))
}

/// The failures among checks, as an error.
fn unmet(checks: Vec<Check>) -> Result<(), Unmet> {
    let is_failure = |check: &Check| check.verdict == Verdict::Failure;
    let failures: Vec<Check> = checks.into_iter().filter(is_failure).collect();
    if failures.is_empty() {
        Ok(())
    } else {
        Err(Unmet { failures })
    }
}

/// Everything that recording stands on, in the order in which it should be put right.
#[must_use]
pub fn checks(surroundings: &Surroundings) -> Vec<Check> {
    vec![
        architecture(&surroundings.machine),
        kernel(surroundings),
        capabilities(surroundings),
        btf(surroundings.btf),
        lockdown(surroundings.lockdown.as_deref()),
        cgroups(&surroundings.cgroups),
        seccomp(surroundings.seccomp),
        libseccomp(surroundings.libseccomp),
        bpf_files(surroundings.has_bpf_files),
    ]
}

fn architecture(machine: &str) -> Check {
    const ID: &str = "architecture";
    if machine == "x86_64" {
        return Check::ok(ID, machine);
    }
    Check::failure(
        ID,
        format!(
            "architecture `{}` cannot be recorded yet",
            escape::text(machine)
        ),
        "record on x86_64; profiles for other architectures can be read and compared everywhere",
    )
}

fn kernel(surroundings: &Surroundings) -> Check {
    const ID: &str = "kernel";
    let release = escape::text(&surroundings.release);
    let Some(version) = KernelVersion::from_release(&surroundings.release) else {
        return Check::warning(
            ID,
            format!("kernel release `{release}` has no version that can be read"),
            "what it can do is found out by trying; see `program`",
        );
    };
    let may_lock = has(&surroundings.capabilities, "CAP_SYS_RESOURCE");
    if version < NO_MEMLOCK_KERNEL && !may_lock {
        return Check::warning(
            ID,
            format!("Linux {release} counts eBPF maps against RLIMIT_MEMLOCK"),
            "add CAP_SYS_RESOURCE, or raise the limit with `ulimit -l unlimited`",
        );
    }
    Check::ok(ID, format!("Linux {release}"))
}

fn has(capabilities: &Option<Capabilities>, name: &str) -> bool {
    capabilities.as_ref().is_some_and(|set| set.contains(name))
}

fn capabilities(surroundings: &Surroundings) -> Check {
    const ID: &str = "capabilities";
    // Neither right passes by the permissions of files, and whoever has them can watch everybody: so no others,
    // and for one group.
    const ROOT: &str = "run as root; without root, let a daemon record (`daemon --allow UID`, then `record --daemon`), \
                        or give one group a copy of the program, whose members can then watch every process: \
                        `install -m 0750 -g GROUP $(command -v seccomp-tracer) FILE && \
                        setcap cap_bpf,cap_perfmon+ep FILE`";
    let set = &surroundings.capabilities;
    if set.is_none() {
        return Check::warning(ID, "our capabilities cannot be read", "mount /proc");
    }
    let is_admin = has(set, "CAP_SYS_ADMIN");
    let wanted = ["CAP_BPF", "CAP_PERFMON"].into_iter();
    let missing: Vec<&str> = wanted.filter(|name| !has(set, name)).collect();
    if !is_admin && !missing.is_empty() {
        return Check::failure(ID, format!("missing {}", missing.join(" and ")), ROOT);
    }
    if surroundings.in_user_namespace {
        return Check::failure(
            ID,
            "our capabilities hold in a user namespace only, and eBPF asks for the host's",
            "record outside of rootless containers and `unshare --user`",
        );
    }
    let through = if missing.is_empty() {
        "CAP_BPF and CAP_PERFMON"
    } else {
        "CAP_SYS_ADMIN"
    };
    Check::ok(ID, through)
}

fn btf(btf: Presence) -> Check {
    const ID: &str = "btf";
    match btf {
        Presence::Readable => Check::ok(ID, "the kernel shows its types"),
        Presence::Unreadable => Check::failure(
            ID,
            "`/sys/kernel/btf/vmlinux` cannot be read",
            "run as root; in a container mount the host's /sys",
        ),
        Presence::Missing => Check::failure(
            ID,
            "the kernel does not show its types: no `/sys/kernel/btf/vmlinux`",
            "boot a kernel with CONFIG_DEBUG_INFO_BTF=y (Debian 11, Ubuntu 20.10, Fedora 31, RHEL 8.2 \
             and newer have it); in a container mount the host's /sys",
        ),
    }
}

fn lockdown(mode: Option<&str>) -> Check {
    const ID: &str = "lockdown";
    match mode {
        Some("confidentiality") => Check::warning(
            ID,
            "kernel lockdown is in mode `confidentiality`, which keeps eBPF from reading the kernel",
            "if recording is refused, boot with `lockdown=integrity`",
        ),
        Some(mode) => Check::ok(ID, format!("mode `{}`", escape::text(mode))),
        None => Check::ok(ID, "not active, or not shown"),
    }
}

fn cgroups(cgroups: &Result<CgroupFacts, (String, Option<String>)>) -> Check {
    const ID: &str = "cgroups";
    let facts = match cgroups {
        Ok(facts) => facts,
        Err((error, hint)) => {
            let hint = hint
                .as_deref()
                .unwrap_or("mount /proc and the cgroup v2 hierarchy");
            return Check::failure(ID, error, hint);
        }
    };
    let mode = match facts.mode {
        Mode::Pure => "v2",
        Mode::Hybrid => "v2 beside v1",
    };
    let detail = format!("{mode}, at `{}`", escape::path(&facts.point));
    if facts.is_writable {
        return Check::ok(ID, detail);
    }
    Check::warning(
        ID,
        format!("{detail}, not writable for us"),
        "`record -- CMD` and `record -- docker run` need to make cgroups: run as root, with the hierarchy \
         mounted read-write; `--container`, `--pid` and `--cgroup` work as it is",
    )
}

fn seccomp(support: SeccompSupport) -> Check {
    const ID: &str = "seccomp";
    match support {
        SeccompSupport::Filters => Check::ok(ID, "filters"),
        SeccompSupport::Unknown => Check::warning(
            ID,
            "cannot find out whether the kernel has seccomp filters",
            "mount /proc with /proc/sys",
        ),
        SeccompSupport::None => Check::failure(
            ID,
            "the kernel has no seccomp filters",
            "boot a kernel with CONFIG_SECCOMP_FILTER=y",
        ),
    }
}

fn libseccomp(version: Option<Version>) -> Check {
    const ID: &str = "libseccomp";
    match version {
        None => Check::ok(ID, "of unknown version"),
        Some(version) if version < FIXED_LIBSECCOMP => {
            Check::warning(ID, format!("{version} {MIXES_UP}"), mixes_up_hint())
        }
        Some(version) => Check::ok(ID, version.to_string()),
    }
}

fn bpf_files(has: bool) -> Check {
    const ID: &str = "bpf-files";
    if has {
        return Check::ok(ID, format!("a bpf file system at `{BPF_FILES}`"));
    }
    Check::warning(
        ID,
        format!(
            "no bpf file system at `{BPF_FILES}`: nothing that is recorded can outlive its recorder"
        ),
        MOUNT_BPF_FILES,
    )
}

/// Where a bpf file system is usually mounted.
const BPF_FILES: &str = "/sys/fs/bpf";

/// How one is mounted.
pub const MOUNT_BPF_FILES: &str =
    "mount one, as with `mount -t bpf bpf /sys/fs/bpf`, or let the daemon go without with --no-pin";

/// What an old libseccomp does, ours or a runtime's.
const MIXES_UP: &str = "can mix up the actions of rules that compare arguments with <, > or !=";

/// What to do about it.
fn mixes_up_hint() -> String {
    format!(
        "profiles generated here compare for equality only and are not concerned; for others use \
         libseccomp {FIXED_LIBSECCOMP} or newer"
    )
}

#[cfg(test)]
mod tests;
