//! What is known about the arguments of calls: their C types, and of those whose values decide what a call
//! does, which values there are, what they are called, and how much it helps to narrow them.
//!
//! Tracked are scalars only: a filter cannot read what a pointer points to, and lengths, descriptors and
//! process ids are data of the run, not decisions of the program. Knows nothing of profiles and recordings.

mod names;
mod own;
mod show;
mod table {
    //! Long lists: prototypes, and generated names.
    pub(super) mod names;
    pub(super) mod prototypes;
}
mod tracked;
mod types;

pub use show::{show, show_beside, show_flags, show_tuple, socket_option, value};
pub use tracked::tracked;
pub use types::{Argument, Stability, Type, Values, Weight};

use super::{Abi, Call};

/// The most arguments that one call has tracked; the kernel side keeps a tuple of that many.
pub const TRACKED_MAX: usize = 3;

/// The C types and names of a call's arguments, in order; `None` for a call that no kernel implements, or
/// that we have no prototype of.
#[must_use]
pub fn prototype(call: Call) -> Option<&'static [(Type, &'static str)]> {
    let name = call.name()?;
    if takes_a_block(call) {
        return Some(&[(Type::Pointer, "arg")]);
    }
    let table = table::prototypes::PROTOTYPES;
    let at = table.binary_search_by_key(&name, |&(name, _)| name).ok()?;
    Some(table[at].1)
}

/// The tracked arguments of a call, in order of position; empty when none are.
#[must_use]
pub fn of(call: Call) -> &'static [Argument] {
    if takes_a_block(call) {
        return &[];
    }
    call.name().map_or(&[], tracked)
}

/// The tracked argument of a call at a position.
#[must_use]
pub fn at(call: Call, index: u8) -> Option<&'static Argument> {
    of(call).iter().find(|argument| argument.index == index)
}

/// Two old calls of 32-bit ABIs take one pointer to all their arguments.
/// <https://github.com/torvalds/linux/blob/v6.12/arch/x86/entry/syscalls/syscall_32.tbl#L97>
fn takes_a_block(call: Call) -> bool {
    matches!(call.abi, Abi::I386 | Abi::Arm) && matches!(call.name(), Some("mmap" | "select"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalog_is_sorted_and_agrees_with_the_prototypes() {
        let tracked = tracked::TRACKED;
        assert!(tracked.is_sorted_by_key(|&(name, _)| name));
        for &(name, arguments) in tracked {
            assert!(crate::syscall::is_known_name(name), "{name}");
            assert!((1..=TRACKED_MAX).contains(&arguments.len()), "{name}");
            assert!(
                arguments.is_sorted_by_key(|argument| argument.index),
                "{name}"
            );
            let abi = Abi::ALL.into_iter().find_map(|abi| {
                let call = Call::named(abi, name)?;
                (!takes_a_block(call)).then_some(call)
            });
            let prototype = prototype(abi.unwrap()).unwrap();
            for argument in arguments {
                let (kind, _) = prototype[usize::from(argument.index)];
                assert_eq!(kind, argument.kind, "{name} {}", argument.name);
                assert_ne!(kind, Type::Pointer, "{name} {}", argument.name);
            }
        }
    }

    #[test]
    fn prototypes_are_sorted_and_of_calls_that_there_are() {
        let table = table::prototypes::PROTOTYPES;
        assert!(table.is_sorted_by_key(|&(name, _)| name));
        for &(name, arguments) in table {
            assert!(crate::syscall::is_known_name(name), "{name}");
            assert!(arguments.len() <= 6, "{name}");
        }
        let without: Vec<_> = crate::syscall::calls(Abi::X86_64)
            .filter(|&call| prototype(call).is_none())
            .filter_map(Call::name)
            .collect();
        assert_eq!(
            without,
            [
                "_sysctl",
                "create_module",
                "get_kernel_syms",
                "query_module",
                "nfsservctl",
                "getpmsg",
                "putpmsg",
                "afs_syscall",
                "tuxcall",
                "security",
                "epoll_ctl_old",
                "epoll_wait_old",
                "vserver",
            ]
        );
    }

    #[test]
    fn a_mask_covers_the_c_type() {
        let call = |name| Call::named(Abi::X86_64, name).unwrap();
        assert_eq!(of(call("socket"))[0].mask(), 0xFFFF_FFFF);
        assert_eq!(of(call("clone"))[0].mask(), u64::MAX);
        assert_eq!(of(call("read")), &[]);
        assert_eq!(of(Call::named(Abi::I386, "mmap").unwrap()), &[]);
        assert_eq!(
            prototype(call("fchmod")),
            Some(&[(Type::Uint, "fd"), (Type::Ushort, "mode")][..])
        );
    }

    #[test]
    fn everything_that_decides_what_a_call_does_is_tracked() {
        let expected = "
            arch_prctl bpf clone epoll_ctl fcntl futex getsockopt io_uring_register ioctl keyctl kill
            madvise memfd_create mmap modify_ldt mount mprotect open openat perf_event_open personality
            prctl prlimit64 ptrace quotactl reboot seccomp setns setsockopt socket socketpair syslog tgkill
            umount2 unshare";
        for name in expected.split_whitespace() {
            assert!(!tracked(name).is_empty(), "{name}");
        }
        let positions = |name| {
            tracked(name)
                .iter()
                .map(|one| one.index)
                .collect::<Vec<_>>()
        };
        assert_eq!(positions("socket"), [0, 1, 2]);
        assert_eq!(positions("setsockopt"), [1, 2]);
        assert_eq!(positions("read"), [0; 0]);
    }
}
