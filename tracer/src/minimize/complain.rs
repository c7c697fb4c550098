//! A profile that only complains: what the real one refuses is let through and logged where the base permits it,
//! and refused where the base does not.
//!
//! It is proved as the real one is. Of two rules with different actions for one call libseccomp lets the one decide
//! that its tree tests first, so calls of which only some values are permitted are spelt in one of several ways,
//! and the first that means what it should, and of which libseccomp makes that, is taken.

use super::proven::{Unsound, names_reached};
use super::rules::{self, ENOSYS, EPERM};
use super::{Options, cover, kept};
use crate::profile::compiled::CompileError;
use crate::profile::proof::{self, Miscompiled, ProofError};
use crate::profile::{Action, ArgumentSet, Condition, Meaning, Profile, Rule};
use crate::syscall::{self, Abi, Call};
use std::collections::{BTreeMap, BTreeSet};

/// The most rules of one action for one name; calls with more are logged whatever their values.
const RULES_MAX: usize = 100;

/// A profile that only complains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// The profile.
    pub profile: Profile,
    /// Names that it logs also with values that the real profile permits: rules that tell them apart cannot be
    /// written.
    pub overheard: BTreeSet<&'static str>,
    /// ABIs that the real profile shuts and the base does not: what of their calls has a name that is permitted is
    /// let through without being logged.
    pub unheard: BTreeSet<Abi>,
}

/// Makes the profile that complains where another one, which keeps to the same base, refuses; and proves it.
///
/// # Errors
///
/// [`Unsound`] if no form of it can be proved.
pub fn complaining(real: &Profile, options: &Options) -> Result<Complaint, Unsound> {
    let work = Work::new(real, options);
    let mut steps: BTreeMap<&'static str, usize> = BTreeMap::new();
    loop {
        let complaint = work.complaint(&steps);
        let base = options.base.as_ref().map(|_| &work.base);
        let proof = match proof::prove(&complaint.profile, options.native, base) {
            // libseccomp has something against two rules of one name.
            Err(ProofError::Compile(CompileError::Rule { name, .. }))
                if work.step(&name, &mut steps) =>
            {
                continue;
            }
            proof => proof?,
        };
        let mut taken = false;
        for wrong in &proof.miscompiled {
            taken |= work.step_back(wrong, &complaint.profile, &mut steps);
        }
        if taken {
            continue;
        }
        return match (proof.miscompiled.into_iter().next(), proof.beyond.first()) {
            (Some(wrong), _) => Err(Unsound::Miscompiled(wrong)),
            (None, Some(excess)) => Err(Unsound::Beyond(excess.to_string())),
            (None, None) => Ok(complaint),
        };
    }
}

/// What is silent and what is logged of a name, on every ABI.
struct Split {
    silent: ArgumentSet,
    bound: ArgumentSet,
}

/// Rules of one name: for what is silent, and for what is logged.
type Spelling = Vec<(Action, Vec<Condition>)>;

/// Everything that does not depend on steps back.
struct Work<'a> {
    options: &'a Options,
    real: &'a Profile,
    meaning: Meaning,
    base: Meaning,
    abis: BTreeSet<Abi>,
    /// Spellings of each name, the closest first.
    spellings: BTreeMap<&'static str, Vec<Spelling>>,
}

impl<'a> Work<'a> {
    fn new(real: &'a Profile, options: &'a Options) -> Self {
        let base = options.base.as_ref();
        let base = base.map_or_else(Meaning::unconfined, |base| {
            Meaning::of(base, options.native)
        });
        let beside = beside(options.native);
        let abis = base.abis().iter().filter(|abi| beside.contains(abi));
        let mut work = Self {
            options,
            real,
            meaning: Meaning::of(real, options.native),
            abis: abis.copied().chain([options.native]).collect(),
            base,
            spellings: BTreeMap::new(),
        };
        let calls = work.abis.iter().flat_map(|&abi| syscall::calls(abi));
        let names: BTreeSet<&'static str> = calls.filter_map(Call::name).collect();
        for name in names {
            let spellings = work.spellings(name, &work.split(name));
            if !spellings.is_empty() {
                work.spellings.insert(name, spellings);
            }
        }
        work
    }

    fn split(&self, name: &str) -> Split {
        let bound = rules::bound_on_all(name, &self.abis, &self.base);
        let real = self.real.abis.iter().chain([&self.options.native]);
        let mut calls = real.filter_map(|&abi| Call::named(abi, name));
        // A rule speaks of a name, so what it permits is the same wherever there is such a call.
        let silent = calls.next().map(|call| self.meaning.permitted(call));
        let silent = silent.unwrap_or_else(ArgumentSet::none);
        Split {
            silent: silent.intersection(&bound),
            bound,
        }
    }

