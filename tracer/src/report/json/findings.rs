//! Findings and exploits as parts of JSON documents.

use super::words::{CallObject, VerdictName};
use crate::audit::exploits::{Exposed, Reach};
use crate::audit::findings::{Member, Place, PlaceFile};
use crate::audit::gate::{Judged, Judgement};
use crate::report::findings::{fingerprints, sentence};
use serde::Serialize;
use std::collections::BTreeSet;

/// A finding.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FindingObject<'a> {
    /// The rule's stable id.
    rule: &'static str,
    /// `info`, `low`, `medium` or `high`.
    severity: &'static str,
    /// What it makes of the verdict.
    verdict: VerdictName,
    /// A sentence for people; it may change.
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<PlaceObject<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<CallObject>,
    /// The names of the calls that it is about.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    names: BTreeSet<String>,
    /// Arguments that show it.
    #[serde(skip_serializing_if = "Option::is_none")]
    witness: Option<[u64; 6]>,
    /// What else there is of the same cause, and what follows from it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    also: Vec<MemberObject<'a>>,
    /// Why somebody has accepted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    ignored: Option<&'a str>,
    /// The same as long as the finding is.
    fingerprint: String,
}

/// A part of a finding.
#[derive(Serialize)]
struct MemberObject<'a> {
    rule: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<PlaceObject<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<CallObject>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    names: BTreeSet<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    witness: Option<[u64; 6]>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PlaceObject<'a> {
    /// The profile or the ignore file, as the user named it.
    file: &'a str,
    line: u32,
    column: u32,
}

/// The findings; the files are the profile and the ignore file.
pub(super) fn findings<'a>(
    judgement: &'a Judgement,
    files: [&'a str; 2],
) -> Vec<FindingObject<'a>> {
    let fingerprints = fingerprints(&judgement.findings);
    let findings = judgement.findings.iter().zip(fingerprints);
    findings
        .map(|(judged, fingerprint)| finding(judged, files, fingerprint))
        .collect()
}

fn finding<'a>(judged: &'a Judged, files: [&'a str; 2], fingerprint: String) -> FindingObject<'a> {
    let finding = &judged.finding;
    FindingObject {
        rule: finding.rule().id(),
        severity: finding.severity.name(),
        verdict: judged.verdict.into(),
        message: sentence(finding),
        place: finding.place.map(|one| place(one, files)),
        call: finding.matter.call().map(Into::into),
        names: finding.names(),
        witness: finding.matter.witness(),
        also: finding.also.iter().map(|one| member(one, files)).collect(),
        ignored: judged.ignored.as_deref(),
        fingerprint,
    }
}

fn place<'a>(place: Place, [profile, ignores]: [&'a str; 2]) -> PlaceObject<'a> {
    PlaceObject {
        file: match place.file {
            PlaceFile::Profile => profile,
            PlaceFile::Ignores => ignores,
        },
        line: place.position.line,
        column: place.position.column,
    }
}

fn member<'a>(member: &Member, files: [&'a str; 2]) -> MemberObject<'a> {
    let matter = &member.matter;
    MemberObject {
        rule: matter.rule().id(),
        place: member.place.map(|one| place(one, files)),
        call: matter.call().map(Into::into),
        names: matter.names(),
        witness: matter.witness(),
    }
}

/// What becomes of known kernel exploits; numbers are of CVEs that the kernel can have.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExploitsObject {
    /// The release of Linux that they are judged for.
    kernel: Option<String>,
    profile: CountsObject,
    /// Docker's default in the same circumstances.
    docker: CountsObject,
    /// CVEs that the profile stops and Docker's default does not.
    stopped_beyond_docker: BTreeSet<&'static str>,
    /// CVEs that Docker's default stops and the profile does not.
    stopped_only_by_docker: BTreeSet<&'static str>,
    /// CVEs that this kernel cannot have: it is newer than the fix, or older than the fault.
    not_in_kernel: BTreeSet<&'static str>,
    /// CVEs that no call gates.
    ungated: BTreeSet<&'static str>,
    entries: Vec<ExploitObject>,
}

#[derive(Serialize)]
struct CountsObject {
    stopped: usize,
    bypassed: usize,
    open: usize,
    /// All that are counted.
    of: usize,
}

/// Exploits that need the same.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExploitObject {
    needs: &'static str,
    cves: Vec<&'static str>,
    /// `stopped`; `bypassed`: refused as programs make it, with a way around; `open`; `ungated`: no call gates it.
    profile: &'static str,
    docker: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    example: Option<ExampleObject>,
}

/// A call that gets through.
#[derive(Serialize)]
struct ExampleObject {
    call: CallObject,
    arguments: [u64; 6],
}

pub(super) const fn reach(reach: Reach) -> &'static str {
    match reach {
        Reach::Stopped => "stopped",
        Reach::Bypassed => "bypassed",
        Reach::Open => "open",
        Reach::Ungated => "ungated",
    }
}

pub(super) fn exploits(exposure: &[Exposed]) -> ExploitsObject {
    let cves = |holds: &dyn Fn(&Exposed) -> bool| -> BTreeSet<&'static str> {
        let here = exposure.iter().filter(|one| one.counts() && holds(one));
        here.flat_map(Exposed::cves).collect()
    };
    let gated = exposure.iter().filter(|one| one.reach != Reach::Ungated);
    let ungated = exposure.iter().filter(|one| one.reach == Reach::Ungated);
    let counts = |of: &dyn Fn(&Exposed) -> Reach| CountsObject {
        stopped: cves(&|one| of(one) == Reach::Stopped).len(),
        bypassed: cves(&|one| of(one) == Reach::Bypassed).len(),
        open: cves(&|one| of(one) == Reach::Open).len(),
        of: cves(&|_| true).len(),
    };
    let kernel = exposure.first().map(|one| one.kernel);
    ExploitsObject {
        kernel: kernel.map(|kernel| format!("{}.{}", kernel.major, kernel.minor)),
        profile: counts(&|one| one.reach),
        docker: counts(&|one| one.docker),
        stopped_beyond_docker: cves(&|one| {
            one.reach == Reach::Stopped && one.docker != Reach::Stopped
        }),
        stopped_only_by_docker: cves(&|one| {
            one.reach != Reach::Stopped && one.docker == Reach::Stopped
        }),
        not_in_kernel: gated
            .flat_map(|one| one.exploit.cves_in(one.kernel, false))
            .collect(),
        ungated: ungated.flat_map(Exposed::cves).collect(),
        entries: exposure.iter().map(entry).collect(),
    }
}

fn entry(exposed: &Exposed) -> ExploitObject {
    ExploitObject {
        needs: &exposed.exploit.title,
        cves: exposed.exploit.cves.keys().map(String::as_str).collect(),
        profile: reach(exposed.reach),
        docker: reach(exposed.docker),
        example: exposed.example.map(|one| ExampleObject {
            call: one.call.into(),
            arguments: one.witness,
        }),
    }
}
