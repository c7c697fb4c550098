//! Where in the file something can be mended.

use super::Examined;
use crate::audit::types::Alternative;
use crate::profile::{
    Action, ArgumentSet, Condition, Position, Rule, Runtime, SourceRule, spoken_of,
};
use crate::syscall::{Abi, Call};
use std::collections::{BTreeMap, BTreeSet};

/// Where the profile speaks of what.
pub(super) struct Places<'a> {
    permits: BTreeMap<&'a str, Position>,
    /// The same, by conditions too.
    conditional: BTreeMap<(&'a str, &'a [Condition]), Position>,
    refuses: BTreeMap<&'a str, Position>,
    /// Every rule that permits, by name, with the place of the name.
    permitting: BTreeMap<&'a str, Vec<(&'a SourceRule, Option<Position>)>>,
    abis: &'a BTreeSet<Abi>,
    runtime: Option<Runtime>,
    /// The first rule that asks a listener.
    asking: Option<Position>,
    flags: Option<Position>,
    default_action: Option<Position>,
    architectures: Option<Position>,
    rules: Option<Position>,
}

impl<'a> Places<'a> {
    pub(super) fn of(examined: &Examined<'a>) -> Self {
        let (mut permits, mut refuses) = (BTreeMap::new(), BTreeMap::new());
        let mut conditional = BTreeMap::new();
        let mut permitting: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        let mut asking = None;
        for (_, rule) in examined.source.kept(examined.circumstances) {
            let places = if rule.action.permits() {
                &mut permits
            } else {
                &mut refuses
            };
            if rule.action == Action::Notify {
                asking = asking.or(rule.positions.action);
            }
            for (index, name) in rule.names.iter().enumerate() {
                if rule.action.permits() {
                    let rules = permitting.entry(name.as_str()).or_default();
                    rules.push((rule, rule.name_position(index)));
                }
                if let Some(position) = rule.name_position(index) {
                    let key = (name.as_str(), rule.conditions.as_slice());
                    conditional.entry(key).or_insert(position);
                    places.entry(name.as_str()).or_insert(position);
                }
            }
        }
        let positions = &examined.source.origin.positions;
        Self {
            permits,
            conditional,
            refuses,
            permitting,
            abis: examined.meaning.abis(),
            runtime: examined.runtime,
            asking,
            flags: positions.flags,
            default_action: positions.default_action.or(positions.profile),
            architectures: positions.architectures.or(positions.arch_map),
            rules: positions.rules.or(positions.profile),
        }
    }

    /// Where a call is permitted: by a rule that names it, else by default.
    pub(super) fn permitted(&self, call: Call) -> Option<Position> {
        let rule = call.name().and_then(|name| self.permits.get(name));
        rule.copied().or(self.default_action)
    }

    /// Where a call is permitted with these arguments: by the first rule that says so, else as without them.
    pub(super) fn shown(&self, call: Call, witness: Option<[u64; 6]>) -> Option<Position> {
        let name = call.name()?;
        let rules = self
            .permitting
            .get(name)
            .map(Vec::as_slice)
            .unwrap_or_default();
        // Most calls have one rule, and then there is nothing to ask.
        let (true, Some(witness)) = (rules.len() > 1, witness) else {
            return self.permitted(call);
        };
        let speaks = |rule: &SourceRule| {
            let alone = Rule {
                names: vec![name.to_owned()],
                action: rule.action,
                conditions: rule.conditions.clone(),
            };
            let spoken_of = spoken_of(&alone, self.abis, self.runtime);
            let mut here = spoken_of.iter().filter(|(one, _)| *one == call);
            here.any(|(_, conditions)| {
                ArgumentSet::matching(conditions, call.abi.argument_bits()).contains(&witness)
            })
        };
        let found = rules.iter().find(|(rule, _)| speaks(rule));
        found
            .and_then(|(_, place)| *place)
            .or_else(|| self.permitted(call))
    }

    /// Whether no rule permits a call by its name.
    pub(super) fn is_by_default(&self, call: Call) -> bool {
        call.name()
            .is_none_or(|name| !self.permitting.contains_key(name))
    }

    /// Where the rule stands whose name is in backticks in a reason for which no filter is made.
    pub(super) fn blamed(&self, why: &str) -> Option<Position> {
        let mut words = why.split('`').skip(1).step_by(2);
        words
            .find_map(|name| self.refuses.get(name).or_else(|| self.permits.get(name)))
            .copied()
    }

    /// The first rule that asks a listener.
    pub(super) const fn asking(&self) -> Option<Position> {
        self.asking
    }

    /// Where the flags are listed.
    pub(super) const fn flags(&self) -> Option<Position> {
        self.flags
    }

    /// Where a call is permitted with these conditions.
    pub(super) fn alternative(&self, one: &Alternative) -> Option<Position> {
        let key = |name| (name, one.conditions.as_slice());
        let rule = one
            .call
            .name()
            .and_then(|name| self.conditional.get(&key(name)));
        rule.copied().or_else(|| self.permitted(one.call))
    }

    /// Where a call is refused: by a rule that names it, else by default. A rule that permits it only with
    /// conditions is such a place too.
    pub(super) fn refused(&self, call: Call) -> Option<Position> {
        let rules = |name| self.refuses.get(name).or_else(|| self.permits.get(name));
        call.name().and_then(rules).copied().or(self.default_action)
    }

    /// Where the architectures are listed.
    pub(super) const fn architectures(&self) -> Option<Position> {
        self.architectures
    }

    /// Where the rules begin.
    pub(super) const fn rules(&self) -> Option<Position> {
        self.rules
    }

    /// Where the default action is.
    pub(super) const fn default_action(&self) -> Option<Position> {
        self.default_action
    }
}
