//! What there is to say about how a profile is written: rules that do not do what they seem to do.

use super::{Examined, Finding, Matter};
use crate::profile::{
    Action, ArgumentSet, Meaning, Position, Profile, Rule, SourceRule, spoken_of,
};
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
    /// The rule, as if it had no other name.
    rule: Rule,
    place: Option<Position>,
    /// The calls of that name, and those that multiplex it.
    says: BTreeMap<Call, ArgumentSet>,
    /// Where of these it is followed.
    decides: BTreeMap<Call, ArgumentSet>,
}

impl Saying<'_> {
    /// What it says of calls of that name themselves.
    fn direct(&self) -> impl Iterator<Item = (Call, &ArgumentSet)> {
        let all = self.says.iter().map(|(&call, set)| (call, set));
        all.filter(|(call, _)| call.name() == Some(self.name))
    }
}

/// Names that a rule has in vain: other rules decide, or say the same.
fn without_effect(examined: &Examined<'_>, findings: &mut Vec<Finding>) {
    let sayings = sayings(examined);
    let mut by_name: BTreeMap<&str, Vec<(&Saying<'_>, bool)>> = BTreeMap::new();
    for saying in &sayings {
        let matter = overruled(examined, saying);
        let is_told = matches!(matter, Some(Matter::Unreachable { .. }));
        let all = by_name.entry(saying.name).or_default();
        all.push((saying, is_told || saying.says.is_empty()));
        findings.extend(matter.map(|matter| Finding::new(matter, saying.place)));
    }
    for (name, all) in by_name {
        findings.extend(duplicates(examined, &all).into_iter().map(|saying| {
            let name = name.to_owned();
            Finding::new(Matter::Duplicate { name }, saying.place)
        }));
    }
}

/// With how many rules for one call it is still asked which of them say what others say: with one action, of
/// which the sets are kept, and with several, of which each is left out once.
const ALIKE_MAX: usize = 256;
const DIFFERENT_MAX: usize = 32;

/// Of all rules for one name, those without which the others still say the same; those of which it is told
/// already that they say nothing are marked and left out. Of two that are the same, the later one is told.
fn duplicates<'a>(examined: &Examined<'_>, all: &[(&'a Saying<'a>, bool)]) -> Vec<&'a Saying<'a>> {
    let mut actions = all.iter().map(|(saying, _)| saying.rule.action);
    let first = actions.next();
    if actions.all(|action| Some(action) == first) {
        let told = all.iter().filter(|(_, is_told)| !is_told);
        let sayings: Vec<&Saying<'_>> = told.map(|(saying, _)| *saying).collect();
        return if sayings.len() <= ALIKE_MAX {
            covered(&sayings)
        } else {
            Vec::new()
        };
    }
    if all.len() > DIFFERENT_MAX {
        return Vec::new();
    }
    // With several actions the order matters, in ways that only the whole shows.
    let mut kept: Vec<&Saying<'_>> = all.iter().map(|(saying, _)| *saying).collect();
    let whole = verdicts(examined, &kept, all);
    let mut meant = whole.clone();
    let mut found = Vec::new();
    for (at, (saying, is_told)) in all.iter().enumerate().rev() {
        if *is_told {
            continue;
        }
        let without: Vec<&Saying<'_>> = kept[..at].iter().chain(&kept[at + 1..]).copied().collect();
        let less = verdicts(examined, &without, all);
        // Together with those before it, and by itself.
        let others = all.iter().enumerate().filter(|(other, _)| *other != at);
        let others = || others.map(|(_, (other, _))| *other).collect::<Vec<_>>();
        if less == meant && verdicts(examined, &others(), all) == whole {
            found.push(*saying);
            (kept, meant) = (without, less);
        }
    }
    found
}

/// Those of rules with one action that only say what the others say, which then is their union.
fn covered<'a>(sayings: &[&'a Saying<'a>]) -> Vec<&'a Saying<'a>> {
    let mut earlier = vec![BTreeMap::new()];
    for saying in sayings {
        let mut said = earlier.last().cloned().unwrap_or_default();
        unite(&mut said, &saying.says);
        earlier.push(said);
    }
    let mut later = BTreeMap::new();
    let mut found = Vec::new();
    for (saying, earlier) in sayings.iter().zip(earlier).rev() {
        let mut others = earlier;
        unite(&mut others, &later);
        let mut says = saying.says.iter();
        let is_said = says.all(|(call, set)| {
            let said = others.get(call);
            set.is_none() || said.is_some_and(|said| set.is_subset(said))
        });
        if is_said {
            found.push(*saying);
        } else {
            unite(&mut later, &saying.says);
        }
    }
    found
}

