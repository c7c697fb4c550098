//! What recordings say about a profile: what was used, what was not, what would be denied.

use super::Base;
use super::observed::{Observation, Observed, Sightings, observe};
use super::outcome::{Outcome, outcome};
use super::recorded::Recorded;
use super::sureness::sureness;
use super::types::{
    AbiCoverage, Alternative, BaseView, Check, Coverage, Denied, Evidence, Standing, Undecided,
    Unknown, Used,
};
use super::value::Values;
use crate::profile::{Action, ArgumentSet, Meaning, Profile, Rule, fallback};
use crate::syscall::{self, Call};
use std::collections::BTreeSet;

/// `ENOSYS`.
const ENOSYS: u16 = 38;

/// What is asked about.
pub(super) struct Question<'a> {
    pub(super) profile: &'a Profile,
    pub(super) meaning: &'a Meaning,
    pub(super) base: Option<&'a Base>,
}

/// Everything that recordings say.
pub(super) fn evidence(question: &Question<'_>, recorded: &Recorded) -> Evidence {
    let observed = observe(&recorded.runs);
    let allowed = allowed(question.meaning);
    let used: BTreeSet<Call> = observed.calls.keys().copied().collect();
    let used: BTreeSet<Call> = used.intersection(&allowed).copied().collect();
    let (alternatives, unused_alternatives) = alternatives(question, &observed);
    let of = |set: &BTreeSet<Call>, abi| set.iter().filter(|call| call.abi == abi).count();
    let abis = question.meaning.abis().iter().map(|&abi| AbiCoverage {
        abi,
        used: of(&used, abi),
        allowed: of(&allowed, abi),
    });
    Evidence {
        recordings: recorded.summaries(),
        sureness: sureness(&recorded.runs, question.profile),
        coverage: Coverage {
            abis: abis.collect(),
            alternatives_used: alternatives - unused_alternatives.len(),
            alternatives,
        },
        used: used
            .iter()
            .map(|&call| used_values(question.meaning, call, &observed.calls[&call]))
            .collect(),
        unused: allowed.difference(&used).copied().collect(),
        unused_alternatives,
        check: check(question, &observed),
    }
}

/// The named calls that are allowed, for some arguments at least.
fn allowed(meaning: &Meaning) -> BTreeSet<Call> {
    let abis = meaning.abis().iter();
    abis.flat_map(|&abi| syscall::calls(abi))
        .filter(|&call| !meaning.permitted(call).is_none())
        .collect()
}

fn used_values(meaning: &Meaning, call: Call, observation: &Observation) -> Used {
    let values = observation.values.iter().filter(|(values, _)| {
        !values.is_unknown() && !matches!(outcome(meaning, call, values), Outcome::Denied(_))
    });
    Used {
        call,
        count: observation.count,
        runs: observation.runs,
        values: values
            .map(|(values, seen)| (values.clone(), seen.count))
            .collect(),
    }
}

/// How many rules with conditions there are for calls that were made, and those that nothing recorded meets.
/// Where there were more values than were kept, any rule may have been met.
fn alternatives(question: &Question<'_>, observed: &Observed) -> (usize, Vec<Alternative>) {
    let mut all = BTreeSet::new();
    let permitting = question
        .profile
        .rules
        .iter()
        .filter(|rule| rule.action.permits());
    for rule in permitting {
        for &abi in question.meaning.abis() {
            for call in rule.names.iter().filter_map(|name| Call::named(abi, name)) {
                if observed.calls.contains_key(&call) {
                    all.extend(alternatives_of(rule, call));
                }
            }
        }
    }
    let unused = all.iter().filter(|one| {
        let observation = &observed.calls[&one.call];
        let meets = ArgumentSet::matching(&one.conditions, one.call.abi.argument_bits());
        !observation.unbounded
            && observation
                .values
                .keys()
                .all(|values| values.tuples().intersection(&meets).is_none())
    });
    let unused = unused.cloned().collect();
    (all.len(), unused)
}

