//! Takes objects and lists apart: each key that is known once, each value of its type, and a remark on
//! everything else.
//!
//! Engines that are written in Go take a key in any case, the last one if it is there twice, and ignore what
//! they do not know. That is how files are read here too, but not silently.

use super::error::{Problem, ReadError, mistyped, quoted, wrong};
use super::node::{Node, Place, Value};
use crate::profile::position::Position;
use crate::profile::remark::{ReadRemark, RemarkKind};
use crate::syscall::nearest;
use std::borrow::Cow;

/// How keys are compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Keys {
    /// As Go's JSON decoder does: in any case.
    Folded,
    /// As Kubernetes does: exactly.
    Exact,
}

/// The most remarks on one file; a file that needs more is not meant to be read.
const REMARKS_MAX: usize = 1000;

/// What is found on the way.
pub(super) struct Notes {
    pub(super) keys: Keys,
    remarks: Vec<ReadRemark>,
    left_out: usize,
}

impl Notes {
    pub(super) const fn new(keys: Keys) -> Self {
        Self {
            keys,
            remarks: Vec::new(),
            left_out: 0,
        }
    }

    pub(super) fn add(&mut self, position: Position, place: &Place<'_>, kind: RemarkKind) {
        if self.remarks.len() < REMARKS_MAX {
            let path = place.to_string();
            self.remarks.push(ReadRemark {
                position,
                path,
                kind,
            });
        } else {
            self.left_out += 1;
        }
    }

    /// The remarks in the order of the file, the number of those that were too many last.
    pub(super) fn finish(mut self) -> Vec<ReadRemark> {
        self.remarks.sort_by_key(|remark| remark.position);
        if let Some(last) = self.remarks.last().filter(|_| self.left_out > 0) {
            let (position, path) = (last.position, String::new());
            self.remarks.push(ReadRemark {
                position,
                path,
                kind: RemarkKind::More(self.left_out),
            });
        }
        self.remarks
    }
}

/// The members of an object whose keys are known. `null` is the same as not being there.
pub(super) struct Fields<'a> {
    pub(super) position: Position,
    values: Vec<(&'static str, Node<'a>)>,
}

impl<'a> Fields<'a> {
    pub(super) fn of(
        node: Node<'a>,
        place: &Place<'_>,
        known: &[&'static str],
        notes: &mut Notes,
    ) -> Result<Self, ReadError> {
        let Value::Object(members) = node.value else {
            return Err(mistyped(&node, place, "an object"));
        };
        let mut values: Vec<(&'static str, Node<'a>)> = Vec::new();
        let mut strangers = Vec::new();
        for (key, node) in members {
            let Some(meant) = meant(&key.name, known, notes.keys) else {
                strangers.push(key);
                continue;
            };
            if key.name != meant {
                let found = quoted(&key.name);
                notes.add(
                    key.position,
                    place,
                    RemarkKind::MisspeltKey { found, meant },
                );
            }
            let before = values.iter_mut().find(|(known, _)| *known == meant);
            if let Some((_, before)) = before {
                // Go decodes the second object into the first, so that each keeps what the other does not
                // say, and a list of objects likewise; `null` leaves some values as they were.
                if !replaced_whole(before) || !replaced_whole(&node) {
                    let problem = Problem::Repeated(quoted(&key.name));
                    return Err(wrong(key.position, place, problem));
                }
                notes.add(key.position, place, RemarkKind::RepeatedKey(meant));
                *before = node;
            } else {
                values.push((meant, node));
            }
        }
        for key in strangers {
            let is_there = |known: &&str| values.iter().any(|(there, _)| there == known);
            let missing = known.iter().copied().filter(|known| !is_there(known));
            let found = quoted(&key.name);
            let kind = match mistyped_key(&key.name, missing) {
                Some(meant) => RemarkKind::MistypedKey { found, meant },
                None => RemarkKind::UnknownKey(found),
            };
            notes.add(key.position, place, kind);
        }
        values.retain(|(_, node)| !node.is_null());
        let position = node.position;
        Ok(Self { position, values })
    }

    /// Takes a value out.
    pub(super) fn take(&mut self, key: &str) -> Option<Node<'a>> {
        let index = self.values.iter().position(|(known, _)| *known == key)?;
        Some(self.values.swap_remove(index).1)
    }

