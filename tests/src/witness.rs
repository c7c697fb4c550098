//! What each mode of the witness does, call by call: written by hand, not derived from its source.

use crate::facts::{Counts, named, on};
use seccomp_tracer::syscall::{Abi, Call};
use std::ffi::OsString;
use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::{FileExt, PermissionsExt};
use tempfile::NamedTempFile;

/// The 64-bit witness: static, no C library, nothing at start-up.
pub const PATH: &str = env!("WITNESS");

/// The 32-bit witness.
pub const PATH_32: &str = env!("WITNESS32");

/// A command line of a witness, and every call that it makes.
pub struct Witness {
    /// The command.
    pub command: Vec<String>,
    /// The calls, from its exec on.
    pub calls: Counts,
}

/// A mode of the 64-bit witness. `execve` and `exit_group` are made once by each.
fn mode(words: &str, calls: impl IntoIterator<Item = (Call, u64)>) -> Witness {
    let own = [PATH.to_owned()].into_iter();
    let mut all: Counts = [(named("execve"), 1), (named("exit_group"), 1)].into();
    for (call, times) in calls {
        assert!(times > 0);
        all.insert(call, times);
    }
    Witness {
        command: own.chain(words.split(' ').map(ToOwned::to_owned)).collect(),
        calls: all,
    }
}

/// Calls by name, with how often.
fn calls<const N: usize>(calls: [(&str, u64); N]) -> impl Iterator<Item = (Call, u64)> {
    calls.into_iter().map(|(name, times)| (named(name), times))
}

/// Nothing but a few calls.
#[must_use]
pub fn static_program() -> Witness {
    mode(
        "static",
        calls([("getpid", 3), ("getppid", 5), ("getuid", 7)]),
    )
}

/// Becomes itself once more, as [`static_program`].
#[must_use]
pub fn exec() -> Witness {
    let after = calls([("execve", 2), ("getpid", 3), ("getppid", 5), ("getuid", 7)]);
    mode("exec", after)
}

/// Two threads that go on when the leader has gone.
#[must_use]
pub fn threads() -> Witness {
    let mut witness = mode(
        "threads",
        calls([
            ("set_tid_address", 1),
            ("clone", 2),
            ("exit", 3),
            ("geteuid", 11),
            ("getgid", 13),
        ]),
    );
    witness.calls.remove(&named("exit_group"));
    witness
}

/// So many steps, with a hundredth of a second between them.
#[must_use]
pub fn ticks(count: u64) -> Witness {
    let each = calls([("getppid", count), ("nanosleep", count)]);
    mode(&format!("ticks {count}"), each)
}

/// A witness that ticks, a hundredth of a second between the ticks, until it is told to end: however long it takes until
/// somebody looks.
pub struct Ticking(NamedTempFile);

impl Ticking {
    /// One that is to tick.
    ///
    /// # Panics
    ///
    /// If there is no temporary file to be had.
    #[must_use]
    pub fn new() -> Self {
        let mut file = NamedTempFile::new().expect("a temporary file");
        file.write_all(&[0]).expect("a temporary file");
        // Whoever runs the witness must be able to read it.
        let open = Permissions::from_mode(0o644);
        file.as_file()
            .set_permissions(open)
            .expect("a file of ours");
        Self(file)
    }

    /// The command that runs it.
    #[must_use]
    pub fn command(&self) -> [OsString; 3] {
        let path = self.0.path().as_os_str().to_owned();
        [PATH.into(), "ticks-until".into(), path]
    }

    /// Lets it end by itself after its next tick.
    ///
    /// # Panics
    ///
    /// If its file cannot be written.
    pub fn end(&self) {
        let written = self.0.as_file().write_all_at(&[1], 0);
        written.expect("a file of ours");
    }
}

impl Default for Ticking {
    fn default() -> Self {
        Self::new()
    }
}

/// So many numbers that no table has, each once.
#[must_use]
pub fn odds(count: i32) -> Witness {
    let numbers = (0..count).map(|odd| (Call::new(Abi::X86_64, 1000 + odd), 1));
    mode(&format!("odds {count}"), numbers)
}

/// So many short-lived processes.
#[must_use]
pub fn processes(count: u64) -> Witness {
    let each = calls([
        ("fork", count),
        ("wait4", count),
        ("getppid", count),
        ("exit_group", count + 1),
    ]);
    mode(&format!("processes {count}"), each)
}

/// i386 calls of a 64-bit program.
#[must_use]
pub fn int80() -> Witness {
    mode(
        "int80",
        [
            (on(Abi::I386, "getppid"), 3),
            (on(Abi::I386, "getpid"), 2),
            (on(Abi::I386, "socketcall"), 1),
            (named("getppid"), 1),
        ],
    )
}

/// A 32-bit program. Its exec is still made by the 64-bit one before it.
#[must_use]
pub fn program_32() -> Witness {
    Witness {
        command: vec![PATH_32.to_owned()],
        calls: [
            (named("execve"), 1),
            (on(Abi::I386, "getppid"), 3),
            (on(Abi::I386, "getuid32"), 2),
            (on(Abi::I386, "exit_group"), 1),
        ]
        .into(),
    }
}

/// Numbers with bit 30.
#[must_use]
pub fn x32() -> Witness {
    mode("x32", [(on(Abi::X32, "getppid"), 4)])
}

/// Numbers that no table has.
#[must_use]
pub fn odd() -> Witness {
    let number = |number| Call::new(Abi::X86_64, number);
    mode(
        "odd",
        [
            (number(-1), 2),
            (number(600), 1),
            (number(100_000), 3),
            (named("getegid"), 1),
        ],
    )
}

