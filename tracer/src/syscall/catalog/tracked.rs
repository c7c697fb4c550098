//! The arguments that are tracked, and why each is narrowed when it is.
//!
//! Measured on the kernel bugs that were exploited from 2023 to 2025: nearly all that Docker's default
//! leaves open is behind a family or option of a socket, a flag of a message, or a request of `ioctl`.
//!
//! What is narrowed by default must not break what works. Tried on thirty runs of Python, shell tools and git
//! that each did something else, by leaving one out and checking it against a profile from the others: 50
//! calls had never been seen, whatever is narrowed; 5 more facts were denied for their values where values
//! set by code are narrowed (sockets and `ioctl`), and 21 where all are (signals, commands of `fcntl`, limits
//! and flags of files before all others).

use super::own;
use super::table::names as named;
use super::types::Argument;
use super::types::Type::{self, Int, Long, Uint, Ulong};
use super::types::Weight::{Low, Medium};

/// `CLONE_NEW*`, without `CLONE_NEWTIME`, which `clone` cannot have: a new namespace is how most exploits of
/// recent years got at the kernel code that they broke.
const NAMESPACES: u64 = 0x7E02_0000;

/// `CSIGNAL`: the lowest byte of `clone`'s flags is the signal that tells the parent of the child's end.
const EXIT_SIGNAL: u64 = 0xFF;

/// `MSG_OOB`: of no use to modern programs, and twice the way into the kernel through Unix sockets.
const OUT_OF_BAND: u64 = 1;

/// `MSG_DONTWAIT | MSG_NOSIGNAL`.
const HARMLESS_MESSAGE: u64 = 0x4040;

/// `PROT_WRITE | PROT_EXEC`.
const WRITE_AND_EXECUTE: u64 = 6;

/// `O_NOTIFICATION_PIPE`: makes a queue for events of the kernel out of a pipe, code that had an exploited bug
/// (CVE-2022-0995) and that next to nobody uses.
/// <https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/watch_queue.h#L9>
const NOTIFICATION_PIPE: u64 = 0x80;

/// `O_CLOEXEC`, on every ABI that we have tables for.
const CLOSE_ON_EXEC: u64 = 0x8_0000;

const fn one(
    index: u8,
    name: &'static str,
    kind: Type,
    names: &'static super::names::Names,
) -> Argument {
    Argument::one_of(index, name, kind, Some(names))
}

/// Which signals are sent is chosen by what happens to a program.
const fn signal(index: u8) -> Argument {
    one(index, "sig", Int, &named::SIGNAL)
        .changing()
        .weighs(Low)
}

/// What a page may be used for. Libraries are mapped and relocated in ways that change from version to
/// version; the combination that no honest program needs is that of writing and executing.
const fn protection(index: u8) -> Argument {
    Argument::bits(index, "prot", Ulong, &named::PROTECTION)
        .with_number(0, &own::NO_PROTECTION)
        .with_bits(0, 0, WRITE_AND_EXECUTE)
        .changing()
        .weighs(Medium)
}

/// How files are opened depends on what they are opened for.
const fn open(index: u8) -> Argument {
    Argument::bits(index, "flags", Int, &named::OPEN_FLAG)
        .with_number(3, &own::ACCESS_MODE)
        .with_bits(CLOSE_ON_EXEC, 0, 0)
        .changing()
        .weighs(Low)
}

const fn message(index: u8) -> Argument {
    Argument::bits(index, "flags", Uint, &named::MESSAGE_FLAG)
        .with_bits(HARMLESS_MESSAGE, OUT_OF_BAND, 0)
        .changing()
        .weighs(Medium)
}

/// The lowest seven bits are the operation. Which ones a C library uses changes with its version.
const FUTEX: Argument = one(1, "op", Int, &named::FUTEX_OPERATION)
    .modified(0x7F, &own::FUTEX_FLAG)
    .changing()
    .weighs(Medium);

const FCNTL: Argument = one(1, "cmd", Uint, &named::FCNTL_COMMAND)
    .changing()
    .weighs(Low);

const SOCKET: [Argument; 3] = [
    one(0, "family", Int, &named::SOCKET_FAMILY),
    one(1, "type", Int, &named::SOCKET_TYPE).modified(0xF, &own::SOCKET_TYPE_FLAG),
    one(2, "protocol", Int, &own::NONE),
];

