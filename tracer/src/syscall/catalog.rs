//! Which arguments of which calls are scalars whose values decide what the call does.
//!
//! Pointers, lengths, descriptors and process ids are not here: a filter cannot read what a pointer points
//! to, and the others are data of the run, not decisions of the program.

/// A scalar argument that is tracked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Position, 0 to 5.
    pub index: u8,
    /// Name in the call's prototype.
    pub name: &'static str,
    /// Width in bits of its C type: 32 or 64. The kernel ignores what is above.
    pub bits: u8,
}

impl Argument {
    /// The bits of the register that the kernel looks at.
    #[must_use]
    pub const fn mask(self) -> u64 {
        if self.bits == 64 {
            u64::MAX
        } else {
            (1 << self.bits) - 1
        }
    }
}

const fn int(index: u8, name: &'static str) -> Argument {
    Argument {
        index,
        name,
        bits: 32,
    }
}

/// `unsigned long`; on 32-bit ABIs the register itself has only 32 bits.
const fn long(index: u8, name: &'static str) -> Argument {
    Argument {
        index,
        name,
        bits: 64,
    }
}

/// The most arguments that one call has tracked; the kernel side keeps a tuple of that many.
pub const TRACKED_MAX: usize = 3;

/// By name of the call, the tracked arguments in order of position. Widths are those of the kernel's
/// `SYSCALL_DEFINE` prototypes.
#[rustfmt::skip]
static TRACKED: &[(&str, &[Argument])] = &[
    ("arch_prctl", &[int(0, "option")]),
    ("bpf", &[int(0, "cmd")]),
    ("clone", &[long(0, "flags")]),
    ("epoll_ctl", &[int(1, "op")]),
    ("fcntl", &[int(1, "cmd")]),
    ("fcntl64", &[int(1, "cmd")]),
    ("futex", &[int(1, "op")]),
    ("futex_time64", &[int(1, "op")]),
    ("getsockopt", &[int(1, "level"), int(2, "optname")]),
    ("io_uring_register", &[int(1, "opcode")]),
    ("ioctl", &[int(1, "cmd")]),
    ("ipc", &[int(0, "call")]),
    ("keyctl", &[int(0, "option")]),
    ("kill", &[int(1, "sig")]),
    ("madvise", &[int(2, "behavior")]),
    ("memfd_create", &[int(1, "flags")]),
    ("mmap", &[long(2, "prot")]),
    ("mmap2", &[long(2, "prot")]),
    ("modify_ldt", &[int(0, "func")]),
    ("mount", &[long(3, "flags")]),
    ("mprotect", &[long(2, "prot")]),
    ("open", &[int(1, "flags")]),
    ("openat", &[int(2, "flags")]),
    ("perf_event_open", &[long(4, "flags")]),
    ("personality", &[int(0, "personality")]),
    ("pkey_mprotect", &[long(2, "prot")]),
    ("prctl", &[int(0, "option")]),
    ("prlimit64", &[int(1, "resource")]),
    ("ptrace", &[long(0, "request")]),
    ("quotactl", &[int(0, "cmd")]),
    ("quotactl_fd", &[int(1, "cmd")]),
    ("reboot", &[int(2, "cmd")]),
    ("rt_sigqueueinfo", &[int(1, "sig")]),
    ("rt_tgsigqueueinfo", &[int(2, "sig")]),
    ("seccomp", &[int(0, "op"), int(1, "flags")]),
    ("setns", &[int(1, "nstype")]),
    ("setsockopt", &[int(1, "level"), int(2, "optname")]),
    ("socket", &[int(0, "family"), int(1, "type"), int(2, "protocol")]),
    ("socketcall", &[int(0, "call")]),
    ("socketpair", &[int(0, "family"), int(1, "type"), int(2, "protocol")]),
    ("syslog", &[int(0, "type")]),
    ("tgkill", &[int(2, "sig")]),
    ("tkill", &[int(1, "sig")]),
    ("umount2", &[int(1, "flags")]),
    ("unshare", &[long(0, "flags")]),
];

/// The tracked arguments of the call of that name, in order of position; empty when none are.
#[must_use]
pub fn tracked(name: &str) -> &'static [Argument] {
    TRACKED
        .binary_search_by_key(&name, |&(name, _)| name)
        .map_or(&[], |at| TRACKED[at].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalog_is_sorted_and_names_real_calls() {
        assert!(TRACKED.is_sorted_by_key(|&(name, _)| name));
        for &(name, arguments) in TRACKED {
            assert!(crate::syscall::is_known_name(name), "{name}");
            assert!((1..=TRACKED_MAX).contains(&arguments.len()), "{name}");
            assert!(
                arguments.is_sorted_by_key(|argument| argument.index),
                "{name}"
            );
        }
    }

    #[test]
    fn a_mask_covers_the_c_type() {
        assert_eq!(tracked("socket")[0].mask(), 0xFFFF_FFFF);
        assert_eq!(tracked("clone")[0].mask(), u64::MAX);
        assert_eq!(tracked("read"), &[]);
    }
}
