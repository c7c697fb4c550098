//! JSON as a tree with places.
//!
//! serde_json judges: it takes exactly what the standard says, no comments, no trailing commas, no control
//! characters in strings, and bounds the depth. It does not say where things stand, so jsonc-parser, which is
//! more lenient, reads the judged text again.

use super::error::{Problem, ReadError, wrong_text};
use super::node::{Cursor, Key, Node, Value};
use crate::profile::position::Position;
use jsonc_parser::ast::{ObjectPropName, Value as Parsed};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, CommentCollectionStrategy, ParseOptions, parse_to_ast};
use serde::de::IgnoredAny;
use serde_json::Deserializer;

/// The most values that are read, which bounds the memory for the tree. Docker's default has some 1000.
const VALUES_MAX: usize = 1_000_000;

/// Reads a text that is one JSON value.
pub(super) fn parse(text: &str) -> Result<Node<'_>, ReadError> {
    // Each value but the first comes after one of these, so there are no more values than that.
    let values = text.bytes().filter(|byte| b",[{".contains(byte)).count();
    if values > VALUES_MAX {
        let (what, limit) = ("values", VALUES_MAX);
        return Err(wrong_text(Problem::TooMany { what, limit }));
    }
    judge(text)?;
    let collect = CollectOptions {
        comments: CommentCollectionStrategy::Off,
        tokens: false,
    };
    let parsed = parse_to_ast(text, &collect, &STRICT).map_err(|error| {
        let position = Cursor::new(text).at(error.range().start);
        not_json(position, error.kind().to_string())
    })?;
    let Some(value) = parsed.value else {
        return Err(not_json(
            Position { line: 1, column: 1 },
            "no value".to_owned(),
        ));
    };
    Ok(node(value, &mut Cursor::new(text)))
}

/// Nothing beyond the standard, as far as this parser can be told.
const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// Refuses what is not one standard JSON value.
fn judge(text: &str) -> Result<(), ReadError> {
    let mut values = Deserializer::from_str(text).into_iter::<IgnoredAny>();
    let mut count = 0;
    loop {
        match values.next() {
            None if count == 1 => return Ok(()),
            None if count > 1 => return Err(wrong_text(Problem::Values(count))),
            Some(Ok(IgnoredAny)) => count += 1,
            Some(Err(error)) => return Err(refused(text, &error)),
            None => {
                let position = Position { line: 1, column: 1 };
                return Err(not_json(position, "no value".to_owned()));
            }
        }
    }
}

/// What serde_json says, with the place in characters and not twice.
fn refused(text: &str, error: &serde_json::Error) -> ReadError {
    let line = text
        .split_inclusive('\n')
        .nth(error.line().saturating_sub(1));
    // The column counts bytes; where the line ended too early, it is the last one.
    let before = error.column().saturating_sub(1);
    let column = line.map_or(0, |line| {
        let bytes = &line.as_bytes()[..before.min(line.len())];
        bytes
            .iter()
            .filter(|byte| !matches!(byte, 0x80..=0xBF))
            .count()
    });
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let position = Position {
        line: number(error.line().max(1)),
        column: number(column).saturating_add(1),
    };
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    not_json(position, message.to_owned())
}

const fn not_json(position: Position, message: String) -> ReadError {
    ReadError {
        position: Some(position),
        path: String::new(),
        problem: Problem::Json(message),
    }
}

/// The tree; as deep as serde_json let it be.
fn node<'a>(parsed: Parsed<'a>, cursor: &mut Cursor<'_>) -> Node<'a> {
    let position = cursor.at(parsed.start());
    let value = match parsed {
        Parsed::NullKeyword(_) => Value::Null,
        Parsed::BooleanLit(literal) => Value::Boolean(literal.value),
        Parsed::NumberLit(number) => Value::Number(number.value.into()),
        Parsed::StringLit(text) => Value::Text(text.value),
        Parsed::Array(list) => {
            let elements = list.elements.into_iter();
            Value::List(elements.map(|element| node(element, cursor)).collect())
        }
        Parsed::Object(object) => {
            let members = object.properties.into_iter();
            Value::Object(
                members
                    .map(|member| (key(member.name, cursor), node(member.value, cursor)))
                    .collect(),
            )
        }
    };
    Node { position, value }
}

fn key<'a>(name: ObjectPropName<'a>, cursor: &mut Cursor<'_>) -> Key<'a> {
    let position = cursor.at(name.start());
    let name = match name {
        ObjectPropName::String(text) => text.value,
        ObjectPropName::Word(word) => word.value.into(),
    };
    Key { position, name }
}
