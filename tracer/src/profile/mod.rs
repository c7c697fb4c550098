//! Profiles: what may be done.
//!
//! A profile is a set of (call, six 64-bit arguments), each with an action. This module reads the dialects
//! in which profiles are written, resolves their conditions, compares them as sets, exactly, and proves what
//! libseccomp makes of them. It refuses to know about recordings.

mod join;
mod meaning;
mod model;
mod position;
mod remark;
mod resolve;
mod runtime;
mod set;
mod source;
mod tangle;

#[cfg(test)]
mod vectors;

pub mod artifact;
pub mod base;
pub mod blocked;
pub mod chance;
pub mod compare;
pub mod compiled;
pub mod errno;
pub mod fallback;
pub mod floor;
pub mod proof;
pub mod read;
pub mod release;
pub mod starts;
pub mod words;
pub mod write;

pub use join::extended;
pub use meaning::{Meaning, multiplexed_calls, multiplexer, spoken_of};
pub use model::{Action, Condition, Operator, Profile, Rule};
pub use position::{Position, RulePositions, SourcePositions};
pub use remark::{ReadRemark, RemarkKind};
pub use resolve::Circumstances;
pub use runtime::Runtime;
pub use set::ArgumentSet;
pub use source::{Filter, KernelVersion, Origin, Source, SourceRule};
pub use tangle::{TangledUnder, are_tangled, comparable_under};
