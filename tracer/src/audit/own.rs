//! Refusals that are not the profile's: of a filter that a program installed itself, as browsers and servers do for
//! their helpers. The kernel asks all filters of a task and takes the strictest answer, and does not say whose it
//! was; who asks otherwise, or where nobody else could have refused, is known all the same.

use super::outcome::{Outcome, outcome};
use super::value::Values;
use crate::profile::{Action, Meaning};
use crate::recording::{Answer, DenialKey, Denials, Tuples};
use crate::syscall::Call;
use std::collections::BTreeSet;

/// `ENOSYS`.
const ENOSYS: u16 = 38;

/// What a program's own filter is known to refuse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own(BTreeSet<(DenialKey, Values)>);

/// Refusals without those of the program's own filter, and the calls that those were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sifted {
    /// What may be the profile's.
    pub rest: Denials,
    /// What is not.
    pub own: BTreeSet<Call>,
}

impl Own {
    /// Takes in what was refused under a filter that means this, and that it did not refuse.
    pub fn learn(&mut self, denials: &Denials, in_force: &Meaning) {
        for (key, facts) in denials.refusals() {
            for values in each(facts.tuples.as_ref()) {
                if is_let_through(&outcome(in_force, key.call, &values)) {
                    self.0.insert((key, values));
                }
            }
        }
    }

    /// What of these refusals may be the profile's that was in force.
    #[must_use]
    pub fn sift(&self, denials: &Denials, profile: &Meaning) -> Sifted {
        let mut sifted = Sifted {
            rest: denials.clone(),
            own: BTreeSet::new(),
        };
        sifted.rest.seen.retain(|&key, facts| {
            if !key.answer.is_refusal() {
                return true;
            }
            let is_own = |values: &Values| self.is_own(key, values, profile);
            let all: Vec<Values> = each(facts.tuples.as_ref()).collect();
            if all.iter().any(is_own) {
                sifted.own.insert(key.call);
            }
            if let Some(tuples) = facts.tuples.as_mut().filter(|known| !known.seen.is_empty()) {
                let indexes = tuples.indexes.clone();
                tuples
                    .seen
                    .retain(|known, _| !is_own(&values(&indexes, known)));
                facts.count = tuples.seen.values().map(|tuple| tuple.count).sum();
                return !tuples.seen.is_empty();
            }
            !all.iter().all(is_own)
        });
        sifted
    }

    fn is_own(&self, key: DenialKey, values: &Values, profile: &Meaning) -> bool {
        if self.0.contains(&(key, values.clone())) {
            return true;
        }
        match outcome(profile, key.call, values) {
            Outcome::Denied(action) => is_another(action, key.answer),
            Outcome::Depends { .. } => false,
            through @ (Outcome::Permitted | Outcome::Logged) => is_let_through(&through),
        }
    }
}

const fn is_let_through(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Permitted | Outcome::Logged)
}

/// Whether an answer cannot be that of a filter which does this.
fn is_another(action: Action, answer: Answer) -> bool {
    match (action, answer) {
        // Runtimes answer so to calls that are newer than the profile, whatever it says.
        (_, Answer::Errno(ENOSYS)) => false,
        (Action::Errno(meant), Answer::Errno(seen)) => meant != seen,
        (Action::Errno(_), Answer::Signal | Answer::Killed) => true,
        (Action::Trap, answer) => answer != Answer::Signal,
        // Before Linux 5.16 who is killed looks trapped.
        (Action::KillProcess | Action::KillThread, answer) => {
            !matches!(answer, Answer::Killed | Answer::Signal)
        }
        (Action::Trace(_) | Action::Notify | Action::Log | Action::Allow, _)
        | (Action::Errno(_), Answer::Value) => false,
    }
}

/// The values of refused calls, one by one; unknown once if none were kept.
fn each(tuples: Option<&Tuples>) -> impl Iterator<Item = Values> {
    let known = tuples.filter(|tuples| !tuples.seen.is_empty());
    let unknown = known.is_none().then(Values::unknown);
    let known = known.into_iter().flat_map(|tuples| {
        let all = tuples.seen.keys();
        all.map(|known| values(&tuples.indexes, known))
    });
    known.chain(unknown)
}

fn values(indexes: &[u8], known: &[u64]) -> Values {
    indexes.iter().copied().zip(known.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::testing::{meaning, rule};
    use crate::profile::Condition;
    use crate::recording::{DenialFacts, TupleFacts};
    use crate::syscall::Abi;

    fn call(name: &str) -> Call {
        Call::named(Abi::X86_64, name).unwrap()
    }

    /// Permits `read`, and sockets of one family.
    fn profile() -> Meaning {
        let family = Condition::masked(0, 0xFFFF_FFFF, 2);
        meaning(vec![
            rule("read", Action::Allow, vec![]),
            rule("socket", Action::Allow, vec![family]),
        ])
    }

    fn denials(seen: &[(&str, Answer, &[u64])]) -> Denials {
        let mut denials = Denials::default();
        for &(name, answer, values) in seen {
            let call = call(name);
            let tuple = TupleFacts {
                count: 1,
                first: None,
            };
            let facts = denials.seen.entry(DenialKey { call, answer });
            let facts = facts.or_insert_with(|| DenialFacts {
                count: 0,
                first: None,
                tuples: (!values.is_empty()).then(|| Tuples {
                    indexes: vec![0],
                    seen: [].into(),
                }),
            });
            facts.count += 1;
            if let Some(tuples) = &mut facts.tuples {
                tuples.seen.insert(values.to_vec(), tuple);
            }
        }
        denials
    }

    #[test]
    fn a_refusal_is_the_programs_own_where_the_profile_cannot_have_made_it() {
        let eperm = Answer::Errno(1);
        let all = denials(&[
            // The profile permits it.
            ("read", eperm, &[]),
            ("socket", eperm, &[2]),
            // It refuses otherwise.
            ("mkdir", Answer::Errno(13), &[]),
            ("rmdir", Answer::Killed, &[]),
            // It may have been the profile.
            ("socket", eperm, &[1]),
            ("mkdir", eperm, &[]),
            ("statx", Answer::Errno(38), &[]),
        ]);
        let sifted = Own::default().sift(&all, &profile());
        let rest = denials(&[
            ("socket", eperm, &[1]),
            ("mkdir", eperm, &[]),
            ("statx", Answer::Errno(38), &[]),
        ]);
        assert_eq!(sifted.rest, rest);
        let own = ["read", "socket", "mkdir", "rmdir"].map(call);
        assert_eq!(sifted.own, own.into());
    }

    #[test]
    fn what_was_refused_where_nothing_else_could_stays_the_programs_own() {
        let eperm = Answer::Errno(1);
        let mut own = Own::default();
        let seen = denials(&[("mkdir", eperm, &[]), ("socket", eperm, &[1])]);
        own.learn(&seen, &Meaning::unconfined());
        // Of what the filter in force refuses, it is not known who did.
        own.learn(&denials(&[("rmdir", eperm, &[])]), &profile());
        let again = denials(&[
            ("mkdir", eperm, &[]),
            ("socket", eperm, &[1]),
            ("socket", eperm, &[10]),
            ("rmdir", eperm, &[]),
        ]);
        let rest = denials(&[("socket", eperm, &[10]), ("rmdir", eperm, &[])]);
        assert_eq!(own.sift(&again, &profile()).rest, rest);
    }
}
