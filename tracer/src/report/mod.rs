//! How values are shown: text for people, JSON for programs. Values in, strings out.

pub mod apply;
pub mod escape;
pub mod json;
pub mod text;

pub(crate) mod layout;
#[cfg(test)]
mod samples;
mod words;
