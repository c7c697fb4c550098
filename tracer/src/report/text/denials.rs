//! Refused calls as text: a line for each as it happens, and what there was in the end.

use super::quoted;
use crate::audit::{Missing, Values};
use crate::recording::{Answer, DenialFacts, DenialKey, Denials, Refusal, Sighting};
use crate::report::layout::{Align, count, table};
use crate::report::words;
use crate::syscall::Call;
use std::collections::BTreeSet;

/// A refused call when it is seen for the first time, as one line; one that is refused by design is answered.
#[must_use]
pub fn refusal(refusal: &Refusal, by_design: bool) -> String {
    let Refusal {
        key,
        arguments,
        first,
    } = refusal;
    let called = called(key.call, arguments);
    let outcome = match by_design {
        true => format!("answered with {}, by design:", key.answer),
        false => outcome(key.answer),
    };
    format!("{outcome} {called}: {}\n", by(first))
}

/// Everything that was refused, with counts. What the base, of that name, refuses by design is no failure.
#[must_use]
pub fn denials(denials: &Denials, by_design: &BTreeSet<DenialKey>, base: &str) -> String {
    let missed = || {
        denials
            .refusals()
            .filter(|(key, _)| !by_design.contains(key))
    };
    let refused = missed().count();
    let times: u64 = missed().map(|(_, facts)| facts.count).sum();
    let but = match by_design.is_empty() {
        true => String::new(),
        false => format!(" but what {base} answers by design"),
    };
    let claim = match refused {
        0 if denials.is_complete() => format!("pass: nothing was refused{but}"),
        0 => format!("unclear: nothing was seen to be refused{but}"),
        _ => format!(
            "fail: {} refused, {} in all",
            were(refused, "call"),
            count_u64(times, "time")
        ),
    };
    let rows = denials.seen.iter();
    let rows = rows.flat_map(|(key, facts)| rows_of(key, facts, by_design.contains(key)));
    let rows: Vec<Vec<String>> = rows.collect();
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
fn rows_of(key: &DenialKey, facts: &DenialFacts, by_design: bool) -> Vec<Vec<String>> {
    let answer = match by_design {
        true => format!("{}, by design", key.answer),
        false => key.answer.to_string(),
    };
    let row = |count: u64, called: String, first: Option<&Sighting>| {
        let who = first.map_or_else(String::new, |first| format!("first by {}", by(first)));
        vec![format!("{count}×"), called, answer.clone(), who]
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

/// `socket(domain=AF_ALG, type=SOCK_SEQPACKET)`
fn called(call: Call, arguments: &[(u8, u64)]) -> String {
    let values: Values = arguments.iter().copied().collect();
    words::call_with(call, &values)
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
