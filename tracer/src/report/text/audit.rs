//! The audit as text.

use super::{evidence, exploits, filter, findings, live, quoted, sureness, verdict};
use crate::audit::{Assessment, Audit, Documented, Presence, Subject, Surface, Verdict};
use crate::report::escape;
use crate::report::layout::{self, Align, count, hanging, names, percent};
use crate::report::words;
use crate::syscall::capability::{self, Capabilities};
use crate::syscall::{Abi, Call};
use std::collections::BTreeSet;

/// Where the second column of free-standing lists begins.
const COLUMN: usize = 20;

/// What the columns of the first table mean.
const LEGEND: &str = "
  always: whatever the arguments; conditional: for the same arguments as in the base;
  narrowed: for fewer arguments than in the base

";

/// The audit as text.
#[must_use]
pub fn audit(assessment: &Assessment) -> String {
    let audit = &assessment.audit;
    let mut sections = vec![head(assessment)];
    sections.extend(findings::section(&assessment.judgement));
    sections.push(surfaces(audit));
    let evidence = audit.evidence.as_ref();
    sections.extend(evidence.map(evidence::evidence));
    sections.extend(evidence.map(|evidence| sureness::section(&evidence.sureness)));
    sections.push(exploits::section(&assessment.exposure));
    sections.extend(audit.filter.as_ref().map(filter::section));
    sections.push(documented(&audit.documented));
    sections.join("\n")
}

/// What "the base" is called in sentences.
fn base(subject: &Subject) -> String {
    subject
        .base
        .as_deref()
        .map_or_else(|| "all there is".to_owned(), quoted)
}

fn head(assessment: &Assessment) -> String {
    let audit = &assessment.audit;
    let subject = &audit.subject;
    let mut clauses = Vec::new();
    if let Some(surface) = audit.surfaces.first() {
        clauses.push(format!(
            "allows {} of the {} {} ({})",
            surface.left(),
            count(surface.in_base(), "call"),
            match &subject.base {
                Some(base) => format!("that {} allows", quoted(base)),
                None => "that there are".to_owned(),
            },
            percent(surface.left(), surface.in_base()),
        ));
    }
    if subject.base.is_some() {
        let calls: BTreeSet<Call> = audit.beyond.iter().map(|excess| excess.call).collect();
        clauses.push(if calls.is_empty() {
            "nothing beyond it".to_owned()
        } else {
            format!("goes beyond it in {}", count(calls.len(), "call"))
        });
    }
    let claims = audit.evidence.as_ref().map(|e| evidence::claim(&e.check));
    clauses.extend(claims);
    let lead = lead(assessment);
    let column = layout::width(&lead) + 1;
    let part = subject.part.as_deref();
    let part = part.map_or_else(String::new, |part| format!(", {},", quoted(part)));
    let sentence = format!("{}{part} {}", quoted(&subject.profile), clauses.join(", "));
    let mut out = hanging(&lead, column, &sentence);
    out.push('\n');
    let runtime = subject.runtime.map(|runtime| format!(", {runtime}"));
    let host = format!(
        "{}, Linux {}, {}{}",
        subject.native,
        escape::text(&subject.kernel),
        capabilities(&subject.capabilities),
        runtime.unwrap_or_default()
    );
    out.push_str(&hanging("  resolved for", COLUMN, &host));
    let default = words::action(subject.default_action);
    out.push_str(&hanging("  other calls", COLUMN, &default));
    out.push_str(&audit.live.as_ref().map(live::head).unwrap_or_default());
    let findings = findings::summary(&assessment.judgement);
    out.push_str(&hanging("  findings", COLUMN, &findings));
    out
}

/// The verdict. Where the gate was told to let high findings pass, that is no pass.
fn lead(assessment: &Assessment) -> String {
    let high = findings::high(&assessment.judgement);
    match assessment.judgement.verdict {
        Verdict::Pass if high > 0 => format!("not gated, {high} high:"),
        other => format!("{}:", verdict(other)),
    }
}

/// A set of capabilities, told by how it differs from Docker's.
fn capabilities(set: &Capabilities) -> String {
    let docker = capability::docker_default();
    if set.is_empty() {
        return "no capabilities".to_owned();
    }
    if *set == capability::all() {
        return "all capabilities".to_owned();
    }
    let list = |set: Vec<&String>| -> String {
        let names: Vec<String> = set.iter().map(|name| escape::text(name)).collect();
        names.join(" ")
    };
    let plus = list(set.difference(&docker).collect());
    let less = list(docker.difference(set).collect());
    let mut text = format!("Docker's {} capabilities", docker.len());
    if !plus.is_empty() {
        text.push_str(&format!(" plus {plus}"));
    }
    if !less.is_empty() {
        text.push_str(&format!(" without {less}"));
    }
    text
}

