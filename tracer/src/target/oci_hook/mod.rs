//! What an OCI runtime and the caller of an engine tell a hook, and what tells an engine of the hook.
//!
//! Texts in, values out, and the other way round: it refuses to know where the texts come from, and what the
//! hook does.
//! <https://github.com/opencontainers/runtime-spec/blob/v1.2.0/runtime.md#state>

mod annotation;
mod config;
mod state;

pub use annotation::{ANNOTATION, Annotation, AnnotationError};
pub use config::{Config, Unwritable};
pub(super) use state::first_value;
pub use state::{Bundle, State, StateError};
