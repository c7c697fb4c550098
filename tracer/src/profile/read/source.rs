//! The profile object, in any form: plain OCI, Docker's and Podman's dialects, the operator's `spec`. They
//! differ in the keys that they have, not in what a key means.

use super::errno::{self, ErrnoKeys};
use super::error::{Problem, ReadError, unknown, wrong};
use super::node::{Node, Place};
use super::object::{Fields, Notes, Texts};
use super::{arch_map, rule};
use crate::profile::model::Action;
use crate::profile::position::{Position, SourcePositions};
use crate::profile::remark::RemarkKind;
use crate::profile::source::{Origin, Source};
use crate::profile::words;

/// The most rules that are read; Docker's default has 33.
const RULES_MAX: usize = 20_000;

/// What sets one form apart from another.
pub(super) struct Form {
    /// The keys of the profile.
    pub(super) keys: &'static [&'static str],
    /// The keys of a rule.
    pub(super) rule_keys: &'static [&'static str],
    /// The largest value that an argument is compared with.
    pub(super) value_max: u64,
    /// Whether the schema wants at least one name in a rule, and none twice.
    pub(super) names_are_a_set: bool,
    /// Whether the native architecture can be listed as such.
    pub(super) native: bool,
}

const DEFAULT_ERRNO: ErrnoKeys = ErrnoKeys {
    number: "defaultErrnoRet",
    name: "defaultErrno",
};

/// The value of [`Form::native`] in a file. A filter always knows the native architecture, so it adds nothing.
const NATIVE: &str = "SCMP_ARCH_NATIVE";

/// Reads a profile object.
pub(super) fn source(
    node: Node<'_>,
    place: &Place<'_>,
    form: &Form,
    notes: &mut Notes,
) -> Result<Source, ReadError> {
    let empty = |position| wrong(position, place, Problem::Empty);
    if node.is_null() {
        return Err(empty(node.position));
    }
    let mut fields = Fields::of(node, place, form.keys, notes)?;
    let (rules_position, rules) = fields.list("syscalls", place)?;
    let Some((action_position, word)) = fields.text("defaultAction", place)? else {
        // With neither, engines take the profile for none at all.
        return Err(if rules.is_empty() {
            empty(fields.position)
        } else {
            let missing = Problem::Missing("defaultAction");
            wrong(fields.position, place, missing)
        });
    };
    let errno = errno::take(&mut fields, &DEFAULT_ERRNO, place, notes)?;
    let default_action = errno::action(
        "defaultAction",
        (action_position, &word),
        errno,
        place,
        notes,
    )?;
    if default_action == Action::Notify {
        // The listener itself could not start.
        let problem = Problem::DefaultAction(default_action.oci_name());
        return Err(wrong(action_position, &place.key("defaultAction"), problem));
    }
    let (arch_map_position, arch_map) = arch_map::arch_map(&mut fields, place, notes)?;
    let architectures = architectures(&mut fields, place, form)?;
    if let Some(position) = architectures.position
        && !architectures.values.is_empty()
        && !arch_map.is_empty()
    {
        let (one, other) = ("architectures", "archMap");
        return Err(wrong(
            position,
            place,
            Problem::Contradiction { one, other },
        ));
    }
    let flags = flags(&mut fields, place)?;
    let listener = listener(&mut fields, place)?;
    if rules.len() > RULES_MAX {
        let (what, limit) = ("rules", RULES_MAX);
        return Err(wrong(
            fields.position,
            place,
            Problem::TooMany { what, limit },
        ));
    }
    let rules = {
        let place = place.key("syscalls");
        let rules = rules.into_iter().enumerate();
        let rules = rules.map(|(index, node)| rule::rule(node, &place.index(index), form, notes));
        rules.collect::<Result<Vec<_>, _>>()?
    };
    let source = Source {
        default_action,
        arch_map,
        architectures: architectures.values,
        flags: flags.position.map(|_| flags.values),
        listener_path: listener.path,
        listener_metadata: listener.metadata,
        rules,
        origin: Origin {
            positions: SourcePositions {
                profile: Some(fields.position),
                default_action: Some(action_position),
                architectures: architectures.position,
                arch_map: arch_map_position,
                flags: flags.position,
                listener_path: listener.position,
                rules: rules_position,
            },
            remarks: Vec::new(),
        },
    };
    listening(&source, place, notes);
    Ok(source)
}

fn architectures(
    fields: &mut Fields<'_>,
    place: &Place<'_>,
    form: &Form,
) -> Result<Texts, ReadError> {
    let mut texts = fields.texts("architectures", place)?;
    let is_native = |name: &str| form.native && name == NATIVE;
    known(
        &texts,
        &place.key("architectures"),
        "architecture",
        |name| words::ARCHITECTURES.contains(&name) || is_native(name),
    )?;
    texts.values.retain(|name| !is_native(name));
    Ok(texts)
}

fn flags(fields: &mut Fields<'_>, place: &Place<'_>) -> Result<Texts, ReadError> {
    let texts = fields.texts("flags", place)?;
    known(&texts, &place.key("flags"), "flag", |name| {
        words::FLAGS.contains(&name)
    })?;
    Ok(texts)
}

/// Every word is one of those that are known.
fn known(
    texts: &Texts,
    place: &Place<'_>,
    what: &'static str,
    is_known: impl Fn(&str) -> bool,
) -> Result<(), ReadError> {
    for (index, position, word) in texts.iter() {
        if !is_known(word) {
            return Err(unknown(position, &place.index(index), what, word));
        }
    }
    Ok(())
}

struct Listener {
    position: Option<Position>,
    path: Option<String>,
    metadata: Option<String>,
}

fn listener(fields: &mut Fields<'_>, place: &Place<'_>) -> Result<Listener, ReadError> {
    let path = fields.text("listenerPath", place)?;
    let metadata = fields.text("listenerMetadata", place)?;
    if let (None, Some((position, _))) = (&path, &metadata) {
        let (key, needs) = ("listenerMetadata", "listenerPath");
        return Err(wrong(*position, place, Problem::Without { key, needs }));
    }
    Ok(Listener {
        position: path.as_ref().map(|(position, _)| *position),
        path: path.map(|(_, path)| path.into_owned()),
        metadata: metadata.map(|(_, data)| data.into_owned()),
    })
}

/// Remarks on what only works with a listener, or not even then.
fn listening(source: &Source, place: &Place<'_>, notes: &mut Notes) {
    let rules_place = place.key("syscalls");
    let rules = source.rules.iter().enumerate();
    for (index, rule) in rules.filter(|(_, rule)| rule.action == Action::Notify) {
        let Some(position) = rule.positions.action else {
            continue;
        };
        let place = rules_place.index(index);
        if source.listener_path.is_none() {
            notes.add(position, &place, RemarkKind::NoListener);
        }
        if rule.names.iter().any(|name| name == "write") {
            notes.add(position, &place, RemarkKind::NotifyOnWrite);
        }
    }
    let waits = |flag: &String| flag == words::WAIT_KILLABLE_RECV;
    if let (Some(flags), Some(position)) = (&source.flags, source.origin.positions.flags)
        && source.listener_path.is_none()
        && flags.iter().any(waits)
    {
        notes.add(position, &place.key("flags"), RemarkKind::FlagNeedsListener);
    }
}
