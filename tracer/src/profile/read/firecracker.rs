//! The filters of Firecracker and seccompiler, which have them by the name of a thread.
//!
//! Their calls are those of one native ABI, and each condition has a width. What the profile object cannot say
//! exactly is refused: tests of half a register other than for equality, two tests of one argument, and a
//! default that lets x32's numbers through, which no architecture of a profile's does.

use super::error::{Problem, ReadError, mistyped, unknown, wrong};
use super::inside::Inside;
use super::node::{Node, Place, Value};
use super::object::{Fields, Keys, Notes, integer};
use super::with_notes;
use crate::profile::model::{Action, Condition, Operator};
use crate::profile::position::{RulePositions, SourcePositions};
use crate::profile::source::{Filter, Origin, Source, SourceRule};
use std::collections::BTreeSet;

const ARGUMENTS: u64 = 5;
const HALF: u64 = 0xFFFF_FFFF;

/// The keys of a filter, as Firecracker and as seccompiler call them.
const WORDS: [(&str, &str); 2] = [
    ("default_action", "filter_action"),
    ("mismatch_action", "match_action"),
];

/// Whether an object has such filters, or is one.
pub(super) fn is_one(node: &Node<'_>) -> bool {
    let Value::Object(members) = &node.value else {
        return false;
    };
    is_filter(node) || (!members.is_empty() && members.iter().all(|(_, node)| is_filter(node)))
}

fn is_filter(node: &Node<'_>) -> bool {
    let has = |key: &str| node.member(key).is_some();
    let mut words = WORDS.iter();
    has("filter") && words.any(|(default, matched)| has(default) && has(matched))
}

/// All filters, by the names of their threads.
pub(super) fn profiles(node: Node<'_>) -> Result<Vec<Inside>, ReadError> {
    if is_filter(&node) {
        let source = read(node, &Place::ROOT)?;
        let name = String::new();
        return Ok(vec![Inside { name, source }]);
    }
    let Value::Object(members) = node.value else {
        return Err(mistyped(&node, &Place::ROOT, "an object"));
    };
    let each = members.into_iter().map(|(key, node)| {
        let root = Place::ROOT;
        let source = read(node, &root.key(&key.name))?;
        let name = key.name.into_owned();
        Ok(Inside { name, source })
    });
    each.collect()
}

const KEYS: &[&str] = &[
    "default_action",
    "filter_action",
    "mismatch_action",
    "match_action",
    "filter",
    "comment",
];

fn read(node: Node<'_>, place: &Place<'_>) -> Result<Source, ReadError> {
    with_notes(Keys::Exact, |notes| filter(node, place, notes))
}

fn filter(node: Node<'_>, place: &Place<'_>, notes: &mut Notes) -> Result<Source, ReadError> {
    let mut fields = Fields::of(node, place, KEYS, notes)?;
    let mut action_of = |keys: [&'static str; 2]| {
        let [firecracker, seccompiler] = keys;
        let (key, node) = match fields.take(firecracker) {
            Some(node) => (firecracker, node),
            None => (seccompiler, fields.need(seccompiler, place)?),
        };
        Ok((node.position, action(&node, &place.key(key))?))
    };
    let (default_position, default_action) = action_of(["default_action", "mismatch_action"])?;
    let (action_position, action) = action_of(["filter_action", "match_action"])?;
    if default_action.permits() {
        let why = "its default lets x32 calls through, which a profile for x86_64 kills";
        return Err(wrong(default_position, place, Problem::Inexact(why)));
    }
    let (rules_position, rules) = fields.list("filter", place)?;
    let rules_place = place.key("filter");
    let rules = rules.into_iter().enumerate();
    let rules = rules.map(|(index, node)| {
        let mut rule = rule(node, &rules_place.index(index), action, notes)?;
        rule.positions.action = Some(action_position);
        Ok(rule)
    });
    Ok(Source {
        default_action,
        arch_map: Vec::new(),
        architectures: Vec::new(),
        flags: None,
        listener_path: None,
        listener_metadata: None,
        rules: rules.collect::<Result<_, _>>()?,
        origin: Origin {
            positions: SourcePositions {
                profile: Some(fields.position),
                default_action: Some(default_position),
                rules: rules_position,
                ..SourcePositions::default()
            },
            remarks: Vec::new(),
        },
    })
}

