//! How a running recording shows itself: one line that changes on a terminal, plain lines elsewhere.

use super::output;
use crate::report::escape;
use crate::session::{Observer, Progress};
use std::io::IsTerminal;
use std::sync::mpsc::Sender;

/// Seconds between two plain lines.
const PLAIN_LINE_EVERY_S: u64 = 10;

/// Shows progress on stderr.
pub(super) struct Display {
    label: String,
    terminal: bool,
    quiet: bool,
    next_plain_s: u64,
    scopes: Sender<u64>,
}

impl Display {
    /// A display for a target; ids of scopes that are found go to `scopes`.
    pub(super) fn new(label: &str, quiet: bool, scopes: Sender<u64>) -> Self {
        Self {
            label: escape::text(label),
            terminal: std::io::stderr().is_terminal(),
            quiet,
            next_plain_s: PLAIN_LINE_EVERY_S,
            scopes,
        }
    }
}

impl Observer for Display {
    fn progress(&mut self, progress: &Progress) {
        if self.quiet {
            return;
        }
        let line = line(&self.label, progress);
        if self.terminal {
            output::say_in_place(&line);
        } else if progress.elapsed_ms / 1000 >= self.next_plain_s {
            self.next_plain_s += PLAIN_LINE_EVERY_S;
            output::say(&line);
        }
    }

    fn scope_found(&mut self, cgroup_id: u64) {
        // Nobody listening means that nobody wants to know.
        let _ = self.scopes.send(cgroup_id);
    }
}

/// `recording web: 87 calls, 31 argument facts, nothing new for 4m 12s, 0 lost`
fn line(label: &str, progress: &Progress) -> String {
    let Progress {
        calls,
        tuples,
        idle_ms,
        missing,
        ..
    } = progress;
    let idle = span(*idle_ms / 1000);
    format!(
        "recording {label}: {calls} calls, {tuples} argument facts, nothing new for {idle}, {missing} lost"
    )
}

/// Seconds as people say them.
fn span(seconds: u64) -> String {
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
            elapsed_ms: 300_000,
            idle_ms: 252_000,
            missing: 0,
        };
        assert_eq!(
            line("web", &progress),
            "recording web: 87 calls, 31 argument facts, nothing new for 4m 12s, 0 lost"
        );
        assert_eq!(span(7), "7s");
        assert_eq!(span(3_725), "1h 02m");
    }
}
