//! `generate --complain`: the profile whose refusals are only logged, and what is to be said of it.

use super::base::Resolved;
use super::failure::Failure;
use super::generate;
use super::output;
use crate::minimize::{self, Complaint, Options, Outcome};
use crate::profile::Profile;

/// The profile that is written: the outcome's own, or the one that only complains.
pub(super) struct Written<'a> {
    outcome: &'a Outcome,
    complaint: Option<Complaint>,
}

impl<'a> Written<'a> {
    pub(super) fn new(
        outcome: &'a Outcome,
        options: &Options,
        complain: bool,
    ) -> Result<Self, Failure> {
        let complaint = complain.then(|| minimize::complaining(&outcome.profile, options));
        let complaint = complaint.transpose().map_err(generate::unsound)?;
        Ok(Self { outcome, complaint })
    }

    pub(super) fn profile(&self) -> &Profile {
        match &self.complaint {
            None => &self.outcome.profile,
            Some(complaint) => &complaint.profile,
        }
    }

    /// Says what it does not enforce, and how to read what it logs.
    pub(super) fn say(&self, base: &Resolved) {
        let Some(complaint) = &self.complaint else {
            return;
        };
        let bound = match &base.profile {
            None => "everything else is let through and logged".to_owned(),
            Some(_) => format!(
                "what else {} permits is let through and logged, the rest is refused",
                base.name
            ),
        };
        output::say(&format!("complains: nothing of this is enforced: {bound}"));
        if !complaint.overheard.is_empty() {
            let names: Vec<_> = complaint.overheard.iter().copied().collect();
            output::say(&format!(
                "note: {} is logged with permitted values, too: no rules that tell them apart are compiled right",
                names.join(", ")
            ));
        }
        if !complaint.unheard.is_empty() {
            let abis: Vec<_> = complaint.unheard.iter().map(ToString::to_string).collect();
            output::say(&format!(
                "note: {} calls of permitted names are let through without being logged; `watch --profile` with the \
                 real profile sees them",
                abis.join(" and ")
            ));
        }
        output::say(
            "next: run it under this, and read what is logged: seccomp-tracer watch --profile FILE --container NAME",
        );
    }
}
