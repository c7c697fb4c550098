//! Why a default profile refuses what it refuses, and which calls Docker's documentation names.

use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

#[derive(Deserialize)]
struct Document {
    published: BTreeSet<String>,
    reasons: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    reason: String,
    names: Vec<String>,
}

static DOCUMENT: LazyLock<Document> = LazyLock::new(|| {
    let text = include_str!("../../../profiles/blocked.json");
    serde_json::from_str(text).expect("our own file; a test reads it")
});

static REASONS: LazyLock<BTreeMap<&str, &str>> = LazyLock::new(|| {
    let entries = DOCUMENT.reasons.iter();
    let pairs = |entry: &'static Entry| {
        entry
            .names
            .iter()
            .map(|name| (name.as_str(), entry.reason.as_str()))
    };
    entries.flat_map(pairs).collect()
});

/// Why the call of that name is refused, if it is one that Docker's default refuses or restricts.
#[must_use]
pub fn reason(name: &str) -> Option<&'static str> {
    REASONS.get(name).copied()
}

/// The names in Docker's published table of significant blocked calls, in order.
pub fn published() -> impl Iterator<Item = &'static str> {
    DOCUMENT.published.iter().map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_published_call_has_a_reason() {
        assert_eq!(published().count(), 53);
        for name in published() {
            assert!(reason(name).is_some(), "{name}");
        }
        assert_eq!(reason("read"), None);
    }
}