fn unite(all: &mut BTreeMap<Call, ArgumentSet>, more: &BTreeMap<Call, ArgumentSet>) {
    for (&call, set) in more {
        let known = all.entry(call).or_insert_with(ArgumentSet::none);
        *known = known.union(set);
    }
}

/// What some of the rules for one name come to, for every call of which any of them speaks.
fn verdicts(
    examined: &Examined<'_>,
    some: &[&Saying<'_>],
    all: &[(&Saying<'_>, bool)],
) -> Vec<Vec<(ArgumentSet, Action)>> {
    let profile = Profile {
        rules: some.iter().map(|saying| saying.rule.clone()).collect(),
        ..examined.profile.clone()
    };
    let host = examined.circumstances.host;
    let meaning = Meaning::under(&profile, host, examined.runtime);
    let calls = all.iter().flat_map(|(saying, _)| saying.says.keys());
    let calls: BTreeSet<Call> = calls.copied().collect();
    calls
        .into_iter()
        .map(|call| meaning.verdicts(call))
        .collect()
}

/// What the rules in force say, name by name, in the order of the profile. Rules that repeat the default are
/// left out, as runtimes skip them.
fn sayings<'a>(examined: &Examined<'a>) -> Vec<Saying<'a>> {
    let default_action = examined.source.default_action;
    let rules = examined.source.kept(examined.circumstances);
    let rules = rules.filter(|(_, rule)| rule.action != default_action);
    let of_rule = |rule: &'a SourceRule| {
        let names = rule.names.iter().enumerate();
        let of_name = |(index, name): (usize, &'a String)| {
            let alone = Rule {
                names: vec![name.clone()],
                action: rule.action,
                conditions: rule.conditions.clone(),
            };
            let mut says: BTreeMap<Call, ArgumentSet> = BTreeMap::new();
            let spoken_of = spoken_of(&alone, examined.meaning.abis(), examined.runtime);
            for (call, conditions) in spoken_of {
                let set = ArgumentSet::matching(&conditions, call.abi.argument_bits());
                let known = says.entry(call).or_insert_with(ArgumentSet::none);
                *known = known.union(&set);
            }
            let decides = says.iter().map(|(&call, set)| {
                let own = decided(examined, call, rule.action);
                (call, set.intersection(&own))
            });
            Saying {
                name,
                rule: alone,
                place: rule.name_position(index),
                decides: decides.collect(),
                says,
            }
        };
        names.map(of_name).collect::<Vec<_>>()
    };
    rules.flat_map(|(_, rule)| of_rule(rule)).collect()
}

/// For which arguments a call gets this.
fn decided(examined: &Examined<'_>, call: Call, action: Action) -> ArgumentSet {
    let verdicts = examined.meaning.verdicts(call).into_iter();
    let own = verdicts.filter(|(_, verdict)| *verdict == action);
    own.fold(ArgumentSet::none(), |all, (set, _)| all.union(&set))
}

/// Whether other rules decide: always, or for some arguments of the call itself. A multiplexer may be closed
/// by a rule of its own, and often should.
fn overruled(examined: &Examined<'_>, saying: &Saying<'_>) -> Option<Matter> {
    let decides = saying.decides.values().any(|set| !set.is_none());
    let mut lost = saying.direct();
    let lost = lost.find_map(|(call, set)| {
        let lost = set.difference(&saying.decides[&call]);
        lost.witness().map(|witness| (call, witness))
    });
    let instead = |(call, witness): (Call, [u64; 6])| examined.meaning.action(call, &witness);
    let action = saying.rule.action;
    match lost {
        _ if saying.says.is_empty() => None,
        _ if !decides => Some(Matter::Unreachable {
            name: saying.name.to_owned(),
            action,
            instead: lost.map(instead),
        }),
        Some((call, witness)) => Some(Matter::Shadowed {
            call,
            action,
            instead: instead((call, witness)),
            witness,
        }),
        None => None,
    }
}
