//! Whether an engine's init was in a container, by who made its calls. Pure.
//!
//! Engines say so only where the user did; their own configuration can ask for one as well.

use crate::recording::{CallFacts, FactKey, WindowStart};
use std::collections::BTreeMap;

/// What engines call their init in the container, whichever it is: `/sbin/docker-init`, also nerdctl's, and
/// `/run/podman-init`, at first `/dev/init`, also CRI-O's.
/// <https://github.com/moby/moby/blob/v27.0.0/daemon/oci_linux.go#L48>,
/// <https://github.com/containers/podman/blob/v4.3.1/libpod/define/config.go>
const NAMES: [&str; 2] = ["docker-init", "podman-init"];

/// Whether there was one. It was the first to make what only an init makes; that there was none shows only
/// where nothing is missing from the beginning on.
pub(super) fn seen(facts: &BTreeMap<FactKey, CallFacts>, from: WindowStart) -> Option<bool> {
    let firsts = || facts.values().map(|facts| facts.first.as_ref());
    let is_init = |program: &str| NAMES.contains(&program);
    if firsts().flatten().any(|first| is_init(&first.program)) {
        return Some(true);
    }
    let is_whole =
        from == WindowStart::Exec && !facts.is_empty() && firsts().all(|it| it.is_some());
    is_whole.then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::{Arguments, Sighting};
    use crate::syscall::{Abi, Call};

    fn facts(programs: &[Option<&str>]) -> BTreeMap<FactKey, CallFacts> {
        let fact = |(number, program): (i32, &Option<&str>)| {
            let key = FactKey {
                call: Call::new(Abi::X86_64, number),
                filtered: true,
            };
            let first = program.map(|program| Sighting {
                at_ms: 0,
                pid: 1,
                program: program.to_owned(),
            });
            let facts = CallFacts {
                count: 1,
                first,
                last_ms: 0,
                arguments: Arguments::Untracked,
            };
            (key, facts)
        };
        (0..).zip(programs).map(fact).collect()
    }

    #[test]
    fn an_init_is_known_by_its_calls_and_its_absence_by_all_of_them() {
        use WindowStart::{Attach, Exec};
        type Case = (&'static [Option<&'static str>], WindowStart, Option<bool>);
        let table: [Case; 6] = [
            (
                &[Some("runc:[2:INIT]"), Some("docker-init")],
                Exec,
                Some(true),
            ),
            (&[None, Some("podman-init")], Attach, Some(true)),
            (&[Some("runc:[2:INIT]"), Some("sh")], Exec, Some(false)),
            (&[Some("sh"), None], Exec, None),
            (&[Some("sh")], Attach, None),
            (&[], Exec, None),
        ];
        for (programs, from, expected) in table {
            assert_eq!(seen(&facts(programs), from), expected, "{programs:?}");
        }
    }
}
