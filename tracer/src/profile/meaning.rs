//! What a profile permits, call by call, on each ABI: the set of argument values that get through the
//! filter which libseccomp builds from it.

use super::model::{Action, Condition, Profile, Rule};
use super::set::ArgumentSet;
use crate::syscall::{Abi, Call};
use std::collections::{BTreeMap, BTreeSet};

/// Sub-calls of `socketcall`, from 1, by name.
/// <https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/net.h#L26>
static SOCKETCALLS: [&str; 20] = [
    "socket",
    "bind",
    "connect",
    "listen",
    "accept",
    "getsockname",
    "getpeername",
    "socketpair",
    "send",
    "recv",
    "sendto",
    "recvfrom",
    "shutdown",
    "setsockopt",
    "getsockopt",
    "sendmsg",
    "recvmsg",
    "accept4",
    "recvmmsg",
    "sendmmsg",
];

/// Sub-calls of `ipc`, by number and name.
/// <https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/ipc.h#L41>
static IPCS: [(u64, &str); 12] = [
    (1, "semop"),
    (2, "semget"),
    (3, "semctl"),
    (4, "semtimedop"),
    (11, "msgsnd"),
    (12, "msgrcv"),
    (13, "msgget"),
    (14, "msgctl"),
    (21, "shmat"),
    (22, "shmdt"),
    (23, "shmget"),
    (24, "shmctl"),
];

/// What libseccomp's filters do with a call of an ABI that they do not know.
const FOREIGN: Action = Action::KillThread;

/// What a profile permits, and how it refuses the rest.
#[derive(Clone, Debug)]
pub struct Meaning {
    default_action: Action,
    abis: BTreeSet<Abi>,
    permitted: BTreeMap<Call, ArgumentSet>,
    verdicts: BTreeMap<Call, Vec<(ArgumentSet, Action)>>,
}

/// What has been said about a call so far, in the profile's order.
#[derive(Default)]
struct Verdict {
    unconditional: Option<Action>,
    /// In order of action, which is from the most to the least restrictive.
    conditional: BTreeMap<Action, ArgumentSet>,
}

impl Meaning {
    /// The meaning of a profile on a host with that native ABI.
    #[must_use]
    pub fn of(profile: &Profile, native: Abi) -> Self {
        let mut abis = profile.abis.clone();
        abis.insert(native);
        let default_action = profile.default_action;
        let mut verdicts: BTreeMap<Call, Verdict> = BTreeMap::new();
        // Runtimes skip rules that only repeat the default.
        let rules = profile
            .rules
            .iter()
            .filter(|rule| rule.action != profile.default_action);
        for rule in rules {
            for alternative in alternatives(rule) {
                for (call, conditions) in reached(rule, &alternative, &abis) {
                    let width = call.abi.argument_bits();
                    let set = ArgumentSet::matching(&conditions, width);
                    verdicts.entry(call).or_default().add(rule.action, set);
                }
            }
        }
        let verdicts: BTreeMap<_, _> = verdicts
            .into_iter()
            .map(|(call, verdict)| (call, verdict.settle(default_action)))
            .collect();
        let permitted = verdicts
            .iter()
            .map(|(&call, verdicts)| (call, permitted(verdicts)))
            .collect();
        Self {
            default_action,
            abis,
            permitted,
            verdicts,
        }
    }

    /// A profile that permits everything: no filter at all.
    #[must_use]
    pub fn unconfined() -> Self {
        Self {
            default_action: Action::Allow,
            abis: Abi::ALL.into(),
            permitted: BTreeMap::new(),
            verdicts: BTreeMap::new(),
        }
    }

    /// The argument values with which a call gets through. A call of an ABI that the filter does not know
    /// never does.
    #[must_use]
    pub fn permitted(&self, call: Call) -> ArgumentSet {
        if !self.abis.contains(&call.abi) {
            return ArgumentSet::none();
        }
        let by_default = || {
            if self.default_action.permits() {
                ArgumentSet::all()
            } else {
                ArgumentSet::none()
            }
        };
        self.permitted
            .get(&call)
            .cloned()
            .unwrap_or_else(by_default)
    }

