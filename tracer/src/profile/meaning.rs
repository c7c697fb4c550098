//! What a profile permits, call by call, on each ABI: the set of argument values that get through the
//! filter which a runtime and libseccomp build from it.

mod multiplex;
mod order;

#[cfg(test)]
mod tests;

pub(super) use multiplex::is_multiplexed;
pub use multiplex::{multiplexed_calls, multiplexer};

use super::model::{Action, Condition, Profile, Rule};
use super::runtime::{self, Runtime};
use super::set::ArgumentSet;
use crate::syscall::{self, Abi, Call, X32_BIT};
use multiplex::reached;
use order::Said;
use std::collections::{BTreeMap, BTreeSet};

/// What libseccomp's filters do with a call of an ABI that they do not know.
const FOREIGN: Action = Action::KillThread;

/// What runc answers to calls newer than any that the profile names.
const UNIMPLEMENTED: Action = Action::Errno(38);

/// What a profile permits, and how it refuses the rest.
#[derive(Clone, Debug)]
pub struct Meaning {
    default_action: Action,
    abis: BTreeSet<Abi>,
    permitted: BTreeMap<Call, ArgumentSet>,
    verdicts: BTreeMap<Call, Vec<(ArgumentSet, Action)>>,
    /// By ABI, the highest number that reaches the filter, as the filter sees it.
    newest: BTreeMap<Abi, u32>,
}

/// Who answers a number.
enum Answer {
    /// The same whatever the arguments.
    Always(Action),
    /// The rules of a call, or the default where there are none.
    Rules(Call),
}

impl Meaning {
    /// The meaning of a profile on a host with that native ABI: of the filter that libseccomp builds,
    /// whatever the runtime.
    #[must_use]
    pub fn of(profile: &Profile, native: Abi) -> Self {
        Self::under(profile, native, None)
    }

    /// The meaning of a profile as a runtime takes it.
    #[must_use]
    pub fn under(profile: &Profile, native: Abi, runtime: Option<Runtime>) -> Self {
        let mut abis = profile.abis.clone();
        abis.insert(native);
        let default_action = profile.default_action;
        let mut said: BTreeMap<Call, Said> = BTreeMap::new();
        // Runtimes skip rules that only repeat the default.
        let rules = profile
            .rules
            .iter()
            .filter(|rule| rule.action != profile.default_action);
        for rule in rules {
            for (call, conditions) in spoken_of(rule, &abis, runtime) {
                let width = call.abi.argument_bits();
                let known = said.entry(call).or_default();
                known.add(rule.action, &conditions, width);
            }
        }
        let verdicts: BTreeMap<_, _> = said
            .into_iter()
            .map(|(call, said)| (call, said.settle(default_action)))
            .collect();
        let permitted = verdicts
            .iter()
            .map(|(&call, verdicts)| (call, permitted(verdicts)))
            .collect();
        let newest = runtime.map_or_else(BTreeMap::new, |runtime| runtime.newest(profile, &abis));
        Self {
            default_action,
            abis,
            permitted,
            verdicts,
            newest,
        }
    }

    /// The same, of some calls only, by name; of others it says nothing that is right.
    #[must_use]
    pub fn of_calls(
        profile: &Profile,
        native: Abi,
        runtime: Option<Runtime>,
        names: &BTreeSet<&str>,
    ) -> Self {
        let mut few = profile.clone();
        for rule in &mut few.rules {
            rule.names.retain(|name| names.contains(name.as_str()));
        }
        few.rules.retain(|rule| !rule.names.is_empty());
        let mut meaning = Self::under(&few, native, runtime);
        let newest = runtime.map(|runtime| runtime.newest(profile, &meaning.abis));
        meaning.newest = newest.unwrap_or_default();
        meaning
    }

    /// A profile that permits everything: no filter at all.
    #[must_use]
    pub fn unconfined() -> Self {
        Self {
            default_action: Action::Allow,
            abis: Abi::ALL.into(),
            permitted: BTreeMap::new(),
            verdicts: BTreeMap::new(),
            newest: BTreeMap::new(),
        }
    }

    /// The argument values with which a call gets through. A call of an ABI that the filter does not know
    /// never does.
    #[must_use]
    pub fn permitted(&self, call: Call) -> ArgumentSet {
        self.permitted_at(call.abi.audit_arch(), call.filter_number())
    }

