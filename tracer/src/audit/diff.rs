//! How two profiles, or two recordings, differ in meaning.

use super::observed::{Observation, observe};
use super::surface::abis;
use super::value::Values;
use crate::profile::{Action, ArgumentSet, Meaning, Profile};
use crate::recording::Runs;
use crate::syscall::{self, Abi, Call};
use std::collections::{BTreeMap, BTreeSet};

/// How two profiles differ in what they mean to a runtime. Empty when they mean the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileDiff {
    /// ABIs that only one of them lists: through the other, every call is killed.
    pub abis: Vec<AbiDifference>,
    /// Per call of the ABIs that both list, in order of call, then kind.
    pub calls: Vec<CallDifference>,
    /// What they say of how the filter is installed, and otherwise beside the calls.
    pub settings: Vec<SettingDifference>,
}

/// Something that is not about calls, by its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingDifference {
    /// The key.
    pub key: &'static str,
    /// What the first says; nothing if it does not have it. Hostile.
    pub a: Option<String>,
    /// What the second says. Hostile.
    pub b: Option<String>,
}

/// Where two profiles differ beside what becomes of calls: flags, the listener, and the default's errno, which calls
/// without a name get.
#[must_use]
pub fn settings(a: &Profile, b: &Profile) -> Vec<SettingDifference> {
    let flags = |profile: &Profile| {
        let flags = profile.flags.as_ref();
        // An empty list is not the same as none: runtimes then add none of their own.
        flags.map(|flags| {
            let mut flags = flags.clone();
            flags.sort_unstable();
            flags.join(" ")
        })
    };
    let errno = |profile: &Profile| match profile.default_action {
        Action::Errno(errno) | Action::Trace(errno) => Some(errno.to_string()),
        Action::KillProcess
        | Action::KillThread
        | Action::Trap
        | Action::Notify
        | Action::Log
        | Action::Allow => None,
    };
    let each = [
        ("defaultErrnoRet", errno(a), errno(b)),
        ("flags", flags(a), flags(b)),
        (
            "listenerPath",
            a.listener_path.clone(),
            b.listener_path.clone(),
        ),
        (
            "listenerMetadata",
            a.listener_metadata.clone(),
            b.listener_metadata.clone(),
        ),
    ];
    let differing = each.into_iter().filter(|(_, a, b)| a != b);
    differing
        .map(|(key, a, b)| SettingDifference { key, a, b })
        .collect()
}

/// An ABI that only one of two profiles lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbiDifference {
    /// The ABI.
    pub abi: Abi,
    /// Who lists it.
    pub side: Side,
    /// How many calls through it are allowed there.
    pub allowed: usize,
}

/// One of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The first.
    A,
    /// The second.
    B,
}

/// In what way two profiles treat a call differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DifferenceKind {
    /// Only this one permits it.
    Permits(Side),
    /// Both permit it, or both deny it, but not in the same way.
    Answer,
}

/// A call that two profiles treat differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallDifference {
    /// The call.
    pub call: Call,
    /// In what way.
    pub kind: DifferenceKind,
    /// Arguments for which it is so.
    pub witness: [u64; 6],
    /// Whether it is so for all arguments.
    pub whole: bool,
    /// What the first does with the witness.
    pub a: Action,
    /// What the second does with the witness.
    pub b: Action,
}

/// How the counting facts of two recordings differ. How often and when does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordingDiff {
    /// Calls that only the first shows.
    pub only_a: BTreeSet<Call>,
    /// Calls that only the second shows.
    pub only_b: BTreeSet<Call>,
    /// Calls that both show with different values, in order of call.
    pub values: Vec<ValueDifference>,
    /// How many facts may be missing in the first and in the second.
    pub missing: (u64, u64),
}

/// A call that two recordings show with different values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueDifference {
    /// The call.
    pub call: Call,
    /// Values that only the first shows.
    pub only_a: BTreeSet<Values>,
    /// Values that only the second shows.
    pub only_b: BTreeSet<Values>,
    /// Whether the first had more values than it keeps, and whether the second had.
    pub unbounded: (bool, bool),
}

impl ProfileDiff {
    /// Whether the two mean the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.abis.is_empty() && self.calls.is_empty() && self.settings.is_empty()
    }
}

impl RecordingDiff {
    /// Whether the two show the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.only_a.is_empty() && self.only_b.is_empty() && self.values.is_empty()
    }
}

