//! A rule and its conditions.

use super::errno::{self, ErrnoKeys};
use super::error::{Problem, ReadError, mistyped, quoted, unknown, wrong};
use super::filter;
use super::node::{Node, Place, Value};
use super::object::{Fields, Notes, Texts, integer};
use super::source::Form;
use crate::profile::model::{Condition, Operator};
use crate::profile::position::RulePositions;
use crate::profile::remark::RemarkKind;
use crate::profile::source::SourceRule;
use crate::profile::words;
use std::collections::BTreeSet;

const ERRNO: ErrnoKeys = ErrnoKeys {
    number: "errnoRet",
    name: "errno",
};

const CONDITION_KEYS: &[&str] = &["index", "value", "valueTwo", "op"];

/// How many arguments a call has.
const ARGUMENTS: u8 = 6;

/// Reads a rule.
pub(super) fn rule(
    node: Node<'_>,
    place: &Place<'_>,
    form: &Form,
    notes: &mut Notes,
) -> Result<SourceRule, ReadError> {
    let mut fields = Fields::of(node, place, form.rule_keys, notes)?;
    let names = names(&mut fields, place, form, notes)?;
    let Some((action_position, word)) = fields.text("action", place)? else {
        return Err(wrong(fields.position, place, Problem::Missing("action")));
    };
    let errno = errno::take(&mut fields, &ERRNO, place, notes)?;
    let action = errno::action("action", (action_position, &word), errno, place, notes)?;
    let (args_position, args) = fields.list("args", place)?;
    if let Some(position) = args_position.filter(|_| args.len() > usize::from(ARGUMENTS)) {
        notes.add(position, &place.key("args"), RemarkKind::SeventhCondition);
    }
    let condition_positions = args.iter().map(|node| node.position).collect();
    let conditions = {
        let place = place.key("args");
        let args = args.into_iter().enumerate();
        let conditions =
            args.map(|(index, node)| condition(node, &place.index(index), form, notes));
        conditions.collect::<Result<_, _>>()?
    };
    let comment = fields.text("comment", place)?;
    let includes = filter::filter(&mut fields, "includes", place, notes)?;
    let excludes = filter::filter(&mut fields, "excludes", place, notes)?;
    Ok(SourceRule {
        names: names.values,
        action,
        conditions,
        comment: comment.map(|(_, comment)| comment.into_owned()),
        includes: includes.filter,
        excludes: excludes.filter,
        positions: RulePositions {
            rule: Some(fields.position),
            action: Some(action_position),
            names: names.positions,
            conditions: condition_positions,
            includes: includes.position,
            excludes: excludes.position,
        },
    })
}

/// The names, or the one name of the old form.
fn names(
    fields: &mut Fields<'_>,
    place: &Place<'_>,
    form: &Form,
    notes: &mut Notes,
) -> Result<Texts, ReadError> {
    let mut names = fields.texts("names", place)?;
    if let Some((position, name)) = fields.text("name", place)? {
        if !names.values.is_empty() {
            let (one, other) = ("name", "names");
            return Err(wrong(
                position,
                place,
                Problem::Contradiction { one, other },
            ));
        }
        notes.add(position, &place.key("name"), RemarkKind::OldName);
        names.values.push(name.into_owned());
        names.positions.push(position);
    }
    let names_place = place.key("names");
    let mut seen = BTreeSet::new();
    for (index, position, name) in names.iter() {
        if name.is_empty() {
            if form.names_are_a_set {
                let place = names_place.index(index);
                return Err(wrong(position, &place, Problem::EmptyText));
            }
            notes.add(position, &names_place.index(index), RemarkKind::EmptyName);
        }
        if form.names_are_a_set && !seen.insert(name) {
            let problem = Problem::Repeated(quoted(name));
            return Err(wrong(position, &names_place.index(index), problem));
        }
    }
    drop_empty(&mut names);
    if names.values.is_empty() {
        if form.names_are_a_set {
            return Err(wrong(fields.position, place, Problem::Missing("names")));
        }
        notes.add(fields.position, place, RemarkKind::NoNames);
    }
    Ok(names)
}

/// Leaves out names of no letters, which nobody has.
fn drop_empty(names: &mut Texts) {
    if names.values.iter().any(String::is_empty) {
        let pairs = names.values.drain(..).zip(names.positions.drain(..));
        let kept = pairs.filter(|(name, _)| !name.is_empty());
        (names.values, names.positions) = kept.collect::<Vec<_>>().into_iter().unzip();
    }
}

fn condition(
    node: Node<'_>,
    place: &Place<'_>,
    form: &Form,
    notes: &mut Notes,
) -> Result<Condition, ReadError> {
    let mut fields = Fields::of(node, place, CONDITION_KEYS, notes)?;
    let index = fields.need("index", place)?;
    let index_place = place.key("index");
    let wide = integer(&index, &index_place, u64::MAX)?;
    let index = u8::try_from(wide)
        .ok()
        .filter(|index| *index < ARGUMENTS)
        .ok_or_else(|| {
            unknown(
                index.position,
                &index_place,
                "argument index",
                &wide.to_string(),
            )
        })?;
    let value = fields.need("value", place)?;
    let value = integer(&value, &place.key("value"), form.value_max)?;
    let value_two = fields.take("valueTwo");
    let op = fields.need("op", place)?;
    let operator = operator(&op, &place.key("op"))?;
    Ok(Condition {
        index,
        operator,
        value,
        value_two: datum(value_two, operator, place, form, notes)?,
    })
}

fn operator(node: &Node<'_>, place: &Place<'_>) -> Result<Operator, ReadError> {
    let Value::Text(word) = &node.value else {
        return Err(mistyped(node, place, "a string"));
    };
    words::operator(word).ok_or_else(|| unknown(node.position, place, "operator", word))
}

/// The second value, which only a masked comparison looks at. Engines write a 0 where it is not used.
fn datum(
    node: Option<Node<'_>>,
    operator: Operator,
    place: &Place<'_>,
    form: &Form,
    notes: &mut Notes,
) -> Result<u64, ReadError> {
    let Some(node) = node else {
        return Ok(0);
    };
    let place = place.key("valueTwo");
    let value = integer(&node, &place, form.value_max)?;
    if value != 0 && operator != Operator::MaskedEq {
        let kind = RemarkKind::ValueTwoUnused(operator.oci_name());
        notes.add(node.position, &place, kind);
        return Ok(0);
    }
    Ok(value)
}
