//! Files that are no profiles, by what they are: so that whoever gave one knows what to give instead.

use super::node::{Node, Value};
use crate::profile::position::Position;
use crate::syscall;
use std::fmt;

/// What a file is instead of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// A template, before its values are put in.
    Template,
    /// One of our recordings.
    Recording,
    /// One of our reports.
    Report,
    /// A unit of systemd's.
    Unit,
    /// A text that begins with a byte order mark.
    ByteOrderMark,
    /// A list of allowed calls of minijail's.
    Minijail,
    /// A profile of AppArmor's.
    AppArmor,
    /// A policy of another tool.
    Policy(&'static str),
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Template => "a template whose values are not put in yet, and no profile",
            Self::Recording => "a recording, and no profile",
            Self::Report => "a report of this program's, and no profile",
            Self::Unit => "a unit of systemd's, and no profile",
            Self::ByteOrderMark => "it begins with a byte order mark, which engines refuse",
            Self::Minijail => "a policy of minijail's, and no profile of a container's",
            Self::AppArmor => "a profile of AppArmor's, not of seccomp's",
            Self::Policy(tool) => return write!(f, "a policy of {tool}, and no seccomp profile"),
        })
    }
}

impl Foreign {
    /// What to do instead.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Template => "render it first, for example with `helm template`",
            Self::Recording => {
                "make a profile of it: `seccomp-tracer generate FILE -o profile.json`"
            }
            Self::Report => "give the profile that it is about",
            Self::Unit => "`convert --to systemd` writes such lines; it does not read them",
            Self::ByteOrderMark => "save the file as UTF-8 without a byte order mark",
            Self::Minijail | Self::AppArmor | Self::Policy(_) => {
                "give the JSON or YAML that the container's engine reads"
            }
        }
    }
}

/// What a text is, if it is seen before it is read.
pub(super) fn text(text: &str) -> Option<Foreign> {
    if text.starts_with('\u{feff}') {
        return Some(Foreign::ByteOrderMark);
    }
    let mut lines = text.lines().map(str::trim);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with(['#', ';']))?;
    let section = first
        .strip_prefix('[')
        .and_then(|line| line.strip_suffix(']'));
    let is_word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_uppercase())
            && word.chars().all(|c| c.is_ascii_alphanumeric())
    };
    if section.is_some_and(is_word) {
        return Some(Foreign::Unit);
    }
    let has = |word: &str| text.contains(word);
    if has("#include <tunables") || has("include <tunables") || has("include <abstractions") {
        return Some(Foreign::AppArmor);
    }
    None
}

/// What a text is that could not be read.
pub(super) fn unread(text: &str) -> Option<Foreign> {
    let pairs = [("{{", "}}"), ("{%", "%}"), ("<%", "%>")];
    let mut pairs = pairs.iter();
    let is_template = pairs.any(|(open, close)| text.contains(open) && text.contains(close));
    is_template.then_some(Foreign::Template)
}

/// What an object without a kind is.
pub(super) fn object(node: &Node<'_>) -> Option<Foreign> {
    let has = |key: &str| node.member(key).is_some();
    if has("defaultAction") || has("syscalls") {
        return None;
    }
    if has("schemaVersion") && (has("facts") || has("runs") || has("toolVersion")) {
        return Some(Foreign::Recording);
    }
    if has("schemaVersion") && (has("verdict") || has("findings") || has("calls")) {
        return Some(Foreign::Report);
    }
    if let Value::List(items) = &node.value {
        let is_falcos =
            |item: &Node<'_>| item.member("rule").is_some() || item.member("macro").is_some();
        return items
            .iter()
            .any(is_falcos)
            .then_some(Foreign::Policy("Falco's"));
    }
    let Value::Object(members) = &node.value else {
        return None;
    };
    let calls = members
        .iter()
        .filter(|(key, _)| syscall::is_known_name(&key.name));
    (!members.is_empty() && calls.count() * 2 > members.len()).then_some(Foreign::Minijail)
}

/// What documents of a kind are, if they are somebody's policy.
pub(super) fn kind(kind: &str) -> Option<Foreign> {
    Some(Foreign::Policy(match kind {
        "TracingPolicy" | "TracingPolicyNamespaced" => "Tetragon's",
        "KubeArmorPolicy" | "KubeArmorHostPolicy" | "KubeArmorClusterPolicy" => "KubeArmor's",
        "AppArmorProfile" => "AppArmor's",
        "SelinuxProfile" | "RawSelinuxProfile" => "SELinux's",
        "ApplicationProfile" | "ContainerProfile" => "Kubescape's",
        "ProfileRecording" | "ProfileBinding" => "the operator's own",
        "PodSecurityPolicy" | "SecurityContextConstraints" => "Kubernetes' admission",
        "ClusterPolicy" | "Policy" => "Kyverno's",
        _ => return None,
    }))
}

/// How deep a document is searched for a file's name.
const DEPTH_MAX: usize = 16;

/// The file that a workload names as its profile.
pub(super) fn localhost_profile<'n>(node: &'n Node<'_>) -> Option<(Position, &'n str)> {
    search(node, DEPTH_MAX)
}

fn search<'n>(node: &'n Node<'_>, depth: usize) -> Option<(Position, &'n str)> {
    let depth = depth.checked_sub(1)?;
    match &node.value {
        Value::Object(members) => members.iter().find_map(|(key, node)| match &node.value {
            Value::Text(text) if key.name == "localhostProfile" => Some((node.position, &**text)),
            _ => search(node, depth),
        }),
        Value::List(items) => items.iter().find_map(|item| search(item, depth)),
        Value::Null | Value::Boolean(_) | Value::Number(_) | Value::Text(_) => None,
    }
}
