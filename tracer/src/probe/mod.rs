//! The kernel side, from user space: loads the program, attaches it, reads what it kept.
//!
//! The only place that names aya. It knows numbers and tables, not targets, files or time zones.

mod attach;
mod btf;
mod counts;
pub(crate) mod offsets;
mod sighting;

pub use attach::{Attachment, Probe, ProbeError, Scope, Size, Start, Watch};
pub use btf::BtfError;
pub use counts::{CallCount, Snapshot};
pub use sighting::{Event, Origin, What};