    /// Ways to write a name's rules, the closest first; none if the base refuses it.
    fn spellings(&self, name: &'static str, split: &Split) -> Vec<Spelling> {
        let Split { silent, bound } = split;
        let whole = |action, set: &ArgumentSet| -> Option<Spelling> {
            let alternatives = cover::fewest(set)?;
            Some(alternatives.into_iter().map(|one| (action, one)).collect())
        };
        if bound.is_none() {
            return Vec::new();
        }
        if bound.is_subset(silent) {
            return whole(Action::Allow, bound).into_iter().collect();
        }
        let logged = whole(Action::Log, bound);
        if silent.is_none() {
            return logged.into_iter().collect();
        }
        let mixed = self.mixed(name, split);
        mixed.into_iter().chain(logged).collect()
    }

    /// Spellings that tell apart what is silent and what is logged.
    fn mixed(&self, name: &'static str, split: &Split) -> Vec<Spelling> {
        let Split { silent, bound } = split;
        let mut found = Vec::new();
        let forms = [cover::fewest(silent), cover::disjoint(silent)];
        for allowed in forms.into_iter().flatten() {
            let with = |logged: Vec<Vec<Condition>>| -> Spelling {
                // The same conditions with two actions are refused; the first of them decides.
                let is_new = |one: &Vec<Condition>| !allowed.contains(one);
                let logged = logged.into_iter().filter(is_new);
                let logged = logged.map(|one| (Action::Log, one));
                let allowed = allowed.iter().map(|one| (Action::Allow, one.clone()));
                allowed.chain(logged).collect()
            };
            let rest = bound.difference(silent);
            // What always holds would be all that there is, so it is said in two halves.
            let halves = (0..64).map(|bit| halves(bound, bit));
            let each = halves.chain([cover::disjoint(&rest)]);
            let right = each
                .flatten()
                .filter(|logged| logged.len() <= RULES_MAX)
                .map(with)
                .find(|spelling| self.means(name, spelling, split));
            found.extend(right);
        }
        found
    }

    /// Whether rules mean what they should, on every ABI.
    fn means(&self, name: &'static str, spelling: &Spelling, split: &Split) -> bool {
        let rules = spelling.iter().map(|(action, conditions)| Rule {
            names: vec![name.to_owned()],
            action: *action,
            conditions: conditions.clone(),
        });
        let profile = Profile {
            rules: rules.collect(),
            ..Profile::without_rules(EPERM, self.abis.clone())
        };
        let meaning = Meaning::of(&profile, self.options.native);
        let calls = self.abis.iter().filter_map(|&abi| Call::named(abi, name));
        calls.into_iter().all(|call| {
            let of = |wanted: Action| {
                let verdicts = meaning.verdicts(call).into_iter();
                let sets = verdicts.filter(|(_, action)| *action == wanted);
                sets.fold(ArgumentSet::none(), |all, (set, _)| all.union(&set))
            };
            let registers = registers(call.abi);
            let same = |one: &ArgumentSet, other: &ArgumentSet| {
                one.intersection(&registers) == other.intersection(&registers)
            };
            let logged = split.bound.difference(&split.silent);
            same(&of(Action::Allow), &split.silent) && same(&of(Action::Log), &logged)
        })
    }

    fn complaint(&self, steps: &BTreeMap<&'static str, usize>) -> Complaint {
        let mut by_rule: BTreeMap<(usize, Action, Vec<Condition>), Vec<String>> = BTreeMap::new();
        let mut overheard = BTreeSet::new();
        for (&name, spellings) in &self.spellings {
            let step = steps.get(name).copied().unwrap_or(0);
            let Some(spelling) = spellings.get(step) else {
                continue;
            };
            let is_logged = |(action, _): &(Action, _)| *action == Action::Log;
            if spelling.iter().all(is_logged) && !self.split(name).silent.is_none() {
                overheard.insert(name);
            }
            // Rules of one name keep their order: it may decide.
            for (place, (action, conditions)) in spelling.iter().enumerate() {
                let place = if conditions.is_empty() { 0 } else { place };
                let key = (place, *action, conditions.clone());
                by_rule.entry(key).or_default().push(name.to_owned());
            }
        }
        let rules = by_rule
            .into_iter()
            .map(|((_, action, conditions), names)| Rule {
                names,
                action,
                conditions,
            });
        let mut profile = self.frame();
        profile.rules.extend(rules);
        // Without a base, what no rule speaks of is logged in any case.
        profile
            .rules
            .retain(|rule| rule.action != profile.default_action);
        self.add_refusals(&mut profile);
        let is_bound = |name: &str| self.spellings.contains_key(name);
        rules::shut_multiplexers(&mut profile, is_bound, self.options.native, &self.base);
        // What always holds comes first: of a call that stands for many on i386, libseccomp then drops what it makes
        // of the rules of those, two of which it could not tell apart.
        profile
            .rules
            .sort_by_key(|rule| !rule.conditions.is_empty());
        let mut real = self.real.abis.clone();
        real.insert(self.options.native);
        Complaint {
            profile,
            overheard,
            unheard: self.abis.difference(&real).copied().collect(),
        }
    }

