//! Programs that have somebody else start something: what that does is in no recording of theirs.

use super::{Arguments, CallFacts, Recording, Runs};
use std::collections::BTreeSet;

/// The clients of container engines and service managers that are known, by the names of their programs; none is
/// longer than what the kernel keeps of a name.
pub const CLIENTS: [&str; 14] = [
    "buildah",
    "crictl",
    "ctr",
    "docker",
    "docker-buildx",
    "docker-compose",
    "kubectl",
    "machinectl",
    "nerdctl",
    "podman",
    "podman-compose",
    "podman-remote",
    "systemd-nspawn",
    "systemd-run",
];

/// The client of that name, if it is one.
#[must_use]
pub fn client(program: &str) -> Option<&'static str> {
    CLIENTS.into_iter().find(|known| *known == program)
}

impl Recording {
    /// The clients that were executed in the scope, as far as that was seen. Names are from outside.
    #[must_use]
    pub fn clients(&self) -> BTreeSet<String> {
        let noted = self.target.clients.iter().cloned();
        let programs = self.facts.values().flat_map(CallFacts::programs);
        let seen = programs.filter_map(client).map(str::to_owned);
        noted.chain(seen).collect()
    }
}

impl Runs {
    /// The same of all runs together.
    #[must_use]
    pub fn clients(&self) -> BTreeSet<String> {
        let noted = self.runs.iter().flat_map(|run| run.target.clients.clone());
        let programs = self.programs.iter();
        let seen = programs.filter_map(|program| client(program));
        noted.chain(seen.map(str::to_owned)).collect()
    }
}

impl CallFacts {
    /// The programs of the first sightings of the call and of its values. Hostile.
    pub(crate) fn programs(&self) -> impl Iterator<Item = &str> {
        let tuples = match &self.arguments {
            Arguments::Untracked => None,
            Arguments::Exact(tuples) | Arguments::Unbounded(tuples) => Some(tuples),
        };
        let of_tuples = tuples.into_iter().flat_map(|tuples| tuples.seen.values());
        let firsts = of_tuples.map(|tuple| &tuple.first).chain([&self.first]);
        firsts.flatten().map(|sighting| sighting.program.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::testing::{recording, untracked};

    #[test]
    fn a_client_is_known_by_its_name_wherever_it_was_first() {
        let by = |program: &str| {
            let mut facts = untracked(1);
            facts.first.as_mut().unwrap().program = program.to_owned();
            facts
        };
        let facts = |program| vec![("read", false, by("sh")), ("write", false, by(program))];
        for (program, expected) in [
            ("docker", Some("docker")),
            ("kubectl", Some("kubectl")),
            ("dockerd", None),
            ("Docker", None),
            ("docker ", None),
            ("", None),
        ] {
            let mut one = recording("1", facts(program));
            let expected: BTreeSet<String> = expected.into_iter().map(str::to_owned).collect();
            assert_eq!(one.clients(), expected, "{program}");
            assert_eq!(Runs::from(one.clone()).clients(), expected, "{program}");
            one.target.clients = ["ctr".to_owned()].into();
            assert!(one.clients().contains("ctr") && Runs::from(one).clients().contains("ctr"));
        }
        assert!(CLIENTS.iter().all(|name| name.len() <= 15) && CLIENTS.is_sorted());
    }
}