    /// Takes a value out that must be there.
    pub(super) fn need(
        &mut self,
        key: &'static str,
        place: &Place<'_>,
    ) -> Result<Node<'a>, ReadError> {
        let missing = || wrong(self.position, place, Problem::Missing(key));
        let index = self.values.iter().position(|(known, _)| *known == key);
        let index = index.ok_or_else(missing)?;
        Ok(self.values.swap_remove(index).1)
    }

    /// Takes a string out; an empty one is the same as none.
    pub(super) fn text(
        &mut self,
        key: &'static str,
        place: &Place<'_>,
    ) -> Result<Option<(Position, Cow<'a, str>)>, ReadError> {
        let Some(node) = self.take(key) else {
            return Ok(None);
        };
        let position = node.position;
        let text = text(node, &place.key(key))?;
        Ok((!text.is_empty()).then_some((position, text)))
    }

    /// Takes a list out; none is the same as an empty one.
    pub(super) fn list(
        &mut self,
        key: &'static str,
        place: &Place<'_>,
    ) -> Result<(Option<Position>, Vec<Node<'a>>), ReadError> {
        match self.take(key) {
            None => Ok((None, Vec::new())),
            Some(Node {
                position,
                value: Value::List(elements),
            }) => Ok((Some(position), elements)),
            Some(node) => Err(mistyped(&node, &place.key(key), "a list")),
        }
    }

    /// Takes a list of strings out, each with its place; none is the same as an empty one.
    pub(super) fn texts(
        &mut self,
        key: &'static str,
        place: &Place<'_>,
    ) -> Result<Texts, ReadError> {
        let (position, elements) = self.list(key, place)?;
        let place = place.key(key);
        let mut texts = Texts {
            position,
            values: Vec::with_capacity(elements.len()),
            positions: Vec::with_capacity(elements.len()),
        };
        for (index, node) in elements.into_iter().enumerate() {
            texts.positions.push(node.position);
            let text = text(node, &place.index(index))?;
            texts.values.push(text.into_owned());
        }
        Ok(texts)
    }
}

/// A list of strings and where they stand.
pub(super) struct Texts {
    pub(super) position: Option<Position>,
    pub(super) values: Vec<String>,
    pub(super) positions: Vec<Position>,
}

impl Texts {
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, Position, &str)> {
        let pairs = self.positions.iter().zip(&self.values).enumerate();
        pairs.map(|(index, (position, text))| (index, *position, text.as_str()))
    }
}

/// Whether a later value takes the place of this one entirely.
fn replaced_whole(node: &Node<'_>) -> bool {
    match &node.value {
        Value::Null | Value::Object(_) => false,
        Value::Boolean(_) | Value::Number(_) | Value::Text(_) => true,
        Value::List(elements) => elements
            .iter()
            .all(|element| matches!(element.value, Value::Text(_))),
    }
}

/// The known key that is meant.
fn meant(found: &str, known: &[&'static str], keys: Keys) -> Option<&'static str> {
    let exact = known.iter().find(|key| **key == found);
    let folded = || {
        let mut known = known.iter();
        known.find(|key| keys == Keys::Folded && fold(found).eq(fold(key)))
    };
    exact.or_else(folded).copied()
}

/// The key that is nearly this one: a letter or two away, or with the same letters. Comments may be called as
/// anybody likes.
fn mistyped_key(
    found: &str,
    known: impl Iterator<Item = &'static str> + Clone,
) -> Option<&'static str> {
    let known = known.filter(|key| *key != "comment");
    let key = nearest::mistyped(found, known)?;
    // Short words have many neighbours.
    (key.len() > 2).then_some(key)
}

/// What Go's decoder compares: letters in any case, and the two signs that Unicode folds to ASCII letters.
fn fold(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().map(|c| match c {
        '\u{17F}' => 's',
        '\u{212A}' => 'k',
        _ => c.to_ascii_lowercase(),
    })
}

/// A string.
pub(super) fn text<'a>(node: Node<'a>, place: &Place<'_>) -> Result<Cow<'a, str>, ReadError> {
    match node.value {
        Value::Text(text) => Ok(text),
        _ => Err(mistyped(&node, place, "a string")),
    }
}

/// A plain integer, exact to the last digit. Fractions, exponents and signs are refused, as Go refuses them.
pub(super) fn integer(node: &Node<'_>, place: &Place<'_>, largest: u64) -> Result<u64, ReadError> {
    let Value::Number(text) = &node.value else {
        return Err(mistyped(node, place, "an integer"));
    };
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    // In YAML 1.1 a leading zero makes it octal, in 1.2 it does not.
    let ambiguous = text.len() > 1 && text.starts_with('0');
    let number = text.parse().ok().filter(|_| plain && !ambiguous);
    number.filter(|number| *number <= largest).ok_or_else(|| {
        let found = quoted(text);
        wrong(node.position, place, Problem::Number { found, largest })
    })
}
