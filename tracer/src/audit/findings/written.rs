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
    /// The calls of that name, and those that multiplex it.
    says: BTreeMap<Call, ArgumentSet>,
    /// The calls of which it speaks without conditions. That erases rules with other actions, which conditions
    /// do not, even if together they hold always.
    whole: BTreeSet<Call>,
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
    let mut alike: BTreeMap<(&str, Action), Vec<&Saying<'_>>> = BTreeMap::new();
    let sayings = sayings(examined);
    for saying in &sayings {
        let matter = overruled(examined, saying);
        if !matches!(matter, Some(Matter::Unreachable { .. })) {
            let key = (saying.name, saying.action);
            alike.entry(key).or_default().push(saying);
        }
        findings.extend(matter.map(|matter| Finding::new(matter, saying.place)));
    }
    for sayings in alike.values() {
        findings.extend(duplicates(sayings).map(|saying| {
            let name = saying.name.to_owned();
            Finding::new(Matter::Duplicate { name }, saying.place)
        }));
    }
}

/// With how many rules of one action for one call it is still asked which of them say what others say. They
/// are compared with all others at once, which takes memory.
const ALIKE_MAX: usize = 256;

/// Those that say nothing that others do not say, of rules for one name with one action. Without all of them
/// together, the others still say it.
fn duplicates<'a>(sayings: &[&'a Saying<'a>]) -> impl Iterator<Item = &'a Saying<'a>> + use<'a> {
    let mut found = Vec::new();
    let mut earlier = vec![Said::default()];
    let compared = if sayings.len() <= ALIKE_MAX {
        sayings
    } else {
        &[]
    };
    for saying in compared {
        let mut said = earlier.last().cloned().unwrap_or_default();
        said.add(saying);
        earlier.push(said);
    }
    // From the last to the first, so that of two that are the same the later one is told.
    let mut later = Said::default();
    for (saying, earlier) in compared.iter().zip(&earlier).rev() {
        let others = earlier.or(&later);
        if others.has(saying) {
            found.push(*saying);
        } else {
            later.add(saying);
        }
    }
    found.retain(|saying| !saying.says.is_empty());
    found.into_iter()
}

/// What some rules with one action say.
#[derive(Clone, Default)]
struct Said {
    sets: BTreeMap<Call, ArgumentSet>,
    /// Calls of which one of them speaks without conditions.
    whole: BTreeSet<Call>,
}

impl Said {
    fn add(&mut self, saying: &Saying<'_>) {
        for (&call, set) in &saying.says {
            let known = self.sets.entry(call).or_insert_with(ArgumentSet::none);
            *known = known.union(set);
        }
        self.whole.extend(&saying.whole);
    }

    fn or(&self, other: &Self) -> Self {
        let mut both = self.clone();
        for (call, set) in &other.sets {
            let known = both.sets.entry(*call).or_insert_with(ArgumentSet::none);
            *known = known.union(set);
        }
        both.whole.extend(&other.whole);
        both
    }

    /// Whether they say everything in which this one is followed.
    fn has(&self, saying: &Saying<'_>) -> bool {
        let covers = |(call, followed): (&Call, &ArgumentSet)| {
            let said = self.sets.get(call);
            followed.is_none() || said.is_some_and(|said| followed.is_subset(said))
        };
        saying.whole.is_subset(&self.whole) && saying.decides.iter().all(covers)
    }
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
            let mut whole = BTreeSet::new();
            for (call, set) in spoken_of(&alone, examined.meaning.abis()) {
                if set.is_all() {
                    whole.insert(call);
                }
                let known = says.entry(call).or_insert_with(ArgumentSet::none);
                *known = known.union(&set);
            }
            let decides = says.iter().map(|(&call, set)| {
                let own = decided(examined, call, rule.action);
                (call, set.intersection(&own))
            });
            Saying {
                name,
                action: rule.action,
                place: rule.name_position(index),
                decides: decides.collect(),
                whole,
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
    let action = saying.action;
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
