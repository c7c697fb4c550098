//! Profiles: what may be done.
//!
//! A profile is a set of (call, six 64-bit arguments), each with an action. This module reads the dialects
//! in which profiles are written, resolves their conditions, compares them as sets, exactly, and proves what
//! libseccomp makes of them. It refuses to know about recordings.

mod meaning;
mod model;
mod resolve;
mod set;
mod source;

pub mod base;
pub mod blocked;
pub mod compare;
pub mod compiled;
pub mod read;
pub mod write;

pub use meaning::{Meaning, multiplexer};
pub use model::{Action, Condition, Operator, Profile, Rule};
pub use resolve::Circumstances;
pub use set::ArgumentSet;
pub use source::{Filter, KernelVersion, Source, SourceRule};
