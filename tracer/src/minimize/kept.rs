//! A profile to begin with: what it permits within the base stays permitted, whatever was seen.

use super::rules::ENOSYS;
use super::{Narrowing, Options, Reason};
use crate::profile::{ArgumentSet, Meaning, Profile, base};
use crate::syscall::{self, Abi, Call};
use std::collections::{BTreeMap, BTreeSet};

/// What is kept of it.
#[derive(Default)]
pub(super) struct Kept {
    permitted: BTreeMap<Call, ArgumentSet>,
    abis: BTreeSet<Abi>,
    answered: BTreeSet<&'static str>,
}

impl Kept {
    pub(super) fn of(options: &Options, bound: &Meaning) -> Self {
        let Some(profile) = &options.kept else {
            return Self::default();
        };
        let meaning = Meaning::of(profile, options.native);
        let abis = meaning.abis().intersection(bound.abis()).copied();
        let abis: BTreeSet<Abi> = abis.collect();
        let calls = abis.iter().flat_map(|&abi| syscall::calls(abi));
        let permitted = calls.map(|call| {
            let bound = base::permitted_in_both_views(bound, call);
            (call, meaning.permitted(call).intersection(&bound))
        });
        Self {
            permitted: permitted.filter(|(_, set)| !set.is_none()).collect(),
            abis,
            answered: answered(profile),
        }
    }

    /// The ABIs that it opens.
    pub(super) fn abis(&self) -> impl Iterator<Item = Abi> + '_ {
        self.abis.iter().copied()
    }

    /// The names to which it answers that there is no such call.
    pub(super) fn answered(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.answered.iter().copied()
    }

    /// Adds what is kept to what is permitted for other reasons.
    pub(super) fn add(
        &self,
        permitted: &mut BTreeMap<Call, ArgumentSet>,
        narrowings: &mut BTreeMap<Call, Narrowing>,
        reasons: &mut BTreeMap<Call, BTreeSet<Reason>>,
    ) {
        for (&call, kept) in &self.permitted {
            reasons.entry(call).or_default().insert(Reason::Kept);
            let known = permitted.entry(call).or_insert_with(ArgumentSet::none);
            if !kept.is_subset(known) {
                *known = known.union(kept);
                // What was made of values that were seen is not all that is permitted any more.
                narrowings.remove(&call);
            }
        }
    }
}

fn answered(profile: &Profile) -> BTreeSet<&'static str> {
    let rules = profile.rules.iter();
    let answered = rules.filter(|rule| rule.action == ENOSYS && rule.conditions.is_empty());
    let names = answered.flat_map(|rule| &rule.names);
    names.filter_map(|name| known(name)).collect()
}

/// Our own word for a name.
pub(super) fn known(name: &str) -> Option<&'static str> {
    Abi::ALL
        .iter()
        .find_map(|&abi| Call::named(abi, name)?.name())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{options, recording, resolved, runs};
    use super::super::{Options, Reason, proven};
    use crate::profile::{Action, Condition, Meaning, Profile, Rule, base, compare};
    use crate::syscall::{Abi, Call};

    const NATIVE: Abi = Abi::X86_64;

    #[test]
    fn what_was_permitted_stays_so_within_the_base_and_more_is_added() {
        let rule = |names: &[&str], action, conditions| Rule {
            names: names.iter().map(|&name| name.to_owned()).collect(),
            action,
            conditions,
        };
        let family = vec![Condition::masked(0, 0xFFFF_FFFF, 2)];
        let before = Profile {
            default_action: Action::Errno(1),
            abis: [NATIVE].into(),
            other_architectures: vec![],
            flags: None,
            listener_path: None,
            listener_metadata: None,
            rules: vec![
                rule(&["mkdir", "mount"], Action::Allow, vec![]),
                rule(&["socket"], Action::Allow, family),
                rule(&["openat2", "rmdir"], Action::Errno(38), vec![]),
            ],
        };
        let seen = recording(vec![
            (NATIVE, "rename", true, [0; 3]),
            (NATIVE, "socket", true, [1, 1, 0]),
        ]);
        let options = Options {
            kept: Some(before),
            ..options(Some(resolved(base::docker(), &[])))
        };
        let made = proven(&runs([&seen]), &options).unwrap();
        let meaning = Meaning::of(&made.profile, NATIVE);
        let call = |name| Call::named(NATIVE, name).unwrap();
        let permitted = |name| meaning.permitted(call(name));
        assert!(permitted("mkdir").is_all() && permitted("rename").is_all());
        assert!(permitted("mount").is_none() && permitted("rmdir").is_none());
        for (family, kind, expected) in [(2, 3, true), (1, 1, true), (10, 1, false)] {
            let socket = permitted("socket").contains(&[family, kind, 0, 0, 0, 0]);
            assert_eq!(socket, expected, "{family}");
        }
        // Programs fall back from one of them.
        assert_eq!(meaning.verdicts(call("openat2"))[0].1, Action::Errno(38));
        assert_eq!(made.reasons[&call("mkdir")], [Reason::Kept].into());
        assert_eq!(made.reasons[&call("rename")], [Reason::Observed].into());
        let bound = Meaning::of(options.base.as_ref().unwrap(), NATIVE);
        assert_eq!(compare::beyond(&bound, &meaning), []);
    }
}