    /// What is done with a call, by its arguments: disjoint sets that together are everything.
    #[must_use]
    pub fn verdicts(&self, call: Call) -> Vec<(ArgumentSet, Action)> {
        if !self.abis.contains(&call.abi) {
            return vec![(ArgumentSet::all(), FOREIGN)];
        }
        let by_default = || vec![(ArgumentSet::all(), self.default_action)];
        self.verdicts.get(&call).cloned().unwrap_or_else(by_default)
    }

    /// What is done with a call that is made with these arguments.
    #[must_use]
    pub fn action(&self, call: Call, arguments: &[u64; 6]) -> Action {
        let verdicts = self.verdicts(call);
        let found = verdicts.iter().find(|(set, _)| set.contains(arguments));
        found.map_or(self.default_action, |&(_, action)| action)
    }

    /// The ABIs that the filter knows.
    #[must_use]
    pub fn abis(&self) -> &BTreeSet<Abi> {
        &self.abis
    }
}

impl Verdict {
    /// The first unconditional rule of a call wins, and erases the conditional ones.
    fn add(&mut self, action: Action, set: ArgumentSet) {
        if self.unconditional.is_some() {
            return;
        }
        if set.is_all() {
            self.unconditional = Some(action);
            return;
        }
        let known = self
            .conditional
            .entry(action)
            .or_insert_with(ArgumentSet::none);
        *known = known.union(&set);
    }

    /// Where rules with different actions overlap, libseccomp's internal order decides; the most restrictive
    /// is taken here.
    fn settle(self, default_action: Action) -> Vec<(ArgumentSet, Action)> {
        if let Some(action) = self.unconditional {
            return vec![(ArgumentSet::all(), action)];
        }
        let mut rest = ArgumentSet::all();
        let mut verdicts = Vec::new();
        for (action, set) in self.conditional {
            verdicts.push((set.intersection(&rest), action));
            rest = rest.difference(&set);
        }
        verdicts.push((rest, default_action));
        verdicts.retain(|(set, _)| !set.is_none());
        verdicts
    }
}

/// What gets through, of everything that is said about a call.
fn permitted(verdicts: &[(ArgumentSet, Action)]) -> ArgumentSet {
    let permitting = verdicts.iter().filter(|(_, action)| action.permits());
    permitting.fold(ArgumentSet::none(), |all, (set, _)| all.union(set))
}

/// The condition lists of a rule: one, or, if an index is used twice, one for each condition, because that
/// is what every runtime makes of it.
fn alternatives(rule: &Rule) -> Vec<Vec<Condition>> {
    let indexes: BTreeSet<u8> = rule
        .conditions
        .iter()
        .map(|condition| condition.index)
        .collect();
    if indexes.len() == rule.conditions.len() {
        return vec![rule.conditions.clone()];
    }
    rule.conditions
        .iter()
        .map(|condition| vec![*condition])
        .collect()
}

/// The calls that a rule reaches, with the conditions that it puts on each.
fn reached<'a>(
    rule: &'a Rule,
    conditions: &'a [Condition],
    abis: &'a BTreeSet<Abi>,
) -> impl Iterator<Item = (Call, Vec<Condition>)> + 'a {
    abis.iter().flat_map(move |&abi| {
        rule.names.iter().flat_map(move |name| {
            let direct = Call::named(abi, name).map(|call| (call, conditions.to_vec()));
            let multiplexed = multiplexed(abi, name, conditions);
            direct.into_iter().chain(multiplexed)
        })
    })
}

/// The call of 32-bit x86 through which a call of this name can be made as well, and its number there.
/// Filters see nothing of the arguments of calls that are made so.
#[must_use]
pub fn multiplexer(name: &str) -> Option<(&'static str, u64)> {
    let socket = SOCKETCALLS
        .iter()
        .zip(1..)
        .find(|(known, _)| **known == name);
    let ipc = IPCS.iter().find(|(_, known)| *known == name);
    socket
        .map(|(_, number)| ("socketcall", number))
        .or_else(|| ipc.map(|&(number, _)| ("ipc", number)))
}

