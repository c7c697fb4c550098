//! How a running recording shows itself: one line that changes on a terminal, plain lines elsewhere.

use super::output;
use crate::recording::Refusal;
use crate::report::escape;
use crate::session::{Made, Observer, Progress, Rights};
use std::io::IsTerminal;

/// Seconds between two plain lines.
const PLAIN_LINE_EVERY_S: u64 = 10;

/// Shows progress on stderr.
pub(super) struct Display {
    /// What is done with which target, as in `recording web`.
    lead: String,
    line: fn(&str, &Progress) -> String,
    terminal: bool,
    quiet: bool,
    next_plain_s: u64,
}

impl Display {
    /// A display for a target that is recorded.
    pub(super) fn recording(label: &str, quiet: bool) -> Self {
        Self::new("recording", label, quiet, recording)
    }

    /// A display for a target whose refused calls are watched.
    pub(super) fn watching(label: &str, quiet: bool) -> Self {
        Self::new("watching", label, quiet, watching)
    }

    fn new(verb: &str, label: &str, quiet: bool, line: fn(&str, &Progress) -> String) -> Self {
        Self {
            lead: format!("{verb} {}", escape::text(label)),
            line,
            terminal: std::io::stderr().is_terminal(),
            quiet,
            next_plain_s: PLAIN_LINE_EVERY_S,
        }
    }
}

impl Observer for Display {
    fn begins(&mut self) {
        if !self.quiet {
            output::say(&self.lead);
        }
    }

    fn progress(&mut self, progress: &Progress) {
        if self.quiet {
            return;
        }
        let line = (self.line)(&self.lead, progress);
        if self.terminal {
            output::say_in_place(&line);
        } else if progress.elapsed_ms / 1000 >= self.next_plain_s {
            self.next_plain_s += PLAIN_LINE_EVERY_S;
            output::say(&line);
        }
    }

    fn scope_found(&mut self, _cgroup_id: u64) {}

    fn refused(&mut self, _refusal: &Refusal) {}

    fn made(&mut self, _made: &Made, _rights: Option<Rights>) {}
}

/// `recording web: 87 calls, 31 argument facts, nothing new for 4m 12s, 0 lost`
fn recording(lead: &str, progress: &Progress) -> String {
    let Progress {
        calls,
        tuples,
        idle_ms,
        missing,
        ..
    } = progress;
    let idle = span(*idle_ms / 1000);
    format!(
        "{lead}: {calls} calls, {tuples} argument facts, nothing new for {idle}, {missing} lost"
    )
}

/// `watching web: 3 calls refused, nothing new for 4m 12s, 0 lost`
fn watching(lead: &str, progress: &Progress) -> String {
    let Progress {
        refused,
        idle_ms,
        missing,
        ..
    } = progress;
    let idle = span(*idle_ms / 1000);
    format!("{lead}: {refused} calls refused, nothing new for {idle}, {missing} lost")
}

/// Seconds as people say them.
pub(super) fn span(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m {seconds:02}s"),
        (hours, minutes, _) => format!("{hours}h {minutes:02}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_what_matters() {
        let progress = Progress {
            calls: 87,
            tuples: 31,
            refused: 3,
            elapsed_ms: 300_000,
            idle_ms: 252_000,
            missing: 0,
        };
        assert_eq!(
            recording("recording web", &progress),
            "recording web: 87 calls, 31 argument facts, nothing new for 4m 12s, 0 lost"
        );
        assert_eq!(
            watching("watching web", &progress),
            "watching web: 3 calls refused, nothing new for 4m 12s, 0 lost"
        );
        assert_eq!(span(7), "7s");
        assert_eq!(span(3_725), "1h 02m");
    }
}
