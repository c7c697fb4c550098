//! Writes profiles, one file per form. Pure: a profile in, a text out, and the same profile gives the same
//! bytes. What a form cannot express is refused by name ([`Inexpressible`]).

mod docker;
mod filter;
mod loss;
mod names;
mod oci;
mod seccompiler;
mod spo;
mod systemd;
mod verdict;

#[cfg(test)]
mod examples;
#[cfg(test)]
mod laws;

pub use docker::docker;
pub use filter::{FilterError, bpf, pfc};
pub use loss::{Inexpressible, Part};
pub use names::names;
pub use oci::oci;
pub use seccompiler::{firecracker, seccompiler};
pub use spo::{NotAName, resource_name, spo};
pub use systemd::systemd;
