//! How values are shown: text for people, JSON and the formats of CI systems for programs. Values in, strings
//! out.

pub mod apply;
pub mod escape;
pub mod github;
pub mod json;
pub mod junit;
pub mod sarif;
pub mod text;

pub(crate) mod layout;
#[cfg(test)]
mod samples;

mod findings;
mod uri;
mod words;