    /// What is done with a call, by its arguments: disjoint sets that together are everything.
    #[must_use]
    pub fn verdicts(&self, call: Call) -> Vec<(ArgumentSet, Action)> {
        self.verdicts_at(call.abi.audit_arch(), call.filter_number())
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

    /// As [`Self::permitted`], for registers as a filter sees them.
    pub(super) fn permitted_at(&self, architecture: u32, number: u32) -> ArgumentSet {
        let whole = |action: Action| {
            if action.permits() {
                ArgumentSet::all()
            } else {
                ArgumentSet::none()
            }
        };
        match self.answer(architecture, number) {
            Answer::Always(action) => whole(action),
            Answer::Rules(call) => {
                let known = self.permitted.get(&call).cloned();
                known.unwrap_or_else(|| whole(self.default_action))
            }
        }
    }

    /// As [`Self::verdicts`], for registers as a filter sees them.
    pub(super) fn verdicts_at(&self, architecture: u32, number: u32) -> Vec<(ArgumentSet, Action)> {
        let whole = |action| vec![(ArgumentSet::all(), action)];
        match self.answer(architecture, number) {
            Answer::Always(action) => whole(action),
            Answer::Rules(call) => {
                let known = self.verdicts.get(&call).cloned();
                known.unwrap_or_else(|| whole(self.default_action))
            }
        }
    }

    /// The numbers of an architecture at which what is done may change, in ascending order.
    pub(super) fn numbers(&self, architecture: u32) -> BTreeSet<u32> {
        let here = |abi: &Abi| abi.audit_arch() == architecture;
        let rules = self.verdicts.keys().filter(|call| here(&call.abi));
        let rules = rules.map(|call| call.filter_number());
        let newest = self.newest.iter().filter(|(abi, _)| here(abi));
        let single = rules.chain(newest.map(|(_, &number)| number));
        let each = single.flat_map(|number| [Some(number), number.checked_add(1)]);
        let fixed = [0, X32_BIT, 2 * X32_BIT, 3 * X32_BIT, u32::MAX];
        each.flatten().chain(fixed).collect()
    }

    fn answer(&self, architecture: u32, number: u32) -> Answer {
        let listed = |abi: Abi| self.abis.contains(&abi);
        let is_x32 = architecture == Abi::X32.audit_arch() && number & X32_BIT != 0;
        let named = if is_x32 {
            Some(Abi::X32)
        } else {
            syscall::abi_of(architecture)
        };
        let Some(abi) = named else {
            return Answer::Always(FOREIGN);
        };
        if self.newest.get(&abi).is_some_and(|&newest| number > newest) {
            return Answer::Always(UNIMPLEMENTED);
        }
        // libseccomp takes every number from bit 30 up for x32's, and -1 for nobody's.
        let beyond = architecture == Abi::X32.audit_arch() && number >= X32_BIT;
        let known = if beyond {
            listed(Abi::X32) || (listed(Abi::X86_64) && number == u32::MAX)
        } else {
            listed(abi)
        };
        if !known {
            return Answer::Always(FOREIGN);
        }
        match i32::try_from(if is_x32 { number ^ X32_BIT } else { number }) {
            Ok(number) => Answer::Rules(Call::new(abi, number)),
            Err(_) => Answer::Always(self.default_action),
        }
    }
}

/// The calls of these ABIs that a rule speaks of, as a runtime takes it, each with the conditions that it puts
/// on it. A call may be there more than once: then any of the conditions suffice.
#[must_use]
pub fn spoken_of(
    rule: &Rule,
    abis: &BTreeSet<Abi>,
    runtime: Option<Runtime>,
) -> Vec<(Call, Vec<Condition>)> {
    let mut spoken_of = Vec::new();
    for alternative in runtime::alternatives(&rule.conditions, runtime) {
        spoken_of.extend(reached(rule, &alternative, abis));
    }
    spoken_of
}

/// What gets through, of everything that is said about a call.
fn permitted(verdicts: &[(ArgumentSet, Action)]) -> ArgumentSet {
    let permitting = verdicts.iter().filter(|(_, action)| action.permits());
    permitting.fold(ArgumentSet::none(), |all, (set, _)| all.union(set))
}
