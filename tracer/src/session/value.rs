//! From the end of a session to the recording. Pure: what it needs to know comes in.

use super::init;
use super::ledger::Ledger;
use super::start::{self, Configured};
use super::watch::Ended;
use crate::probe::{Refused, Snapshot};
use crate::recording::{
    DenialLosses, Denials, Host, Losses, Recording, SeccompState, Target, Window, WindowEnd,
    WindowStart,
};
use crate::syscall::capability;

/// What a session does not know of itself.
#[derive(Clone)]
pub struct Context {
    /// Names the run.
    pub run_id: String,
    /// The machine.
    pub host: Host,
    /// What was watched; rights seen at the first exec are filled in.
    pub target: Target,
    /// What its engine says of how it starts.
    pub configured: Configured,
    /// When the session started, by `CLOCK_MONOTONIC` in nanoseconds …
    pub monotonic_ns: u64,
    /// … and by the wall clock, in nanoseconds since 1970.
    pub wall_ns: i128,
    /// Where the window starts.
    pub from: WindowStart,
    /// How many lives of a container it covers, if they were counted.
    pub lives: Option<u32>,
}

/// What was refused up to some moment.
#[must_use]
pub fn denials_of(ledger: &Ledger, refused: &Refused, losses: DenialLosses) -> Denials {
    Denials {
        seen: ledger.denials(refused),
        losses,
    }
}

/// What was refused, for a session that looked for it.
#[must_use]
pub fn denials(ended: &Ended) -> Denials {
    Denials {
        seen: ended.ledger.denials(&ended.refused),
        losses: ended.denial_losses,
    }
}

/// What was seen up to some moment, and why no further.
#[derive(Clone, Copy)]
pub struct Seen<'a> {
    /// What is known.
    pub ledger: &'a Ledger,
    /// The last counts.
    pub snapshot: &'a Snapshot,
    /// `CLOCK_MONOTONIC`.
    pub end_ns: u64,
    /// What ended it.
    pub end: WindowEnd,
}

/// Puts the recording of a session together.
#[must_use]
pub fn recording(
    ended: &Ended,
    losses: Losses,
    denials: Option<Denials>,
    context: Context,
) -> Recording {
    let seen = Seen {
        ledger: &ended.ledger,
        snapshot: &ended.snapshot,
        end_ns: ended.end_ns,
        end: ended.end,
    };
    Recording {
        denials,
        ..recording_of(seen, losses, context)
    }
}

/// Puts a recording together, without what was refused.
#[must_use]
pub fn recording_of(seen: Seen<'_>, losses: Losses, context: Context) -> Recording {
    let ledger = seen.ledger;
    let mut target = context.target;
    let clients = ledger.clients().iter().map(|&name| name.to_owned());
    target.clients.extend(clients);
    let filtered = start::filtered_at_start(target.kind, ledger, context.configured);
    target.filtered_at_start = filtered.or(target.filtered_at_start);
    if let Some(rights) = ledger.rights() {
        target.capabilities = Some(capability::from_mask(rights.capabilities));
        // What a hook executes before the container's program has rights of its own.
        let first = context.configured.first;
        let is_other = first.is_some_and(|first| first != rights.pid);
        let is_sure = !is_other || !rights.no_new_privs;
        target.no_new_privs = is_sure.then_some(rights.no_new_privs);
        if target.seccomp.is_none() {
            let filtered = SeccompState::Filtered;
            target.seccomp = Some(if rights.filtered {
                filtered
            } else {
                SeccompState::Unconfined
            });
        }
    }
    let facts = ledger.facts(seen.end_ns, seen.snapshot);
    if let Some(container) = &mut target.container {
        container.init = container.init.or_else(|| init::seen(&facts, context.from));
    }
    let until_start = i128::from(ledger.start_ns().saturating_sub(context.monotonic_ns));
    Recording {
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        run_id: context.run_id,
        host: context.host,
        target,
        window: Window {
            start: rfc3339(context.wall_ns + until_start),
            duration_ms: ledger.since_start_ms(seen.end_ns),
            last_new_fact_ms: ledger.last_new_ms(),
            from: context.from,
            until: seen.end,
            lives: context.lives,
        },
        facts,
        losses: losses.with_left_by(ledger.left().clone()),
        denials: None,
    }
}

/// RFC 3339 with milliseconds.
#[must_use]
pub fn rfc3339(wall_ns: i128) -> String {
    let milliseconds = i64::try_from(wall_ns / 1_000_000).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(milliseconds)
        .map_or_else(|_| String::new(), |time| format!("{time:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_clock_is_written_in_milliseconds() {
        assert_eq!(
            rfc3339(1_764_000_000_123_456_789),
            "2025-11-24T16:00:00.123Z"
        );
    }
}
