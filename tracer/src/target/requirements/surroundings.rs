//! The facts about this machine that recording depends on, as values. Nothing is judged here.

use crate::probe::is_bpf_file_system;
use crate::syscall::capability::{self, Capabilities};
use crate::target::cgroup::{Hierarchy, Mode};
use crate::target::runtime::Version;
use rustix::fs::{Access, AtFlags, CWD, accessat};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The inode of the first user namespace, the only one whose capabilities count for eBPF.
/// <https://github.com/torvalds/linux/blob/v6.12/include/linux/proc_ns.h#L44>
const FIRST_USER_NAMESPACE: &str = "user:[4026531837]";

/// The most that is read of one file of facts. A kernel configuration is some 300 kB.
const FILE_MAX_BYTES: u64 = 4 << 20;

/// Where the facts are.
#[derive(Clone, Debug)]
pub struct Roots {
    /// `/proc`.
    pub proc: PathBuf,
    /// `/sys`.
    pub sys: PathBuf,
    /// `/boot`.
    pub boot: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self {
            proc: "/proc".into(),
            sys: "/sys".into(),
            boot: "/boot".into(),
        }
    }
}

/// Whether a file is there for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It can be opened.
    Readable,
    /// It is there, but cannot be opened.
    Unreadable,
    /// It is not there.
    Missing,
}

/// What the kernel knows of seccomp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeccompSupport {
    /// Filters.
    Filters,
    /// No filters.
    None,
    /// Not to be found out.
    Unknown,
}

/// The cgroup v2 hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgroupFacts {
    /// Alone or beside old ones.
    pub mode: Mode,
    /// Where it is mounted.
    pub point: PathBuf,
    /// Whether we may make cgroups.
    pub is_writable: bool,
}

/// The facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surroundings {
    /// `uname -m`.
    pub machine: String,
    /// `uname -r`.
    pub release: String,
    /// Our effective capabilities.
    pub capabilities: Option<Capabilities>,
    /// Whether we are in another user namespace than the first.
    pub in_user_namespace: bool,
    /// The kernel's types.
    pub btf: Presence,
    /// The mode of kernel lockdown.
    pub lockdown: Option<String>,
    /// The hierarchy, or why there is none and what to do.
    pub cgroups: Result<CgroupFacts, (String, Option<String>)>,
    /// Seccomp in the kernel.
    pub seccomp: SeccompSupport,
    /// The libseccomp that we are linked with.
    pub libseccomp: Option<Version>,
    /// Whether there is a bpf file system where the daemon pins what it records.
    pub has_bpf_files: bool,
}

impl Surroundings {
    /// Looks around.
    #[must_use]
    pub fn look(roots: &Roots) -> Self {
        let uname = rustix::system::uname();
        let release = uname.release().to_string_lossy().into_owned();
        let status = text(&roots.proc.join("self/status"));
        let mask = status.as_deref().and_then(effective_mask);
        let namespace = fs::read_link(roots.proc.join("self/ns/user"));
        Self {
            machine: uname.machine().to_string_lossy().into_owned(),
            capabilities: mask.map(capability::from_mask),
            in_user_namespace: namespace.is_ok_and(|link| link != Path::new(FIRST_USER_NAMESPACE)),
            btf: presence(&roots.sys.join("kernel/btf/vmlinux")),
            lockdown: text(&roots.sys.join("kernel/security/lockdown"))
                .and_then(|text| chosen(&text).map(str::to_owned)),
            cgroups: hierarchy(&roots.proc.join("self/mountinfo")),
            seccomp: seccomp(roots, &release, status.as_deref()),
            libseccomp: libseccomp::ScmpVersion::current()
                .ok()
                .map(|version| Version::new(version.major, version.minor, version.micro)),
            release,
            has_bpf_files: is_bpf_file_system(&roots.sys.join("fs/bpf")),
        }
    }
}

