//! The profile object of plain OCI files and of Docker's and Podman's dialects, which add keys to it.

use super::error::{Problem, ReadError, mistyped, unknown, wrong};
use super::node::{Node, Place, Value};
use super::object::{Fields, Notes, Texts, integer, text};
use super::rule;
use crate::profile::model::Action;
use crate::profile::position::{Position, SourcePositions};
use crate::profile::remark::RemarkKind;
use crate::profile::source::{Origin, Source, SourceRule};
use crate::profile::{errno, words};

/// The most rules that are read; Docker's default has 33.
const RULES_MAX: usize = 20_000;

/// Where words about the errno stand: number and name, for the profile and for a rule.
pub(super) struct ErrnoKeys {
    pub(super) number: &'static str,
    /// Only Podman's dialect has names.
    pub(super) name: Option<&'static str>,
}

const DEFAULT_ERRNO: ErrnoKeys = ErrnoKeys {
    number: "defaultErrnoRet",
    name: Some("defaultErrno"),
};

const KEYS: &[&str] = &[
    "defaultAction",
    "defaultErrnoRet",
    "defaultErrno",
    "archMap",
    "architectures",
    "flags",
    "listenerPath",
    "listenerMetadata",
    "syscalls",
];

/// Reads the profile object.
pub(super) fn source(node: Node<'_>, notes: &mut Notes) -> Result<Source, ReadError> {
    let root = Place::ROOT;
    if node.is_null() {
        return Err(wrong(node.position, &root, Problem::Empty));
    }
    let mut fields = Fields::of(node, &root, KEYS, notes)?;
    let (rules_position, rules) = fields.list("syscalls", &root)?;
    let default_position = {
        let word = fields.text("defaultAction", &root)?;
        if word.is_none() && rules.is_empty() {
            return Err(wrong(fields.position, &root, Problem::Empty));
        }
        let missing = || wrong(fields.position, &root, Problem::Missing("defaultAction"));
        word.ok_or_else(missing)?
    };
    let default_action = action(&mut fields, &root, default_position, "defaultAction", &DEFAULT_ERRNO, notes)?;
    let (arch_map_position, arch_map) = arch_map(&mut fields, notes)?;
    let architectures = architectures(&mut fields)?;
    if let (Some(position), false, false) = (
        architectures.position,
        architectures.values.is_empty(),
        arch_map.is_empty(),
    ) {
        let (one, other) = ("architectures", "archMap");
        return Err(wrong(position, &root, Problem::Contradiction { one, other }));
    }
    let common = common(&mut fields, default_action, default_position.0, notes)?;
    let rules = all_rules(rules, &root, |node, place, notes| {
        rule::rule(node, place, notes)
    }, notes)?;
    todo_listener(&rules, &common, notes);
    let (flags, flags_position) = common.flags;
    Ok(Source {
        default_action,
        arch_map,
        architectures: architectures.values,
        flags,
        listener_path: common.listener_path,
        listener_metadata: common.listener_metadata,
        rules,
        origin: Origin {
            positions: SourcePositions {
                profile: Some(fields.position),
                default_action: Some(default_position),
                architectures: architectures.position,
                arch_map: arch_map_position,
                flags: flags_position,
                listener_path: common.listener_position,
                rules: rules_position,
            },
            remarks: Vec::new(),
        },
    })
}
