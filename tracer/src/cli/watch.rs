//! `watch`: what a target's filter refuses, while it happens.

use super::exit::Exit;
use super::failure::Failure;
use super::format::Format;
use super::output;
use super::progress::Display;
use super::watching::{self, LimitArguments, TargetArguments, Watched};
use crate::probe::Looking;
use crate::recording::{Denials, Refusal};
use crate::report::{json, text};
use crate::session::{Observer, Progress};

/// Print every call that a target's seccomp filter refuses, while it happens.
///
/// One line for each call when it is first refused with that answer and those arguments, and all of them with
/// counts in the end. Exit code 1 says that something was refused. A command's own output goes to standard
/// error.
///
/// An errno of the filter and one of a supervisor that the filter asked (user notification, or a tracer) cannot
/// be told apart: the kernel does the same for both. If a supervisor or tracer gives a value that is no error,
/// that is shown and counts as done. Before Linux 5.16 a call that ends its process looks as if it were trapped,
/// and one that ends its thread alone is not seen. Calls that a filter lets through and only logs are not
/// refused. Of a target that already runs, the first return of each thread is not judged, because the thread may
/// have been in that call before watching began.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: TargetArguments,
    #[command(flatten)]
    limits: LimitArguments,
    /// Lines for people, or one JSON object a line.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Say nothing but errors on standard error.
    #[arg(short, long)]
    quiet: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let mut listening = watching::listen()?;
    let mut plan = watching::plan_of_one(&arguments.target)?;
    if let Some(command) = &mut plan.command {
        command.stdout_to_stderr = true;
    }
    let mut lines = Lines {
        format: arguments.format,
        label: plan.label.clone(),
        display: Display::watching(&plan.label, arguments.quiet),
        failed: None,
    };
    let looking = Looking::AtDenials;
    let watched = watching::hold(plan, &mut listening, looking, &arguments.limits, &mut lines)?;
    if let Some(failure) = lines.failed {
        return Err(failure);
    }
    let Watched { recording, status } = watched;
    let denials = recording.denials.unwrap_or_default();
    output::print(&match arguments.format {
        Format::Text => text::denials(&denials),
        Format::Json => json::denials::denials(&denials),
    })?;
    if let Some(code) = status.map(watching::code)
        && code != 0
        && !arguments.quiet
    {
        output::say(&format!("note: the command ended with exit code {code}"));
    }
    Ok(exit(&denials))
}

fn exit(denials: &Denials) -> Exit {
    if denials.refusals().next().is_some() {
        Exit::Gate
    } else if denials.is_complete() {
        Exit::Done
    } else {
        Exit::Incomplete
    }
}

/// Prints refused calls as they come.
struct Lines {
    format: Format,
    label: String,
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
        let line = match self.format {
            Format::Text => text::refusal(refusal),
            Format::Json => json::denials::refusal(refusal),
        };
        self.print(&line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::{Answer, DenialFacts, DenialKey, DenialLosses};
    use crate::syscall::{Abi, Call};

    #[test]
    fn only_what_was_refused_makes_it_fail_and_what_was_lost_makes_it_unclear() {
        let denials = |answer: Option<Answer>, lost| {
            let facts = DenialFacts {
                count: 1,
                first: None,
                tuples: None,
            };
            let call = Call::new(Abi::X86_64, 165);
            let keys = answer.map(|answer| (DenialKey { call, answer }, facts));
            Denials {
                seen: keys.into_iter().collect(),
                losses: DenialLosses {
                    calls: lost,
                    ..DenialLosses::default()
                },
            }
        };
        for (answer, lost, expected) in [
            (None, 0, Exit::Done),
            (Some(Answer::Value), 0, Exit::Done),
            (Some(Answer::Errno(1)), 0, Exit::Gate),
            (Some(Answer::Signal), 3, Exit::Gate),
            (None, 3, Exit::Incomplete),
        ] {
            assert_eq!(exit(&denials(answer, lost)), expected);
        }
    }
}
