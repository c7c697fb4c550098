//! Where in the file something can be mended.

use super::Examined;
use crate::audit::types::Alternative;
use crate::profile::{Condition, Position};
use crate::syscall::Call;
use std::collections::BTreeMap;

/// Where the profile speaks of what.
pub(super) struct Places<'a> {
    permits: BTreeMap<&'a str, Position>,
    /// The same, by conditions too.
    conditional: BTreeMap<(&'a str, &'a [Condition]), Position>,
    refuses: BTreeMap<&'a str, Position>,
    default_action: Option<Position>,
    architectures: Option<Position>,
    rules: Option<Position>,
}

impl<'a> Places<'a> {
    pub(super) fn of(examined: &Examined<'a>) -> Self {
        let (mut permits, mut refuses) = (BTreeMap::new(), BTreeMap::new());
        let mut conditional = BTreeMap::new();
        for (_, rule) in examined.source.kept(examined.circumstances) {
            let places = if rule.action.permits() {
                &mut permits
            } else {
                &mut refuses
            };
            for (index, name) in rule.names.iter().enumerate() {
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
