//! What code can do that no recording shows, as JSON.

use super::words::CallObject;
use super::{SCHEMA_VERSION, text};
use crate::audit::hint::{Hint, Unseen};
use crate::reach::Site;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HintDocument<'a> {
    schema_version: u64,
    kind: &'static str,
    /// The files that were looked at.
    files: &'a [String],
    /// Those that were not, with the reason.
    skipped: &'a BTreeMap<String, String>,
    /// Runs that were recorded.
    runs: usize,
    /// Calls that the code can make.
    reachable: usize,
    /// Those of them that were recorded.
    recorded: usize,
    /// The others; those that unlock the most come first.
    unseen: Vec<UnseenObject<'a>>,
    /// Calls that were recorded and that no code was found for.
    unexplained: Vec<CallObject>,
    /// Places that make calls whose number cannot be told.
    unresolved: Vec<SiteObject<'a>>,
    /// Files that load others by name while they run.
    loading: &'a BTreeSet<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UnseenObject<'a> {
    call: CallObject,
    /// Whether the base permits it, for some arguments at least.
    permitted: bool,
    /// Known kernel exploits that need it.
    cves: usize,
    /// Why default profiles refuse or restrict it.
    #[serde(skip_serializing_if = "Option::is_none")]
    restriction: Option<&'static str>,
    sites: Vec<SiteObject<'a>>,
}

#[derive(Serialize)]
struct SiteObject<'a> {
    file: &'a str,
    /// Its name, or `+` and an address.
    function: &'a str,
}

impl<'a> From<&'a Site> for SiteObject<'a> {
    fn from(site: &'a Site) -> Self {
        Self {
            file: &site.file,
            function: &site.function,
        }
    }
}

impl<'a> From<&'a Unseen> for UnseenObject<'a> {
    fn from(unseen: &'a Unseen) -> Self {
        Self {
            call: unseen.call.into(),
            permitted: unseen.permitted,
            cves: unseen.cves,
            restriction: unseen.restriction,
            sites: unseen.sites.iter().map(Into::into).collect(),
        }
    }
}

/// What code can do that no recording shows, as JSON.
#[must_use]
pub fn hint(hint: &Hint) -> String {
    text(&HintDocument {
        schema_version: SCHEMA_VERSION,
        kind: "hint",
        files: &hint.files,
        skipped: &hint.skipped,
        runs: hint.runs,
        reachable: hint.reachable,
        recorded: hint.recorded,
        unseen: hint.unseen.iter().map(Into::into).collect(),
        unexplained: hint.unexplained.iter().map(|&call| call.into()).collect(),
        unresolved: hint.unresolved.iter().map(Into::into).collect(),
        loading: &hint.loading,
    })
}
