//! Exact counts among others: a real-time target beside processes that do nothing but make calls, and beside some that do
//! nothing but change eBPF maps, which holds up eBPF programs of certain kinds.

use crate::record_with;
use house_tests::facts::{counts, differences};
use house_tests::run::{Program, Running};
use house_tests::tests;
use house_tests::witness;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

pub(crate) const TESTS: [(&str, fn()); 1] = tests![every_call_is_counted_in_a_crowd];

/// Calls of the target, in twos.
const TICKS: u64 = 600;

const BYSTANDERS: usize = 6;
const UPDATERS: usize = 2;

/// Where it runs it interrupts everybody else, wherever that is.
fn every_call_is_counted_in_a_crowd() {
    let bystanders: Vec<Running> = (0..BYSTANDERS).map(|_| bystander()).collect();
    let is_over = AtomicBool::new(false);
    let witness = witness::ticks(TICKS);
    let run = thread::scope(|scope| {
        for _ in 0..UPDATERS {
            scope.spawn(|| update_maps(&is_over));
        }
        let command = [
            &["chrt".to_owned(), "-f".to_owned(), "50".to_owned()],
            &*witness.command,
        ];
        let run = record_with(&[], &command.concat());
        is_over.store(true, Ordering::Relaxed);
        run
    });
    for bystander in bystanders {
        bystander.signal(libc::SIGKILL);
        bystander.finish().dies_of(libc::SIGKILL);
    }
    let (run, recording) = run;
    run.exits(0);
    let recording = recording.expect("a recording");
    // What executes it makes calls of its own, but none of these.
    let ticks = |name| (house_tests::facts::named(name), TICKS);
    let expected = [ticks("getppid"), ticks("nanosleep")].into();
    let mut found = counts(&recording);
    found.retain(|call, _| ["getppid", "nanosleep"].map(Some).contains(&call.name()));
    let made: u64 = 2 * TICKS;
    let kept: u64 = found.values().sum();
    crate::say(&format!(
        "hook {}",
        recording.host.hook.as_deref().unwrap_or("?")
    ));
    crate::say(&format!("lost {} of {made}", made.abs_diff(kept)));
    let differences = differences(("expected", &expected), ("recorded", &found));
    assert!(differences.is_empty(), "{differences:#?}");
    assert!(recording.losses.is_complete(), "{:?}", recording.losses);
}

fn bystander() -> Running {
    let copy = ["if=/dev/zero", "of=/dev/null", "bs=64", "count=1000000000"];
    Program::new("dd").args(copy).start()
}

/// Changes a map of its own until it is told to stop.
fn update_maps(is_over: &AtomicBool) {
    const UPDATE: libc::c_int = 2;
    #[repr(C)]
    struct Attributes {
        map: u64,
        key: u64,
        value: u64,
        flags: u64,
    }
    let map = map().expect("a map");
    let (key, value) = (0_u32, 0_u64);
    let attributes = Attributes {
        map: u64::try_from(map.as_raw_fd()).expect("a descriptor"),
        key: (&raw const key) as u64,
        value: (&raw const value) as u64,
        flags: 0,
    };
    let size = size_of::<Attributes>();
    while !is_over.load(Ordering::Relaxed) {
        // SAFETY: attributes of that size; they and what they point to outlive the call.
        let done = unsafe { libc::syscall(libc::SYS_bpf, UPDATE, &raw const attributes, size) };
        assert_eq!(done, 0, "{}", io::Error::last_os_error());
    }
}

fn map() -> io::Result<OwnedFd> {
    const CREATE: libc::c_int = 0;
    const HASH: u32 = 1;
    let attributes: [u32; 8] = [HASH, 4, 8, 16, 0, 0, 0, 0];
    let size = size_of_val(&attributes);
    // SAFETY: attributes of that size, which outlive the call.
    let map = unsafe { libc::syscall(libc::SYS_bpf, CREATE, attributes.as_ptr(), size) };
    match i32::try_from(map) {
        // SAFETY: a new descriptor that nobody else has.
        Ok(map) if map >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(map) }),
        _ => Err(io::Error::last_os_error()),
    }
}
