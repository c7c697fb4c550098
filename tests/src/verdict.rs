//! What a profile makes of a recording, by the judge of our own.

use crate::judge::{Host, Judge, worlds};
use seccomp_tracer::recording::{Arguments, CallFacts, FactKey, Recording};
use seccomp_tracer::syscall::{self, Abi, Call};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Docker's default as the product bounds its profiles by it.
const DOCKER: &str = include_str!("../../profiles/docker.json");

/// A profile, Docker's default for the container of a recording, and what may be asked about the two.
pub struct Verdict {
    /// The profile.
    pub profile: Judge,
    /// The default.
    pub base: Judge,
}

impl Verdict {
    /// On a profile, where this recording was made.
    ///
    /// # Panics
    ///
    /// If the recording does not say on which kernel and with which capabilities.
    #[must_use]
    pub fn on(profile: &str, recording: &Recording) -> Self {
        let capabilities = recording.target.capabilities.as_ref();
        let host = Host {
            kernel: kernel(&recording.host.kernel),
            capabilities: capabilities.expect("capabilities"),
        };
        Self {
            profile: Judge::of(profile, &host),
            base: Judge::of(DOCKER, &host),
        }
    }

    /// Everything that was done and the profile denies, or of which it cannot be said.
    #[must_use]
    pub fn denied(&self, recording: &Recording) -> Vec<String> {
        let facts = recording.facts.iter();
        facts
            .flat_map(|(key, facts)| self.denied_values(*key, facts))
            .collect()
    }

    fn denied_values(&self, key: FactKey, facts: &CallFacts) -> Vec<String> {
        let call = key.call;
        let name = call.name().unwrap_or("");
        let (indexes, seen) = match &facts.arguments {
            Arguments::Untracked => (Vec::new(), vec![Vec::new()]),
            Arguments::Exact(tuples) | Arguments::Unbounded(tuples) => (
                tuples.indexes.clone(),
                tuples.seen.keys().cloned().collect(),
            ),
        };
        let compared = self.profile.constants(name);
        let is_exact = !matches!(facts.arguments, Arguments::Unbounded(_));
        let knows = |index| is_exact && indexes.iter().any(|&known| usize::from(known) == index);
        if let Some((index, _)) = compared.iter().find(|&&(index, _)| !knows(index)) {
            return vec![format!("{call}: argument {index} decides and is not known")];
        }
        let registers = |values: Vec<u64>| {
            let mut registers = [0; 6];
            for (&index, value) in indexes.iter().zip(values) {
                registers[usize::from(index)] = value;
            }
            registers
        };
        let denied = seen
            .into_iter()
            .map(registers)
            .filter(|registers| !self.profile.permits(call, registers))
            .map(|registers| format!("{call}{registers:x?}"));
        denied.collect()
    }

    /// The named calls of an ABI that the profile permits with some arguments, and those of the default.
    #[must_use]
    pub fn permitted(&self, abi: Abi) -> [BTreeSet<Call>; 2] {
        let permits = |judge: &Judge, call: &Call| {
            let name = call.name().unwrap_or("");
            let worlds = worlds(&self.profile, &self.base, name);
            worlds.iter().any(|world| judge.permits(*call, world))
        };
        [&self.profile, &self.base].map(|judge| {
            let calls = syscall::calls(abi);
            calls.filter(|call| permits(judge, call)).collect()
        })
    }
}

/// Major and minor version.
fn kernel(release: &str) -> (u64, u64) {
    let mut numbers = release
        .split(|byte: char| !byte.is_ascii_digit())
        .map(|number| number.parse().expect("a kernel version"));
    let mut next = || numbers.next().expect("a kernel version");
    (next(), next())
}

/// The profile, but what it does not speak of is let through instead of refused: with it, a recorder sees
/// what the profile would have refused. What it refuses by name stays refused.
///
/// runc answers numbers above all that a profile names with `ENOSYS`, before the profile is asked. So the
/// variant names the newest call that the runtime's libseccomp knows, and that answer does not come.
///
/// # Panics
///
/// If the text is no profile.
#[must_use]
pub fn letting_through(profile: &str) -> String {
    const NEWEST: &str = "futex_waitv";
    let mut json: BTreeMap<String, Value> = serde_json::from_str(profile).expect("a profile");
    json.remove("defaultErrnoRet");
    json.insert("defaultAction".to_owned(), json!("SCMP_ACT_LOG"));
    let entries = json.get_mut("syscalls").and_then(Value::as_array_mut);
    let newest = json!({"names": [NEWEST], "action": "SCMP_ACT_ALLOW"});
    entries.expect("entries").push(newest);
    serde_json::to_string(&json).expect("JSON")
}
