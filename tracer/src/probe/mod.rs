//! The kernel side, from user space: loads the program, attaches it, reads what it kept.
//!
//! The only place that names aya. It knows numbers and tables, not targets, files or time zones.

mod attach;
mod btf;
mod counts;
mod event;
mod fleet;
mod hint;
mod hook;
mod kept;
mod objects;
pub(crate) mod offsets;
mod paths;
mod pins;
mod programs;
mod refused;
mod resumed;
mod side;
mod sighting;
mod submitted;

pub use attach::{Attachment, Looking, Probe, ProbeError, Scope, Start, Watch};
pub use btf::BtfError;
pub use counts::{CallCount, Snapshot};
pub use fleet::{ChildStart, Fill, Fleet, LEVELS_MAX, Listed, Room, SCOPES_MAX};
pub use hint::errno;
pub use hook::Size;
pub use kept::{Before, Kept, remove as remove_pins};
pub use paths::Paths;
pub use pins::{PinError, Pins, is_bpf_file_system};
pub use refused::{Refused, RefusedCount};
pub use resumed::Resumed;
pub use side::Side;
pub use sighting::{Event, Origin, What};

/// What comes from the kernel side: reports, and paths of cgroups.
pub(crate) fn read(bytes: &[u8]) {
    std::hint::black_box(Event::from_bytes(bytes));
    paths::read(bytes);
}
