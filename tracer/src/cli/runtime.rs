//! The argument by which verbs take the runtime that will read a profile.

use super::failure::Failure;
use crate::profile::{Runtime, Source, comparable_under};
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
    /// The runtime that was asked for, if these profiles can be compared as it reads them.
    pub(super) fn runtime(&self, sources: &[&Source]) -> Result<Option<Runtime>, Failure> {
        self.runtime_or(None, sources)
    }

    /// The same; a runtime that is known otherwise where none was asked for.
    pub(super) fn runtime_or(
        &self,
        own: Option<Runtime>,
        sources: &[&Source],
    ) -> Result<Option<Runtime>, Failure> {
        let runtime = self.runtime.as_deref().and_then(Runtime::named).or(own);
        if let Some(runtime) = runtime {
            for source in sources {
                comparable_under(source, runtime).map_err(Failure::invalid)?;
            }
        }
        Ok(runtime)
    }
}
