//! Writes a profile as the JSON of seccompiler, the library of Firecracker and other monitors.
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

/// What the filter is called; seccompiler wants a name for each, of which programs pick.
const FILTER: &str = "main";

/// The filter as text.
///
/// # Errors
///
/// [`Inexpressible`] for a second action, actions that seccompiler lacks, more than one architecture, flags,
/// and a listener.
pub fn seccompiler(profile: &Profile, native: Abi) -> Result<String, Inexpressible> {
    let mut losses = Losses::new("seccompiler");
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
    let mut matching = None;
    let mut rules = Vec::new();
    for (name, verdict) in verdicts(profile) {
        // It refuses names that the architecture does not have; those say nothing.
        if Call::named(native, name).is_none() {
            continue;
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
    filters.insert(
        FILTER.to_owned(),
        json!({"mismatch_action": mismatch, "match_action": matching, "filter": rules}),
    );
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
