//! The Security Profiles Operator's `SeccompProfile`, of all its versions, and Kubescape's, as YAML or JSON.
//!
//! The API server knows the schema, takes keys exactly, and drops those that it does not know. The operator
//! writes the `spec` as a plain OCI file.

use super::error::{Problem, ReadError, mistyped, quoted, unknown, wrong};
use super::inside::Inside;
use super::node::{Node, Place, Value};
use super::object::{Fields, Keys, Notes};
use super::source::{Form, source};
use super::with_notes;
use crate::profile::remark::RemarkKind;
use crate::profile::source::Source;

/// The kind of a profile; other kinds are none of our business.
pub(super) const KIND: &str = "SeccompProfile";

/// With what the version of Kubescape's kind of the same name begins.
pub(super) const KUBESCAPE: &str = "spdx.softwarecomposition.kubescape.io/";

const VERSIONS: [&str; 4] = [
    "security-profiles-operator.x-k8s.io/v1",
    "security-profiles-operator.x-k8s.io/v1alpha1",
    "security-profiles-operator.x-k8s.io/v1alpha2",
    "security-profiles-operator.x-k8s.io/v1beta1",
];

const KEYS: &[&str] = &["apiVersion", "kind", "metadata", "spec", "status"];

const FORM: Form = Form {
    keys: &[
        "state",
        "disabled",
        // Of the first versions.
        "targetWorkload",
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
    of_spec(spec, &root.key("spec"), notes)
}

/// Kubescape's manifest: a profile for each container.
pub(super) fn of_kubescape(node: Node<'_>) -> Result<Vec<Inside>, ReadError> {
    let root = Place::ROOT;
    let spec_place = root.key("spec");
    let position = node.position;
    let missing = || wrong(position, &root, Problem::Missing("spec"));
    let mut spec = node.into_member("spec").ok_or_else(missing)?;
    let mut found = Vec::new();
    for key in ["containers", "initContainers", "ephemeralContainers"] {
        let Some(containers) = spec.take_member(key) else {
            continue;
        };
        let Value::List(containers) = containers.value else {
            return Err(mistyped(&containers, &spec_place.key(key), "a list"));
        };
        for (index, container) in containers.into_iter().enumerate() {
            let place = spec_place.key(key);
            let place = place.index(index);
            let name = container.text_member("name").unwrap_or_default().to_owned();
            let position = container.position;
            let missing = || wrong(position, &place, Problem::Missing("spec"));
            let spec = container.into_member("spec").ok_or_else(missing)?;
            let source = with_notes(Keys::Exact, |notes| {
                of_spec(spec, &place.key("spec"), notes)
            })?;
            found.push(Inside { name, source });
        }
    }
    Ok(found)
}

/// The part of a manifest that is a profile.
fn of_spec(spec: Node<'_>, place: &Place<'_>, notes: &mut Notes) -> Result<Source, ReadError> {
    if let Some(disabled) = spec.member("disabled").filter(|node| node.is_true()) {
        notes.add(
            disabled.position,
            &place.key("disabled"),
            RemarkKind::Disabled,
        );
    }
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
    source(spec, place, &FORM, notes)
}