/// Compares what two profiles mean.
#[must_use]
pub fn profiles(native: Abi, a: &Meaning, b: &Meaning) -> ProfileDiff {
    let mut diff = ProfileDiff::default();
    for abi in abis(native, a, b) {
        let side = match (a.abis().contains(&abi), b.abis().contains(&abi)) {
            (true, false) => Some((Side::A, a)),
            (false, true) => Some((Side::B, b)),
            _ => None,
        };
        if let Some((side, meaning)) = side {
            let allowed = syscall::calls(abi).filter(|&call| !meaning.permitted(call).is_none());
            diff.abis.push(AbiDifference {
                abi,
                side,
                allowed: allowed.count(),
            });
            continue;
        }
        // One number that no kernel has stands for all of them.
        let last = syscall::calls(abi).last().map_or(0, |call| call.number);
        let nameless = Call::new(abi, last.saturating_add(1));
        for call in syscall::calls(abi).chain([nameless]) {
            diff.calls.extend(call_differences(call, a, b));
        }
    }
    diff.calls.sort_by_key(|one| (one.call, one.kind));
    diff
}

/// The differences of one call, one for each pair of answers.
fn call_differences(call: Call, a: &Meaning, b: &Meaning) -> Vec<CallDifference> {
    let mut pairs: BTreeMap<(Action, Action), ArgumentSet> = BTreeMap::new();
    let verdicts_b = b.verdicts(call);
    for (set_a, action_a) in a.verdicts(call) {
        for (set_b, action_b) in &verdicts_b {
            let both = set_a.intersection(set_b);
            if action_a == *action_b || both.is_none() {
                continue;
            }
            let known = pairs
                .entry((action_a, *action_b))
                .or_insert_with(ArgumentSet::none);
            *known = known.union(&both);
        }
    }
    pairs
        .into_iter()
        .filter_map(|((a, b), set)| {
            let kind = match (a.permits(), b.permits()) {
                (true, false) => DifferenceKind::Permits(Side::A),
                (false, true) => DifferenceKind::Permits(Side::B),
                _ => DifferenceKind::Answer,
            };
            Some(CallDifference {
                call,
                kind,
                witness: set.witness()?,
                whole: set.is_all(),
                a,
                b,
            })
        })
        .collect()
}

/// Compares the counting facts of two recordings, or of two sets of them.
#[must_use]
pub fn recordings(a: &Runs, b: &Runs) -> RecordingDiff {
    let (a, b) = (observe(a), observe(b));
    let calls_a: BTreeSet<Call> = a.calls.keys().copied().collect();
    let calls_b: BTreeSet<Call> = b.calls.keys().copied().collect();
    let both = calls_a.intersection(&calls_b);
    RecordingDiff {
        only_a: calls_a.difference(&calls_b).copied().collect(),
        only_b: calls_b.difference(&calls_a).copied().collect(),
        values: both
            .filter_map(|call| values(*call, &a.calls[call], &b.calls[call]))
            .collect(),
        missing: (a.missing, b.missing),
    }
}

