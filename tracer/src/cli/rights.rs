//! Rights that this program's file may give to whoever runs it: those that watching takes, and no others.
//!
//! A file with capabilities lends them to every user who may execute it. Were there any among them that pass by
//! the permissions of files, then `merge -o` would write, and `generate` read, what is not theirs. So whatever the
//! file lends beyond watching is given back before anything is read or written.

use super::failure::Failure;
use rustix::process::{getegid, geteuid, getgid, getuid};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

/// What watching takes. Neither of them opens a file that its user may not open.
const WATCHING: CapabilitySet = CapabilitySet::BPF.union(CapabilitySet::PERFMON);

/// Why this program does not work with what its file gives it.
#[derive(Debug, thiserror::Error)]
enum Lent {
    #[error("this program runs with another user's or group's rights, because its file says so")]
    Identity,
    #[error("cannot give back the rights that this program's file gives")]
    Kept(#[source] rustix::io::Errno),
}

/// Gives back what the file of this program lends beyond watching. Rights that its user has anyway stay.
pub(super) fn give_back() -> Result<(), Failure> {
    if getuid() != geteuid() || getgid() != getegid() {
        return Err(Failure::environment(Lent::Identity).hint(
            "remove the bits by which everybody becomes its owner: `chmod u-s,g-s`; what records without root \
             is said by `seccomp-tracer doctor`",
        ));
    }
    // SAFETY: reads a number that the kernel put beside the environment.
    let is_lent = unsafe { libc::getauxval(libc::AT_SECURE) } != 0;
    if !is_lent {
        return Ok(());
    }
    let kept = |error| Failure::environment(Lent::Kept(error));
    let own = capabilities(None).map_err(kept)?;
    let lowered = CapabilitySets {
        effective: own.effective & WATCHING,
        permitted: own.permitted & WATCHING,
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, lowered).map_err(kept)
}