    /// The profile without rules.
    fn frame(&self) -> Profile {
        let default_action = match &self.options.base {
            None => Action::Log,
            Some(base) if !base.default_action.permits() => base.default_action,
            Some(_) if self.real.default_action.permits() => self.real.default_action,
            Some(_) => Action::Log,
        };
        Profile::without_rules(default_action, self.abis.clone())
    }

    /// What the base refuses with another errno than its default, and what it refuses and the real profile answers
    /// so that programs fall back.
    fn add_refusals(&self, profile: &mut Profile) {
        let base = self.options.base.as_ref();
        let answered = self.real.rules.iter();
        let answered = answered.filter(|rule| rule.action == ENOSYS && rule.conditions.is_empty());
        let answered = answered.flat_map(|rule| &rule.names);
        let answered = answered.filter_map(|name| kept::known(name));
        let answered: BTreeSet<&'static str> = answered.collect();
        let refusals = rules::refusals(base, profile.default_action, &answered, &profile.abis);
        let mut by_action: BTreeMap<Action, Vec<String>> = BTreeMap::new();
        for (name, action) in refusals {
            let is_permitted = self.spellings.contains_key(name.as_str());
            if !is_permitted && base.is_some() {
                by_action.entry(action).or_default().push(name);
            }
        }
        profile
            .rules
            .extend(by_action.into_iter().map(|(action, names)| Rule {
                names,
                action,
                conditions: Vec::new(),
            }));
    }

    /// Takes the next spelling of the names that a call is reached by; whether there was one.
    fn step_back(
        &self,
        wrong: &Miscompiled,
        profile: &Profile,
        steps: &mut BTreeMap<&'static str, usize>,
    ) -> bool {
        let mut taken = false;
        for name in names_reached(wrong, profile) {
            taken |= self.step(name, steps);
        }
        taken
    }

    /// Takes the next spelling of a name; whether there was one.
    fn step(&self, name: &str, steps: &mut BTreeMap<&'static str, usize>) -> bool {
        let Some((&name, spellings)) = self.spellings.get_key_value(name) else {
            return false;
        };
        let step = steps.entry(name).or_insert(0);
        let is_there = *step + 1 < spellings.len();
        *step += usize::from(is_there);
        is_there
    }
}

/// The ABIs of programs that run on a host.
const fn beside(native: Abi) -> &'static [Abi] {
    match native {
        Abi::X86_64 | Abi::I386 | Abi::X32 => &[Abi::X86_64, Abi::I386, Abi::X32],
        Abi::Aarch64 | Abi::Arm => &[Abi::Aarch64, Abi::Arm],
    }
}

/// What the registers of an ABI can hold.
fn registers(abi: Abi) -> ArgumentSet {
    let above = match abi.argument_bits() {
        64 => 0,
        bits => u64::MAX << bits,
    };
    let each = (0..6).map(|index| ArgumentSet::masked(index, above, 0));
    each.fold(ArgumentSet::all(), |all, one| all.intersection(&one))
}