/// The alternatives of one rule: its conditions, unless an argument is tested twice, which runtimes read as
/// one alternative for each condition.
pub(super) fn alternatives_of(rule: &Rule, call: Call) -> Vec<Alternative> {
    let indexes: BTreeSet<u8> = rule.conditions.iter().map(|one| one.index).collect();
    let of = |conditions: &[_]| Alternative {
        call,
        conditions: conditions.to_vec(),
    };
    if rule.conditions.is_empty() {
        Vec::new()
    } else if indexes.len() < rule.conditions.len() {
        rule.conditions.chunks(1).map(of).collect()
    } else {
        vec![of(&rule.conditions)]
    }
}

/// Whether anything recorded would be denied.
pub(super) fn check(question: &Question<'_>, observed: &Observed) -> Check {
    let mut check = Check {
        missing: observed.missing,
        ..Check::default()
    };
    for (&call, observation) in &observed.calls {
        let verdicts = question.meaning.verdicts(call);
        if let [(_, action)] = verdicts[..] {
            if action == Action::Allow {
                continue;
            }
            // The same whatever the arguments: said once.
            let all = Values::unknown();
            let seen = Sightings {
                count: observation.count,
                runs: observation.runs,
                first: observation.first.clone(),
            };
            let found = denied(question, call, &all, action, &seen);
            check.add(found);
            continue;
        }
        for (values, seen) in &observation.values {
            match outcome(question.meaning, call, values) {
                Outcome::Permitted => {}
                Outcome::Logged => {
                    check.add(denied(question, call, values, Action::Log, seen));
                }
                Outcome::Denied(action) => {
                    check.add(denied(question, call, values, action, seen));
                }
                Outcome::Depends { action, on } => check.undecided.push(Undecided {
                    call,
                    values: values.clone(),
                    why: Unknown::NotRecorded(on),
                    action,
                }),
            }
        }
        if observation.unbounded {
            check.undecided.push(Undecided {
                call,
                values: Values::unknown(),
                why: Unknown::TooManyValues,
                action: worst(question.meaning, call),
            });
        }
    }
    check
}

/// What the call may get at worst: a denial, or that it is logged.
fn worst(meaning: &Meaning, call: Call) -> Action {
    let refused = meaning.permitted(call).complement().witness();
    refused.map_or(Action::Log, |refused| meaning.action(call, &refused))
}

fn denied(
    question: &Question<'_>,
    call: Call,
    values: &Values,
    action: Action,
    seen: &Sightings,
) -> Denied {
    Denied {
        call,
        values: values.clone(),
        action,
        count: seen.count,
        runs: seen.runs,
        program: seen.first.as_ref().map(|sighting| sighting.program.clone()),
        standing: standing(question, call, action),
        base: base_view(question.base, call, values),
    }
}

fn standing(question: &Question<'_>, call: Call, action: Action) -> Standing {
    let (Some(name), Action::Errno(errno)) = (call.name(), action) else {
        let fails = matches!(action, Action::Errno(errno) if errno != 0);
        let harmless = call.name().is_none() && fails;
        return if harmless {
            Standing::NoSuchCall
        } else {
            Standing::Breaks
        };
    };
    // Of most calls that older kernels lack, it cannot be said of every program that it falls back.
    let known = fallback::known().kernel.iter();
    let known = known.filter(|one| one.every_program && one.is_of(name) && errno == ENOSYS);
    known
        .flat_map(|one| &one.then)
        .filter_map(|then| Call::named(call.abi, then))
        .find(|&to| !question.meaning.permitted(to).is_none())
        .map_or(Standing::Breaks, Standing::FallsBack)
}

fn base_view(base: Option<&Base>, call: Call, values: &Values) -> BaseView {
    let Some(base) = base else {
        return BaseView::NoBase;
    };
    match outcome(&base.meaning, call, values) {
        Outcome::Permitted | Outcome::Logged => BaseView::Allows,
        Outcome::Depends { .. } => BaseView::Depends,
        Outcome::Denied(_) => BaseView::Denies {
            reason: base.reason(call),
            unlock: base.unlocked_by(call),
        },
    }
}
