//! What `generate` cannot know: what a program does where the recording let something through and the profile
//! refuses it.

use super::output;
use crate::minimize::Outcome;
use crate::recording::Run;
use crate::report::escape;
use crate::target::engine_run;
use std::collections::BTreeSet;
use std::ffi::OsString;

/// The most calls that are named.
const NAMED_MAX: usize = 6;

/// Says so, and names who finds out.
pub(super) fn say(outcome: &Outcome, runs: &[Run]) {
    let calls: BTreeSet<_> = outcome.unobserved().map(|denied| denied.call).collect();
    if calls.is_empty() {
        return;
    }
    let named: Vec<_> = calls
        .iter()
        .take(NAMED_MAX)
        .map(ToString::to_string)
        .collect();
    let more = match calls.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    output::say(&format!(
        "note: the recording let through {}{more}, which the profile refuses: what is done instead was not observed",
        named.join(", ")
    ));
    output::say(&format!(
        "hint: seccomp-tracer harden -- {} observes it",
        command(runs)
    ));
}

/// The command that was recorded, if it was the same in every run, as a shell takes it.
fn command(runs: &[Run]) -> String {
    let commands: BTreeSet<&[String]> = runs.iter().map(|run| &run.target.command[..]).collect();
    let mut commands = commands.into_iter();
    match (commands.next(), commands.next()) {
        (Some(words), None) if !words.is_empty() && words.iter().all(|word| is_plain(word)) => {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            let shown = engine_run::shown(&words);
            let shown: Vec<_> = shown.iter().map(|word| word.to_string_lossy()).collect();
            shown.join(" ")
        }
        _ => "CMD".to_owned(),
    }
}

/// Whether a shell takes a word as it is, and a terminal too.
fn is_plain(word: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./=:,@%+".contains(&byte);
    !word.is_empty() && word.bytes().all(plain) && escape::text(word) == word
}
