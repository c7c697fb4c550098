//! Writes a profile in Docker's dialect, with its conditions on host, capabilities and kernel.

use super::loss::{Inexpressible, Losses, Part};
use super::oci::{condition, errno};
use crate::profile::source::{Filter, Source, SourceRule};
use serde_json::{Map, Value, json};

/// The largest number in a kernel version that Docker reads.
const VERSION_MAX: u32 = 255;

/// The profile as text.
///
/// # Errors
///
/// [`Inexpressible`] for a kernel version that Docker's dialect has no place for.
pub fn docker(source: &Source) -> Result<String, Inexpressible> {
    let mut losses = Losses::new("Docker's dialect");
    let mut object = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            object.insert(key.to_owned(), value);
        }
    };
    put(
        "defaultAction",
        Some(json!(source.default_action.oci_name())),
    );
    put(
        "defaultErrnoRet",
        errno(source.default_action).map(|errno| json!(errno)),
    );
    put("architectures", list(&source.architectures));
    let hosts: Vec<Value> = source
        .arch_map
        .iter()
        .map(|(host, others)| json!({"architecture": host, "subArchitectures": others}))
        .collect();
    put(
        "archMap",
        (!hosts.is_empty()).then_some(Value::Array(hosts)),
    );
    put("flags", source.flags.as_ref().map(|flags| json!(flags)));
    put(
        "listenerPath",
        source.listener_path.as_ref().map(|path| json!(path)),
    );
    put(
        "listenerMetadata",
        source.listener_metadata.as_ref().map(|data| json!(data)),
    );
    let rules = source.rules.iter().map(|one| rule(one, &mut losses));
    put("syscalls", Some(Value::Array(rules.collect())));
    let mut text = serde_json::to_string_pretty(&object).expect("strings and integers only");
    text.push('\n');
    losses.finish(text)
}

/// A list, unless it is empty.
fn list(words: &[String]) -> Option<Value> {
    (!words.is_empty()).then(|| json!(words))
}

fn rule(rule: &SourceRule, losses: &mut Losses) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            object.insert(key.to_owned(), value);
        }
    };
    put("names", Some(json!(rule.names)));
    put("action", Some(json!(rule.action.oci_name())));
    put("errnoRet", errno(rule.action).map(|errno| json!(errno)));
    let conditions: Vec<Value> = rule.conditions.iter().map(condition).collect();
    put(
        "args",
        (!conditions.is_empty()).then_some(Value::Array(conditions)),
    );
    put(
        "comment",
        rule.comment.as_ref().map(|comment| json!(comment)),
    );
    put("includes", filter(&rule.includes, losses));
    put("excludes", filter(&rule.excludes, losses));
    Value::Object(object)
}

fn filter(filter: &Filter, losses: &mut Losses) -> Option<Value> {
    if *filter == Filter::default() {
        return None;
    }
    let mut object = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            object.insert(key.to_owned(), value);
        }
    };
    put("caps", list(&filter.capabilities));
    put("arches", list(&filter.architectures));
    put(
        "minKernel",
        filter.kernel.map(|version| {
            let (major, minor) = (version.major, version.minor);
            if major.max(minor) > VERSION_MAX {
                losses.add(Part::Kernel { major, minor });
            }
            // An empty one is how the dialect says a version that every kernel has.
            if (major, minor) == (0, 0) {
                json!("")
            } else {
                json!(format!("{major}.{minor}"))
            }
        }),
    );
    Some(Value::Object(object))
}
