//! Modes under filters that refuse, and everything that returns from a call in an unusual way.

use crate::sys::{
    call, call32, clone3, exit, exit_group, fork, handle, repeat, sleep_ms, thread, vfork,
    wait,
};
use crate::{GETEUID, GETPGRP, GETPPID, GETUID, Stack, exec};

const SIGALRM: u64 = 14;
const SIGCONT: u64 = 18;
const SIGSTOP: u64 = 19;
const SIGSYS: u64 = 31;

const ALLOW: u64 = 0x7fff_0000;
const ERRNO: u64 = 0x0005_0000;
const TRAP: u64 = 0x0003_0000;
const KILL_THREAD: u64 = 0;
const KILL_PROCESS: u64 = 0x8000_0000;

const I386: u64 = 0x4000_0003;
const X86_64: u64 = 0xc000_003e;
const X32: u64 = 0x4000_0000;

/// For an architecture and number, as a filter sees them, what it says.
struct Rule(u64, u64, u64);

/// Instructions for ten rules, and one for the rest.
static mut CODE: [u64; 51] = [0; 51];

/// Installs a filter that says what the rules say, and lets everything else through.
fn install(rules: &[Rule]) {
    #[repr(C)]
    struct Program(u64, *const u64);
    const LOAD: u64 = 0x20;
    const JUMP_IF_EQUAL: u64 = 0x15;
    const RETURN: u64 = 0x06;
    let code = (&raw mut CODE).cast::<u64>();
    let mut len = 0;
    // Volatile, because there is no `memcpy` to make of it.
    let mut add = |operation: u64, if_false: u64, value: u64| {
        let instruction = operation | if_false << 24 | value << 32;
        // SAFETY: no filter here has more rules than there is room for; one task is there.
        unsafe { code.add(len).write_volatile(instruction) };
        len += 1;
    };
    for &Rule(architecture, number, action) in rules {
        add(LOAD, 0, 4);
        add(JUMP_IF_EQUAL, 3, architecture);
        add(LOAD, 0, 0);
        add(JUMP_IF_EQUAL, 1, number);
        add(RETURN, 0, action);
    }
    add(RETURN, 0, ALLOW);
    let program = Program(len as u64, code);
    call(157, [38, 1, 0, 0, 0, 0]);
    call(317, [1, 0, (&raw const program) as u64, 0, 0, 0]);
}

/// Installs a filter that lets everything through.
pub fn permit() {
    install(&[]);
}

/// Is refused calls of three ABIs in every way that leaves it alive; then the last one ends it.
pub fn refuse() {
    const SOCKET_I386: u64 = 359;
    install(&[
        Rule(X86_64, 41, ERRNO | 1),
        Rule(I386, SOCKET_I386, ERRNO | 97),
        Rule(X86_64, X32 | GETPPID.cast_unsigned(), ERRNO | 38),
        Rule(X86_64, GETPGRP.cast_unsigned(), TRAP),
        Rule(X86_64, GETUID.cast_unsigned(), ERRNO),
        Rule(X86_64, 1234, ERRNO | 4095),
        Rule(X86_64, GETEUID.cast_unsigned(), KILL_PROCESS),
    ]);
    handle(SIGSYS);
    for [domain, kind, protocol] in [[38, 5, 0], [0x1_0000_0026, 5, 0], [40, 1, 7]] {
        call(41, [domain, kind, protocol, 0, 0, 0]);
    }
    for _ in 0..2 {
        call32(SOCKET_I386 as u32, [38, 3, 1]);
    }
    repeat(X32 as i64 | GETPPID, 4);
    repeat(GETPGRP, 5);
    repeat(GETUID, 6);
    repeat(1234, 7);
    repeat(GETPPID, 1);
    repeat(GETEUID, 1);
}

