//! A program that makes exactly the calls that its argument names, and no other: no C library, no loader,
//! no run-time of a language. What it must be seen doing is written, call by call, in the tests
//! (`src/witness.rs`), independently of this source.
//!
//! `witness MODE [NUMBER]`

#![no_std]
#![no_main]
#![no_builtins]

mod boxed;
mod refusing;
mod storm;
mod sys;

use core::arch::global_asm;
use core::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use sys::{call, call32, exit, exit_group, fork, repeat, sleep_ms, wait};

const GETPID: i64 = 39;
const GETUID: i64 = 102;
const GETGID: i64 = 104;
const GETEUID: i64 = 107;
const GETEGID: i64 = 108;
const GETPPID: i64 = 110;
const GETPGRP: i64 = 111;

global_asm!(
    ".globl _start",
    "_start:",
    "xor ebp, ebp",
    "mov rdi, rsp",
    "and rsp, -16",
    "call {start}",
    "ud2",
    start = sym start,
);

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    exit_group(255)
}

extern "sysv64" fn start(stack: *const usize) -> ! {
    let argument = |index| string(stack, index);
    let number = argument(2)
        .iter()
        .filter(|digit| digit.is_ascii_digit())
        .fold(0_u64, |sum, &digit| {
            sum.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'))
        });
    match argument(1) {
        b"static" => {
            repeat(GETPID, 3);
            repeat(GETPPID, 5);
            repeat(GETUID, 7);
        }
        b"exit" => exit_group(number),
        b"die" => die(number),
        b"threads" => threads(),
        b"processes" => processes(number),
        b"int80" => int80(),
        b"x32" => repeat(0x4000_0000 | GETPPID, 4),
        b"odd" => odd(),
        b"odds" => (0..number).for_each(|odd| repeat(1000 + odd.cast_signed(), 1)),
        b"nested" => nested(),
        b"daemon" => daemon(),
        b"arguments" => arguments(),
        b"ioctls" => (0..number).for_each(|request| ioctl(request)),
        b"comm" => comm(),
        b"filter" => filter(),
        b"refuse" => refusing::refuse(),
        b"lose-thread" => refusing::lose_thread(),
        b"refused" => refusing::refused(),
        b"restless" => refusing::restless(number),
        b"boxed" => boxed::own(),
        b"boxed-child" => boxed::child(number),
        b"exec" => exec(b"static\0"),
        b"storm" => storm::storm(number),
        b"ticks" => (0..number).for_each(|_| {
            call(GETPPID, [0; 6]);
            sleep_ms(10);
        }),
        b"ticks-until" => ticks_until(argument(2)),
        b"say" => {
            let text = b"said\n";
            call(1, [1, text.as_ptr() as u64, 5, 0, 0, 0]);
        }
        _ => exit_group(254),
    }
    exit_group(0)
}

/// The argument at that index, empty if there is none.
fn string<'a>(stack: *const usize, index: usize) -> &'a [u8] {
    // SAFETY: the kernel puts the count, then that many pointers to strings, on the first stack.
    unsafe {
        if index >= *stack {
            return b"";
        }
        let text = *stack.add(1 + index) as *const u8;
        let mut length = 0;
        while *text.add(length) != 0 {
            length += 1;
        }
        core::slice::from_raw_parts(text, length)
    }
}

/// Ticks until the first byte of a file is no longer zero. It looks at the file's memory, so that nothing is seen of
/// the looking.
fn ticks_until(path: &[u8]) {
    const OPEN: i64 = 2;
    const MMAP: i64 = 9;
    let file = call(OPEN, [path.as_ptr() as u64, 0, 0, 0, 0, 0]);
    let shared = [0, 1, 1, 1, file.cast_unsigned(), 0];
    let flag = call(MMAP, shared) as *const AtomicU8;
    if file < 0 || (-4095..0).contains(&(flag as i64)) {
        exit_group(253);
    }
    // SAFETY: the kernel gave this page, which stays until the end.
    let flag = unsafe { &*flag };
    while flag.load(Ordering::Relaxed) == 0 {
        call(GETPPID, [0; 6]);
        sleep_ms(10);
    }
}

/// Ends by a signal.
fn die(signal: u64) {
    let own = call(GETPID, [0; 6]);
    call(62, [own.cast_unsigned(), signal, 0, 0, 0, 0]);
}

/// Not zero until the leader is gone: the kernel clears it (`set_tid_address`).
static LEADER: AtomicU32 = AtomicU32::new(1);

#[repr(C, align(16))]
struct Stack([u8; 16384]);
static mut STACKS: [Stack; 2] = [const { Stack([0; 16384]) }; 2];

/// The leader goes first; two threads go on. They wait without a call, so that their calls are known.
fn threads() -> ! {
    const FLAGS: u64 = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000 | 0x40000;
    call(218, [LEADER.as_ptr() as u64, 0, 0, 0, 0, 0]);
    let stacks = (&raw mut STACKS).cast::<Stack>();
    for (index, run) in [first_thread as extern "sysv64" fn() -> !, second_thread]
        .into_iter()
        .enumerate()
    {
        sys::thread(FLAGS, stacks.wrapping_add(index + 1).cast(), run);
    }
    exit(0)
}

