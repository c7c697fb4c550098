//! Writes a profile as a manifest of the Security Profiles Operator.

use super::loss::{Inexpressible, Losses, Part};
use crate::profile::model::{Action, Condition, Operator, Profile, Rule};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The architectures of OCI that the operator's schema lacks.
const LACKING: [&str; 4] = [
    "SCMP_ARCH_LOONGARCH64",
    "SCMP_ARCH_M68K",
    "SCMP_ARCH_SH",
    "SCMP_ARCH_SHEB",
];

/// What runtimes take for the errno when the profile says none, and the operator cannot say any by default.
const EPERM: u16 = 1;

/// The most conditions of a rule.
const CONDITIONS_MAX: usize = 6;

/// A text that no object of a cluster can be called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` cannot be the name of an object: lower-case letters, digits, `-` and `.` only, at most 253"
)]
pub struct NotAName(pub String);

/// The name of an object of a cluster, checked.
///
/// # Errors
///
/// [`NotAName`] if the API server would refuse it.
pub fn resource_name(name: &str) -> Result<&str, NotAName> {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let part = |part: &str| {
        let bytes = part.as_bytes();
        let ends = bytes.first().is_some_and(|byte| inner(*byte))
            && bytes.last().is_some_and(|byte| inner(*byte));
        ends && bytes.iter().all(|byte| inner(*byte) || *byte == b'-')
    };
    if name.len() <= 253 && name.split('.').all(part) {
        Ok(name)
    } else {
        Err(NotAName(name.to_owned()))
    }
}

/// The manifest as YAML, of version v1, called by that name.
///
/// # Errors
///
/// [`Inexpressible`] for a default errno other than EPERM, values of 2^63 and more, architectures that the
/// schema lacks, and a listener outside the operator's folder.
pub fn spo(profile: &Profile, name: &str) -> Result<String, Inexpressible> {
    let mut losses = Losses::new("a SeccompProfile");
    let mut text = String::new();
    let default = profile.default_action;
    if !matches!(default, Action::Errno(EPERM) | Action::Trace(EPERM)) && errno(default).is_some() {
        losses.add(Part::DefaultAction(default));
    }
    if profile
        .listener_path
        .as_ref()
        .is_some_and(|path| path.contains('/'))
    {
        losses.add(Part::Listener);
    }
    let _ = write!(
        text,
        "apiVersion: security-profiles-operator.x-k8s.io/v1\nkind: SeccompProfile\nmetadata:\n  \
         name: {}\nspec:\n  defaultAction: {}\n",
        quoted(name),
        default.oci_name()
    );
    let known = profile.abis.iter().map(|abi| abi.oci_name());
    let architectures = known.chain(profile.other_architectures.iter().map(String::as_str));
    let architectures: Vec<&str> = architectures.collect();
    for name in architectures.iter().filter(|name| LACKING.contains(*name)) {
        losses.add(Part::Architecture((*name).to_owned()));
    }
    if !architectures.is_empty() {
        list("  ", "architectures", &architectures, &mut text);
    }
    if let Some(flags) = &profile.flags {
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        list("  ", "flags", &flags, &mut text);
    }
    for (key, value) in [
        ("listenerPath", &profile.listener_path),
        ("listenerMetadata", &profile.listener_metadata),
    ] {
        if let Some(value) = value {
            let _ = writeln!(text, "  {key}: {}", quoted(value));
        }
    }
    // A rule without names does nothing, and the schema wants one at least.
    let mut rules = profile
        .rules
        .iter()
        .filter(|rule| !rule.names.is_empty())
        .peekable();
    if rules.peek().is_some() {
        text.push_str("  syscalls:\n");
    }
    rules.for_each(|one| rule(one, &mut text, &mut losses));
    losses.finish(text)
}

fn rule(rule: &Rule, text: &mut String, losses: &mut Losses) {
    let _ = writeln!(text, "  - action: {}", rule.action.oci_name());
    if let Some(errno) = errno(rule.action) {
        let _ = writeln!(text, "    errnoRet: {errno}");
    }
    // The schema wants no name twice.
    let mut seen = BTreeSet::new();
    let names = rule.names.iter().map(String::as_str);
    let names: Vec<&str> = names.filter(|name| seen.insert(*name)).collect();
    list("    ", "names", &names, text);
    if rule.conditions.is_empty() {
        return;
    }
    text.push_str("    args:\n");
    for (index, condition) in rule.conditions.iter().enumerate() {
        let too_large = i64::try_from(condition.value.max(condition.value_two)).is_err();
        if too_large || index >= CONDITIONS_MAX {
            let (name, condition) = (names.join(", "), *condition);
            losses.add(Part::Condition { name, condition });
        }
        write_condition(condition, text);
    }
}

fn write_condition(condition: &Condition, text: &mut String) {
    let Condition {
        index,
        operator,
        value,
        value_two,
    } = *condition;
    let _ = write!(text, "    - index: {index}\n      value: {value}\n");
    if operator == Operator::MaskedEq {
        let _ = writeln!(text, "      valueTwo: {value_two}");
    }
    let _ = writeln!(text, "      op: {}", operator.oci_name());
}

/// Writes a list of words under a key.
fn list(indent: &str, key: &str, words: &[&str], text: &mut String) {
    if words.is_empty() {
        let _ = writeln!(text, "{indent}{key}: []");
        return;
    }
    let _ = writeln!(text, "{indent}{key}:");
    for word in words {
        let _ = writeln!(text, "{indent}- {}", quoted(word));
    }
}

/// The errno or message, for the actions that take one.
const fn errno(action: Action) -> Option<u16> {
    match action {
        Action::Errno(errno) | Action::Trace(errno) => Some(errno),
        _ => None,
    }
}

/// Words that YAML takes for something other than a string, in any case and in either version.
const WORDS: [&str; 10] = [
    "null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan",
];

/// A string, in quotes if it would be something else without.
fn quoted(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let is_word = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.bytes().all(plain)
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    if is_word {
        return text.to_owned();
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(c);
            }
            // What is invisible, or might end a line or a document somewhere.
            c if c.is_control() || !c.is_ascii() => {
                let _ = write!(quoted, "\\U{:08X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