fn text(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    let file = File::open(path).ok()?;
    file.take(FILE_MAX_BYTES).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn presence(path: &Path) -> Presence {
    match File::open(path) {
        Ok(_) => Presence::Readable,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Presence::Missing,
        Err(_) => Presence::Unreadable,
    }
}

fn hierarchy(mountinfo: &Path) -> Result<CgroupFacts, (String, Option<String>)> {
    let found = Hierarchy::from_mountinfo(mountinfo, Hierarchy::is_whole);
    let hierarchy = found.map_err(|error| (error.to_string(), error.hint()))?;
    // By our effective rights: `access` asks for those of our real user, without any capabilities.
    let may_write = accessat(CWD, hierarchy.point(), Access::WRITE_OK, AtFlags::EACCESS);
    Ok(CgroupFacts {
        mode: hierarchy.mode(),
        is_writable: may_write.is_ok(),
        point: hierarchy.point().to_owned(),
    })
}

/// The effective capabilities in the text of `/proc/PID/status`.
fn effective_mask(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

/// The word in brackets, as in `none [integrity] confidentiality`.
fn chosen(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once('[')?;
    rest.split_once(']').map(|(word, _)| word)
}

/// The list of actions is there exactly if the kernel has filters; where /proc/sys is not shown, the
/// kernel's configuration says it. A status without a line for seccomp is that of a kernel without any.
fn seccomp(roots: &Roots, release: &str, status: Option<&str>) -> SeccompSupport {
    if presence(&roots.proc.join("sys/kernel/seccomp/actions_avail")) != Presence::Missing {
        return SeccompSupport::Filters;
    }
    let config = text(&roots.boot.join(format!("config-{release}")));
    let is_set = |config: &str| config.lines().any(|line| line == "CONFIG_SECCOMP_FILTER=y");
    let has_mode = |status: &str| status.lines().any(|line| line.starts_with("Seccomp:"));
    match (config.as_deref().map(is_set), status.map(has_mode)) {
        (Some(true), _) => SeccompSupport::Filters,
        (Some(false), _) | (None, Some(false)) => SeccompSupport::None,
        (None, Some(true)) if roots.proc.join("sys/kernel").is_dir() => SeccompSupport::None,
        _ => SeccompSupport::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// Directories that stand for a machine.
    struct Machine(tempfile::TempDir);

    impl Machine {
        fn new(files: &[(&str, &str)]) -> Self {
            let top = tempfile::tempdir().unwrap();
            for (name, text) in files {
                let path = top.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            Self(top)
        }

        fn roots(&self) -> Roots {
            let at = |name: &str| self.0.path().join(name);
            Roots {
                proc: at("proc"),
                sys: at("sys"),
                boot: at("boot"),
            }
        }
    }

    const STATUS: &str =
        "Name:\tx\nCapPrm:\t000001ffffffffff\nCapEff:\t0000000000200000\nSeccomp:\t0\n";

    #[test]
    fn a_machine_with_everything_is_seen_so() {
        let machine = Machine::new(&[
            ("proc/self/status", STATUS),
            ("proc/self/mountinfo", ""),
            ("proc/self/ns/x", ""),
            ("proc/sys/kernel/seccomp/actions_avail", "kill allow\n"),
            ("sys/kernel/btf/vmlinux", "\u{9f}"),
            (
                "sys/kernel/security/lockdown",
                "none [integrity] confidentiality\n",
            ),
        ]);
        let roots = machine.roots();
        symlink(FIRST_USER_NAMESPACE, roots.proc.join("self/ns/user")).unwrap();
        let seen = Surroundings::look(&roots);
        assert_eq!(seen.capabilities, Some(["CAP_SYS_ADMIN".to_owned()].into()));
        assert!(!seen.in_user_namespace);
        assert_eq!(seen.btf, Presence::Readable);
        assert_eq!(seen.lockdown.as_deref(), Some("integrity"));
        assert_eq!(seen.seccomp, SeccompSupport::Filters);
        assert_eq!(
            seen.cgroups.map_err(|(error, _)| error),
            Err("no cgroup v2 hierarchy is mounted".into())
        );
    }

    #[test]
    fn a_machine_with_nothing_is_seen_so() {
        let machine = Machine::new(&[("proc/self/ns/x", "")]);
        let roots = machine.roots();
        symlink("user:[4026532000]", roots.proc.join("self/ns/user")).unwrap();
        let seen = Surroundings::look(&roots);
        assert_eq!(seen.capabilities, None);
        assert!(seen.in_user_namespace);
        assert_eq!(seen.btf, Presence::Missing);
        assert_eq!(seen.lockdown, None);
        assert_eq!(seen.seccomp, SeccompSupport::Unknown);
        assert!(!seen.has_bpf_files);
        let mountinfo = roots.proc.join("self/mountinfo");
        assert_eq!(
            seen.cgroups,
            Err((format!("cannot read `{}`", mountinfo.display()), None))
        );
    }

    #[test]
    fn filters_are_found_where_the_kernel_tells() {
        let list = ("proc/sys/kernel/seccomp/actions_avail", "allow\n");
        let masked = ("proc/self/status", STATUS);
        let other = ("proc/sys/kernel/ostype", "Linux\n");
        let config = |text| ("boot/config-6.1.0-13-amd64", text);
        let with = config("CONFIG_SECCOMP=y\nCONFIG_SECCOMP_FILTER=y\n");
        let without = config("CONFIG_SECCOMP=y\n# CONFIG_SECCOMP_FILTER is not set\n");
        use SeccompSupport::{Filters, None, Unknown};
        for (files, expected) in [
            (vec![list], Filters),
            (vec![masked, with], Filters),
            (vec![masked, without], None),
            (vec![masked, other], None),
            (vec![masked], Unknown),
            (vec![], Unknown),
        ] {
            let machine = Machine::new(&files);
            let status = text(&machine.roots().proc.join("self/status"));
            let found = seccomp(&machine.roots(), "6.1.0-13-amd64", status.as_deref());
            assert_eq!(found, expected, "{files:?}");
        }
        let machine = Machine::new(&[]);
        let found = seccomp(&machine.roots(), "6.1.0", Some("Name:\tx\n"));
        assert_eq!(found, None);
    }
}
