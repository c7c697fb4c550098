//! A text as a tree of values, each with its place: what JSON and YAML have in common.
//!
//! It refuses to know what a profile is.

use crate::profile::position::Position;
use std::borrow::Cow;
use std::fmt;

/// A value and where it begins.
#[derive(Debug)]
pub(super) struct Node<'a> {
    pub(super) position: Position,
    pub(super) value: Value<'a>,
}

/// What stands there.
#[derive(Debug)]
pub(super) enum Value<'a> {
    Null,
    Boolean(bool),
    /// As it is written, so that no digit is lost.
    Number(Cow<'a, str>),
    Text(Cow<'a, str>),
    List(Vec<Node<'a>>),
    Object(Vec<(Key<'a>, Node<'a>)>),
}

/// The key of a member. A key may be there twice.
#[derive(Debug)]
pub(super) struct Key<'a> {
    pub(super) position: Position,
    pub(super) name: Cow<'a, str>,
}

impl<'a> Node<'a> {
    /// The last member with exactly this key, taken out.
    pub(super) fn into_member(self, key: &str) -> Option<Self> {
        let Value::Object(members) = self.value else {
            return None;
        };
        let mut members = members.into_iter().rev();
        members
            .find(|(found, _)| found.name == key)
            .map(|(_, node)| node)
    }

    /// The last member with exactly this key, taken out of an object that stays.
    pub(super) fn take_member(&mut self, key: &str) -> Option<Self> {
        let Value::Object(members) = &mut self.value else {
            return None;
        };
        let at = members.iter().rposition(|(found, _)| found.name == key)?;
        Some(members.swap_remove(at).1)
    }

    /// Whether it is the word for yes.
    pub(super) const fn is_true(&self) -> bool {
        matches!(self.value, Value::Boolean(true))
    }

    /// What kind of value it is, for errors.
    pub(super) const fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Boolean(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::Text(_) => "a string",
            Value::List(_) => "a list",
            Value::Object(_) => "an object",
        }
    }

    pub(super) const fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// The text of the member with exactly this key, if it is a string.
    pub(super) fn text_member(&self, key: &str) -> Option<&str> {
        match &self.member(key)?.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The last member with exactly this key.
    pub(super) fn member(&self, key: &str) -> Option<&Self> {
        let Value::Object(members) = &self.value else {
            return None;
        };
        let mut members = members.iter().rev();
        members
            .find(|(found, _)| found.name == key)
            .map(|(_, node)| node)
    }
}

/// The way to a value: keys and indexes. A chain, so that going down costs nothing.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    parent: Option<&'a Place<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Root,
    Key(&'a str),
    Index(usize),
}

impl<'a> Place<'a> {
    pub(super) const ROOT: Self = Self {
        parent: None,
        step: Step::Root,
    };

    pub(super) const fn key(&'a self, key: &'a str) -> Self {
        Self {
            parent: Some(self),
            step: Step::Key(key),
        }
    }

    pub(super) const fn index(&'a self, index: usize) -> Self {
        Self {
            parent: Some(self),
            step: Step::Index(index),
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(formatter)?;
        }
        match self.step {
            Step::Root => Ok(()),
            Step::Index(index) => write!(formatter, "[{index}]"),
            Step::Key(key) => {
                let below_root = self
                    .parent
                    .is_none_or(|parent| matches!(parent.step, Step::Root));
                let dot = if below_root { "" } else { "." };
                write!(formatter, "{dot}{key}")
            }
        }
    }
}

/// Turns byte offsets of a text into positions. Offsets have to come in order, which makes a whole text cost
/// no more than reading it once.
pub(super) struct Cursor<'a> {
    text: &'a str,
    offset: usize,
    position: Position,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self {
            text,
            offset: 0,
            position: Position { line: 1, column: 1 },
        }
    }

    /// The position of an offset that is not before the last one.
    pub(super) fn at(&mut self, offset: usize) -> Position {
        let offset = offset.min(self.text.len());
        for byte in &self.text.as_bytes()[self.offset.min(offset)..offset] {
            match byte {
                b'\n' => {
                    self.position.line = self.position.line.saturating_add(1);
                    self.position.column = 1;
                }
                // What continues a character is no character of its own.
                0x80..=0xBF => {}
                _ => self.position.column = self.position.column.saturating_add(1),
            }
        }
        self.offset = self.offset.max(offset);
        self.position
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_counts_lines_and_characters() {
        let text = "a\u{e9}b\n\n\u{1f600}c";
        let mut cursor = Cursor::new(text);
        let position = |line, column| Position { line, column };
        let table = [
            (0, position(1, 1)),
            (1, position(1, 2)),
            (3, position(1, 3)),
            (4, position(1, 4)),
            (5, position(2, 1)),
            (6, position(3, 1)),
            (10, position(3, 2)),
            (11, position(3, 3)),
            (99, position(3, 3)),
        ];
        for (offset, expected) in table {
            assert_eq!(cursor.at(offset), expected, "{offset}");
        }
    }

    #[test]
    fn a_place_reads_like_an_expression() {
        let root = Place::ROOT;
        let rules = root.key("syscalls");
        let rule = rules.index(3);
        let place = rule.key("action");
        assert_eq!(place.to_string(), "syscalls[3].action");
        assert_eq!(root.to_string(), "");
    }
}
