//! One system call, from the hook to the maps.

pub(crate) mod access;
mod cgroup;
mod config;
pub(crate) mod denial;
pub(crate) mod entry;
pub(crate) mod executed;
mod maps;
pub(crate) mod members;
mod messages;
pub(crate) mod paths;
mod report;
mod scope;
pub(crate) mod submitted;
mod tuple;
