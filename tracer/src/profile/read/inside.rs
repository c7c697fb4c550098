//! Profiles inside other files: where they live, each by a name.
//!
//! What names a file instead of having the profile is refused: paths inside an input are never followed.

use super::error::{Problem, ReadError, quoted, wrong};
use super::node::{Node, Place, Value};
use super::object::Keys;
use super::source::source;
use super::{FORM, firecracker, foreign, json, manifest, with_notes};
use crate::profile::position::Position;
use crate::profile::remark::{ReadRemark, RemarkKind};
use crate::profile::source::Source;

/// A profile, and what it is called in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inside {
    /// Its name, `NAME/PART` or the like; empty for a file that is the profile itself. Hostile.
    pub name: String,
    /// The profile.
    pub source: Source,
}

/// How deep lists of documents may be in each other.
const LISTS_MAX: usize = 4;

/// Ways to the profile in what runtimes and engines write about a container.
const WAYS: &[&[&str]] = &[
    // The OCI runtime's config.json.
    &["linux", "seccomp"],
    // `ctr containers info`.
    &["Spec", "linux", "seccomp"],
    // `crictl inspect`.
    &["info", "runtimeSpec", "linux", "seccomp"],
];

/// The profiles of a JSON value.
pub(super) fn of_json(node: Node<'_>) -> Result<Vec<Inside>, ReadError> {
    if let Value::List(containers) = node.value {
        return of_containers(node.position, containers);
    }
    let kind = node.text_member("kind");
    if kind == Some(manifest::KIND) || (kind.is_some() && node.member("apiVersion").is_some()) {
        return of_documents(vec![node], "");
    }
    let way = WAYS.iter().find(|way| leads(&node, &way[..way.len() - 1]));
    if let Some(way) = way {
        return Ok(vec![of_config(node, way)?]);
    }
    if firecracker::is_one(&node) {
        return firecracker::profiles(node);
    }
    if let Some(foreign) = foreign::object(&node) {
        return Err(wrong(
            node.position,
            &Place::ROOT,
            Problem::Foreign(foreign),
        ));
    }
    Ok(vec![plain(node)?])
}

/// A file that is the profile itself.
fn plain(node: Node<'_>) -> Result<Inside, ReadError> {
    let source = with_notes(Keys::Folded, |notes| {
        source(node, &Place::ROOT, &FORM, notes)
    })?;
    let name = String::new();
    Ok(Inside { name, source })
}

/// Whether an object has these keys, each in the one before.
fn leads(node: &Node<'_>, way: &[&str]) -> bool {
    let mut way = way.iter();
    let last = way.try_fold(node, |node, key| node.member(key));
    last.is_some_and(|last| matches!(last.value, Value::Object(_)))
}

/// The profile at the end of a way.
fn of_config(node: Node<'_>, way: &[&'static str]) -> Result<Inside, ReadError> {
    let source = with_notes(Keys::Folded, |notes| {
        below(node, &Place::ROOT, way, &mut |node, place| {
            source(node, place, &FORM, notes)
        })
    })?;
    let name = String::new();
    Ok(Inside { name, source })
}

fn below<'a, T>(
    node: Node<'a>,
    place: &Place<'_>,
    way: &[&'static str],
    read: &mut dyn FnMut(Node<'a>, &Place<'_>) -> Result<T, ReadError>,
) -> Result<T, ReadError> {
    let [key, rest @ ..] = way else {
        return read(node, place);
    };
    let position = node.position;
    let found = node.into_member(key).filter(|node| !node.is_null());
    match found {
        Some(node) => below(node, &place.key(key), rest, read),
        None => Err(wrong(position, place, Problem::Unconfined)),
    }
}

