//! Reads profiles: plain OCI, Docker's dialect, Podman's, and where they live: the Security Profiles Operator's
//! and Kubescape's manifests, ConfigMaps, runtimes' configurations, what engines say of a container, what Inspektor
//! Gadget prints, and Firecracker's filters.
//!
//! What an engine would refuse is refused, with line, column and keys. What engines silently ignore, or read
//! otherwise than it is written, is remarked on ([`crate::profile::Origin`]). Time and memory are bounded by
//! the size of the text, and that by [`SIZE_MAX_BYTES`].

mod arch_map;
mod errno;
mod error;
mod filter;
mod firecracker;
mod foreign;
mod gadget;
mod inside;
mod json;
mod manifest;
mod node;
mod object;
mod rule;
mod source;
mod yaml;

#[cfg(test)]
mod tests;

pub(super) use error::quoted;
pub use error::{Problem, ReadError};
pub use foreign::Foreign;
pub use inside::Inside;

use super::source::Source;
use super::tangle;
use error::wrong_text;
use object::{Keys, Notes};
use source::Form;
use std::collections::BTreeMap;

/// The largest text that is read as a profile. Docker's default has 14 kB; Kubernetes takes 1 MiB.
pub const SIZE_MAX_BYTES: usize = 16 << 20;

/// Plain OCI, with what Docker's and Podman's dialects add.
const FORM: Form = Form {
    keys: &[
        // Engines ignore it at this level, which is what a comment is for.
        "comment",
        "defaultAction",
        "defaultErrnoRet",
        "defaultErrno",
        "archMap",
        "architectures",
        "flags",
        "listenerPath",
        "listenerMetadata",
        "syscalls",
    ],
    rule_keys: &[
        "names", "name", "action", "errnoRet", "errno", "args", "comment", "includes", "excludes",
    ],
    value_max: u64::MAX,
    names_are_a_set: false,
    native: false,
};

/// Reads a profile in any of the dialects. Which one it is, the text tells.
///
/// # Errors
///
/// [`ReadError`] if the text has not one profile, or one that an engine or runtime would refuse.
pub fn profile(text: &str) -> Result<Source, ReadError> {
    profile_named(text, None)
}

/// Reads all profiles of a text, each with what it is called there; there is at least one.
///
/// # Errors
///
/// [`ReadError`] if the text has no profile, or one that an engine or runtime would refuse.
pub fn profiles(text: &str) -> Result<Vec<Inside>, ReadError> {
    if text.len() > SIZE_MAX_BYTES {
        return Err(wrong_text(Problem::TooLarge(SIZE_MAX_BYTES)));
    }
    if let Some(foreign) = foreign::text(text) {
        return Err(wrong_text(Problem::Foreign(foreign)));
    }
    let found = match text.trim().as_bytes() {
        [b'{' | b'[', ..] => json::parse(text).and_then(inside::of_json),
        [b'/', b'/', ..] => gadget::profile(text).map(|source| {
            let name = String::new();
            vec![Inside { name, source }]
        }),
        b"null" => json::parse(text).and_then(inside::of_json),
        // A scalar is no profile in either; JSON says so more clearly.
        [b'"' | b'0'..=b'9', ..] | [] => json::parse(text).and_then(inside::of_json),
        _ => yaml::parse(text).and_then(|documents| inside::of_documents(documents, text)),
    };
    let mut found = found.map_err(|error| match (&error.problem, foreign::unread(text)) {
        (Problem::Json(_) | Problem::Yaml(_) | Problem::Unknown { .. }, Some(foreign)) => {
            ReadError {
                problem: Problem::Foreign(foreign),
                ..error
            }
        }
        _ => error,
    })?;
    told_apart(&mut found);
    match found
        .iter()
        .find_map(|one| tangle::found(&one.source, None))
    {
        Some(name) => Err(wrong_text(Problem::Tangled(quoted(name)))),
        None => Ok(found),
    }
}

/// Gives the second of one name another one, and so on.
fn told_apart(found: &mut [Inside]) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for one in found.iter_mut().filter(|one| !one.name.is_empty()) {
        let times = seen.entry(one.name.clone()).or_default();
        *times += 1;
        if *times > 1 {
            one.name = format!("{}#{times}", one.name);
        }
    }
}

/// The profile of that name in the text; without a name, the only one.
///
/// # Errors
///
/// [`ReadError`] as of [`profiles`], and if there are several, or none of that name.
pub fn profile_named(text: &str, name: Option<&str>) -> Result<Source, ReadError> {
    let mut found = profiles(text)?;
    let Some(name) = name else {
        if found.len() > 1 {
            let names = found.iter().map(|one| quoted(&one.name));
            return Err(wrong_text(Problem::Several(names.collect())));
        }
        let one = found.pop();
        return one
            .map(|one| one.source)
            .ok_or_else(|| wrong_text(Problem::NoManifest));
    };
    let is = |one: &Inside| one.name == name;
    let ends = |one: &Inside| one.name.rsplit('/').next() == Some(name);
    let at = found.iter().position(is).or_else(|| {
        let mut like = found.iter().enumerate().filter(|(_, one)| ends(one));
        let first = like.next().map(|(at, _)| at);
        first.filter(|_| like.next().is_none())
    });
    let none = || wrong_text(Problem::NotInside(quoted(name)));
    at.map(|at| found.swap_remove(at).source).ok_or_else(none)
}

/// Reads, and keeps what was remarked on the way.
fn with_notes(
    keys: Keys,
    read: impl FnOnce(&mut Notes) -> Result<Source, ReadError>,
) -> Result<Source, ReadError> {
    let mut notes = Notes::new(keys);
    let mut source = read(&mut notes)?;
    source.origin.remarks = notes.finish();
    Ok(source)
}
