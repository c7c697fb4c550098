//! The C types of arguments: which of them the kernel cuts to less than a register.
//!
//! A filter sees whole registers; the kernel takes each argument as the type that the call declares, and
//! ignores what is above. It knows widths and signs, not meanings.

use super::{Abi, Call};

/// A C type that is narrower than a 64-bit register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Narrow {
    /// Position of the argument, 0 to 5.
    pub index: u8,
    /// The bits that the kernel looks at.
    pub bits: u8,
    /// Whether the highest of them is a sign, so that a caller may pass a negative value extended by ones
    /// as well as by zeros.
    pub is_signed: bool,
}

/// By name of the call, a letter for each argument up to the last narrow one: `i` for `int` and what is
/// defined as it (`pid_t`, `clockid_t`, `key_serial_t`), `u` for `unsigned int` (`uid_t`, `u32`), `h` for
/// `umode_t`, which has 16 bits, and `.` for everything as wide as a register. They are those of the kernel's
/// `SYSCALL_DEFINE` prototypes, as Linux 6.18 describes them in `events/syscalls/*/format` of its tracefs,
/// and for the few calls that were not built into it those of `include/linux/syscalls.h`.
#[rustfmt::skip]
static NARROW: &[(&str, &str)] = &[
    ("accept", "i"), ("accept4", "i..i"), ("access", ".i"), ("add_key", "....i"), ("alarm", "u"),
    ("arch_prctl", "i"), ("bind", "i.i"), ("bpf", "i.u"), ("cachestat", "u..u"), ("chmod", ".h"),
    ("chown", ".uu"), ("clock_adjtime", "i"), ("clock_getres", "i"), ("clock_gettime", "i"),
    ("clock_nanosleep", "ii"), ("clock_settime", "i"), ("close", "u"), ("close_range", "uuu"),
    ("connect", "i.i"), ("copy_file_range", "i.i..u"), ("creat", ".h"), ("delete_module", ".u"),
    ("dup", "u"), ("dup2", "uu"), ("dup3", "uui"), ("epoll_create", "i"), ("epoll_create1", "i"),
    ("epoll_ctl", "iii"), ("epoll_pwait", "i.ii"), ("epoll_pwait2", "i.i"), ("epoll_wait", "i.ii"),
    ("eventfd", "u"), ("eventfd2", "ui"), ("execveat", "i...i"), ("exit", "i"), ("exit_group", "i"),
    ("faccessat", "i.i"), ("faccessat2", "i.ii"), ("fadvise64", "i..i"), ("fallocate", "ii"),
    ("fanotify_init", "uu"), ("fanotify_mark", "iu.i"), ("fchdir", "u"), ("fchmod", "uh"),
    ("fchmodat", "i.h"), ("fchmodat2", "i.hu"), ("fchown", "uuu"), ("fchownat", "i.uui"),
    ("fcntl", "uu"), ("fdatasync", "u"), ("fgetxattr", "i"), ("file_getattr", "i...u"),
    ("file_setattr", "i...u"), ("finit_module", "i.i"), ("flistxattr", "i"), ("flock", "uu"),
    ("fremovexattr", "i"), ("fsconfig", "iu..i"), ("fsetxattr", "i...i"), ("fsmount", "iuu"),
    ("fsopen", ".u"), ("fspick", "i.u"), ("fstat", "u"), ("fstatfs", "u"), ("fsync", "u"),
    ("ftruncate", "u"), ("futex", ".iu..u"), ("futex_requeue", ".uii"), ("futex_wait", "...u.i"),
    ("futex_waitv", ".uu.i"), ("futex_wake", "..iu"), ("futimesat", "i"), ("get_robust_list", "i"),
    ("getdents", "u.u"), ("getdents64", "u.u"), ("getgroups", "i"), ("getitimer", "i"),
    ("getpeername", "i"), ("getpgid", "i"), ("getpriority", "ii"), ("getrandom", "..u"),
    ("getrlimit", "u"), ("getrusage", "i"), ("getsid", "i"), ("getsockname", "i"),
    ("getsockopt", "iii"), ("getxattrat", "i.u"), ("inotify_add_watch", "i.u"),
    ("inotify_init1", "i"), ("inotify_rm_watch", "ii"), ("io_setup", "u"),
    ("io_uring_enter", "uuuu"), ("io_uring_register", "uu.u"), ("io_uring_setup", "u"),
    ("ioctl", "uu"), ("ioperm", "..i"), ("iopl", "u"), ("ioprio_get", "ii"), ("ioprio_set", "iii"),
    ("kcmp", "iii"), ("kexec_file_load", "ii"), ("keyctl", "i"), ("kill", "ii"),
    ("landlock_add_rule", "iu.u"), ("landlock_create_ruleset", "..u"),
    ("landlock_restrict_self", "iu"), ("lchown", ".uu"), ("linkat", "i.i.i"), ("listen", "ii"),
    ("listmount", "...u"), ("listns", "...u"), ("listxattrat", "i.u"), ("lseek", "u.u"),
    ("lsetxattr", "....i"), ("lsm_get_self_attr", "u..u"), ("lsm_list_modules", "..u"),
    ("lsm_set_self_attr", "u.uu"), ("madvise", "..i"), ("map_shadow_stack", "..u"),
    ("mbind", ".....u"), ("membarrier", "iui"), ("memfd_create", ".u"), ("memfd_secret", "u"),
    ("migrate_pages", "i"), ("mkdir", ".h"), ("mkdirat", "i.h"), ("mknod", ".hu"),
    ("mknodat", "i.hu"), ("mlock2", "..i"), ("mlockall", "i"), ("modify_ldt", "i"),
    ("mount_setattr", "i.u"), ("move_mount", "i.i.u"), ("move_pages", "i....i"),
    ("mq_getsetattr", "i"), ("mq_notify", "i"), ("mq_open", ".ih"), ("mq_timedreceive", "i"),
    ("mq_timedsend", "i..u"), ("msgctl", "ii"), ("msgget", "ii"), ("msgrcv", "i...i"),
    ("msgsnd", "i..i"), ("msync", "..i"), ("name_to_handle_at", "i...i"), ("newfstatat", "i..i"),
    ("open", ".ih"), ("open_by_handle_at", "i.i"), ("open_tree", "i.u"), ("open_tree_attr", "i.u"),
    ("openat", "i.ih"), ("openat2", "i"), ("perf_event_open", ".iii"), ("personality", "u"),
    ("pidfd_getfd", "iiu"), ("pidfd_open", "iu"), ("pidfd_send_signal", "ii.u"), ("pipe2", ".i"),
    ("pkey_free", "i"), ("pkey_mprotect", "...i"), ("poll", ".ui"), ("ppoll", ".u"), ("prctl", "i"),
    ("pread64", "u"), ("preadv2", ".....i"), ("prlimit64", "iu"), ("process_madvise", "i..iu"),
    ("process_mrelease", "iu"), ("process_vm_readv", "i"), ("process_vm_writev", "i"),
    ("pselect6", "i"), ("pwrite64", "u"), ("pwritev2", ".....i"), ("quotactl", "u.u"),
    ("quotactl_fd", "uuu"), ("read", "u"), ("readahead", "i"), ("readlink", "..i"),
    ("readlinkat", "i..i"), ("reboot", "iiu"), ("recvfrom", "i..u"), ("recvmmsg", "i.uu"),
    ("recvmsg", "i.u"), ("removexattrat", "i.u"), ("renameat", "i.i"), ("renameat2", "i.i.u"),
    ("request_key", "...i"), ("rseq", ".uiu"), ("rt_sigaction", "i"), ("rt_sigprocmask", "i"),
    ("rt_sigqueueinfo", "ii"), ("rt_tgsigqueueinfo", "iii"), ("sched_get_priority_max", "i"),
    ("sched_get_priority_min", "i"), ("sched_getaffinity", "iu"), ("sched_getattr", "i.uu"),
    ("sched_getparam", "i"), ("sched_getscheduler", "i"), ("sched_rr_get_interval", "i"),
    ("sched_setaffinity", "iu"), ("sched_setattr", "i.u"), ("sched_setparam", "i"),
    ("sched_setscheduler", "ii"), ("seccomp", "uu"), ("select", "i"), ("semctl", "iii"),
    ("semget", "iii"), ("semop", "i.u"), ("semtimedop", "i.u"), ("sendfile", "ii"),
    ("sendmmsg", "i.uu"), ("sendmsg", "i.u"), ("sendto", "i..u.i"), ("set_mempolicy", "i"),
    ("setdomainname", ".i"), ("setfsgid", "u"), ("setfsuid", "u"), ("setgid", "u"),
    ("setgroups", "i"), ("sethostname", ".i"), ("setitimer", "i"), ("setns", "ii"),
    ("setpgid", "ii"), ("setpriority", "iii"), ("setregid", "uu"), ("setresgid", "uuu"),
    ("setresuid", "uuu"), ("setreuid", "uu"), ("setrlimit", "u"), ("setsockopt", "iii.i"),
    ("setuid", "u"), ("setxattr", "....i"), ("setxattrat", "i.u"), ("shmat", "i.i"),
    ("shmctl", "ii"), ("shmget", "i.i"), ("shutdown", "ii"), ("signalfd", "i"),
    ("signalfd4", "i..i"), ("socket", "iii"), ("socketpair", "iii"), ("splice", "i.i..u"),
    ("statmount", "...u"), ("statx", "i.uu"), ("swapon", ".i"), ("symlinkat", ".i"),
    ("sync_file_range", "i..u"), ("syncfs", "i"), ("sysfs", "i"), ("syslog", "i.i"),
    ("tee", "ii.u"), ("tgkill", "iii"), ("timer_create", "i"), ("timer_delete", "i"),
    ("timer_getoverrun", "i"), ("timer_gettime", "i"), ("timer_settime", "ii"),
    ("timerfd_create", "ii"), ("timerfd_gettime", "i"), ("timerfd_settime", "ii"), ("tkill", "ii"),
    ("umask", "i"), ("umount2", ".i"), ("unlinkat", "i.i"), ("userfaultfd", "i"), ("ustat", "u"),
    ("utimensat", "i..i"), ("vmsplice", "i..u"), ("wait4", "i.i"), ("waitid", "ii.i"),
    ("write", "u"),
];

