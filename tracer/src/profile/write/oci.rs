//! Writes a profile as plain OCI JSON, which every engine and runtime reads alike.

use crate::profile::model::{Action, Condition, Operator, Profile, Rule};
use serde_json::{Map, Value, json};

/// The profile as text; the same profile gives the same bytes.
#[must_use]
pub fn oci(profile: &Profile) -> String {
    let mut object = Map::new();
    object.insert(
        "defaultAction".to_owned(),
        json!(profile.default_action.oci_name()),
    );
    if let Some(errno) = errno(profile.default_action) {
        object.insert("defaultErrnoRet".to_owned(), json!(errno));
    }
    let architectures = profile.abis.iter().map(|abi| abi.oci_name().to_owned());
    let architectures: Vec<_> = architectures
        .chain(profile.other_architectures.clone())
        .collect();
    if !architectures.is_empty() {
        object.insert("architectures".to_owned(), json!(architectures));
    }
    let optional = [
        ("flags", profile.flags.as_ref().map(|flags| json!(flags))),
        (
            "listenerPath",
            profile.listener_path.as_ref().map(|path| json!(path)),
        ),
        (
            "listenerMetadata",
            profile.listener_metadata.as_ref().map(|data| json!(data)),
        ),
    ];
    for (key, value) in optional {
        if let Some(value) = value {
            object.insert(key.to_owned(), value);
        }
    }
    let rules: Vec<_> = profile.rules.iter().map(rule).collect();
    object.insert("syscalls".to_owned(), Value::Array(rules));
    let mut text = serde_json::to_string_pretty(&object).expect("strings and integers only");
    text.push('\n');
    text
}

fn rule(rule: &Rule) -> Value {
    let mut object = Map::new();
    object.insert("names".to_owned(), json!(rule.names));
    object.insert("action".to_owned(), json!(rule.action.oci_name()));
    if let Some(errno) = errno(rule.action) {
        object.insert("errnoRet".to_owned(), json!(errno));
    }
    if !rule.conditions.is_empty() {
        let conditions = rule.conditions.iter().map(condition).collect();
        object.insert("args".to_owned(), Value::Array(conditions));
    }
    Value::Object(object)
}

pub(super) fn condition(condition: &Condition) -> Value {
    let Condition {
        index,
        operator,
        value,
        value_two,
    } = *condition;
    let mut object = Map::new();
    object.insert("index".to_owned(), json!(index));
    object.insert("value".to_owned(), json!(value));
    if operator == Operator::MaskedEq {
        object.insert("valueTwo".to_owned(), json!(value_two));
    }
    object.insert("op".to_owned(), json!(operator.oci_name()));
    Value::Object(object)
}

/// The errno or message, for the actions that take one.
pub(super) fn errno(action: Action) -> Option<u16> {
    match action {
        Action::Errno(errno) | Action::Trace(errno) => Some(errno),
        _ => None,
    }
}
