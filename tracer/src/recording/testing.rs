//! Small recordings for tests.

use super::{
    Arguments, CallFacts, FactKey, Host, Losses, Recording, Target, Window, WindowEnd, WindowStart,
};
use crate::syscall::{Abi, Call};

/// A recording from the exec on, of calls of x86_64 under a filter.
pub(super) fn recording(names: &[&str]) -> Recording {
    let facts = names.iter().map(|name| {
        let call = Call::named(Abi::X86_64, name).unwrap();
        let facts = CallFacts {
            count: 1,
            first: None,
            last_ms: 0,
            arguments: Arguments::Untracked,
        };
        (
            FactKey {
                call,
                filtered: true,
            },
            facts,
        )
    });
    Recording {
        tool_version: String::new(),
        run_id: "r".to_owned(),
        host: Host {
            kernel: "6.1.0".to_owned(),
            architecture: "x86_64".to_owned(),
            hook: None,
        },
        target: Target::default(),
        window: Window {
            start: String::new(),
            duration_ms: 1,
            last_new_fact_ms: 1,
            from: WindowStart::Exec,
            until: WindowEnd::Empty,
            lives: None,
        },
        facts: facts.collect(),
        losses: Losses::default(),
        denials: None,
    }
}