/// By name of the call, the tracked arguments in order of position. Types are those of the prototypes.
#[rustfmt::skip]
pub(super) static TRACKED: &[(&str, &[Argument])] = &[
    ("arch_prctl", &[one(0, "option", Int, &own::ARCH_PRCTL).weighs(Low)]),
    ("bpf", &[one(0, "cmd", Int, &named::BPF_COMMAND)]),
    // Flags of threads change with the C library, and a filter sees nothing of `clone3`'s.
    ("clone", &[Argument::bits(0, "flags", Ulong, &named::CLONE_FLAG).with_number(EXIT_SIGNAL, &named::SIGNAL).with_bits(EXIT_SIGNAL, NAMESPACES, 0).changing()]),
    ("epoll_ctl", &[one(1, "op", Int, &named::EPOLL_OPERATION).indifferent().weighs(Low)]),
    ("fcntl", &[FCNTL]),
    ("fcntl64", &[FCNTL]),
    ("futex", &[FUTEX]),
    ("futex_time64", &[FUTEX]),
    ("getsockopt", &[one(1, "level", Int, &named::SOCKET_LEVEL).weighs(Medium), one(2, "optname", Int, &own::NONE).weighs(Medium)]),
    // The highest bit says that the ring is a registered one.
    ("io_uring_register", &[one(1, "opcode", Uint, &named::IO_URING_OPCODE).modified(0x7FFF_FFFF, &own::NONE)]),
    ("ioctl", &[one(1, "cmd", Uint, &named::IOCTL_REQUEST)]),
    // The upper half is a version.
    ("ipc", &[one(0, "call", Uint, &own::IPC).modified(0xFFFF, &own::NONE).weighs(Low)]),
    ("keyctl", &[one(0, "option", Int, &named::KEYCTL_OPERATION)]),
    ("kill", &[signal(1)]),
    ("madvise", &[one(2, "behavior", Int, &named::MADVISE_ADVICE).changing().weighs(Medium)]),
    ("memfd_create", &[Argument::bits(1, "flags", Uint, &named::MEMFD_FLAG).with_bits(1, 0, 0).changing().weighs(Low)]),
    ("mmap", &[protection(2)]),
    ("mmap2", &[protection(2)]),
    ("modify_ldt", &[one(0, "func", Int, &own::MODIFY_LDT)]),
    ("mount", &[Argument::bits(3, "flags", Ulong, &named::MOUNT_FLAG).changing()]),
    ("mprotect", &[protection(2)]),
    ("open", &[open(1)]),
    ("openat", &[open(2)]),
    ("perf_event_open", &[Argument::bits(4, "flags", Ulong, &named::PERF_FLAG).with_bits(8, 0, 0)]),
    ("personality", &[one(0, "personality", Uint, &own::PERSONALITY).flagged(0xFF, &own::PERSONALITY_FLAG).weighs(Medium)]),
    ("pipe2", &[Argument::bits(1, "flags", Int, &own::PIPE_FLAG).with_bits(CLOSE_ON_EXEC, NOTIFICATION_PIPE, 0).changing().weighs(Medium)]),
    ("pkey_mprotect", &[protection(2)]),
    ("prctl", &[one(0, "option", Int, &named::PRCTL_OPTION)]),
    ("prlimit64", &[one(1, "resource", Uint, &named::RESOURCE).changing().weighs(Low)]),
    ("ptrace", &[one(0, "request", Long, &named::PTRACE_REQUEST)]),
    ("quotactl", &[one(0, "cmd", Uint, &own::NONE).weighs(Medium)]),
    ("quotactl_fd", &[one(1, "cmd", Uint, &own::NONE).weighs(Medium)]),
    ("reboot", &[one(2, "cmd", Uint, &named::REBOOT_COMMAND)]),
    ("rt_sigqueueinfo", &[signal(1)]),
    ("rt_tgsigqueueinfo", &[signal(2)]),
    ("seccomp", &[one(0, "op", Uint, &named::SECCOMP_OPERATION).weighs(Medium), Argument::bits(1, "flags", Uint, &named::SECCOMP_FLAG).changing().weighs(Low)]),
    ("send", &[message(3)]),
    ("sendmmsg", &[message(3)]),
    ("sendmsg", &[message(2)]),
    ("sendto", &[message(3)]),
    ("setns", &[one(1, "nstype", Int, &named::CLONE_FLAG)]),
    ("setsockopt", &[one(1, "level", Int, &named::SOCKET_LEVEL), one(2, "optname", Int, &own::NONE)]),
    ("socket", &SOCKET),
    ("socketcall", &[one(0, "call", Int, &named::SOCKETCALL).weighs(Medium)]),
    ("socketpair", &SOCKET),
    ("syslog", &[one(0, "type", Int, &own::SYSLOG)]),
    ("tgkill", &[signal(2)]),
    ("tkill", &[signal(1)]),
    ("umount2", &[Argument::bits(1, "flags", Int, &named::UMOUNT_FLAG)]),
    ("unshare", &[Argument::bits(0, "flags", Ulong, &named::CLONE_FLAG)]),
];

/// The tracked arguments of the call of that name, in order of position; empty when none are.
#[must_use]
pub fn tracked(name: &str) -> &'static [Argument] {
    TRACKED
        .binary_search_by_key(&name, |&(name, _)| name)
        .map_or(&[], |at| TRACKED[at].1)
}
