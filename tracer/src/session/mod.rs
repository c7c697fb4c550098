//! A recording session: from the attached probe to a value, while waiting for what may end it.
//!
//! Beside the daemon, the only place with async. It knows the probe, a child process and the clock; it refuses
//! to know about engines, files and the terminal.

mod child;
mod clock;
mod counts;
mod deaf;
mod init;
mod ledger;
mod ledgers;
mod listening;
mod past;
mod programs;
mod room;
mod start;
mod value;
mod watch;

pub use child::{Spawn, SpawnError};
pub use clock::now_ns;
pub use ledger::{Ledger, Made, News, Rights};
pub use listening::Listening;
pub(crate) use listening::Signals;
pub use past::{add as add_counts, snapshot_of};
pub use start::Configured;
pub use value::{Context, Seen, denials, denials_of, recording, recording_of, rfc3339};
pub use watch::{
    Ended, Keeps, Limits, Observer, Over, Progress, SessionError, Stop, Target, resume, watch,
};