/// On i386, libseccomp adds each rule for a socket or System V IPC call a second time, for `socketcall` or
/// `ipc`: what it says of argument 0 is replaced by the number of the sub-call.
fn multiplexed(abi: Abi, name: &str, conditions: &[Condition]) -> Option<(Call, Vec<Condition>)> {
    if abi != Abi::I386 {
        return None;
    }
    let (multiplexer, number) = multiplexer(name)?;
    let operator = super::model::Operator::Eq;
    let first = Condition {
        index: 0,
        operator,
        value: number,
        value_two: 0,
    };
    let others = conditions
        .iter()
        .filter(|condition| condition.index != 0)
        .copied();
    Some((
        Call::named(abi, multiplexer)?,
        std::iter::once(first).chain(others).collect(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::model::Operator;

    fn rule(action: Action, conditions: &[(Operator, u64)]) -> Rule {
        let conditions = conditions.iter().map(|&(operator, value)| Condition {
            index: 0,
            operator,
            value,
            value_two: 0,
        });
        Rule {
            names: vec!["socket".to_owned()],
            action,
            conditions: conditions.collect(),
        }
    }

    fn verdicts(default_action: Action, rules: Vec<Rule>) -> Vec<(ArgumentSet, Action)> {
        let profile = Profile {
            default_action,
            abis: BTreeSet::new(),
            other_architectures: Vec::new(),
            flags: None,
            listener_path: None,
            listener_metadata: None,
            rules,
        };
        let call = Call::named(Abi::X86_64, "socket").unwrap();
        let meaning = Meaning::of(&profile, Abi::X86_64);
        let verdicts = meaning.verdicts(call);
        let everything = verdicts.iter().fold(ArgumentSet::none(), |all, (set, _)| {
            assert!(all.intersection(set).is_none(), "not disjoint");
            all.union(set)
        });
        assert!(everything.is_all(), "something has no verdict");
        assert_eq!(meaning.permitted(call), permitted(&verdicts));
        for (set, action) in &verdicts {
            assert_eq!(meaning.action(call, &set.witness().unwrap()), *action);
        }
        verdicts
    }

    #[test]
    fn every_call_has_one_verdict_for_all_its_arguments() {
        use Action::{Allow, Errno, KillThread, Log};
        let all = ArgumentSet::all;
        let equal = |value| ArgumentSet::masked(0, u64::MAX, value);
        let less = |value| {
            let rule = rule(Allow, &[(Operator::Lt, value)]);
            ArgumentSet::matching(&rule.conditions, 64)
        };
        let table = [
            (Errno(1), vec![], vec![(all(), Errno(1))]),
            (
                Errno(1),
                vec![rule(Allow, &[]), rule(Errno(38), &[])],
                vec![(all(), Allow)],
            ),
            (
                Errno(1),
                vec![rule(Allow, &[(Operator::Eq, 2)]), rule(Errno(38), &[])],
                vec![(all(), Errno(38))],
            ),
            (
                Errno(1),
                vec![
                    rule(Allow, &[(Operator::Lt, 9)]),
                    rule(Errno(38), &[(Operator::Eq, 2)]),
                    rule(KillThread, &[(Operator::Eq, 2)]),
                    rule(Errno(1), &[(Operator::Eq, 3)]),
                ],
                vec![
                    (equal(2), KillThread),
                    (less(9).difference(&equal(2)), Allow),
                    (less(9).complement(), Errno(1)),
                ],
            ),
            (
                Allow,
                vec![
                    rule(Log, &[(Operator::Eq, 2)]),
                    rule(Errno(1), &[(Operator::Eq, 3)]),
                ],
                vec![
                    (equal(3), Errno(1)),
                    (equal(2), Log),
                    (equal(2).union(&equal(3)).complement(), Allow),
                ],
            ),
        ];
        for (default_action, rules, expected) in table {
            assert_eq!(verdicts(default_action, rules), expected);
        }
    }

    #[test]
    fn a_foreign_abi_is_killed() {
        let meaning = Meaning {
            abis: [Abi::X86_64].into(),
            ..Meaning::unconfined()
        };
        let call = Call::named(Abi::I386, "read").unwrap();
        assert_eq!(meaning.verdicts(call), [(ArgumentSet::all(), FOREIGN)]);
        assert!(meaning.permitted(call).is_none());
    }
}