/// `docker inspect` and `podman inspect`: the engine's client puts the profile's text into the options.
fn of_containers(position: Position, containers: Vec<Node<'_>>) -> Result<Vec<Inside>, ReadError> {
    let no = || {
        let (expected, found) = ("an object", "a list");
        wrong(position, &Place::ROOT, Problem::Type { expected, found })
    };
    let mut found = Vec::new();
    for (index, node) in containers.into_iter().enumerate() {
        let place = Place::ROOT;
        let place = place.index(index);
        if node.member("HostConfig").is_none() {
            return Err(no());
        }
        let name = node.text_member("Name").unwrap_or_default();
        let name = name.trim_start_matches('/').to_owned();
        let source = below(
            node,
            &place,
            &["HostConfig", "SecurityOpt"],
            &mut of_options,
        )?;
        found.push(Inside { name, source });
    }
    match found.is_empty() {
        true => Err(no()),
        false => Ok(found),
    }
}

fn of_options(node: Node<'_>, place: &Place<'_>) -> Result<Source, ReadError> {
    let default = wrong(node.position, place, Problem::EngineDefault);
    let Value::List(options) = node.value else {
        return Err(default);
    };
    for (index, option) in options.into_iter().enumerate() {
        let place = place.index(index);
        let Value::Text(text) = option.value else {
            continue;
        };
        let value = text
            .strip_prefix("seccomp=")
            .or_else(|| text.strip_prefix("seccomp:"));
        match value.map(str::trim) {
            None => {}
            Some("unconfined") => {
                return Err(wrong(option.position, &place, Problem::Unconfined));
            }
            Some("builtin" | "") => return Err(default),
            Some(value) if value.starts_with('{') => {
                return of_text(value, option.position, &place, &|_| option.position);
            }
            Some(path) => {
                let problem = Problem::Path(quoted(path));
                return Err(wrong(option.position, &place, problem));
            }
        }
    }
    Err(default)
}

/// A profile that is the text of a value. Places in that text are places of the file as far as they can be told.
fn of_text(
    text: &str,
    position: Position,
    place: &Place<'_>,
    outside: &dyn Fn(Position) -> Position,
) -> Result<Source, ReadError> {
    let read = || json::parse(text).and_then(plain);
    let moved = |inner: ReadError| {
        let path = match inner.path.is_empty() {
            true => place.to_string(),
            false => format!("{place}: {}", inner.path),
        };
        ReadError {
            position: Some(inner.position.map_or(position, outside)),
            path,
            problem: inner.problem,
        }
    };
    let mut source = read().map_err(moved)?.source;
    source.move_positions(outside);
    Ok(source)
}

/// The profiles of Kubernetes' documents; `text` is what they were read from, if it has lines of its own.
pub(super) fn of_documents(documents: Vec<Node<'_>>, text: &str) -> Result<Vec<Inside>, ReadError> {
    let mut found = Found {
        text,
        inside: Vec::new(),
        others: Vec::new(),
        problem: None,
    };
    for node in documents {
        if !node.is_null() {
            found.document(node, LISTS_MAX)?;
        }
    }
    found.finish()
}

/// What was found so far.
struct Found<'t> {
    text: &'t str,
    inside: Vec<Inside>,
    others: Vec<ReadRemark>,
    /// What is wrong with the first document that has no profile, and should.
    problem: Option<ReadError>,
}

