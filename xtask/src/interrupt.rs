//! Ctrl-C and its like: noted, so that whatever was started can be stopped before we leave.
//!
//! The commands that we run are in our process group and get Ctrl-C themselves; a signal that was sent to us
//! alone is passed on to them by [`crate::command`].

use std::sync::atomic::{AtomicI32, Ordering};

/// The signal that asked us to stop, 0 if none did.
static SIGNAL: AtomicI32 = AtomicI32::new(0);

/// Notes from here on that we were asked to stop, instead of dying on the spot.
pub(crate) fn listen() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: `sigaction` is plain integers and pointers, for which zero is a value: no flags, no
        // signals blocked.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = note as *const () as libc::sighandler_t;
        action.sa_flags = libc::SA_RESTART;
        // SAFETY: `note` does only what is allowed in a signal handler, the action lives across the call, and
        // the old action is not asked for.
        unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) };
    }
}

/// The handler: stores the signal, which is all that may be done there.
extern "C" fn note(signal: libc::c_int) {
    SIGNAL.store(signal, Ordering::Relaxed);
}

/// The signal that asked us to stop, if one did.
pub(crate) fn asked() -> Option<i32> {
    Some(SIGNAL.load(Ordering::Relaxed)).filter(|signal| *signal != 0)
}

/// Sends a signal to a process that we started and have not yet waited for.
pub(crate) fn send(process: u32, signal: i32) {
    if let Ok(process) = libc::pid_t::try_from(process) {
        // SAFETY: kill takes integers only; a process that is not waited for keeps its number.
        unsafe { libc::kill(process, signal) };
    }
}
