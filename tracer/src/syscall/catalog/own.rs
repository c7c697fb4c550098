//! Names that no crate has in a form that can be taken over.

use super::names::Names;
use crate::syscall::Abi;

/// Options of `arch_prctl`.
/// <https://github.com/torvalds/linux/blob/v6.12/arch/x86/include/uapi/asm/prctl.h>
pub(super) static ARCH_PRCTL: Names = Names::everywhere(&[
    (0x1001, "ARCH_SET_GS"),
    (0x1002, "ARCH_SET_FS"),
    (0x1003, "ARCH_GET_FS"),
    (0x1004, "ARCH_GET_GS"),
    (0x1011, "ARCH_GET_CPUID"),
    (0x1012, "ARCH_SET_CPUID"),
    (0x1021, "ARCH_GET_XCOMP_SUPP"),
    (0x1022, "ARCH_GET_XCOMP_PERM"),
    (0x1023, "ARCH_REQ_XCOMP_PERM"),
    (0x1024, "ARCH_GET_XCOMP_GUEST_PERM"),
    (0x1025, "ARCH_REQ_XCOMP_GUEST_PERM"),
    (0x2001, "ARCH_MAP_VDSO_X32"),
    (0x2002, "ARCH_MAP_VDSO_32"),
    (0x2003, "ARCH_MAP_VDSO_64"),
    (0x3001, "ARCH_CET_STATUS"),
    (0x4001, "ARCH_GET_UNTAG_MASK"),
    (0x4002, "ARCH_ENABLE_TAGGED_ADDR"),
    (0x4003, "ARCH_GET_MAX_TAG_BITS"),
    (0x4004, "ARCH_FORCE_TAGGED_SVA"),
    (0x5001, "ARCH_SHSTK_ENABLE"),
    (0x5002, "ARCH_SHSTK_DISABLE"),
    (0x5003, "ARCH_SHSTK_LOCK"),
    (0x5004, "ARCH_SHSTK_UNLOCK"),
    (0x5005, "ARCH_SHSTK_STATUS"),
]);

/// Execution domains. <https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/personality.h>
pub(super) static PERSONALITY: Names =
    Names::everywhere(&[(0, "PER_LINUX"), (8, "PER_LINUX32"), (0xFFFF_FFFF, "query")]);

/// Flags beside the execution domain; as above.
pub(super) static PERSONALITY_FLAG: Names = Names::everywhere(&[
    (0x0002_0000, "UNAME26"),
    (0x0004_0000, "ADDR_NO_RANDOMIZE"),
    (0x0008_0000, "FDPIC_FUNCPTRS"),
    (0x0010_0000, "MMAP_PAGE_ZERO"),
    (0x0020_0000, "ADDR_COMPAT_LAYOUT"),
    (0x0040_0000, "READ_IMPLIES_EXEC"),
    (0x0080_0000, "ADDR_LIMIT_32BIT"),
    (0x0100_0000, "SHORT_INODE"),
    (0x0200_0000, "WHOLE_SECONDS"),
    (0x0400_0000, "STICKY_TIMEOUTS"),
    (0x0800_0000, "ADDR_LIMIT_3GB"),
]);

/// Flags of `pipe2`. <https://github.com/torvalds/linux/blob/v6.12/fs/pipe.c#L961>
pub(super) static PIPE_FLAG: Names = Names {
    common: &[
        (0x80, "O_NOTIFICATION_PIPE"),
        (0x800, "O_NONBLOCK"),
        (0x8_0000, "O_CLOEXEC"),
    ],
    own: &[
        (Abi::X86_64, &[(0x4000, "O_DIRECT")]),
        (Abi::I386, &[(0x4000, "O_DIRECT")]),
        (Abi::X32, &[(0x4000, "O_DIRECT")]),
        (Abi::Aarch64, &[(0x1_0000, "O_DIRECT")]),
        (Abi::Arm, &[(0x1_0000, "O_DIRECT")]),
    ],
};

/// Actions of `syslog`. <https://github.com/torvalds/linux/blob/v6.12/include/linux/syslog.h>
pub(super) static SYSLOG: Names = Names::everywhere(&[
    (0, "SYSLOG_ACTION_CLOSE"),
    (1, "SYSLOG_ACTION_OPEN"),
    (2, "SYSLOG_ACTION_READ"),
    (3, "SYSLOG_ACTION_READ_ALL"),
    (4, "SYSLOG_ACTION_READ_CLEAR"),
    (5, "SYSLOG_ACTION_CLEAR"),
    (6, "SYSLOG_ACTION_CONSOLE_OFF"),
    (7, "SYSLOG_ACTION_CONSOLE_ON"),
    (8, "SYSLOG_ACTION_CONSOLE_LEVEL"),
    (9, "SYSLOG_ACTION_SIZE_UNREAD"),
    (10, "SYSLOG_ACTION_SIZE_BUFFER"),
]);

/// What `modify_ldt` does. <https://github.com/torvalds/linux/blob/v6.12/arch/x86/kernel/ldt.c#L666>
pub(super) static MODIFY_LDT: Names = Names::everywhere(&[
    (0, "read"),
    (1, "write in the old way"),
    (2, "read the default"),
    (0x11, "write"),
]);

/// Sub-calls of `ipc`. <https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/ipc.h#L41>
pub(super) static IPC: Names = Names::everywhere(&[
    (1, "SEMOP"),
    (2, "SEMGET"),
    (3, "SEMCTL"),
    (4, "SEMTIMEDOP"),
    (11, "MSGSND"),
    (12, "MSGRCV"),
    (13, "MSGGET"),
    (14, "MSGCTL"),
    (21, "SHMAT"),
    (22, "SHMDT"),
    (23, "SHMGET"),
    (24, "SHMCTL"),
]);

/// No names.
pub(super) static NONE: Names = Names::everywhere(&[]);

/// Modifiers of a socket's type, on every ABI that we have tables for.
/// <https://github.com/torvalds/linux/blob/v6.12/include/linux/net.h#L77>
pub(super) static SOCKET_TYPE_FLAG: Names =
    Names::everywhere(&[(0x800, "SOCK_NONBLOCK"), (0x8_0000, "SOCK_CLOEXEC")]);

/// Modifiers of a futex operation.
/// <https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/futex.h#L28>
pub(super) static FUTEX_FLAG: Names = Names::everywhere(&[
    (0x80, "FUTEX_PRIVATE_FLAG"),
    (0x100, "FUTEX_CLOCK_REALTIME"),
]);

/// How a file is opened; the lowest two bits of its flags.
pub(super) static ACCESS_MODE: Names =
    Names::everywhere(&[(0, "O_RDONLY"), (1, "O_WRONLY"), (2, "O_RDWR")]);

/// The protection that is no bit.
pub(super) static NO_PROTECTION: Names = Names::everywhere(&[(0, "PROT_NONE")]);
