//! What can be watched, and what surrounds it: cgroups, processes, engines, and whether this machine can
//! record at all.
//!
//! An edge: it reads `/proc` and `/sys` and runs the engine's client. It refuses to know about the kernel
//! side, about time, and about the terminal. Reading and deciding are apart: whatever interprets a text from
//! outside is a function from that text, and is tested on texts.

mod contents;
pub(crate) mod mounts;
mod tool;

pub mod cgroup;
pub mod own_cgroup;
pub mod process;

pub mod engine;
pub mod engine_run;
pub mod executable;
pub mod filters;
pub mod namespace;
pub mod oci_hook;
pub mod root;
pub mod runtime;
pub mod unit;
pub mod workload;
pub mod wrapper;

pub mod requirements;

pub use tool::ToolError;
