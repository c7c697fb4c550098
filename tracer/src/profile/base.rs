//! The bases that come with the program, and what they say about a call.

use super::compare;
use super::meaning::Meaning;
use super::model::{Action, Profile, Rule};
use super::read;
use super::resolve::Circumstances;
use super::source::Source;
use crate::syscall::{Call, capability};
use std::collections::BTreeSet;
use std::sync::LazyLock;

static DOCKER: LazyLock<Source> =
    LazyLock::new(|| embedded(include_str!("../../../profiles/docker.json")));
static PODMAN: LazyLock<Source> =
    LazyLock::new(|| embedded(include_str!("../../../profiles/podman.json")));

fn embedded(text: &str) -> Source {
    read::profile(text).expect("our own file; a test reads it")
}

/// Docker's default profile.
#[must_use]
pub fn docker() -> &'static Source {
    &DOCKER
}

/// Podman's default profile.
#[must_use]
pub fn podman() -> &'static Source {
    &PODMAN
}

/// The capabilities each of which alone makes the base permit more of a call.
#[must_use]
pub fn unlocked_by(base: &Source, call: Call, circumstances: &Circumstances) -> Vec<String> {
    let resolved = |circumstances: &Circumstances| {
        let mut profile = base.resolve(circumstances);
        // Only the rules of this call matter, and building the sets of all the others takes time.
        profile.rules.retain(|rule| {
            rule.names
                .iter()
                .any(|name| Some(name.as_str()) == call.name())
        });
        profile
    };
    let permitted = |profile: &Profile| Meaning::of(profile, circumstances.host).permitted(call);
    let profile = resolved(circumstances);
    let now = permitted(&profile);
    let missing = capability::all().into_iter();
    let missing = missing.filter(|name| !circumstances.capabilities.contains(name));
    let unlocks = |name: &String| {
        let mut more = circumstances.clone();
        more.capabilities.insert(name.clone());
        let more = resolved(&more);
        // Most capabilities change nothing about most calls.
        more != profile && !permitted(&more).is_subset(&now)
    };
    missing.filter(unlocks).collect()
}

/// The same profile, and these calls permitted whatever their arguments.
#[must_use]
pub fn allowing(mut profile: Profile, names: &BTreeSet<String>) -> Profile {
    for rule in &mut profile.rules {
        rule.names.retain(|name| !names.contains(name));
    }
    profile.rules.retain(|rule| !rule.names.is_empty());
    if !names.is_empty() {
        profile.rules.push(Rule {
            names: names.iter().cloned().collect(),
            action: Action::Allow,
            conditions: Vec::new(),
        });
    }
    profile
}

