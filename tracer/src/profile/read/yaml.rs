//! YAML as trees with places: only as much of it as manifests use.
//!
//! Aliases are refused, so a small text cannot become a large tree; so are tags, keys that are no strings, and
//! keys that are there twice. The tree is built without recursion and is no deeper than [`DEPTH_MAX`].

use super::error::{Problem, ReadError, wrong_text};
use super::node::{Key, Node, Value};
use crate::profile::position::Position;
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};
use std::borrow::Cow;

/// The most values that are read, which bounds the memory for the trees.
const VALUES_MAX: usize = 1_000_000;

/// How deep values may be nested; a profile needs eight levels.
const DEPTH_MAX: usize = 64;

/// The most keys of one object, each of which is compared with those before it. A manifest's labels and
/// annotations are some dozens.
const KEYS_MAX: usize = 256;

/// Reads the documents of a text.
pub(super) fn parse(text: &str) -> Result<Vec<Node<'_>>, ReadError> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| scan_error(&error))?;
        builder.take(event, span)?;
    }
    Ok(builder.documents)
}

fn scan_error(error: &ScanError) -> ReadError {
    refused(position_of(error.marker()), error.info())
}

fn refused(position: Position, why: &str) -> ReadError {
    ReadError {
        position: Some(position),
        path: String::new(),
        problem: Problem::Yaml(why.to_owned()),
    }
}

fn position_of(marker: &saphyr_parser::Marker) -> Position {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Position {
        line: number(marker.line().max(1)),
        column: number(marker.col()).saturating_add(1),
    }
}

/// Documents so far, and the lists and objects that are still open.
#[derive(Default)]
struct Builder<'a> {
    documents: Vec<Node<'a>>,
    open: Vec<Open<'a>>,
    values: usize,
}

/// A list or object that has not ended.
struct Open<'a> {
    position: Position,
    content: Content<'a>,
}

enum Content<'a> {
    List(Vec<Node<'a>>),
    Object {
        members: Vec<(Key<'a>, Node<'a>)>,
        key: Option<Key<'a>>,
    },
}

impl<'a> Builder<'a> {
    fn take(&mut self, event: Event<'a>, span: Span) -> Result<(), ReadError> {
        let position = position_of(&span.start);
        match event {
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
            Event::Alias(_) => Err(refused(position, "aliases are not taken")),
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => Err(refused(position, "tags are not taken")),
            Event::Scalar(text, style, ..) => self.scalar(position, text, style),
            Event::SequenceStart(..) => self.begin(position, Content::List(Vec::new())),
            Event::MappingStart(..) => {
                let (members, key) = (Vec::new(), None);
                self.begin(position, Content::Object { members, key })
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
        }
    }

    fn begin(&mut self, position: Position, content: Content<'a>) -> Result<(), ReadError> {
        if self.open.len() >= DEPTH_MAX {
            return Err(refused(position, "nested too deep"));
        }
        if let Some(Content::Object { key: None, .. }) = self.open.last().map(|open| &open.content)
        {
            return Err(refused(position, "a key must be a string"));
        }
        self.open.push(Open { position, content });
        Ok(())
    }

    fn end(&mut self) -> Result<(), ReadError> {
        let Some(Open { position, content }) = self.open.pop() else {
            return Ok(());
        };
        let value = match content {
            Content::List(elements) => Value::List(elements),
            Content::Object { members, .. } => Value::Object(members),
        };
        self.add(Node { position, value })
    }

    fn scalar(
        &mut self,
        position: Position,
        text: Cow<'a, str>,
        style: ScalarStyle,
    ) -> Result<(), ReadError> {
        if let Some(Open {
            content: Content::Object { key, members },
            ..
        }) = self.open.last_mut()
            && key.is_none()
        {
            if members.len() >= KEYS_MAX {
                return Err(refused(position, "an object with too many keys"));
            }
            if members.iter().any(|(known, _)| known.name == text) {
                return Err(refused(position, "a key is there twice"));
            }
            *key = Some(Key {
                position,
                name: text,
            });
            return Ok(());
        }
        let value = if style == ScalarStyle::Plain {
            plain(text)
        } else {
            Value::Text(text)
        };
        self.add(Node { position, value })
    }

    /// Adds a complete value where it belongs.
    fn add(&mut self, node: Node<'a>) -> Result<(), ReadError> {
        self.values += 1;
        if self.values > VALUES_MAX {
            let (what, limit) = ("values", VALUES_MAX);
            return Err(wrong_text(Problem::TooMany { what, limit }));
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.documents.push(node),
            Some(Content::List(elements)) => elements.push(node),
            Some(Content::Object { members, key }) => {
                if let Some(key) = key.take() {
                    members.push((key, node));
                }
            }
        }
        Ok(())
    }
}

/// What an unquoted scalar is: the parts of YAML's core schema on which versions 1.1 and 1.2 agree.
fn plain(text: Cow<'_, str>) -> Value<'_> {
    match &*text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Boolean(true),
        "false" | "False" | "FALSE" => return Value::Boolean(false),
        _ => {}
    }
    let hexadecimal = text
        .strip_prefix("0x")
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .and_then(|digits| u64::from_str_radix(digits, 16).ok());
    if let Some(number) = hexadecimal {
        return Value::Number(number.to_string().into());
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(&text);
    let numeric = unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && unsigned
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte))
        && unsigned.bytes().any(|byte| byte.is_ascii_digit());
    if numeric {
        Value::Number(text)
    } else {
        Value::Text(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_have_the_types_of_the_core_schema() {
        let kind = |text: &'static str| match plain(text.into()) {
            Value::Number(number) => format!("number {number}"),
            Value::Text(_) => "text".to_owned(),
            Value::Boolean(_) => "boolean".to_owned(),
            Value::Null => "null".to_owned(),
            Value::List(_) | Value::Object(_) => "no scalar".to_owned(),
        };
        let table = [
            ("", "null"),
            ("~", "null"),
            ("true", "boolean"),
            ("yes", "text"),
            ("18446744073709551615", "number 18446744073709551615"),
            ("0xFFFFFFFFFFFFFFFF", "number 18446744073709551615"),
            ("0x10000000000000000", "text"),
            ("-1", "number -1"),
            ("1.0", "number 1.0"),
            ("1e3", "number 1e3"),
            ("010", "number 010"),
            ("0o17", "text"),
            ("1_000", "text"),
            ("read", "text"),
        ];
        for (text, expected) in table {
            assert_eq!(kind(text), expected, "{text}");
        }
    }

    #[test]
    fn what_no_manifest_needs_is_refused_with_its_place() {
        let mut deep = "[".repeat(DEPTH_MAX + 1);
        deep.push_str(&"]".repeat(DEPTH_MAX + 1));
        let table = [
            ("a: &x 1\nb: *x\n", "line 2 column 4: "),
            ("a: !!binary aGk=\n", "line 1 column 4: "),
            ("a: 1\na: 2\n", "line 2 column 1: "),
            ("? [a]\n: 1\n", "line 1 column 3: "),
            (deep.as_str(), "line 1 column 65: "),
            ("a: [1\n", "line 2 column 1: "),
        ];
        for (text, expected) in table {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }

    #[test]
    fn documents_are_told_apart() {
        assert_eq!(parse("a: 1\n---\nb: 2\n").unwrap().len(), 2);
        assert_eq!(parse("").unwrap().len(), 0);
    }
}