/// A word, or an object of a word and a number.
fn action(node: &Node<'_>, place: &Place<'_>) -> Result<Action, ReadError> {
    let position = node.position;
    match &node.value {
        Value::Text(word) => match &**word {
            "allow" => Ok(Action::Allow),
            "log" => Ok(Action::Log),
            "trap" => Ok(Action::Trap),
            "kill_thread" => Ok(Action::KillThread),
            "kill_process" => Ok(Action::KillProcess),
            other => Err(unknown(position, place, "action", other)),
        },
        Value::Object(members) => {
            let [(key, number)] = members.as_slice() else {
                return Err(mistyped(node, place, "an action"));
            };
            let largest = u64::from(u16::MAX);
            let value = integer(number, &place.key(&key.name), largest)?;
            let value = u16::try_from(value).unwrap_or(u16::MAX);
            match &*key.name {
                "errno" => Ok(Action::Errno(value)),
                "trace" => Ok(Action::Trace(value)),
                other => Err(unknown(position, place, "action", other)),
            }
        }
        Value::Null | Value::Boolean(_) | Value::Number(_) | Value::List(_) => {
            Err(mistyped(node, place, "an action"))
        }
    }
}

fn rule(
    node: Node<'_>,
    place: &Place<'_>,
    action: Action,
    notes: &mut Notes,
) -> Result<SourceRule, ReadError> {
    let mut fields = Fields::of(node, place, &["syscall", "args", "comment"], notes)?;
    let Some((name_position, name)) = fields.text("syscall", place)? else {
        return Err(wrong(fields.position, place, Problem::Missing("syscall")));
    };
    let (_, args) = fields.list("args", place)?;
    let args_place = place.key("args");
    let positions = args.iter().map(|node| node.position).collect();
    let args = args.into_iter().enumerate();
    let conditions = args.map(|(index, node)| condition(node, &args_place.index(index), notes));
    let conditions: Vec<Condition> = conditions.collect::<Result<_, _>>()?;
    let mut seen = BTreeSet::new();
    if !conditions
        .iter()
        .all(|condition| seen.insert(condition.index))
    {
        let why = "it tests one argument twice, which runtimes take for alternatives";
        return Err(wrong(fields.position, place, Problem::Inexact(why)));
    }
    let comment = fields.text("comment", place)?;
    Ok(SourceRule {
        names: vec![name.into_owned()],
        action,
        conditions,
        comment: comment.map(|(_, comment)| comment.into_owned()),
        includes: Filter::default(),
        excludes: Filter::default(),
        positions: RulePositions {
            rule: Some(fields.position),
            names: vec![name_position],
            conditions: positions,
            ..RulePositions::default()
        },
    })
}

fn condition(node: Node<'_>, place: &Place<'_>, notes: &mut Notes) -> Result<Condition, ReadError> {
    let keys = &["index", "type", "op", "val", "comment"];
    let mut fields = Fields::of(node, place, keys, notes)?;
    let index = fields.need("index", place)?;
    let index = integer(&index, &place.key("index"), ARGUMENTS)?;
    let value = fields.need("val", place)?;
    let value = integer(&value, &place.key("val"), u64::MAX)?;
    let width = fields.text("type", place)?;
    let is_half = match &width {
        Some((_, word)) if word == "dword" => true,
        Some((_, word)) if word == "qword" => false,
        Some((position, word)) => {
            return Err(unknown(*position, &place.key("type"), "width", word));
        }
        None => return Err(wrong(fields.position, place, Problem::Missing("type"))),
    };
    let op = fields.need("op", place)?;
    let (operator, mask) = operator(&op, &place.key("op"))?;
    let index = u8::try_from(index).unwrap_or_default();
    let of = |operator, value, value_two| Condition {
        index,
        operator,
        value,
        value_two,
    };
    match (operator, is_half) {
        (Operator::MaskedEq, true) => Ok(of(Operator::MaskedEq, mask & HALF, value)),
        (Operator::MaskedEq, false) => Ok(of(Operator::MaskedEq, mask, value)),
        (Operator::Eq, true) => Ok(of(Operator::MaskedEq, HALF, value & HALF)),
        (_, true) => {
            let why = "a profile cannot compare half a register other than for equality";
            Err(wrong(op.position, place, Problem::Inexact(why)))
        }
        (operator, false) => Ok(of(operator, value, 0)),
    }
}

/// An operator, and the mask of the masked one.
fn operator(node: &Node<'_>, place: &Place<'_>) -> Result<(Operator, u64), ReadError> {
    match &node.value {
        Value::Text(word) => {
            let operator = match &**word {
                "eq" => Operator::Eq,
                "ge" => Operator::Ge,
                "gt" => Operator::Gt,
                "le" => Operator::Le,
                "lt" => Operator::Lt,
                "ne" => Operator::Ne,
                other => return Err(unknown(node.position, place, "operator", other)),
            };
            Ok((operator, 0))
        }
        Value::Object(members) => match members.as_slice() {
            [(key, mask)] if key.name == "masked_eq" => {
                let mask = integer(mask, &place.key("masked_eq"), u64::MAX)?;
                Ok((Operator::MaskedEq, mask))
            }
            _ => Err(mistyped(node, place, "an operator")),
        },
        Value::Null | Value::Boolean(_) | Value::Number(_) | Value::List(_) => {
            Err(mistyped(node, place, "an operator"))
        }
    }
}
