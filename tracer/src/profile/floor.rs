//! The calls that every profile needs, whatever was seen.

use serde::Deserialize;
use std::sync::LazyLock;

/// Calls that are needed for one reason.
#[derive(Deserialize)]
pub struct Floor {
    /// Their names.
    pub names: Vec<String>,
    /// Why every profile needs them.
    pub reason: String,
}

#[derive(Deserialize)]
struct Document {
    calls: Vec<Floor>,
}

static DOCUMENT: LazyLock<Document> = LazyLock::new(|| {
    let text = include_str!("../../../profiles/floor.json");
    serde_json::from_str(text).expect("our own file; a test reads it")
});

/// Everything that is needed, by reason.
#[must_use]
pub fn all() -> &'static [Floor] {
    &DOCUMENT.calls
}

/// Why every profile needs the call of that name, if it does.
#[must_use]
pub fn reason(name: &str) -> Option<&'static str> {
    let entry = all()
        .iter()
        .find(|entry| entry.names.iter().any(|known| known == name));
    entry.map(|entry| entry.reason.as_str())
}