fn surfaces(audit: &Audit) -> String {
    let mut out = format!("What is left of {}\n\n", base(&audit.subject));
    let head = [
        "abi",
        "in base",
        "always",
        "conditional",
        "narrowed",
        "dropped",
        "left",
        "",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for surface in &audit.surfaces {
        let note = if surface.listed {
            ""
        } else {
            "not listed: every call is killed"
        };
        rows.push(vec![
            surface.abi.to_string(),
            surface.in_base().to_string(),
            surface.always.len().to_string(),
            surface.conditional.len().to_string(),
            surface.narrowed.len().to_string(),
            surface.dropped.len().to_string(),
            percent(surface.left(), surface.in_base()),
            note.to_owned(),
        ]);
    }
    let mut align = [Align::Right; 8];
    align[0] = Align::Left;
    out.push_str(&layout::table(2, &align, &rows));
    let Some(native) = audit.surfaces.first() else {
        return out;
    };
    out.push_str(LEGEND);
    for (what, calls) in parts(native) {
        out.push_str(&list(&format!("  {what}"), calls, &BTreeSet::new()));
    }
    for other in &audit.surfaces[1..] {
        for (what, calls) in parts(other).into_iter().take(3) {
            // Names that mean the same on the native ABI have been said.
            let known: BTreeSet<String> = parts(native)
                .into_iter()
                .filter(|(same, _)| *same == what)
                .flat_map(|(_, calls)| calls.iter().map(|call| call.label()))
                .collect();
            out.push_str(&list(
                &format!("  {what}, only on {}", other.abi),
                calls,
                &known,
            ));
        }
    }
    out
}

/// The sets of a surface with their names; what is allowed first.
fn parts(surface: &Surface) -> [(&'static str, &BTreeSet<Call>); 4] {
    [
        ("always", &surface.always),
        ("conditional", &surface.conditional),
        ("narrowed", &surface.narrowed),
        ("dropped", &surface.dropped),
    ]
}

/// Calls by name, without those already known; nothing when none is left.
fn list(lead: &str, calls: &BTreeSet<Call>, known: &BTreeSet<String>) -> String {
    let labels: BTreeSet<String> = calls.iter().map(|call| call.label()).collect();
    let new: Vec<&String> = labels.difference(known).collect();
    if new.is_empty() {
        return String::new();
    }
    names(lead, COLUMN, new)
}

/// A reason as part of a sentence: no full stop at the end.
fn sentence(reason: &str) -> String {
    escape::text(reason.trim().trim_end_matches('.'))
}

fn documented(all: &[Documented]) -> String {
    let group = |degree: u8| -> Vec<&Documented> {
        let here = all.iter().filter(|one| !one.presence.is_empty());
        here.filter(|one| one.degree() == degree).collect()
    };
    let (allowed, conditional, blocked) = (group(2), group(1), group(0));
    let mut out = format!(
        "What Docker's documentation lists as blocked: {} blocked, {} conditional, {} allowed\n",
        blocked.len(),
        conditional.len(),
        allowed.len()
    );
    for (title, group) in [
        ("allowed", allowed),
        ("conditional", conditional),
        ("blocked", blocked),
    ] {
        if group.is_empty() {
            continue;
        }
        out.push_str(&format!("\n  {title}\n"));
        let rows: Vec<Vec<String>> = group.into_iter().map(documented_row).collect();
        out.push_str(&layout::table(4, &[Align::Left, Align::Left], &rows));
    }
    let absent: Vec<&str> = all
        .iter()
        .filter(|one| one.presence.is_empty())
        .map(|one| one.name.as_str())
        .collect();
    if !absent.is_empty() {
        out.push('\n');
        out.push_str(&hanging(
            &format!("  no call of a listed ABI ({})", absent.len()),
            COLUMN,
            &absent.join(" "),
        ));
    }
    out
}

fn documented_row(one: &Documented) -> Vec<String> {
    let mut text = sentence(&one.reason);
    let degree = one.degree();
    let most = one.presence.iter().find(|(_, p)| p.degree() == degree);
    if let Some((&abi, Presence::Conditional(when))) = most
        && let Some(call) = Call::named(abi, &one.name)
    {
        text.push_str(&format!("; allowed {}", words::when(call, when)));
    }
    if let Some(ways) = words::unlock(&one.unlock) {
        text.push_str(&format!(
            "; the base allows it with {}",
            escape::text(&ways)
        ));
    }
    let stricter: Vec<Abi> = one
        .presence
        .iter()
        .filter(|(_, p)| p.degree() < degree)
        .map(|(&abi, _)| abi)
        .collect();
    for abi in stricter {
        let how = match one.presence[&abi] {
            Presence::Blocked(_) => "blocked",
            Presence::Conditional(_) | Presence::Allowed => "conditional",
        };
        text.push_str(&format!("; {how} on {abi}"));
    }
    if one.base_degree.is_some_and(|base| base < degree) {
        text.push_str("; beyond the base");
    }
    vec![one.name.clone(), text]
}
