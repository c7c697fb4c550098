//! The Security Profiles Operator's `SeccompProfile`, v1 and v1beta1, as YAML or JSON.
//!
//! The API server knows the schema, takes keys exactly, and drops those that it does not know. The operator
//! writes the `spec` as a plain OCI file.

use super::error::{Problem, ReadError, quoted, unknown, wrong};
use super::node::{Node, Place};
use super::object::{Fields, Notes};
use super::source::{Form, source};
use crate::profile::remark::RemarkKind;
use crate::profile::source::Source;

/// The kind of a profile; other kinds are none of our business.
pub(super) const KIND: &str = "SeccompProfile";

const VERSIONS: [&str; 2] = [
    "security-profiles-operator.x-k8s.io/v1",
    "security-profiles-operator.x-k8s.io/v1beta1",
];

const KEYS: &[&str] = &["apiVersion", "kind", "metadata", "spec", "status"];

const FORM: Form = Form {
    keys: &[
        "state",
        "baseProfileName",
        "defaultAction",
        "architectures",
        "listenerPath",
        "listenerMetadata",
        "syscalls",
        "flags",
    ],
    rule_keys: &["names", "action", "errnoRet", "args"],
    value_max: i64::MAX.unsigned_abs(),
    names_are_a_set: true,
    native: true,
};

/// Reads the manifest.
pub(super) fn manifest(node: Node<'_>, notes: &mut Notes) -> Result<Source, ReadError> {
    let root = Place::ROOT;
    let mut fields = Fields::of(node, &root, KEYS, notes)?;
    let Some((position, version)) = fields.text("apiVersion", &root)? else {
        let missing = Problem::Missing("apiVersion");
        return Err(wrong(fields.position, &root, missing));
    };
    if !VERSIONS.contains(&&*version) {
        let place = root.key("apiVersion");
        return Err(unknown(
            position,
            &place,
            "version of the operator",
            &version,
        ));
    }
    let spec = fields.need("spec", &root)?;
    let place = root.key("spec");
    if let Some(state) = spec
        .member("state")
        .filter(|_| spec.text_member("state") == Some("Disabled"))
    {
        notes.add(state.position, &place.key("state"), RemarkKind::Disabled);
    }
    if let Some(base) = spec
        .text_member("baseProfileName")
        .filter(|name| !name.is_empty())
    {
        let position = spec
            .member("baseProfileName")
            .map_or(spec.position, |node| node.position);
        let problem = Problem::BaseProfile(quoted(base));
        return Err(wrong(position, &place.key("baseProfileName"), problem));
    }
    source(spec, &place, &FORM, notes)
}
