//! How values are shown: text for people, JSON for programs. Values in, strings out.

pub mod escape;