/// Everything that returns from a call without having entered it, or enters one and never returns, under a filter
/// that refuses `getpgrp` alone; that one is made once in every round, and by every program at the end.
pub fn restless(rounds: u64) {
    install(&[Rule(X86_64, GETPGRP.cast_unsigned(), ERRNO | 1)]);
    handle(SIGALRM);
    for _ in 0..rounds {
        children();
        programs();
        interrupted();
        killed();
        repeat(GETPGRP, 1);
    }
}

/// New tasks return from the call that made them, in four ways.
fn children() {
    if fork() == 0 {
        repeat(GETPPID, 1);
        exit_group(0);
    }
    wait();
    if clone3() == 0 {
        repeat(GETPPID, 1);
        exit_group(0);
    }
    wait();
    vfork();
    wait();
    // `fork` of i386: the child returns to a 64-bit program.
    if call32(2, [0; 3]) == 0 {
        repeat(GETPPID, 1);
        exit_group(0);
    }
    wait();
}

/// Programs that are executed, also by a thread that is not the first: it takes over the id of the first,
/// wherever that is.
fn programs() {
    for leader in [leaves, sleeps, spins] {
        if fork() == 0 {
            in_thread(executes);
            leader();
        }
        wait();
    }
    if fork() == 0 {
        exec(b"refused\0");
    }
    wait();
}

/// Shares everything, like a thread of a C library.
const THREAD: u64 = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000 | 0x40000;

static mut STACK: Stack = Stack([0; 16384]);

fn in_thread(run: extern "sysv64" fn() -> !) -> u64 {
    let stack = (&raw mut STACK).wrapping_add(1);
    thread(THREAD, stack.cast(), run)
}

extern "sysv64" fn executes() -> ! {
    exec(b"refused\0");
    exit(255)
}

fn leaves() {
    exit(0)
}

fn sleeps() {
    sleep_ms(60_000);
}

fn spins() {
    loop {
        core::hint::spin_loop();
    }
}

/// The program that is executed: one refused call.
pub fn refused() {
    repeat(GETPGRP, 1);
}

/// Calls that signals interrupt: with a handler, and by stopping, after which the kernel calls
/// `restart_syscall` in the task's name.
fn interrupted() {
    if fork() == 0 {
        // Every 200 µs, while it sleeps for 2 ms, ten times.
        let timer = [0, 200, 0, 200_u64];
        call(38, [0, timer.as_ptr() as u64, 0, 0, 0, 0]);
        for _ in 0..10 {
            sleep_ms(2);
        }
        let timer = [0_u64; 4];
        call(38, [0, timer.as_ptr() as u64, 0, 0, 0, 0]);
        exit_group(0);
    }
    wait();
    let sleeper = fork();
    if sleeper == 0 {
        sleep_ms(6);
        exit_group(0);
    }
    for _ in 0..2 {
        for signal in [SIGSTOP, SIGCONT] {
            sleep_ms(1);
            call(62, [sleeper.cast_unsigned(), signal, 0, 0, 0, 0]);
        }
    }
    wait();
}

/// Tasks that die in a call, in their program, and by the end of their process.
fn killed() {
    for run in [sleeps, spins] {
        let child = fork();
        if child == 0 {
            in_thread(waits);
            run();
        }
        sleep_ms(1);
        call(62, [child.cast_unsigned(), 9, 0, 0, 0, 0]);
        wait();
    }
}

extern "sysv64" fn waits() -> ! {
    sleep_ms(60_000);
    exit(0)
}

/// A thread that the filter ends alone; its process goes on.
pub fn lose_thread() {
    install(&[Rule(X86_64, GETPGRP.cast_unsigned(), KILL_THREAD)]);
    if fork() == 0 {
        let thread = in_thread(is_killed);
        // However long that takes: who ends the process before has ended the thread, too.
        while call(200, [thread, 0, 0, 0, 0, 0]) == 0 {
            sleep_ms(1);
        }
        repeat(GETPPID, 1);
        exit_group(0);
    }
    wait();
}

extern "sysv64" fn is_killed() -> ! {
    repeat(GETPGRP, 1);
    exit(0)
}
