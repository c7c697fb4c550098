//! As many calls of as many kinds as the machine can make, from two processes at once, with values that change
//! all the time and children that come and go. None of them has an effect: they name no descriptor, no memory
//! and no process that exists.

use crate::sys::{call, call32, exit_group, fork, repeat, wait};

const NONE: u64 = u64::MAX;

/// Calls whose first argument is a descriptor, or that have none.
#[rustfmt::skip]
static PLAIN: [i64; 49] = [
    0, 1, 3, 5, 8, 17, 18, 19, 20, 24, 32, 33, 39, 40, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 74, 75,
    77, 78, 81, 91, 93, 102, 104, 107, 108, 110, 111, 138, 186, 187, 190, 193, 196, 199, 221, 275, 276, 285,
];

/// The place in [`VARIED`] of a value that changes.
const VALUE: u64 = 7;

/// Calls with arguments that are tracked. The values mean nothing to the kernel.
#[rustfmt::skip]
static VARIED: [(i64, [u64; 4]); 25] = [
    (2, [0, VALUE, 0, 0]),
    (9, [0, 0, VALUE, 0]),
    (10, [0, 0, VALUE, 0]),
    (16, [NONE, VALUE, 0, 0]),
    (28, [0, 0, VALUE, 0]),
    (41, [VALUE, VALUE, VALUE, 0]),
    (54, [NONE, VALUE, VALUE, 0]),
    (55, [NONE, VALUE, VALUE, 0]),
    (101, [VALUE, NONE, 0, 0]),
    (103, [VALUE, 0, 0, 0]),
    (154, [VALUE, 0, 0, 0]),
    (157, [VALUE, 0, 0, 0]),
    (158, [VALUE, 0, 0, 0]),
    (166, [0, VALUE, 0, 0]),
    (202, [0, VALUE, 0, 0]),
    (233, [NONE, VALUE, NONE, 0]),
    (234, [NONE, NONE, VALUE, 0]),
    (250, [VALUE, 0, 0, 0]),
    (257, [NONE, 0, VALUE, 0]),
    (302, [0, VALUE, 0, 0]),
    (308, [NONE, VALUE, 0, 0]),
    (317, [VALUE, VALUE, 0, 0]),
    (319, [0, VALUE, 0, 0]),
    (321, [VALUE, 0, 0, 0]),
    (427, [NONE, VALUE, 0, 0]),
];

/// Rounds between two children.
const CHILD_EVERY: u64 = 16;

/// Two processes, so many rounds each. Both pass the same values, so that they race for every one.
pub fn storm(rounds: u64) {
    for _ in 0..2 {
        if fork() == 0 {
            (0..rounds).for_each(round);
            exit_group(0);
        }
    }
    wait();
    wait();
}

fn round(number: u64) {
    for &plain in &PLAIN {
        call(plain, [NONE; 6]);
    }
    // No operation, option, command or set of flags has this bit.
    let value = number | 1 << 20;
    for &(varied, arguments) in &VARIED {
        let [first, second, third, fourth] =
            arguments.map(|argument| if argument == VALUE { value } else { argument });
        call(varied, [first, second, third, fourth, 0, 0]);
    }
    // `fcntl`, with values that a table has room for, in two ABIs; then `ioctl` and `getpid` in the other one.
    call(72, [NONE, number % 100, 0, 0, 0, 0]);
    call32(55, [u32::MAX, (number % 100) as u32, 0]);
    call32(54, [u32::MAX, value as u32, 0]);
    call32(20, [0; 3]);
    // x32 `getppid`, and numbers that no table has.
    repeat(0x4000_0000 | 110, 1);
    repeat(600 + (number % 2000).cast_signed(), 1);
    if number % CHILD_EVERY == 0 {
        if fork() == 0 {
            call(110, [0; 6]);
            exit_group(0);
        }
        wait();
    }
}
