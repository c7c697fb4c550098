//! What a profile allows, measured against a base and against what was recorded.
//!
//! An [`Audit`] is a value: everything that there is to say about one profile, in the order in which it is
//! said. It knows profiles and recordings; it refuses to know how it is shown, and where files are.
//!
//! Definitions, used in texts and in JSON alike:
//!
//! - A call is *allowed* by a profile when at least one tuple of arguments is permitted, *always* when all
//!   are, *conditionally* otherwise.
//! - The facts of a recording *count* when the target had a seccomp filter at that moment; if it never had
//!   one, all of them count. So a container runtime's own set-up is left out where it can be told apart.
//! - *Coverage* is the number of allowed calls that some counting fact shows in use, divided by the number
//!   of allowed calls.
//! - A recorded value is compared as if the upper half of its register were zero, which is how compilers
//!   pass an `unsigned int`; recordings keep no more than the width of the C type.

pub mod diff;
mod observed;
mod types;
mod value;

#[cfg(test)]
pub(crate) mod testing;

pub use observed::{Observation, Observed, Sightings, counted, observe, summary};
pub use types::{
    AbiCoverage, Alternative, Audit, BaseView, Check, Counted, Coverage, Denied, Documented,
    Evidence, Excess, Presence, RecordingSummary, Standing, Subject, Surface, Undecided, Unknown,
    Unlock, Used, Verdict, View,
};
pub use value::Values;
