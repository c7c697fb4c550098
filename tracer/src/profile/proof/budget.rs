//! How much work the sets of a filter may be.
//!
//! What libseccomp makes of a profile that was read is bounded by the profile. A filter that is found on a
//! task was written by anybody, and a few dozen instructions can tell more kinds of arguments apart than there
//! is memory for.

use super::flow::FlowError;
use crate::profile::set::ArgumentSet;

/// Nodes of diagrams that may still be made.
#[derive(Debug)]
pub(super) struct Budget {
    nodes: usize,
    /// The most in one set.
    at_once: usize,
}

impl Budget {
    /// No bound.
    pub(super) const fn unbounded() -> Self {
        Self {
            nodes: usize::MAX,
            at_once: usize::MAX,
        }
    }

    /// For everything that is worked out about the filters of a task: some seconds, and as many hundred
    /// megabytes. Docker's default takes nine thousand nodes.
    pub(super) const fn of_a_task() -> Self {
        Self {
            nodes: 50_000_000,
            at_once: 60_000,
        }
    }

    /// In both.
    pub(super) fn intersection(
        &mut self,
        one: &ArgumentSet,
        other: &ArgumentSet,
    ) -> Result<ArgumentSet, FlowError> {
        self.spend(one.intersection_within(other, self.most()))
    }

    /// In either.
    pub(super) fn union(
        &mut self,
        one: &ArgumentSet,
        other: &ArgumentSet,
    ) -> Result<ArgumentSet, FlowError> {
        self.spend(one.union_within(other, self.most()))
    }

    fn most(&self) -> usize {
        self.nodes.min(self.at_once)
    }

    fn spend(&mut self, set: Option<ArgumentSet>) -> Result<ArgumentSet, FlowError> {
        let set = set.ok_or(FlowError::Entangled)?;
        // Where there is no bound, nothing runs out.
        if self.nodes != usize::MAX {
            self.nodes = self.nodes.saturating_sub(set.nodes());
        }
        Ok(set)
    }
}