/// What a base permits once its holes are closed: in the filter's view and, with every argument cut to its
/// C type, in the kernel's.
#[must_use]
pub fn permitted_in_both_views(base: &Meaning, call: Call) -> super::ArgumentSet {
    let permitted = base.permitted(call);
    let seen = compare::as_seen_by_kernel(call, &permitted);
    permitted.intersection(&seen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::source::KernelVersion;
    use crate::syscall::{self, Abi};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn what_is_asked_for_is_permitted_and_nothing_else_changes() {
        let base = docker().resolve(&circumstances(&[]));
        let names: BTreeSet<String> = ["clone3", "socket", "mount"].map(str::to_owned).into();
        let more = Meaning::of(&allowing(base.clone(), &names), Abi::X86_64);
        let less = Meaning::of(&base, Abi::X86_64);
        for call in syscall::calls(Abi::X86_64) {
            if call.name().is_some_and(|name| names.contains(name)) {
                assert!(more.permitted(call).is_all(), "{call}");
                assert!(!less.permitted(call).is_all(), "{call}");
            } else {
                assert_eq!(more.verdicts(call), less.verdicts(call), "{call}");
            }
        }
        assert_eq!(allowing(base.clone(), &BTreeSet::new()), base);
    }

    fn circumstances(extra: &[&str]) -> Circumstances {
        let mut capabilities = capability::docker_default();
        capabilities.extend(extra.iter().map(|&name| name.to_owned()));
        Circumstances {
            host: Abi::X86_64,
            kernel: KernelVersion { major: 6, minor: 1 },
            capabilities,
        }
    }

    fn docker_meaning(circumstances: &Circumstances) -> Meaning {
        Meaning::of(&docker().resolve(circumstances), circumstances.host)
    }

    fn refused(meaning: &Meaning, abi: Abi) -> BTreeSet<&'static str> {
        let refused = syscall::calls(abi).filter(|&call| meaning.permitted(call).is_none());
        refused.filter_map(Call::name).collect()
    }

    #[test]
    fn dockers_default_refuses_what_upstreams_does() {
        let meaning = docker_meaning(&circumstances(&[]));
        let expected: BTreeSet<&str> = "
            _sysctl acct add_key afs_syscall bpf clock_settime clone3 create_module delete_module
            fanotify_init fchroot file_getattr file_setattr finit_module fsconfig fsmount fsopen fspick
            get_kernel_syms get_mempolicy getpmsg init_module io_uring_enter io_uring_register
            io_uring_setup ioperm iopl kcmp kexec_file_load kexec_load keyctl listns lookup_dcookie
            lsm_get_self_attr lsm_list_modules lsm_set_self_attr mbind migrate_pages mount
            mount_setattr move_mount move_pages nfsservctl open_by_handle_at open_tree open_tree_attr
            perf_event_open pidfd_getfd pivot_root process_madvise putpmsg query_module quotactl
            quotactl_fd reboot request_key rseq_slice_yield security set_mempolicy
            set_mempolicy_home_node setdomainname sethostname setns settimeofday swapoff swapon sysfs
            syslog tuxcall umount2 unshare uprobe uselib userfaultfd ustat vhangup vserver"
            .split_whitespace().collect();
        assert_eq!(refused(&meaning, Abi::X86_64), expected);
        // As many as upstream's, compiled by libseccomp, on the other two ABIs.
        assert_eq!(refused(&meaning, Abi::I386).len(), 102);
        assert_eq!(refused(&meaning, Abi::X32).len(), 70);
        let conditional = |call: &Call| {
            let permitted = meaning.permitted(*call);
            !permitted.is_none() && !permitted.is_all()
        };
        let conditional: Vec<_> = syscall::calls(Abi::X86_64).filter(conditional).collect();
        let names: Vec<_> = conditional.into_iter().filter_map(Call::name).collect();
        assert_eq!(names, ["socket", "clone", "personality"]);
    }

    #[test]
    fn each_capability_opens_what_it_opens_upstream() {
        let without = refused(&docker_meaning(&circumstances(&[])), Abi::X86_64);
        let table = [
            ("CAP_BPF", "bpf"),
            ("CAP_DAC_READ_SEARCH", "open_by_handle_at"),
            ("CAP_PERFMON", "perf_event_open"),
            ("CAP_SYSLOG", "syslog"),
            (
                "CAP_SYS_ADMIN",
                "bpf clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie \
                lsm_get_self_attr lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount \
                open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog \
                umount2 unshare",
            ),
            ("CAP_SYS_BOOT", "reboot"),
            ("CAP_SYS_MODULE", "delete_module finit_module init_module"),
            (
                "CAP_SYS_NICE",
                "get_mempolicy mbind set_mempolicy set_mempolicy_home_node",
            ),
            ("CAP_SYS_PACCT", "acct"),
            ("CAP_SYS_PTRACE", "kcmp pidfd_getfd process_madvise"),
            ("CAP_SYS_RAWIO", "ioperm iopl"),
            ("CAP_SYS_TIME", "clock_settime settimeofday"),
            ("CAP_SYS_TTY_CONFIG", "vhangup"),
            ("CAP_NET_ADMIN", ""),
        ];
        for (name, opened) in table {
            let with = refused(&docker_meaning(&circumstances(&[name])), Abi::X86_64);
            let difference: Vec<_> = without.difference(&with).copied().collect();
            assert_eq!(
                difference,
                opened.split_whitespace().collect::<Vec<_>>(),
                "{name}"
            );
        }
    }

    #[test]
    fn old_kernels_keep_ptrace_behind_its_capability() {
        let mut old = circumstances(&[]);
        old.kernel = KernelVersion { major: 4, minor: 4 };
        let refused = refused(&docker_meaning(&old), Abi::X86_64);
        for name in ["ptrace", "process_vm_readv", "process_vm_writev"] {
            assert!(refused.contains(name), "{name}");
        }
    }

    #[test]
    fn a_denial_names_the_capabilities_that_would_unlock_it() {
        let call = |name| Call::named(Abi::X86_64, name).unwrap();
        let unlocked = |name| unlocked_by(docker(), call(name), &circumstances(&[]));
        assert_eq!(unlocked("bpf"), ["CAP_BPF", "CAP_SYS_ADMIN"]);
        assert_eq!(unlocked("keyctl"), [""; 0]);
        assert_eq!(unlocked("clone"), ["CAP_SYS_ADMIN"]);
    }

    #[test]
    fn podmans_default_is_looser_than_dockers() {
        let circumstances = circumstances(&[]);
        let podman = Meaning::of(&podman().resolve(&circumstances), Abi::X86_64);
        let refused = refused(&podman, Abi::X86_64);
        assert!(refused.contains("vmsplice") && refused.contains("bpf"));
        for name in ["mount", "unshare", "keyctl", "clone3"] {
            assert!(!refused.contains(name), "{name}");
        }
    }

    #[test]
    fn dockers_default_has_one_hole_and_only_in_the_kernels_view() {
        let meaning = docker_meaning(&circumstances(&[]));
        let excess = compare::beyond(&meaning, &meaning);
        let shown: Vec<_> = excess.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["socket(0x100000026, 0x0, 0x0, 0x0, 0x0, 0x0)"]);
        assert!(excess[0].only_in_kernel_view);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        /// A capability more never takes a permission away, in either view.
        #[test]
        fn resolution_is_monotone_in_capabilities(
            few in prop::collection::btree_set(prop::sample::select(capability::all().into_iter().collect::<Vec<_>>()), 0..6),
            more in prop::collection::btree_set(prop::sample::select(capability::all().into_iter().collect::<Vec<_>>()), 0..6),
        ) {
            let kernel = KernelVersion { major: 6, minor: 1 };
            let meaning = |source: &Source, capabilities: &BTreeSet<String>| {
                let capabilities = capabilities.iter().cloned().collect();
                let circumstances = Circumstances { host: Abi::X86_64, kernel, capabilities };
                Meaning::of(&source.resolve(&circumstances), Abi::X86_64)
            };
            let both: BTreeSet<String> = &few | &more;
            for source in [docker(), podman()] {
                let (less, more) = (meaning(source, &few), meaning(source, &both));
                for call in less.abis().iter().flat_map(|&abi| syscall::calls(abi)) {
                    prop_assert!(less.permitted(call).is_subset(&more.permitted(call)), "{}", call);
                    let views = [&less, &more].map(|one| permitted_in_both_views(one, call));
                    prop_assert!(views[0].is_subset(&views[1]), "{}", call);
                }
            }
        }
    }
}
