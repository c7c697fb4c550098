//! What there is to say about how a profile is written: rules that do not do what they seem to do.

use super::{Examined, Finding, Matter};
use crate::profile::{Action, ArgumentSet, Position, Rule, SourceRule, spoken_of};
use crate::syscall::{self, Call};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn findings(examined: &Examined<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in &examined.source.rules {
        unknown_names(rule, &mut findings);
        findings.extend(repeated_argument(rule));
        if rule.action == examined.source.default_action {
            findings.push(redundant(rule));
        }
    }
    without_effect(examined, &mut findings);
    findings
}

/// For how many names it is guessed what was meant; a file that has more wrong is no profile.
const GUESSES_MAX: usize = 100;

fn unknown_names(rule: &SourceRule, findings: &mut Vec<Finding>) {
    for (index, name) in rule.names.iter().enumerate() {
        if !syscall::is_known_name(name) && !syscall::is_known_elsewhere(name) {
            let similar = if findings.len() < GUESSES_MAX {
                syscall::similar_names(name)
            } else {
                Vec::new()
            };
            let name = name.clone();
            let matter = Matter::UnknownName { name, similar };
            findings.push(Finding::new(matter, rule.name_position(index)));
        }
    }
}

fn repeated_argument(rule: &SourceRule) -> Option<Finding> {
    let mut seen = BTreeSet::new();
    let mut conditions = rule.conditions.iter().enumerate();
    let (at, again) = conditions.find(|(_, condition)| !seen.insert(condition.index))?;
    let names = rule.names.clone();
    let index = again.index;
    let matter = Matter::RepeatedArgument { names, index };
    Some(Finding::new(matter, rule.condition_position(at)))
}

fn redundant(rule: &SourceRule) -> Finding {
    let matter = Matter::Redundant {
        names: rule.names.clone(),
        action: rule.action,
        conditional: !rule.conditions.is_empty(),
    };
    Finding::new(matter, rule.positions.action.or(rule.positions.rule))
}

/// One name of a rule that is in force, with what the rule says of it.
struct Saying<'a> {
    name: &'a str,
    action: Action,
    place: Option<Position>,
    /// The calls of that name; those that multiplex it are left out, as a rule of their own may close them.
    says: Vec<(Call, ArgumentSet)>,
}

/// Names that a rule has in vain: other rules decide, or say the same.
fn without_effect(examined: &Examined<'_>, findings: &mut Vec<Finding>) {
    let sayings = sayings(examined);
    let always: BTreeSet<(Call, Action)> = sayings
        .iter()
        .flat_map(|saying| saying.says.iter().map(|said| (saying.action, said)))
        .filter(|(_, (_, set))| set.is_all())
        .map(|(action, (call, _))| (*call, action))
        .collect();
    let mut said: BTreeMap<(Call, Action), ArgumentSet> = BTreeMap::new();
    for saying in &sayings {
        if let Some(matter) = overruled(examined, saying) {
            findings.push(Finding::new(matter, saying.place));
            continue;
        }
        let is_said = saying.says.iter().all(|(call, set)| {
            let key = (*call, saying.action);
            let before = said.get(&key).is_some_and(|before| set.is_subset(before));
            before || (!set.is_all() && always.contains(&key))
        });
        if is_said && !saying.says.is_empty() {
            let name = saying.name.to_owned();
            findings.push(Finding::new(Matter::Duplicate { name }, saying.place));
        }
        for (call, set) in &saying.says {
            let before = said.entry((*call, saying.action));
            let before = before.or_insert_with(ArgumentSet::none);
            *before = before.union(set);
        }
    }
}

/// What the rules in force say, name by name, in the order of the profile. Rules that repeat the default are
/// left out, as runtimes skip them.
fn sayings<'a>(examined: &Examined<'a>) -> Vec<Saying<'a>> {
    let default_action = examined.source.default_action;
    let rules = examined.source.kept(examined.circumstances);
    let rules = rules.filter(|(_, rule)| rule.action != default_action);
    let of_rule = |rule: &'a SourceRule| {
        rule.names.iter().enumerate().map(move |(index, name)| {
            let alone = Rule {
                names: vec![name.clone()],
                action: rule.action,
                conditions: rule.conditions.clone(),
            };
            let mut says: BTreeMap<Call, ArgumentSet> = BTreeMap::new();
            for (call, set) in spoken_of(&alone, examined.meaning.abis()) {
                if call.name() == Some(name) {
                    let known = says.entry(call).or_insert_with(ArgumentSet::none);
                    *known = known.union(&set);
                }
            }
            Saying {
                name,
                action: rule.action,
                place: rule.name_position(index),
                says: says.into_iter().collect(),
            }
        })
    };
    rules.flat_map(|(_, rule)| of_rule(rule)).collect()
}

/// Whether other rules decide: always, or for some arguments.
fn overruled(examined: &Examined<'_>, saying: &Saying<'_>) -> Option<Matter> {
    let meaning = examined.meaning;
    let mut first: Option<(Call, [u64; 6])> = None;
    let mut decides = false;
    for (call, set) in &saying.says {
        let verdicts = meaning.verdicts(*call);
        let own = verdicts.iter().filter(|(_, action)| *action == saying.action);
        let own = own.fold(ArgumentSet::none(), |all, (set, _)| all.union(set));
        decides |= !set.intersection(&own).is_none();
        let lost = set.difference(&own).witness();
        first = first.or_else(|| lost.map(|witness| (*call, witness)));
    }
    let (call, witness) = first?;
    let instead = meaning.action(call, &witness);
    let action = saying.action;
    Some(if decides {
        Matter::Shadowed {
            call,
            action,
            instead,
            witness,
        }
    } else {
        Matter::Unreachable {
            name: saying.name.to_owned(),
            action,
            instead,
        }
    })
}
