//! The kernel side of one recording as a session reads it: its own, or one that another user space left.

use super::attach::{Probe, ProbeError};
use super::counts::Snapshot;
use super::refused::Refused;
use super::sighting::Event;
use crate::recording::{DenialLosses, Losses};
use std::os::fd::BorrowedFd;

/// What a session reads.
pub trait Side {
    /// The next first sighting that waits, if any.
    fn next_event(&mut self) -> Option<Event>;

    /// Becomes readable when there is a first sighting.
    fn events_fd(&self) -> BorrowedFd<'_>;

    /// Passes messages on to the program's log.
    fn flush_messages(&mut self);

    /// Everything kept for a scope.
    ///
    /// # Errors
    ///
    /// [`ProbeError::Map`] if a map cannot be read.
    fn snapshot(&self, slot: u32) -> Result<Snapshot, ProbeError>;

    /// Calls and how often they were made, without arguments.
    ///
    /// # Errors
    ///
    /// [`ProbeError::Map`] if a map cannot be read.
    fn call_counts(&self, slot: u32) -> Result<Snapshot, ProbeError>;

    /// Slots in use, with the ids of their cgroups; empty unless children are watched.
    ///
    /// # Errors
    ///
    /// [`ProbeError::Map`] if the map cannot be read.
    fn slots(&self) -> Result<Vec<(u32, u64)>, ProbeError>;

    /// The clients of engines that were executed in a scope since it records.
    ///
    /// # Errors
    ///
    /// [`ProbeError::Map`] if the map cannot be read.
    fn clients(&self, slot: u32) -> Result<Vec<&'static str>, ProbeError>;

    /// What could not be kept so far.
    ///
    /// # Errors
    ///
    /// [`ProbeError::Map`] if the counters cannot be read.
    fn losses(&self) -> Result<Losses, ProbeError>;

    /// Everything refused that was kept for a scope.
    ///
    /// # Errors
    ///
    /// [`ProbeError::Map`] if a map cannot be read.
    fn refused(&self, slot: u32) -> Result<Refused, ProbeError>;

    /// What could not be kept so far of what was refused.
    ///
    /// # Errors
    ///
    /// [`ProbeError::Map`] if the counters cannot be read.
    fn denial_losses(&self) -> Result<DenialLosses, ProbeError>;

    /// Forgets a scope that was found and is none.
    ///
    /// # Errors
    ///
    /// [`ProbeError::Map`] if the list is full.
    fn dismiss(&mut self, cgroup_id: u64, slot: u32) -> Result<(), ProbeError> {
        // What is left is only read.
        let _ = (cgroup_id, slot);
        Ok(())
    }

    /// Detaches; what was kept stays readable and no longer changes.
    ///
    /// # Errors
    ///
    /// [`ProbeError::Attach`] if the kernel does not let go.
    fn detach(&mut self) -> Result<(), ProbeError>;
}

impl Side for Probe {
    fn next_event(&mut self) -> Option<Event> {
        Self::next_event(self)
    }

    fn events_fd(&self) -> BorrowedFd<'_> {
        Self::events_fd(self)
    }

    fn flush_messages(&mut self) {
        Self::flush_messages(self);
    }

    fn snapshot(&self, slot: u32) -> Result<Snapshot, ProbeError> {
        Self::snapshot(self, slot)
    }

    fn call_counts(&self, slot: u32) -> Result<Snapshot, ProbeError> {
        Self::call_counts(self, slot)
    }

    fn slots(&self) -> Result<Vec<(u32, u64)>, ProbeError> {
        Self::slots(self)
    }

    fn clients(&self, slot: u32) -> Result<Vec<&'static str>, ProbeError> {
        Self::clients(self, slot)
    }

    fn losses(&self) -> Result<Losses, ProbeError> {
        Self::losses(self)
    }

    fn refused(&self, slot: u32) -> Result<Refused, ProbeError> {
        Self::refused(self, slot)
    }

    fn denial_losses(&self) -> Result<DenialLosses, ProbeError> {
        Self::denial_losses(self)
    }

    fn dismiss(&mut self, cgroup_id: u64, slot: u32) -> Result<(), ProbeError> {
        Self::dismiss(self, cgroup_id, slot)
    }

    fn detach(&mut self) -> Result<(), ProbeError> {
        Self::detach(self)
    }
}
