//! Writes a profile as the JSON of seccompiler, the library of many monitors, and as that of Firecracker, which
//! has other words for the same and a filter for each of its threads.
//!
//! It has one architecture per filter, one action for what matches and one for what does not. A call's rules
//! are alternatives, and a call without conditions must have no rule with some beside it. A filter ends the
//! process for calls of other architectures, which no profile can change anywhere.
//! <https://github.com/rust-vmm/seccompiler/blob/v0.5.0/docs/json_format.md>

use super::loss::{Inexpressible, Losses, Part};
use super::verdict::{Verdict, verdicts};
use crate::profile::model::{Action, Condition, Operator, Profile};
use crate::syscall::{Abi, Call};
use serde_json::{Map, Value, json};

/// How a reader calls things.
struct Words {
    form: &'static str,
    /// What the filters are called; programs pick by that.
    filters: &'static [&'static str],
    mismatch: &'static str,
    matching: &'static str,
}

const SECCOMPILER: Words = Words {
    form: "seccompiler",
    filters: &["main"],
    mismatch: "mismatch_action",
    matching: "match_action",
};

/// <https://github.com/firecracker-microvm/firecracker/blob/v1.10.1/docs/seccompiler.md>
const FIRECRACKER: Words = Words {
    form: "Firecracker",
    filters: &["api", "vcpu", "vmm"],
    mismatch: "default_action",
    matching: "filter_action",
};

/// Calls of x86_64 that the tables of seccompiler 0.5 lack, which Firecracker's are a copy of: with one of them,
/// neither reads a filter at all. A test asks it.
const LACKING: &[&str] = &[
    "file_getattr",
    "file_setattr",
    "fchroot",
    "getxattrat",
    "listns",
    "listxattrat",
    "open_tree_attr",
    "removexattrat",
    "rseq_slice_yield",
    "setxattrat",
    "uprobe",
];

/// The filter as Firecracker takes it: the same for all of its threads.
///
/// # Errors
///
/// As [`seccompiler`].
pub fn firecracker(profile: &Profile, native: Abi) -> Result<String, Inexpressible> {
    document(profile, native, &FIRECRACKER)
}

/// The filter as text.
///
/// # Errors
///
/// [`Inexpressible`] for a second action, actions and names that it lacks, more than one architecture, flags, a
/// listener, and a default that lets calls through, as x32's then are, too.
pub fn seccompiler(profile: &Profile, native: Abi) -> Result<String, Inexpressible> {
    document(profile, native, &SECCOMPILER)
}

fn document(profile: &Profile, native: Abi, words: &Words) -> Result<String, Inexpressible> {
    let mut losses = Losses::new(words.form);
    losses.add_installation(profile.flags.as_deref(), profile.listener_path.as_deref());
    if !matches!(native, Abi::X86_64 | Abi::Aarch64) {
        losses.add(Part::Architecture(native.oci_name().to_owned()));
    }
    for abi in profile.abis.iter().filter(|&&abi| abi != native) {
        losses.add(Part::Architecture(abi.oci_name().to_owned()));
    }
    for name in &profile.other_architectures {
        losses.add(Part::Architecture(name.clone()));
    }
    let mismatch = action(profile.default_action).unwrap_or_else(|| {
        losses.add(Part::DefaultAction(profile.default_action));
        Value::Null
    });
    if native == Abi::X86_64 && profile.default_action.permits() {
        losses.add(Part::X32);
    }
    let mut matching = None;
    let mut rules = Vec::new();
    for (name, verdict) in verdicts(profile) {
        // It refuses names that the architecture does not have; those say nothing.
        if Call::named(native, name).is_none() {
            continue;
        }
        if LACKING.contains(&name) {
            losses.add(Part::Lacking(name.to_owned()));
        }
        let mut take = |found: Action| {
            let is_the_one = *matching.get_or_insert(found) == found;
            if !is_the_one || action(found).is_none() {
                let (name, action) = (name.to_owned(), found);
                losses.add(Part::Action { name, action });
            }
        };
        match verdict {
            Verdict::Always(action) => {
                take(action);
                rules.push(json!({"syscall": name}));
            }
            Verdict::Depending(alternatives) => {
                for (action, conditions) in alternatives {
                    take(action);
                    let args: Vec<Value> = conditions.into_iter().map(condition).collect();
                    rules.push(json!({"syscall": name, "args": args}));
                }
            }
        }
    }
    // Without any rule the two actions must still differ.
    let fallback = if profile.default_action == Action::Allow {
        Action::KillProcess
    } else {
        Action::Allow
    };
    let matching = action(matching.unwrap_or(fallback)).unwrap_or(Value::Null);
    let mut filters = Map::new();
    for &filter in words.filters {
        let mut members = Map::new();
        members.insert(words.mismatch.to_owned(), mismatch.clone());
        members.insert(words.matching.to_owned(), matching.clone());
        members.insert("filter".to_owned(), json!(rules));
        filters.insert(filter.to_owned(), Value::Object(members));
    }
    let mut text = serde_json::to_string_pretty(&filters).expect("strings and integers only");
    text.push('\n');
    losses.finish(text)
}

/// How it writes an action, if it has it.
fn action(action: Action) -> Option<Value> {
    Some(match action {
        Action::KillProcess => json!("kill_process"),
        Action::KillThread => json!("kill_thread"),
        Action::Trap => json!("trap"),
        Action::Errno(number) => json!({"errno": number}),
        Action::Trace(message) => json!({"trace": message}),
        Action::Log => json!("log"),
        Action::Allow => json!("allow"),
        Action::Notify => return None,
    })
}

/// A condition on the whole register, as profiles mean it.
fn condition(condition: &Condition) -> Value {
    let Condition {
        index,
        operator,
        value,
        value_two,
    } = *condition;
    let (op, val) = match operator {
        Operator::Ne => (json!("ne"), value),
        Operator::Lt => (json!("lt"), value),
        Operator::Le => (json!("le"), value),
        Operator::Eq => (json!("eq"), value),
        Operator::Ge => (json!("ge"), value),
        Operator::Gt => (json!("gt"), value),
        Operator::MaskedEq => (json!({"masked_eq": value}), value_two),
    };
    json!({"index": index, "type": "qword", "op": op, "val": val})
}
