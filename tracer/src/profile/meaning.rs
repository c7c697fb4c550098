//! What a profile permits, call by call, on each ABI: the set of argument values that get through the
//! filter which libseccomp builds from it.

use super::model::{Condition, Profile, Rule};
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

/// What a profile permits.
#[derive(Clone, Debug)]
pub struct Meaning {
    default_permits: bool,
    abis: BTreeSet<Abi>,
    permitted: BTreeMap<Call, ArgumentSet>,
}

/// What has been said about a call so far, in the profile's order.
#[derive(Default)]
struct Verdict {
    unconditional: Option<bool>,
    permitted: Option<ArgumentSet>,
    refused: Option<ArgumentSet>,
}

impl Meaning {
    /// The meaning of a profile on a host with that native ABI.
    #[must_use]
    pub fn of(profile: &Profile, native: Abi) -> Self {
        let mut abis = profile.abis.clone();
        abis.insert(native);
        let default_permits = profile.default_action.permits();
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
                    verdicts
                        .entry(call)
                        .or_default()
                        .add(rule.action.permits(), set);
                }
            }
        }
        let permitted = verdicts
            .into_iter()
            .map(|(call, verdict)| (call, verdict.settle(default_permits)));
        Self {
            default_permits,
            abis,
            permitted: permitted.collect(),
        }
    }

    /// A profile that permits everything: no filter at all.
    #[must_use]
    pub fn unconfined() -> Self {
        Self {
            default_permits: true,
            abis: Abi::ALL.into(),
            permitted: BTreeMap::new(),
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
            if self.default_permits {
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

    /// The ABIs that the filter knows.
    #[must_use]
    pub fn abis(&self) -> &BTreeSet<Abi> {
        &self.abis
    }
}

impl Verdict {
    /// The first unconditional rule of a call wins, and erases the conditional ones.
    fn add(&mut self, permits: bool, set: ArgumentSet) {
        if self.unconditional.is_some() {
            return;
        }
        if set.is_all() {
            self.unconditional = Some(permits);
            return;
        }
        let side = if permits {
            &mut self.permitted
        } else {
            &mut self.refused
        };
        *side = Some(
            side.take()
                .map_or_else(|| set.clone(), |known| known.union(&set)),
        );
    }

    /// Where rules with different actions overlap, libseccomp's internal order decides; what may be refused
    /// is taken as refused here.
    fn settle(self, default_permits: bool) -> ArgumentSet {
        match self.unconditional {
            Some(true) => return ArgumentSet::all(),
            Some(false) => return ArgumentSet::none(),
            None => {}
        }
        let permitted = if default_permits {
            ArgumentSet::all()
        } else {
            self.permitted.unwrap_or_else(ArgumentSet::none)
        };
        self.refused.map_or_else(
            || permitted.clone(),
            |refused| permitted.difference(&refused),
        )
    }
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

/// On i386, libseccomp adds each rule for a socket or System V IPC call a second time, for `socketcall` or
/// `ipc`: what it says of argument 0 is replaced by the number of the sub-call.
fn multiplexed(abi: Abi, name: &str, conditions: &[Condition]) -> Option<(Call, Vec<Condition>)> {
    if abi != Abi::I386 {
        return None;
    }
    let socket = SOCKETCALLS
        .iter()
        .zip(1..)
        .find(|(known, _)| **known == name);
    let ipc = IPCS.iter().find(|(_, known)| *known == name);
    let (multiplexer, number) = match (socket, ipc) {
        (Some((_, number)), _) => ("socketcall", number),
        (None, Some(&(number, _))) => ("ipc", number),
        (None, None) => return None,
    };
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