/// A set in halves by one bit of the first argument, so that no rule of it holds always; `None` if it takes too many
/// rules.
fn halves(set: &ArgumentSet, bit: u8) -> Option<Vec<Vec<Condition>>> {
    let mask = 1 << bit;
    let half = |value| cover::fewest(&set.intersection(&ArgumentSet::masked(0, mask, value)));
    let (set_bit, clear) = (half(mask)?, half(0)?);
    Some(set_bit.into_iter().chain(clear).collect())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{options, recording, resolved, runs};
    use super::super::{Precision, proven};
    use super::*;
    use crate::profile::base;

    const NATIVE: Abi = Abi::X86_64;

    /// Calls with values of every kind: families, options, requests, namespaces, and none.
    fn real(options: &Options) -> Profile {
        let facts = vec![
            (NATIVE, "read", true, [0; 3]),
            (NATIVE, "mkdir", true, [0; 3]),
            (NATIVE, "socket", true, [1, 1, 0]),
            (NATIVE, "socket", true, [2, 1, 6]),
            (NATIVE, "socket", true, [10, 2, 0]),
            (NATIVE, "setsockopt", true, [1, 2, 0]),
            (NATIVE, "setsockopt", true, [6, 1, 0]),
            (NATIVE, "setsockopt", true, [41, 26, 0]),
            (NATIVE, "ioctl", true, [0x5401, 0, 0]),
            (NATIVE, "ioctl", true, [0x5413, 0, 0]),
            (NATIVE, "prctl", true, [15, 0, 0]),
            (NATIVE, "clone", true, [0x11, 0, 0]),
            (NATIVE, "personality", true, [0xFFFF_FFFF, 0, 0]),
            (NATIVE, "clone3", true, [0; 3]),
            (NATIVE, "io_uring_setup", true, [0; 3]),
        ];
        let runs = runs([&recording(facts)]);
        proven(&runs, options).unwrap().profile
    }

    fn of(meaning: &Meaning, call: Call, wanted: &[Action]) -> ArgumentSet {
        let verdicts = meaning.verdicts(call).into_iter();
        let sets = verdicts.filter(|(_, action)| wanted.contains(action));
        sets.fold(ArgumentSet::none(), |all, (set, _)| all.union(&set))
    }

    /// What the real one permits is silent, what it refuses and the base permits is logged, and nothing else gets
    /// through: for every call, whatever its arguments.
    #[test]
    fn what_is_refused_is_logged_where_the_base_permits_it_and_refused_where_not() {
        for (capabilities, precision) in [
            (&[][..], Precision::Stable),
            (&[], Precision::All),
            (&["CAP_SYS_ADMIN"], Precision::Stable),
            (&[], Precision::None),
        ] {
            let mut options = options(Some(resolved(base::docker(), capabilities)));
            options.precision = precision;
            let real = real(&options);
            let complaint = complaining(&real, &options).unwrap();
            assert_eq!(complaint.overheard, BTreeSet::new(), "{precision:?}");
            let base = Meaning::of(options.base.as_ref().unwrap(), NATIVE);
            let [real, complaint] =
                [&real, &complaint.profile].map(|profile| Meaning::of(profile, NATIVE));
            for call in complaint.abis().iter().flat_map(|&abi| syscall::calls(abi)) {
                let bound = base::permitted_in_both_views(&base, call);
                let through = of(&complaint, call, &[Action::Allow, Action::Log]);
                assert_eq!(through, bound, "{call}");
                if call.abi == NATIVE {
                    let silent = of(&complaint, call, &[Action::Allow]);
                    assert_eq!(silent, real.permitted(call), "{call}");
                }
            }
            let refused = |name| complaint.verdicts(Call::named(NATIVE, name).unwrap());
            // Answered as the real one does, so that programs fall back.
            assert_eq!(refused("io_uring_setup")[0].1, ENOSYS);
            assert_eq!(refused("keyctl")[0].1, EPERM);
            if capabilities.is_empty() {
                assert_eq!(refused("clone3")[0].1, ENOSYS);
            }
        }
    }

    #[test]
    fn what_cannot_be_told_apart_is_heard_too_often_rather_than_refused() {
        let mut base = resolved(base::docker(), &[]);
        for rule in &mut base.rules {
            rule.names
                .retain(|name| !rules::MULTIPLEXERS.contains(&name.as_str()));
        }
        let options = options(Some(base));
        let real = real(&options);
        let complaint = complaining(&real, &options).unwrap();
        // libseccomp makes two rules of `socketcall` of each of these, which it cannot tell apart.
        let sockets = ["getsockopt", "setsockopt", "socket"];
        assert_eq!(complaint.overheard, sockets.into());
        let base = Meaning::of(options.base.as_ref().unwrap(), NATIVE);
        let complaint = Meaning::of(&complaint.profile, NATIVE);
        let of_sockets = sockets.into_iter().chain(rules::MULTIPLEXERS);
        for name in of_sockets.filter(|name| *name != "ipc") {
            for call in [NATIVE, Abi::I386].map(|abi| Call::named(abi, name)) {
                let Some(call) = call else { continue };
                let bound = base::permitted_in_both_views(&base, call);
                let through = of(&complaint, call, &[Action::Allow, Action::Log]);
                assert_eq!(through, bound, "{call}");
            }
        }
    }

    #[test]
    fn without_a_base_everything_else_is_logged() {
        let options = options(None);
        let real = real(&options);
        let complaint = complaining(&real, &options).unwrap();
        let [real, complaint] =
            [&real, &complaint.profile].map(|profile| Meaning::of(profile, NATIVE));
        for call in syscall::calls(NATIVE) {
            assert!(complaint.permitted(call).is_all(), "{call}");
            let silent = of(&complaint, call, &[Action::Allow]);
            assert_eq!(silent, real.permitted(call), "{call}");
        }
        let strange = Call::new(NATIVE, 4000);
        assert_eq!(complaint.verdicts(strange)[0].1, Action::Log);
    }
}
