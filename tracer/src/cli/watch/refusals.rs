//! What a target's filter refuses.

use super::{Arguments, say_code};
use crate::audit;
use crate::cli::base::{BaseArguments, Resolved};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::format::Format;
use crate::cli::output;
use crate::cli::progress::Display;
use crate::cli::watching::{self, Watched};
use crate::probe::Looking;
use crate::profile::{Meaning, Runtime};
use crate::recording::{DenialKey, Denials, Refusal, SeccompState, Target};
use crate::report::{json, text};
use crate::session::{Made, Observer, Progress, Rights};
use crate::syscall::Abi;
use std::collections::BTreeSet;

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let mut listening = watching::listen()?;
    let mut plan = watching::plan_of_one(&arguments.target)?;
    if let Some(command) = &mut plan.command {
        command.stdout_to_stderr = true;
    }
    let mut lines = Lines {
        format: arguments.format,
        label: plan.label.clone(),
        design: Design::of(&arguments.base, &plan.target)?,
        display: Display::watching(&plan.label, arguments.quiet),
        failed: None,
    };
    let looking = Looking::AtDenials;
    let watched = watching::hold(plan, &mut listening, looking, &arguments.limits, &mut lines)?;
    if let Some(failure) = lines.failed {
        return Err(failure);
    }
    let Watched {
        recording, status, ..
    } = watched;
    let denials = recording.denials.unwrap_or_default();
    // More may be known of the target by now.
    let design = Design::of(&arguments.base, &recording.target)?;
    let by_design = design.among(&denials);
    output::print(&match arguments.format {
        Format::Text => text::denials(&denials, &by_design, &design.name),
        Format::Json => json::denials::denials(&denials, &by_design),
    })?;
    if recording.target.seccomp == Some(SeccompState::Custom) && !arguments.quiet {
        output::say(
            "note: what the profile lets through and only logs is not refused; `--profile FILE` with it says that, too",
        );
    }
    say_code(status, arguments.quiet);
    Ok(exit(&denials, &by_design))
}

fn exit(denials: &Denials, by_design: &BTreeSet<DenialKey>) -> Exit {
    let mut refusals = denials.refusals();
    if refusals.any(|(key, _)| !by_design.contains(&key)) {
        Exit::Gate
    } else if denials.is_complete() {
        Exit::Done
    } else {
        Exit::Incomplete
    }
}

/// What the base itself would have answered to a target, as far as the target is known.
struct Design {
    name: String,
    meaning: Meaning,
    seccomp: Option<SeccompState>,
}

impl Design {
    fn of(base: &BaseArguments, target: &Target) -> Result<Self, Failure> {
        let native = Abi::X86_64;
        let Resolved { name, profile, .. } = base
            .of_target(target.capabilities.as_ref())
            .resolve(&[], native)?;
        let container = target.container.as_ref();
        let runtime = container.and_then(|container| container.runtime.as_deref());
        let runtime = runtime.and_then(Runtime::named);
        let meaning = profile.map_or_else(Meaning::unconfined, |profile| {
            Meaning::under(&profile, native, runtime)
        });
        Ok(Self {
            name,
            meaning,
            seccomp: target.seccomp,
        })
    }

    fn among(&self, denials: &Denials) -> BTreeSet<DenialKey> {
        audit::by_design(denials, &self.meaning, self.seccomp)
    }
}

/// Prints refused calls as they come.
struct Lines {
    format: Format,
    label: String,
    design: Design,
    display: Display,
    /// Standard output is gone; said when the session is over.
    failed: Option<Failure>,
}

impl Lines {
    fn print(&mut self, line: &str) {
        if let Err(failure) = output::print(line) {
            self.failed.get_or_insert(failure);
        }
    }
}

impl Observer for Lines {
    fn begins(&mut self) {
        self.display.begins();
        if self.format == Format::Json {
            let line = json::denials::watching(&self.label);
            self.print(&line);
        }
    }

    fn progress(&mut self, progress: &Progress) {
        self.display.progress(progress);
    }

    fn scope_found(&mut self, _cgroup_id: u64) {}

    fn refused(&mut self, refusal: &Refusal) {
        let design = &self.design;
        let by_design = audit::is_by_design(refusal.key, &design.meaning, design.seccomp);
        let line = match self.format {
            Format::Text => text::refusal(refusal, by_design),
            Format::Json => json::denials::refusal(refusal, by_design),
        };
        self.print(&line);
    }

    fn made(&mut self, _made: &Made, _rights: Option<Rights>) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::{Answer, DenialFacts, DenialLosses};
    use crate::syscall::Call;

    #[test]
    fn only_what_was_refused_makes_it_fail_and_what_was_lost_makes_it_unclear() {
        let call = Call::new(Abi::X86_64, 165);
        let denials = |answer: Option<Answer>, lost| {
            let facts = DenialFacts {
                count: 1,
                first: None,
                tuples: None,
            };
            let keys = answer.map(|answer| (DenialKey { call, answer }, facts));
            Denials {
                seen: keys.into_iter().collect(),
                losses: DenialLosses {
                    calls: lost,
                    ..DenialLosses::default()
                },
            }
        };
        let answer = Answer::Errno(38);
        let by_design = [DenialKey { call, answer }].into();
        for (answer, lost, expected) in [
            (None, 0, Exit::Done),
            (Some(Answer::Value), 0, Exit::Done),
            (Some(Answer::Errno(1)), 0, Exit::Gate),
            (Some(Answer::Signal), 3, Exit::Gate),
            (None, 3, Exit::Incomplete),
            (Some(answer), 0, Exit::Done),
            (Some(answer), 3, Exit::Incomplete),
        ] {
            assert_eq!(exit(&denials(answer, lost), &by_design), expected);
        }
    }
}
