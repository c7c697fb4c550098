//! From the end of a session to the recording. Pure: what it needs to know comes in.

use super::watch::Ended;
use crate::recording::{
    Denials, Host, Losses, Recording, SeccompState, Target, Window, WindowStart,
};
use crate::syscall::capability;

/// What a session does not know of itself.
pub struct Context {
    /// Names the run.
    pub run_id: String,
    /// The machine.
    pub host: Host,
    /// What was watched; rights seen at the first exec are filled in.
    pub target: Target,
    /// When the session started, by `CLOCK_MONOTONIC` in nanoseconds …
    pub monotonic_ns: u64,
    /// … and by the wall clock, in nanoseconds since 1970.
    pub wall_ns: i128,
    /// Where the window starts.
    pub from: WindowStart,
}

/// What was refused, for a session that looked for it.
#[must_use]
pub fn denials(ended: &Ended) -> Denials {
    Denials {
        seen: ended.ledger.denials(&ended.refused),
        losses: ended.denial_losses,
    }
}

/// Puts the recording together.
#[must_use]
pub fn recording(
    ended: &Ended,
    losses: Losses,
    denials: Option<Denials>,
    context: Context,
) -> Recording {
    let ledger = &ended.ledger;
    let mut target = context.target;
    if let Some(rights) = ledger.rights() {
        target.capabilities = Some(capability::from_mask(rights.capabilities));
        target.no_new_privs = Some(rights.no_new_privs);
        if target.seccomp.is_none() {
            let filtered = SeccompState::Filtered;
            target.seccomp = Some(if rights.filtered {
                filtered
            } else {
                SeccompState::Unconfined
            });
        }
    }
    let until_start = i128::from(ledger.start_ns().saturating_sub(context.monotonic_ns));
    Recording {
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        run_id: context.run_id,
        host: context.host,
        target,
        window: Window {
            start: rfc3339(context.wall_ns + until_start),
            duration_ms: ledger.since_start_ms(ended.end_ns),
            last_new_fact_ms: ledger.last_new_ms(),
            from: context.from,
            until: ended.end,
        },
        facts: ledger.facts(ended.end_ns, &ended.snapshot),
        losses,
        denials,
    }
}

/// RFC 3339 with milliseconds.
fn rfc3339(wall_ns: i128) -> String {
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
