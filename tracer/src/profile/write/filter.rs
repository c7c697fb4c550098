//! Writes the filter that libseccomp builds from a profile: as the kernel gets it, and as pseudo code.

use super::loss::{Inexpressible, Losses, Part};
use crate::profile::compiled::{CompileError, Layout, Program};
use crate::profile::model::Profile;
use crate::syscall::Abi;

/// Why there is no filter.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    /// Something is not part of the filter itself, but of how it is installed.
    #[error(transparent)]
    Inexpressible(#[from] Inexpressible),
    /// This machine's libseccomp does not know calls that the profile speaks of.
    #[error(transparent)]
    Unknown(Inexpressible),
    /// libseccomp does not build it.
    #[error(transparent)]
    Compile(#[from] CompileError),
}

/// The filter's bytes, for a host with that native ABI.
///
/// # Errors
///
/// [`FilterError`] for flags, a listener, architectures that we have no tables for, calls of other ABIs that
/// libseccomp does not know, and what it refuses.
pub fn bpf(profile: &Profile, native: Abi) -> Result<Vec<u8>, FilterError> {
    Ok(program(profile, native)?.bpf(Layout::List)?)
}

/// The filter in libseccomp's pseudo code, for a host with that native ABI.
///
/// # Errors
///
/// As [`bpf`].
pub fn pfc(profile: &Profile, native: Abi) -> Result<String, FilterError> {
    Ok(program(profile, native)?.pfc()?)
}

fn program(profile: &Profile, native: Abi) -> Result<Program, FilterError> {
    let mut losses = Losses::new("a bare filter");
    losses.add_installation(profile.flags.as_deref(), profile.listener_path.as_deref());
    for name in &profile.other_architectures {
        losses.add(Part::Architecture(name.clone()));
    }
    losses.finish(())?;
    let program = Program::compile(profile, native)?;
    let mut losses = Losses::new("this machine's libseccomp");
    for call in program.unknown() {
        losses.add(Part::Call(*call));
    }
    losses.finish(program).map_err(FilterError::Unknown)
}
