//! The argument by which verbs take the runtime that will read a profile.

use crate::profile::Runtime;
use clap::builder::PossibleValuesParser;

/// Which runtime.
#[derive(clap::Args)]
pub(super) struct RuntimeArguments {
    /// Read the profile as this runtime does: runc answers ENOSYS to calls newer than any that the profile
    /// names, crun ignores a seventh condition of a rule, youki exchanges mask and value [default: what all
    /// of them do].
    #[arg(long, value_name = "NAME", value_parser = names())]
    runtime: Option<String>,
}

fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(Runtime::ALL.map(Runtime::name))
}

impl RuntimeArguments {
    /// The runtime that was asked for.
    pub(super) fn runtime(&self) -> Option<Runtime> {
        self.runtime.as_deref().and_then(Runtime::named)
    }
}
