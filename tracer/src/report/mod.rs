//! How values are shown: text for people, JSON for programs. Values in, strings out.

pub mod doctor;
pub mod escape;
pub mod json;
pub mod text;

mod layout;
#[cfg(test)]
mod samples;
mod words;