fn values(call: Call, a: &Observation, b: &Observation) -> Option<ValueDifference> {
    let only = |these: &Observation, others: &Observation| -> BTreeSet<Values> {
        let new = these.values.keys();
        new.filter(|values| !others.values.contains_key(values))
            .cloned()
            .collect()
    };
    let difference = ValueDifference {
        call,
        only_a: only(a, b),
        only_b: only(b, a),
        unbounded: (a.unbounded, b.unbounded),
    };
    // What two unbounded recordings happened to keep says nothing.
    let differs = match difference.unbounded {
        (true, true) => false,
        (false, false) => !difference.only_a.is_empty() || !difference.only_b.is_empty(),
        _ => true,
    };
    differs.then_some(difference)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::testing::{confined, recording, tracked, unbounded, untracked};
    use crate::profile::{Circumstances, KernelVersion, read};
    use crate::syscall::capability;

    fn call(name: &str) -> Call {
        Call::named(Abi::X86_64, name).unwrap()
    }

    #[test]
    fn recordings_differ_in_what_they_show_not_in_how_often() {
        let a = confined(
            "a",
            vec![
                ("read", true, untracked(1)),
                ("mount", false, untracked(1)),
                ("bpf", true, tracked(&[0], &[(&[5], 1)])),
                ("socket", true, tracked(&[0], &[(&[2], 1), (&[10], 1)])),
                ("ioctl", true, unbounded(&[1], &[(&[7], 1)])),
                ("fcntl", true, unbounded(&[1], &[(&[3], 1)])),
            ],
        );
        let b = recording(
            "b",
            vec![
                ("read", true, untracked(500)),
                ("write", true, untracked(1)),
                ("socket", true, tracked(&[0], &[(&[2], 80), (&[1], 1)])),
                ("ioctl", true, unbounded(&[1], &[(&[8], 1)])),
                ("fcntl", true, tracked(&[1], &[(&[3], 1)])),
            ],
        );
        let (a, b) = (Runs::from(a), Runs::from(b));
        let one = |value: u64| BTreeSet::from([[(0, value)].into_iter().collect()]);
        assert_eq!(
            recordings(&a, &b),
            RecordingDiff {
                only_a: [call("bpf")].into(),
                only_b: [call("write")].into(),
                values: vec![
                    ValueDifference {
                        call: call("socket"),
                        only_a: one(10),
                        only_b: one(1),
                        unbounded: (false, false),
                    },
                    ValueDifference {
                        call: call("fcntl"),
                        only_a: BTreeSet::new(),
                        only_b: BTreeSet::new(),
                        unbounded: (true, false),
                    },
                ],
                missing: (0, 0),
            }
        );
        assert!(recordings(&a, &a).is_empty());
    }

    fn profile(default: u16, architectures: &str, rules: &str) -> Meaning {
        let text = format!(
            r#"{{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": {default},
                "architectures": [{architectures}], "syscalls": [{rules}]}}"#
        );
        let circumstances = Circumstances {
            host: Abi::X86_64,
            kernel: KernelVersion { major: 6, minor: 1 },
            capabilities: capability::docker_default(),
        };
        let resolved = read::profile(&text).unwrap().resolve(&circumstances);
        Meaning::of(&resolved, Abi::X86_64)
    }

    #[test]
    fn profiles_differ_in_what_they_mean_with_a_witness_both_ways() {
        let open = r#"{"names": ["open"], "action": "SCMP_ACT_ALLOW"}"#;
        let family = |operator, value| {
            format!(
                r#"{{"names": ["socket"], "action": "SCMP_ACT_ALLOW",
                    "args": [{{"index": 0, "value": {value}, "op": "SCMP_CMP_{operator}"}}]}}"#
            )
        };
        let a = profile(1, "", &[open.to_owned(), family("LT", 3)].join(","));
        let b = profile(
            1,
            r#""SCMP_ARCH_X86""#,
            &[family("EQ", 2), family("EQ", 7)].join(","),
        );
        let (allow, eperm) = (Action::Allow, Action::Errno(1));
        let whole = CallDifference {
            call: call("open"),
            kind: DifferenceKind::Permits(Side::A),
            witness: [0; 6],
            whole: true,
            a: allow,
            b: eperm,
        };
        let socket = CallDifference {
            call: call("socket"),
            whole: false,
            ..whole.clone()
        };
        let only_b = CallDifference {
            kind: DifferenceKind::Permits(Side::B),
            witness: [7, 0, 0, 0, 0, 0],
            a: eperm,
            b: allow,
            ..socket.clone()
        };
        assert_eq!(
            profiles(Abi::X86_64, &a, &b),
            ProfileDiff {
                abis: vec![AbiDifference {
                    abi: Abi::I386,
                    side: Side::B,
                    // `socket`, and `socketcall` with it.
                    allowed: 2,
                }],
                settings: vec![],
                calls: vec![whole, socket, only_b],
            }
        );
        assert!(profiles(Abi::X86_64, &a, &a).is_empty());
    }

    #[test]
    fn the_same_said_otherwise_is_no_difference() {
        let two = r#"{"names": ["open", "read"], "action": "SCMP_ACT_ALLOW"}"#;
        let one = r#"{"names": ["read"], "action": "SCMP_ACT_ALLOW"},
            {"names": ["write"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1},
            {"names": ["open"], "action": "SCMP_ACT_ALLOW"}"#;
        let same = profiles(Abi::X86_64, &profile(1, "", two), &profile(1, "", one));
        assert_eq!(same, ProfileDiff::default());
    }

    #[test]
    fn another_errno_is_a_difference_of_every_call_that_gets_it() {
        let diff = profiles(Abi::X86_64, &profile(1, "", ""), &profile(38, "", ""));
        // One more than there are names: a number that has none.
        let named = syscall::calls(Abi::X86_64).count();
        assert_eq!(diff.calls.len(), named + 1);
        let answers = |one: &CallDifference| (one.kind, one.whole, one.a, one.b);
        let (eperm, enosys) = (Action::Errno(1), Action::Errno(38));
        let expected = (DifferenceKind::Answer, true, eperm, enosys);
        assert!(diff.calls.iter().all(|one| answers(one) == expected));
    }
}
