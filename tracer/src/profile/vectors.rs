//! What dockerd makes of its default profile, for hosts, kernels and capabilities: observed of upstream, and
//! made here from our own file.

use super::base;
use super::model::{Action, Condition, Operator, Profile, Rule};
use super::resolve::Circumstances;
use super::source::KernelVersion;
use crate::syscall::{Abi, capability};
use std::collections::BTreeSet;

/// Every name and what is done with it, one a line; on amd64, with the default capabilities, from 4.8 on.
static AMD64: &str = include_str!("golden/docker-amd64.txt");

struct Vector {
    host: Abi,
    kernel: (u32, u32),
    /// Capabilities beside Docker's default; `None` for a container without any.
    capabilities: Option<&'static [&'static str]>,
    abis: &'static [Abi],
    /// Lines that there are beside those of amd64, and lines that there are not.
    more: &'static str,
    less: &'static str,
}

const X86: &[Abi] = &[Abi::X86_64, Abi::I386, Abi::X32];

static VECTORS: [Vector; 7] = [
    Vector {
        host: Abi::X86_64,
        kernel: (6, 1),
        capabilities: Some(&[]),
        abis: X86,
        more: "",
        less: "",
    },
    Vector {
        host: Abi::X86_64,
        kernel: (6, 1),
        capabilities: Some(&["CAP_SYS_ADMIN"]),
        abis: X86,
        more: "bpf allow/clone allow/clone3 allow/fanotify_init allow/fsconfig allow/fsmount allow/\
            fsopen allow/fspick allow/lookup_dcookie allow/lsm_get_self_attr allow/\
            lsm_list_modules allow/lsm_set_self_attr allow/mount allow/mount_setattr allow/\
            move_mount allow/open_tree allow/perf_event_open allow/quotactl allow/quotactl_fd allow/\
            setdomainname allow/sethostname allow/setns allow/syslog allow/umount allow/umount2 allow/\
            unshare allow",
        less: "clone allow 0 MASKED_EQ 2114060288 0/clone3 errno 38",
    },
    Vector {
        host: Abi::X86_64,
        kernel: (4, 4),
        capabilities: Some(&["CAP_SYS_PTRACE"]),
        abis: X86,
        more: "kcmp allow/pidfd_getfd allow/process_madvise allow",
        less: "",
    },
    Vector {
        host: Abi::X86_64,
        kernel: (4, 4),
        capabilities: Some(&[]),
        abis: X86,
        more: "",
        less: "process_vm_readv allow/process_vm_writev allow/ptrace allow",
    },
    Vector {
        host: Abi::X86_64,
        kernel: (6, 1),
        capabilities: None,
        abis: X86,
        more: "",
        less: "chroot allow",
    },
    Vector {
        host: Abi::I386,
        kernel: (6, 1),
        capabilities: Some(&[]),
        // No entry of `archMap` is for it, so only the native ABI is known.
        abis: &[],
        more: "",
        less: "arch_prctl allow",
    },
    Vector {
        host: Abi::Aarch64,
        kernel: (6, 1),
        capabilities: Some(&[]),
        abis: &[Abi::Aarch64, Abi::Arm],
        more: "arm_fadvise64_64 allow/arm_sync_file_range allow/breakpoint allow/cacheflush allow/\
            set_tls allow/sync_file_range2 allow",
        less: "arch_prctl allow/modify_ldt allow",
    },
];

#[test]
fn dockers_default_resolves_as_upstream_resolves_it() {
    for vector in &VECTORS {
        let mut capabilities = vector
            .capabilities
            .map_or_else(BTreeSet::new, |_| capability::docker_default());
        let more = vector.capabilities.unwrap_or_default();
        capabilities.extend(more.iter().map(|&name| name.to_owned()));
        let (major, minor) = vector.kernel;
        let resolved = base::docker().resolve(&Circumstances {
            host: vector.host,
            kernel: KernelVersion { major, minor },
            capabilities,
        });
        assert_eq!(resolved.default_action, Action::Errno(1));
        assert_eq!(resolved.abis, vector.abis.iter().copied().collect());
        assert_eq!((&resolved.flags, &resolved.listener_path), (&None, &None));
        let mut expected: BTreeSet<&str> = AMD64.lines().collect();
        let lines = |text: &'static str| text.split('/').filter(|line| !line.is_empty());
        for line in lines(vector.less) {
            assert!(expected.remove(line), "{line}");
        }
        for line in lines(vector.more) {
            assert!(expected.insert(line), "{line}");
        }
        let found = flat(&resolved);
        let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
        assert_eq!(
            found, expected,
            "{:?} {:?}",
            vector.host, vector.capabilities
        );
    }
}

fn flat(profile: &Profile) -> BTreeSet<String> {
    let lines = |rule: &Rule| {
        let action = match rule.action {
            Action::Allow => "allow".to_owned(),
            Action::Errno(errno) => format!("errno {errno}"),
            other => format!("{other:?}"),
        };
        let conditions: String = rule.conditions.iter().map(shown).collect();
        let line = |name: &String| format!("{name} {action}{conditions}");
        rule.names.iter().map(line).collect::<Vec<_>>()
    };
    profile.rules.iter().flat_map(lines).collect()
}

fn shown(condition: &Condition) -> String {
    let Condition {
        index,
        operator,
        value,
        value_two,
    } = condition;
    let name = operator.oci_name().trim_start_matches("SCMP_CMP_");
    let two = if *operator == Operator::MaskedEq {
        format!(" {value_two}")
    } else {
        String::new()
    };
    format!(" {index} {name} {value}{two}")
}