impl Found<'_> {
    fn document(&mut self, node: Node<'_>, lists: usize) -> Result<(), ReadError> {
        let kind = node.text_member("kind").unwrap_or_default().to_owned();
        let version = node.text_member("apiVersion").unwrap_or_default();
        let is_kubescapes = version.starts_with(manifest::KUBESCAPE);
        match kind.as_str() {
            manifest::KIND if is_kubescapes => {
                self.inside.extend(manifest::of_kubescape(node)?);
            }
            manifest::KIND => {
                let name = named(&node);
                let source = with_notes(Keys::Exact, |notes| manifest::manifest(node, notes))?;
                self.inside.push(Inside { name, source });
            }
            "ConfigMap" => self.config_map(node)?,
            list if list.ends_with("List") && lists > 0 => {
                if let Some(Node {
                    value: Value::List(items),
                    ..
                }) = node.into_member("items")
                {
                    for item in items {
                        self.document(item, lists - 1)?;
                    }
                }
            }
            // Nobody gives it a kind: a profile that is written as YAML.
            "" if node.member("defaultAction").is_some() || node.member("syscalls").is_some() => {
                self.inside.push(plain(node)?);
            }
            "" if foreign::object(&node).is_some() => {
                let foreign = foreign::object(&node);
                let problem = foreign.map_or(Problem::NoManifest, Problem::Foreign);
                self.wrong(wrong(node.position, &Place::ROOT, problem));
            }
            _ => self.other(&node, &kind),
        }
        Ok(())
    }

    /// A document that has no profile. One that names a file with one is told as that.
    fn other(&mut self, node: &Node<'_>, kind: &str) {
        if let Some((position, path)) = foreign::localhost_profile(node) {
            self.wrong(wrong(position, &Place::ROOT, Problem::Path(quoted(path))));
        } else if let Some(foreign) = foreign::kind(kind) {
            self.wrong(wrong(
                node.position,
                &Place::ROOT,
                Problem::Foreign(foreign),
            ));
        }
        self.others.push(ReadRemark {
            position: node.position,
            path: String::new(),
            kind: RemarkKind::OtherDocument(quoted(kind)),
        });
    }

    fn wrong(&mut self, problem: ReadError) {
        self.problem.get_or_insert(problem);
    }

    /// Each entry that is the text of a profile.
    fn config_map(&mut self, node: Node<'_>) -> Result<(), ReadError> {
        let map = named(&node);
        let Some(Node {
            value: Value::Object(entries),
            ..
        }) = node.into_member("data")
        else {
            return Ok(());
        };
        let lines: Vec<&str> = self.text.lines().collect();
        let place = Place::ROOT;
        let place = place.key("data");
        for (key, node) in entries {
            let Value::Text(text) = node.value else {
                continue;
            };
            let is_one = text.trim_start().starts_with('{') && text.contains("defaultAction");
            if !is_one {
                continue;
            }
            let inner: Vec<&str> = text.lines().collect();
            let outside = |inside: Position| block_position(&lines, node.position, &inner, inside);
            let source = of_text(&text, node.position, &place.key(&key.name), &outside)?;
            let name = match map.is_empty() {
                true => key.name.into_owned(),
                false => format!("{map}/{}", key.name),
            };
            self.inside.push(Inside { name, source });
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<Inside>, ReadError> {
        let Some(first) = self.inside.first_mut() else {
            let none = ReadError {
                position: None,
                path: String::new(),
                problem: Problem::NoManifest,
            };
            return Err(self.problem.unwrap_or(none));
        };
        let remarks = &mut first.source.origin.remarks;
        remarks.append(&mut self.others);
        remarks.sort_by_key(|remark| remark.position);
        Ok(self.inside)
    }
}

/// Where a place in a block of a file is in that file: on the line so much further down, if that ends as the
/// line in the block does; otherwise where the block begins.
fn block_position(lines: &[&str], block: Position, inner: &[&str], inside: Position) -> Position {
    let index = |line: u32| usize::try_from(line).unwrap_or(usize::MAX);
    let wanted = inner.get(index(inside.line).saturating_sub(1));
    // A block begins on the line after its sign; parsers differ in which of both they name.
    let mut shifts = [0, 1].into_iter().filter_map(|shift| {
        let line = block
            .line
            .checked_add(inside.line)?
            .checked_add(shift)?
            .checked_sub(1)?;
        let outer = lines.get(index(line).saturating_sub(1))?;
        let indent = outer.strip_suffix(wanted?)?;
        let is_blank = indent.chars().all(|c| c == ' ');
        let indent = u32::try_from(indent.len()).ok()?;
        let column = inside.column.checked_add(indent)?;
        is_blank.then_some(Position { line, column })
    });
    shifts.next_back().unwrap_or(block)
}

/// What a document is called.
fn named(node: &Node<'_>) -> String {
    let metadata = node.member("metadata");
    let name = metadata.and_then(|metadata| metadata.text_member("name"));
    name.unwrap_or_default().to_owned()
}
