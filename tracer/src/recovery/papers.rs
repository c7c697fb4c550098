//! What must be known to go on with a recording after its recorder's death, beside what the kernel side keeps and
//! what is in the last checkpoint. Pure.

use serde::{Deserialize, Serialize};

/// The version of the file.
const VERSION: u32 = 1;

/// A recording's papers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Papers {
    /// The version of the file.
    version: u32,
    /// The boot that ids and clocks belong to.
    boot: String,
    /// How the target is called in messages.
    pub label: String,
    /// Id of the cgroup that is watched.
    pub cgroup_id: u64,
    /// Its path below the mount.
    pub cgroup: String,
    /// Whether the recording begins with the target's start, which may not have come.
    pub awaits_start: bool,
    /// Whether other scopes may be there that are not the target's.
    pub beside: bool,
    /// Whether what filters refuse is kept as well.
    pub denials: bool,
    /// When the window started, `CLOCK_MONOTONIC`.
    pub start_ns: u64,
    /// When the session did, `CLOCK_MONOTONIC` …
    pub monotonic_ns: u64,
    /// … and in nanoseconds since 1970, which JSON cannot hold as a number.
    pub wall_ns: String,
}

impl Papers {
    /// Papers for this boot.
    #[must_use]
    pub fn new(boot: String, label: String) -> Self {
        Self {
            version: VERSION,
            boot,
            label,
            cgroup_id: 0,
            cgroup: String::new(),
            awaits_start: false,
            beside: false,
            denials: false,
            start_ns: 0,
            monotonic_ns: 0,
            wall_ns: "0".to_owned(),
        }
    }

    /// As text.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("plain values")
    }

    /// Reads them; `None` if they are none of ours.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let papers: Self = serde_json::from_str(text).ok()?;
        (papers.version == VERSION).then_some(papers)
    }

    /// Whether ids and clocks still mean the same.
    #[must_use]
    pub fn is_of(&self, boot: &str) -> bool {
        self.boot == boot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn papers_are_read_whole_or_not_at_all() {
        let mut papers = Papers::new("boot".to_owned(), "web\n".to_owned());
        papers.cgroup_id = 7;
        papers.wall_ns = i128::MAX.to_string();
        let text = papers.to_text();
        assert_eq!(Papers::from_text(&text), Some(papers.clone()));
        assert!(papers.is_of("boot") && !papers.is_of("another"));
        for end in 0..text.len() {
            assert_eq!(Papers::from_text(&text[..end]), None);
        }
        let newer = text.replace("\"version\":1", "\"version\":2");
        assert_eq!(Papers::from_text(&newer), None);
    }
}
