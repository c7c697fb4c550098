//! What a profile would refuse of a target that runs without it, as text: a line for each as it happens, and what
//! there was in the end, as a check says it.

use super::check::judged;
use super::{evidence, quoted};
use crate::audit::{Check, Foreseen, Outcome, RecordingSummary, Verdict};
use crate::profile::Action;
use crate::report::layout::count;
use crate::report::words;

/// What is foreseen of a call, as one line; with who made it, as far as that is known.
#[must_use]
pub fn foreseen(foreseen: &Foreseen, who: Option<(&str, Option<u32>)>) -> String {
    let called = words::call_with(foreseen.call, &foreseen.values);
    let said = match &foreseen.outcome {
        Outcome::Permitted => format!("would be permitted: {called}"),
        Outcome::Logged => format!("would be logged: {called}"),
        Outcome::Denied(action) => format!("{}: {called}", would(*action)),
        Outcome::Depends { on, .. } => {
            let tested = on
                .iter()
                .map(|&index| words::argument(foreseen.call, index));
            let tested: Vec<String> = tested.collect();
            let why = match tested.is_empty() {
                true => "there are more values than are kept".to_owned(),
                false => format!(
                    "the profile tests {}, which is not kept",
                    tested.join(" and ")
                ),
            };
            format!("cannot be shown: {called}: {why}")
        }
    };
    let by = who.map_or_else(String::new, |(program, pid)| {
        let pid = pid.map_or_else(String::new, |pid| format!(" (pid {pid})"));
        format!(": {}{pid}", quoted(program))
    });
    format!("{said}{by}\n")
}

fn would(action: Action) -> String {
    match action {
        Action::Errno(0) => "would be answered without being done".to_owned(),
        Action::Errno(errno) => format!("would be refused with {}", words::errno(errno)),
        Action::Trap => "would be trapped with SIGSYS".to_owned(),
        Action::KillThread | Action::KillProcess => "would be killed for".to_owned(),
        Action::Trace(_) | Action::Notify => "would be left to another program".to_owned(),
        Action::Log => "would be logged".to_owned(),
        Action::Allow => "would be permitted".to_owned(),
    }
}

/// Everything, with counts. What would only be logged is objected to as well.
#[must_use]
pub fn shadow(profile: &str, recordings: &[RecordingSummary], check: &Check) -> String {
    let claim = claim(check);
    judged(profile, recordings, check, check.strict_verdict(), &claim)
}

fn claim(check: &Check) -> String {
    let logged = count(check.logged.len(), "recorded fact");
    match (check.verdict(), check.logged.is_empty()) {
        (Verdict::Fail, false) => format!("{}, and log {logged}", evidence::claim(check)),
        (_, false) => format!("would log {logged}"),
        (Verdict::Pass, true) if check.strict_verdict() == Verdict::Unclear => {
            let doubts = count(check.undecided.len(), "recorded fact");
            format!("denies nothing, but of {doubts} it cannot be decided whether they are logged")
        }
        (_, true) => evidence::claim(check),
    }
}
