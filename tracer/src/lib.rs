//! `seccomp-tracer`: a container is watched, what it did is written down, and the writing becomes the
//! smallest permission that lets it do that again.
//!
//! Layers that only look down: [`syscall`] → [`recording`], [`profile`] and [`reach`] (these do not know each
//! other) → [`estimate`] (over recordings), [`minimize`] and [`audit`] → [`report`]. Edges: [`probe`] (the only place that names aya),
//! [`target`] (cgroups, processes, engines), [`session`] and [`daemon`] (the only places with async), and `cli` (the only
//! place that names clap, prints, or picks an exit code). Everything from `recording` to `report` is pure:
//! values in, values out, no kernel, no clock, no I/O.

pub mod syscall;

pub mod profile;
pub mod reach;
pub mod recording;

pub mod estimate;

pub mod minimize;

pub mod audit;

pub mod report;

pub mod probe;
pub mod target;

pub mod recovery;
pub mod session;

pub mod daemon;

#[doc(hidden)]
pub mod hostile;

mod cli;

#[cfg(test)]
mod laws;

pub use cli::main;
