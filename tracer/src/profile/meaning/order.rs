//! What the rules of one call come to: which of them decides where they overlap.
//!
//! Rules with one action are a union. Of rules with different actions libseccomp lets the one decide that
//! its tree tests first, whatever the profile's order; this is that tree, as far as order goes.
//! <https://github.com/seccomp/libseccomp/blob/v2.6.0/src/db.c#L115>

use crate::profile::model::{Action, Condition, Operator};
use crate::profile::set::ArgumentSet;
use std::collections::{BTreeMap, BTreeSet};

/// What has been said about a call so far.
#[derive(Default)]
pub(super) struct Said {
    unconditional: Option<Action>,
    conditional: Vec<Entry>,
}

struct Entry {
    action: Action,
    nodes: Vec<Node>,
    set: ArgumentSet,
}

/// A comparison of half an argument, or of a whole one where registers have 32 bits.
#[derive(Clone, Copy)]
struct Node {
    index: u8,
    is_high: bool,
    class: Class,
    kind: Kind,
    mask: u64,
    datum: u64,
}

/// What is tested earlier among comparisons of one half.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Equality,
    UpperBound,
    LowerBound,
}

/// The comparison that is really made; its result may be turned round afterwards.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Equal,
    MaskedEqual,
    Greater,
    GreaterOrEqual,
}

impl Said {
    /// Adds a rule. The first unconditional one wins, and erases the conditional ones.
    pub(super) fn add(&mut self, action: Action, conditions: &[Condition], width: u8) {
        if self.unconditional.is_some() {
            return;
        }
        let nodes = nodes(conditions, width);
        if nodes.is_empty() {
            self.unconditional = Some(action);
            return;
        }
        let set = ArgumentSet::matching(conditions, width);
        self.conditional.push(Entry { action, nodes, set });
    }

    /// What is done with the call, by its arguments: disjoint sets that together are everything, in order of
    /// action with the default last.
    pub(super) fn settle(self, default_action: Action) -> Vec<(ArgumentSet, Action)> {
        if let Some(action) = self.unconditional {
            return vec![(ArgumentSet::all(), action)];
        }
        let actions: BTreeSet<Action> = self.conditional.iter().map(|one| one.action).collect();
        let entries = if actions.len() > 1 {
            in_order(self.conditional)
        } else {
            self.conditional
        };
        let mut rest = ArgumentSet::all();
        let mut sets: BTreeMap<Action, ArgumentSet> = BTreeMap::new();
        for Entry { action, set, .. } in entries {
            let decided = set.intersection(&rest);
            let known = sets.entry(action).or_insert_with(ArgumentSet::none);
            *known = known.union(&decided);
            rest = rest.difference(&set);
        }
        let sets = sets.into_iter().map(|(action, set)| (set, action));
        let mut sets: Vec<_> = sets.chain([(rest, default_action)]).collect();
        sets.retain(|(set, _)| !set.is_none());
        sets
    }
}

/// The comparisons of a rule, the first argument first; none for conditions that always hold, which
/// libseccomp leaves out.
fn nodes(conditions: &[Condition], width: u8) -> Vec<Node> {
    let mut conditions = conditions.to_vec();
    conditions.sort_by_key(|condition| condition.index);
    let each = conditions.iter().flat_map(|condition| {
        let cut = if width == 64 {
            u64::MAX
        } else {
            (1 << width) - 1
        };
        let (mask, datum) = match condition.operator {
            Operator::MaskedEq => (condition.value & cut, condition.value_two),
            _ => (cut, condition.value),
        };
        let halves: &[bool] = match (mask, width) {
            (0, _) => &[],
            (_, 64) => &[true, false],
            _ => &[false],
        };
        halves.iter().map(move |&is_high| {
            let half = |value: u64| value >> if is_high { 32 } else { 0 } & 0xFFFF_FFFF;
            Node {
                index: condition.index,
                is_high,
                class: Class::of(condition.operator),
                kind: Kind::of(condition.operator, is_high),
                mask: half(mask),
                datum: half(datum & mask),
            }
        })
    });
    each.collect()
}

impl Class {
    const fn of(operator: Operator) -> Self {
        match operator {
            Operator::Eq | Operator::Ne | Operator::MaskedEq => Self::Equality,
            Operator::Lt | Operator::Le => Self::UpperBound,
            Operator::Ge | Operator::Gt => Self::LowerBound,
        }
    }
}

impl Kind {
    const fn of(operator: Operator, is_high: bool) -> Self {
        match operator {
            Operator::Eq | Operator::Ne => Self::Equal,
            Operator::MaskedEq => Self::MaskedEqual,
            Operator::Ge | Operator::Lt if !is_high => Self::GreaterOrEqual,
            Operator::Ge | Operator::Lt | Operator::Gt | Operator::Le => Self::Greater,
        }
    }
}

impl Node {
    /// Whether both are one node of the tree.
    fn is(&self, other: &Self) -> bool {
        let key = |node: &Self| (node.index, node.is_high, node.mask, node.datum);
        key(self) == key(other) && self.kind == other.kind
    }

    /// Whether this is tested before the other: higher arguments first, then equality, then upper bounds,
    /// then lower bounds; then the larger constant, or the smaller of upper bounds.
    fn is_before(&self, other: &Self) -> bool {
        let place = |node: &Self| (node.index, node.is_high);
        if place(self) != place(other) {
            return place(self) > place(other);
        }
        if self.class != other.class {
            return self.class < other.class;
        }
        if self.class == Class::UpperBound {
            self.datum < other.datum
        } else {
            self.datum > other.datum
        }
    }
}

/// A level of the tree: what ends here, and the nodes below with their levels, in the order of their tests.
#[derive(Default)]
struct Level {
    entries: Vec<Entry>,
    nodes: Vec<(Node, Self)>,
}

impl Level {
    /// Adds an entry from the comparison at this depth on: to the node that is already there, or before the
    /// first that comes later, or at the end.
    fn insert(&mut self, depth: usize, entry: Entry) {
        let Some(&node) = entry.nodes.get(depth) else {
            self.entries.push(entry);
            return;
        };
        let decides = |(known, _): &(Node, Self)| known.is(&node) || node.is_before(known);
        let at = self.nodes.iter().position(decides);
        let at = at.unwrap_or(self.nodes.len());
        if self.nodes.get(at).is_none_or(|(known, _)| !known.is(&node)) {
            self.nodes.insert(at, (node, Self::default()));
        }
        self.nodes[at].1.insert(depth + 1, entry);
    }

    /// Every entry, in the order of the tests. A shorter rule hides the longer ones that begin alike.
    fn flatten(self, into: &mut Vec<Entry>) {
        into.extend(self.entries);
        for (_, below) in self.nodes {
            below.flatten(into);
        }
    }
}

/// Puts entries in the order in which they are tested.
fn in_order(entries: Vec<Entry>) -> Vec<Entry> {
    let mut root = Level::default();
    for entry in entries {
        root.insert(0, entry);
    }
    let mut ordered = Vec::new();
    root.flatten(&mut ordered);
    ordered
}
