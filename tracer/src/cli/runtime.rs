//! The argument by which verbs take the runtime that will read a profile.

use super::failure::Failure;
use crate::profile::release::Release;
use crate::profile::{Runtime, Source, comparable_under};

/// Which runtime.
#[derive(clap::Args)]
pub(super) struct RuntimeArguments {
    /// Read the profile as this runtime does: runc, crun or youki, as NAME@VERSION for one release. runc
    /// answers ENOSYS to calls newer than any that the profile names, crun ignores a seventh condition of a
    /// rule, youki exchanges mask and value. none is for a process of the host [default: what all of them do].
    #[arg(long, value_name = "NAME[@VERSION]", value_parser = asked)]
    runtime: Option<Asked>,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Asked {
    /// No runtime: a process of the host.
    None,
    /// This one.
    Release(Release),
}

fn asked(text: &str) -> Result<Asked, String> {
    if text == "none" {
        return Ok(Asked::None);
    }
    let known = Runtime::ALL.map(Runtime::name).join(", ");
    text.parse()
        .map(Asked::Release)
        .map_err(|()| format!("not one of {known}, none, or one with @ and a version"))
}

impl RuntimeArguments {
    /// The release that was asked for.
    pub(super) fn release(&self) -> Option<&Release> {
        match &self.runtime {
            Some(Asked::Release(release)) => Some(release),
            Some(Asked::None) | None => None,
        }
    }

    /// Whether it was said that no runtime starts anything.
    pub(super) fn is_none(&self) -> bool {
        self.runtime == Some(Asked::None)
    }

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
        let runtime = self.release().map(Release::reads_as).or(own);
        if let Some(runtime) = runtime {
            for source in sources {
                comparable_under(source, runtime).map_err(Failure::invalid)?;
            }
        }
        Ok(runtime)
    }
}
