//! Refused calls as text: a line for each as it happens, and what there was in the end.

use super::quoted;
use crate::audit::Missing;
use crate::recording::{Answer, DenialFacts, DenialKey, Denials, Refusal, Sighting};
use crate::report::layout::{Align, count, table};
use crate::syscall::Call;

/// A refused call when it is seen for the first time, as one line.
#[must_use]
pub fn refusal(refusal: &Refusal) -> String {
    let Refusal {
        key,
        arguments,
        first,
    } = refusal;
    let called = called(key.call, arguments);
    format!("{} {called}: {}\n", outcome(key.answer), by(first))
}

/// Everything that was refused, with counts.
#[must_use]
pub fn denials(denials: &Denials) -> String {
    let refused = denials.refusals().count();
    let times: u64 = denials.refusals().map(|(_, facts)| facts.count).sum();
    let claim = match refused {
        0 if denials.is_complete() => "pass: nothing was refused".to_owned(),
        0 => "unclear: nothing was seen to be refused".to_owned(),
        _ => format!(
            "fail: {} refused, {} in all",
            were(refused, "call"),
            count_u64(times, "time")
        ),
    };
    let rows: Vec<Vec<String>> = denials.seen.iter().flat_map(rows).collect();
    let align = [Align::Right, Align::Left, Align::Left, Align::Left];
    let mut out = format!("{claim}\n");
    out.push_str(&table(2, &align, &rows));
    let losses = &denials.losses;
    if losses.calls > 0 {
        let lost = count_u64(losses.calls, "refused call");
        out.push_str(&format!("  {lost} could not be kept\n"));
    }
    if losses.arguments > 0 {
        let lost = count_u64(losses.arguments, "refused call");
        out.push_str(&format!("  the arguments of {lost} could not be kept\n"));
    }
    if losses.unjudged > 0 {
        let unjudged = count_u64(losses.unjudged, "return");
        out.push_str(&format!(
            "  {unjudged} could not be judged, of tasks that may have been in a call when watching began\n"
        ));
    }
    out
}

/// A call that is missing from a profile, with the values with which it was refused: at most three.
#[must_use]
pub fn missing(call: Call, missing: &Missing) -> String {
    const SHOWN_MAX: usize = 3;
    let Some(tuples) = missing
        .tuples
        .as_ref()
        .filter(|tuples| !tuples.seen.is_empty())
    else {
        return call.to_string();
    };
    let shown = tuples.seen.keys().take(SHOWN_MAX).map(|values| {
        let indexes = tuples.indexes.iter().copied();
        called(
            call,
            &indexes.zip(values.iter().copied()).collect::<Vec<_>>(),
        )
    });
    let shown = shown.collect::<Vec<_>>().join(", ");
    match tuples.seen.len().saturating_sub(SHOWN_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// One row for the call, or one for each tuple of its arguments.
fn rows((key, facts): (&DenialKey, &DenialFacts)) -> Vec<Vec<String>> {
    let row = |count: u64, called: String, first: Option<&Sighting>| {
        let who = first.map_or_else(String::new, |first| format!("first by {}", by(first)));
        vec![format!("{count}×"), called, key.answer.to_string(), who]
    };
    let tuples = facts.tuples.iter().filter(|tuples| !tuples.seen.is_empty());
    let mut rows: Vec<_> = tuples
        .flat_map(|tuples| {
            tuples.seen.iter().map(|(values, tuple)| {
                let indexes = tuples.indexes.iter().copied();
                let arguments: Vec<_> = indexes.zip(values.iter().copied()).collect();
                let called = called(key.call, &arguments);
                row(tuple.count, called, tuple.first.as_ref())
            })
        })
        .collect();
    if rows.is_empty() {
        rows.push(row(
            facts.count,
            called(key.call, &[]),
            facts.first.as_ref(),
        ));
    }
    rows
}

/// `socket(arg0=0x26, arg1=0x5)`
fn called(call: Call, arguments: &[(u8, u64)]) -> String {
    if arguments.is_empty() {
        return call.to_string();
    }
    let arguments: Vec<_> = arguments
        .iter()
        .map(|(index, value)| format!("arg{index}={value:#x}"))
        .collect();
    format!("{call}({})", arguments.join(", "))
}

fn outcome(answer: Answer) -> String {
    match answer {
        Answer::Errno(_) => format!("refused with {answer}:"),
        Answer::Signal => "trapped with SIGSYS:".to_owned(),
        Answer::Killed => "killed for:".to_owned(),
        Answer::Value => "answered by another program:".to_owned(),
    }
}

/// Who did it.
fn by(sighting: &Sighting) -> String {
    format!("{} (pid {})", quoted(&sighting.program), sighting.pid)
}

fn were(number: usize, noun: &str) -> String {
    let verb = if number == 1 { "was" } else { "were" };
    format!("{} {verb}", count(number, noun))
}

fn count_u64(number: u64, noun: &str) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX), noun)
}
