//! One system call, from the hook to the maps.

pub(crate) mod access;
mod config;
mod entry;
mod maps;
mod messages;
mod report;
mod scope;
mod tuple;

pub(crate) use entry::entry;
