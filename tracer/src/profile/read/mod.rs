//! Reads profiles: plain OCI, Docker's dialect, Podman's, the Security Profiles Operator's manifests, and what
//! Inspektor Gadget prints.
//!
//! What an engine would refuse is refused, with line, column and keys. What engines silently ignore, or read
//! otherwise than it is written, is remarked on ([`crate::profile::Origin`]). Time and memory are bounded by
//! the size of the text, and that by [`SIZE_MAX_BYTES`].

mod arch_map;
mod errno;
mod error;
mod filter;
mod gadget;
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

use super::remark::RemarkKind;
use super::source::Source;
use super::tangle;
use error::wrong_text;
use node::{Node, Place};
use object::{Keys, Notes};
use source::Form;

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
/// [`ReadError`] if the text is not a profile, or one that an engine or runtime would refuse.
pub fn profile(text: &str) -> Result<Source, ReadError> {
    if text.len() > SIZE_MAX_BYTES {
        return Err(wrong_text(Problem::TooLarge(SIZE_MAX_BYTES)));
    }
    let source = match text.trim_start().as_bytes() {
        [b'{' | b'[', ..] => json_profile(json::parse(text)?),
        [b'/', b'/', ..] => gadget::profile(text),
        // A scalar is no profile in either; JSON says so more clearly.
        [b'n' | b'"' | b'0'..=b'9', ..] | [] => json_profile(json::parse(text)?),
        _ => manifests(yaml::parse(text)?),
    }?;
    match tangle::found(&source, None) {
        Some(name) => Err(wrong_text(Problem::Tangled(quoted(name)))),
        None => Ok(source),
    }
}

/// Manifests may be JSON as well. What only has a key `kind`, which engines ignore, is none.
fn json_profile(node: Node<'_>) -> Result<Source, ReadError> {
    let kind = node.text_member("kind");
    if kind == Some(manifest::KIND) || (kind.is_some() && node.member("apiVersion").is_some()) {
        return manifests(vec![node]);
    }
    with_notes(Keys::Folded, |notes| {
        source::source(node, &Place::ROOT, &FORM, notes)
    })
}

/// One of the documents must be a profile; the others are remarked on.
fn manifests(documents: Vec<Node<'_>>) -> Result<Source, ReadError> {
    let is_profile = |node: &Node<'_>| node.text_member("kind") == Some(manifest::KIND);
    let count = documents.iter().filter(|node| is_profile(node)).count();
    if count > 1 {
        return Err(wrong_text(Problem::Several(count)));
    }
    with_notes(Keys::Exact, |notes| {
        let mut found = None;
        for node in documents {
            if is_profile(&node) {
                found = Some(manifest::manifest(node, notes)?);
            } else if !node.is_null() {
                let kind = node.text_member("kind").unwrap_or_default();
                let kind = RemarkKind::OtherDocument(quoted(kind));
                notes.add(node.position, &Place::ROOT, kind);
            }
        }
        found.ok_or_else(|| wrong_text(Problem::NoManifest))
    })
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
