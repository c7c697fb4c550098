//! One system call, from the hook to the maps.

pub(crate) mod access;
mod config;
pub(crate) mod denial;
mod entry;
mod maps;
mod messages;
mod report;
mod scope;
mod tuple;

pub(crate) use entry::entry;
