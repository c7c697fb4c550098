//! What a word means, as JSON.

use super::audit::PresenceObject;
use super::findings::reach;
use super::history::HistoryObject;
use super::{SCHEMA_VERSION, text};
use crate::audit::explain::{CallExplanation, Explanation};
use crate::audit::exploits::{self, Exploit};
use crate::audit::history::History;
use crate::audit::rules::Rule;
use crate::profile::KernelVersion;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What a word means, and what was recorded of it, as JSON.
#[must_use]
pub fn explanation(explanation: &Explanation, history: Option<&History>) -> String {
    text(&Document {
        schema_version: SCHEMA_VERSION,
        meaning: match explanation {
            Explanation::Rule(rule) => Meaning::Rule(rule.into()),
            Explanation::Call(call) => Meaning::Call(call.as_ref().into()),
            Explanation::Cve { id, exploit } => Meaning::Cve(cve(id, exploit)),
        },
        recorded: history.map(Into::into),
    })
}

/// The document that `explain` writes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    schema_version: u64,
    #[serde(flatten)]
    meaning: Meaning<'a>,
    /// Absent when no recording was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    recorded: Option<HistoryObject<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Meaning<'a> {
    Rule(RuleObject),
    Call(CallObject<'a>),
    Cve(CveObject<'a>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RuleObject {
    id: &'static str,
    severity: &'static str,
    title: &'static str,
    what: &'static str,
    why: &'static str,
    remedy: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    who_decides: &'static str,
}

impl From<&&'static Rule> for RuleObject {
    fn from(rule: &&'static Rule) -> Self {
        Self {
            id: rule.id,
            severity: rule.severity.name(),
            title: rule.title,
            what: rule.what,
            why: rule.why,
            remedy: rule.remedy,
            who_decides: rule.gate,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CallObject<'a> {
    name: &'a str,
    /// By ABI; empty for a call of ABIs that this program has no table for.
    numbers: BTreeMap<&'static str, i32>,
    /// The names of its arguments in the kernel's prototype, where that is known.
    prototype: &'a [&'static str],
    /// The arguments that decide what it does.
    arguments: Vec<ArgumentObject>,
    /// The call of i386 that does it too, and by which first argument.
    #[serde(skip_serializing_if = "Option::is_none")]
    multiplexed_by: Option<MultiplexerObject>,
    /// Absent without a base.
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<BaseObject<'a>>,
    /// Why Docker's default refuses or restricts it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// Why every profile needs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    needed: Option<&'static str>,
    /// What is used instead if it is answered with `ENOSYS`.
    falls_back_to: BTreeSet<&'static str>,
    stands_in_for: &'a [&'static str],
    exploits: Vec<ExploitObject>,
}

#[derive(Serialize)]
struct ArgumentObject {
    index: u8,
    name: &'static str,
    bits: u8,
}

#[derive(Serialize)]
struct MultiplexerObject {
    name: &'static str,
    number: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BaseObject<'a> {
    name: &'a str,
    abis: BTreeMap<&'static str, PresenceObject>,
    /// Capabilities each of which alone makes the base allow it, or more of it.
    unlocked_by: &'a [String],
}

#[derive(Serialize)]
struct ExploitObject {
    needs: &'static str,
    docker: &'static str,
    cves: Vec<&'static str>,
}

impl<'a> From<&'a CallExplanation> for CallObject<'a> {
    fn from(call: &'a CallExplanation) -> Self {
        let numbers = call.numbers.iter();
        let arguments = call.arguments.iter().map(|one| ArgumentObject {
            index: one.index,
            name: one.name,
            bits: one.kind.bits(),
        });
        let base = call.base.as_ref().map(|answer| BaseObject {
            name: &answer.name,
            abis: answer
                .presence
                .iter()
                .map(|(abi, presence)| (abi.name(), presence.into()))
                .collect(),
            unlocked_by: &answer.unlock,
        });
        let exploits = call.exploits.iter().map(|exploit| ExploitObject {
            needs: &exploit.title,
            docker: reach(exploit.docker),
            cves: exploit.cves.keys().map(String::as_str).collect(),
        });
        Self {
            name: &call.name,
            numbers: numbers.map(|(abi, &number)| (abi.name(), number)).collect(),
            prototype: &call.prototype,
            arguments: arguments.collect(),
            multiplexed_by: call
                .multiplexed
                .map(|(name, number)| MultiplexerObject { name, number }),
            base,
            reason: call.reason,
            needed: call.essential,
            falls_back_to: call
                .falls_back
                .iter()
                .map(|&(instead, _)| instead)
                .collect(),
            stands_in_for: &call.stands_in_for,
            exploits: exploits.collect(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CveObject<'a> {
    id: &'a str,
    needs: &'static str,
    calls: BTreeSet<&'static str>,
    /// For each step, the ways by which it can be made.
    steps: Vec<&'static [String]>,
    /// The first release of Linux with the fault, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    /// The first release of Linux without it, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    fixed: Option<String>,
    /// Capabilities each of which takes the place of a step.
    or_capabilities: Vec<&'static str>,
    docker: &'static str,
    sources: Vec<&'static str>,
}

fn cve<'a>(id: &'a str, exploit: &'static Exploit) -> CveObject<'a> {
    let cve = exploit.cves.get(id);
    let show = |version: KernelVersion| format!("{}.{}", version.major, version.minor);
    let sources = cve.into_iter().flat_map(|cve| &cve.sources);
    CveObject {
        id,
        needs: &exploit.title,
        calls: exploit.calls(),
        steps: exploit.steps().collect(),
        since: cve.and_then(|cve| cve.since).map(show),
        fixed: cve.and_then(|cve| cve.fixed).map(show),
        or_capabilities: exploit.capabilities().collect(),
        docker: reach(exploit.docker),
        sources: sources
            .filter_map(|source| exploits::source(source))
            .collect(),
    }
}