fn outlive_the_leader() {
    while LEADER.load(Ordering::Acquire) != 0 {
        core::hint::spin_loop();
    }
}

extern "sysv64" fn first_thread() -> ! {
    outlive_the_leader();
    repeat(GETEUID, 11);
    exit(0)
}

extern "sysv64" fn second_thread() -> ! {
    outlive_the_leader();
    repeat(GETGID, 13);
    exit(0)
}

/// So many processes, one after the other, each with one call of its own.
fn processes(count: u64) {
    for _ in 0..count {
        if fork() == 0 {
            call(GETPPID, [0; 6]);
            exit_group(0);
        }
        wait();
    }
}

/// i386 calls of a 64-bit program. 64 is getppid there and semget here.
fn int80() {
    for _ in 0..3 {
        call32(64, [0; 3]);
    }
    for _ in 0..2 {
        call32(20, [0; 3]);
    }
    // `socketcall`, with a tracked argument and no such sub-call.
    call32(102, [99, 0, 0]);
    repeat(GETPPID, 1);
}

/// Numbers that no table has.
fn odd() {
    repeat(-1, 2);
    repeat(600, 1);
    repeat(100_000, 3);
    // The register has 64 bits; the kernel takes the lower 32.
    repeat(0x7_0000_0000 | GETEGID, 1);
}

/// A fork in a fork.
fn nested() {
    if fork() == 0 {
        repeat(GETUID, 2);
        if fork() == 0 {
            repeat(GETEGID, 3);
            exit_group(0);
        }
        wait();
        exit_group(0);
    }
    wait();
}

/// A daemon: two forks, a session of its own, and work after everybody else has gone.
fn daemon() -> ! {
    let mut ends = [0_u32; 2];
    call(293, [ends.as_mut_ptr() as u64, 0, 0, 0, 0, 0]);
    if fork() != 0 {
        exit_group(0);
    }
    call(112, [0; 6]);
    if fork() != 0 {
        exit_group(0);
    }
    call(3, [u64::from(ends[1]), 0, 0, 0, 0, 0]);
    // Ends when the last writer, our grandparent or parent, is gone.
    let mut byte = 0_u8;
    call(0, [u64::from(ends[0]), (&raw mut byte) as u64, 1, 0, 0, 0]);
    sleep_ms(100);
    repeat(GETPGRP, 5);
    exit_group(0)
}

fn ioctl(request: u64) {
    call(16, [u64::MAX, request, 0, 0, 0, 0]);
}

/// Tracked arguments, some with bits above their C type, which the kernel does not look at.
fn arguments() {
    let sockets = [
        [1, 1, 0],
        [1, 1, 0],
        [0x1_0000_0001, 1, 0],
        [2, 1, 6],
        [2, 2 | 0x80000, 17],
        [99, 1, 0],
    ];
    for [domain, kind, protocol] in sockets {
        call(41, [domain, kind, protocol, 0, 0, 0]);
    }
    // PR_GET_DUMPABLE, PR_GET_SECCOMP, and one that does not exist.
    for option in [3, 21, 0x7fff_ffff, 3] {
        call(157, [option, 0, 0, 0, 0, 0]);
    }
    for request in [0x5401, 0x5413, 0xffff_ffff, 0xdead_0000_5401] {
        ioctl(request);
    }
    for command in [1, 3] {
        call(72, [u64::MAX, command, 0, 0, 0, 0]);
    }
    // Asks for the personality without setting it; only the lower 32 bits are the question.
    call(135, [0xffff_ffff, 0, 0, 0, 0, 0]);
    // All 64 bits of a `long` count.
    call(10, [0, 0, 0x1_0000_0000, 0, 0, 0]);
    call(62, [0x3fff_ffff, 0, 0, 0, 0, 0]);
}

/// A thread name that would drive a terminal, and is not UTF-8.
fn comm() {
    let name = b"\x1b[2J\xff\"\\\n`x\0";
    call(157, [15, name.as_ptr() as u64, 0, 0, 0, 0]);
    repeat(GETPGRP, 1);
}

/// Installs a filter on itself that refuses getgid with EPERM: calls before, refused, and after.
fn filter() {
    #[repr(C)]
    struct Program(u64, *const u64);
    let instruction = |code: u64, jumps: u64, value: u64| code | jumps << 16 | value << 32;
    let code = [
        instruction(0x20, 0, 0),
        instruction(0x15, 0x0100, GETGID.cast_unsigned()),
        instruction(0x06, 0, 0x0005_0001),
        instruction(0x06, 0, 0x7fff_0000),
    ];
    let program = Program(4, code.as_ptr());
    repeat(GETUID, 2);
    call(157, [38, 1, 0, 0, 0, 0]);
    call(317, [1, 0, (&raw const program) as u64, 0, 0, 0]);
    repeat(GETGID, 3);
    repeat(GETUID, 4);
}

/// Becomes itself again, in another mode.
fn exec(mode: &[u8]) {
    let path = b"/proc/thread-self/exe\0".as_ptr() as u64;
    let arguments = [path, mode.as_ptr() as u64, 0];
    let environment = [0_u64];
    let pointers = [arguments.as_ptr() as u64, environment.as_ptr() as u64];
    call(59, [path, pointers[0], pointers[1], 0, 0, 0]);
}