/// A fork in a fork.
#[must_use]
pub fn nested() -> Witness {
    mode(
        "nested",
        calls([
            ("fork", 2),
            ("wait4", 2),
            ("getuid", 2),
            ("getegid", 3),
            ("exit_group", 3),
        ]),
    )
}

/// A daemon that works after its parents have gone.
#[must_use]
pub fn daemon() -> Witness {
    mode(
        "daemon",
        calls([
            ("pipe2", 1),
            ("fork", 2),
            ("setsid", 1),
            ("close", 1),
            ("read", 1),
            ("nanosleep", 1),
            ("getpgrp", 5),
            ("exit_group", 3),
        ]),
    )
}

/// Tracked arguments; the values themselves are in [`argument_tuples`].
#[must_use]
pub fn arguments() -> Witness {
    mode(
        "arguments",
        calls([
            ("socket", 6),
            ("prctl", 4),
            ("ioctl", 4),
            ("fcntl", 2),
            ("personality", 1),
            ("mprotect", 1),
            ("kill", 1),
        ]),
    )
}

/// Tuples of argument values, with how often.
pub type TupleCounts = Vec<(Vec<u64>, u64)>;

/// The tuples that [`arguments`] makes, cut to the C types of the arguments, with how often.
#[must_use]
pub fn argument_tuples() -> Vec<(Call, TupleCounts)> {
    vec![
        (
            named("socket"),
            vec![
                (vec![1, 1, 0], 3),
                (vec![2, 1, 6], 1),
                (vec![2, 0x80002, 17], 1),
                (vec![99, 1, 0], 1),
            ],
        ),
        (
            named("prctl"),
            vec![(vec![3], 2), (vec![21], 1), (vec![0x7fff_ffff], 1)],
        ),
        (
            named("ioctl"),
            vec![(vec![0x5401], 2), (vec![0x5413], 1), (vec![0xffff_ffff], 1)],
        ),
        (named("fcntl"), vec![(vec![1], 1), (vec![3], 1)]),
        (named("personality"), vec![(vec![0xffff_ffff], 1)]),
        (named("mprotect"), vec![(vec![0x1_0000_0000], 1)]),
        (named("kill"), vec![(vec![0], 1)]),
    ]
}

/// So many distinct requests of `ioctl`.
#[must_use]
pub fn ioctls(count: u64) -> Witness {
    mode(&format!("ioctls {count}"), calls([("ioctl", count)]))
}

/// Calls of the storm that it makes once a round, without a tracked argument that changes.
const STORM_PLAIN: &str = "read write close fstat lseek pread64 pwrite64 readv writev sched_yield dup dup2 getpid \
    sendfile connect accept sendto recvfrom sendmsg recvmsg shutdown bind listen getsockname getpeername \
    fsync fdatasync ftruncate getdents fchdir fchmod fchown getuid getgid geteuid getegid getppid getpgrp fstatfs \
    gettid readahead fsetxattr fgetxattr flistxattr fremovexattr fadvise64 splice tee fallocate";

/// Calls of the storm with another value of their tracked arguments in every round.
pub const STORM_VARIED: &str = "open mmap mprotect ioctl madvise socket setsockopt getsockopt ptrace syslog \
    modify_ldt prctl arch_prctl umount2 futex epoll_ctl tgkill keyctl openat prlimit64 setns seccomp memfd_create \
    bpf io_uring_register";

/// Two processes that make every call they can, so many rounds each: a multiple of 2,000.
#[must_use]
pub fn storm(rounds: u64) -> Witness {
    assert_eq!(rounds % 2000, 0);
    let mut witness = mode(&format!("storm {rounds}"), []);
    let mut make = |call, times| *witness.calls.entry(call).or_default() += times;
    for name in STORM_PLAIN
        .split_whitespace()
        .chain(STORM_VARIED.split_whitespace())
    {
        make(named(name), 2 * rounds);
    }
    make(named("fcntl"), 2 * rounds);
    for name in ["fcntl", "ioctl", "getpid"] {
        make(on(Abi::I386, name), 2 * rounds);
    }
    make(on(Abi::X32, "getppid"), 2 * rounds);
    for number in 600..2600 {
        make(Call::new(Abi::X86_64, number), 2 * rounds / 2000);
    }
    let children = 2 * rounds / 16;
    make(named("fork"), 2 + children);
    make(named("wait4"), 2 + children);
    make(named("getppid"), children);
    make(named("exit_group"), 2 + children);
    witness
}

/// A thread name that would drive a terminal; `getpgrp` is made under it.
#[must_use]
pub fn comm() -> Witness {
    mode("comm", calls([("prctl", 1), ("getpgrp", 1)]))
}

/// Filters itself. The three refused calls of `getgid` are not here: the filter comes before the
/// tracepoint, so a refused call is not made.
#[must_use]
pub fn filter() -> Witness {
    mode(
        "filter",
        calls([("getuid", 6), ("prctl", 1), ("seccomp", 1)]),
    )
}

/// Every witness whose recording is what strace sees, call by call.
#[must_use]
pub fn all() -> Vec<Witness> {
    vec![
        static_program(),
        exec(),
        threads(),
        processes(50),
        int80(),
        program_32(),
        x32(),
        odd(),
        nested(),
        daemon(),
        arguments(),
        ioctls(10),
        comm(),
    ]
}