/// Calls that take user and group ids of 16 bits where registers have 32: the positions of the ids.
/// <https://github.com/torvalds/linux/blob/v6.12/kernel/uid16.c>
static IDS_OF_16_BITS: &[(&str, &[u8])] = &[
    ("chown", &[1, 2]),
    ("fchown", &[1, 2]),
    ("lchown", &[1, 2]),
    ("setfsgid", &[0]),
    ("setfsuid", &[0]),
    ("setgid", &[0]),
    ("setregid", &[0, 1]),
    ("setresgid", &[0, 1, 2]),
    ("setresuid", &[0, 1, 2]),
    ("setreuid", &[0, 1]),
    ("setuid", &[0]),
];

/// The arguments of a call that the kernel cuts, in order of position.
#[must_use]
pub fn narrow(call: Call) -> Vec<Narrow> {
    let Some(name) = call.name() else {
        return Vec::new();
    };
    let letters = NARROW
        .binary_search_by_key(&name, |&(name, _)| name)
        .map_or("", |at| NARROW[at].1);
    let ids = IDS_OF_16_BITS.iter().find(|(known, _)| *known == name);
    let ids = ids.filter(|_| matches!(call.abi, Abi::I386 | Abi::Arm));
    let types = (0..).zip(letters.bytes()).filter_map(|(index, letter)| {
        let (bits, is_signed) = match letter {
            b'i' => (32, true),
            b'u' => (32, false),
            b'h' => (16, false),
            _ => return None,
        };
        let is_short = ids.is_some_and(|(_, positions)| positions.contains(&index));
        Some(Narrow {
            index,
            bits: if is_short { 16 } else { bits },
            is_signed,
        })
    });
    types.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syscall::{self, catalog};

    #[test]
    fn the_table_is_sorted_and_names_real_calls() {
        assert!(NARROW.is_sorted_by_key(|&(name, _)| name));
        for (name, letters) in NARROW {
            assert!(syscall::is_known_name(name), "{name}");
            assert!((1..=6).contains(&letters.len()), "{name}");
            assert!(
                letters.bytes().all(|letter| b"iuh.".contains(&letter)),
                "{name}"
            );
        }
    }

    #[test]
    fn the_catalog_of_tracked_arguments_says_the_same() {
        for call in syscall::calls(Abi::X86_64) {
            let narrow = narrow(call);
            for argument in catalog::tracked(call.name().unwrap()) {
                let here = narrow.iter().find(|one| one.index == argument.index);
                let bits = here.map_or(64, |one| one.bits);
                assert_eq!(argument.bits, bits, "{call}: {}", argument.name);
            }
        }
    }

    #[test]
    fn types_are_those_of_the_prototypes() {
        let types = |abi, name: &str| {
            let narrow = narrow(Call::named(abi, name).unwrap()).into_iter();
            let each = narrow.map(|one| (one.index, one.bits, one.is_signed));
            each.collect::<Vec<_>>()
        };
        let int = |index| (index, 32, true);
        assert_eq!(types(Abi::X86_64, "socket"), [int(0), int(1), int(2)]);
        assert_eq!(types(Abi::X86_64, "personality"), [(0, 32, false)]);
        assert_eq!(types(Abi::X86_64, "chmod"), [(1, 16, false)]);
        assert_eq!(types(Abi::X86_64, "clone"), []);
        assert_eq!(types(Abi::X86_64, "setuid"), [(0, 32, false)]);
        assert_eq!(types(Abi::I386, "setuid"), [(0, 16, false)]);
        assert_eq!(types(Abi::I386, "setuid32"), []);
    }
}
