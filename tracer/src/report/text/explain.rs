//! What a word means, as text.

use super::quoted;
use crate::audit::Presence;
use crate::audit::explain::{BaseAnswer, CallExplanation, Explanation};
use crate::audit::exploits::{self, Cve, Exploit, Reach};
use crate::audit::rules::Rule;
use crate::profile::KernelVersion;
use crate::report::escape;
use crate::report::layout::hanging;
use crate::report::words;
use crate::syscall::Call;

/// Where the second column begins.
const COLUMN: usize = 16;

/// What a word means, as text.
#[must_use]
pub fn explanation(explanation: &Explanation) -> String {
    match explanation {
        Explanation::Rule(rule) => self::rule(rule),
        Explanation::Call(call) => self::call(call),
        Explanation::Cve { id, exploit } => cve(id, exploit),
    }
}

fn line(lead: &str, text: &str) -> String {
    hanging(&format!("  {lead}"), COLUMN, text)
}

fn rule(rule: &Rule) -> String {
    let mut out = format!("{}: {}\n\n", rule.id, rule.title);
    out.push_str(&line("severity", rule.severity.name()));
    out.push_str(&line("what", rule.what));
    out.push_str(&line("why", rule.why));
    out.push_str(&line("remedy", rule.remedy));
    if !rule.gate.is_empty() {
        out.push_str(&line("who decides", rule.gate));
    }
    out
}

fn call(call: &CallExplanation) -> String {
    let mut out = format!("{}: a system call\n\n", call.name);
    let numbers: Vec<String> = call
        .numbers
        .iter()
        .map(|(abi, number)| format!("{abi} {number}"))
        .collect();
    out.push_str(&line(
        "numbers",
        &if numbers.is_empty() {
            "none on the ABIs that this program knows".to_owned()
        } else {
            numbers.join(", ")
        },
    ));
    if !call.prototype.is_empty() {
        out.push_str(&line("arguments", &call.prototype.join(", ")));
    }
    let deciding: Vec<String> = call
        .arguments
        .iter()
        .map(|one| format!("{} ({} bits)", one.name, one.kind.bits()))
        .collect();
    if !deciding.is_empty() {
        out.push_str(&line("decided by", &deciding.join(", ")));
    }
    if let Some((multiplexer, number)) = call.multiplexed {
        let text = format!("i386:{multiplexer}({number}, …), whose arguments no filter can read");
        out.push_str(&line("also made by", &text));
    }
    if let Some(answer) = &call.base {
        out.push_str(&base(&call.name, answer));
    }
    if let Some(reason) = call.reason {
        out.push_str(&line("why", reason));
    }
    if let Some(reason) = call.essential {
        out.push_str(&line("needed", &format!("by every profile: {reason}")));
    }
    for (instead, reason) in &call.falls_back {
        let text = format!("{instead}, if it is answered with ENOSYS: {reason}");
        out.push_str(&line("falls back to", &text));
    }
    if !call.stands_in_for.is_empty() {
        let text = format!("{}, on ENOSYS", call.stands_in_for.join(", "));
        out.push_str(&line("stands in for", &text));
    }
    for exploit in &call.exploits {
        out.push_str(&line(
            "exploited",
            &format!("{}: {}", exploit.title, cves(exploit)),
        ));
    }
    out
}

fn base(name: &str, answer: &BaseAnswer) -> String {
    // ABIs with the same answer are told together.
    let mut groups: Vec<(&Presence, Vec<String>)> = Vec::new();
    for (abi, presence) in &answer.presence {
        match groups.iter_mut().find(|(known, _)| *known == presence) {
            Some((_, abis)) => abis.push(abi.to_string()),
            None => groups.push((presence, vec![abi.to_string()])),
        }
    }
    let mut out = String::new();
    for (presence, abis) in groups {
        let call = answer.presence.iter().find(|(_, known)| *known == presence);
        let call = call.and_then(|(&abi, _)| Call::named(abi, name));
        let how = match presence {
            Presence::Blocked(action) => format!("refuses it ({})", words::action(*action)),
            Presence::Allowed => "allows it".to_owned(),
            Presence::Conditional(when) => {
                let when = call.map(|call| words::when(call, when));
                format!("allows it {}", when.unwrap_or_default())
            }
        };
        let text = format!("{} {how} on {}", quoted(&answer.name), abis.join(", "));
        out.push_str(&line("base", &text));
    }
    if let Some(ways) = words::unlock(&answer.unlock) {
        out.push_str(&line("gated by", &escape::text(&ways)));
    }
    out
}

fn cves(exploit: &Exploit) -> String {
    let cves: Vec<&str> = exploit.cves.keys().map(String::as_str).collect();
    cves.join(" ")
}

/// Which releases of Linux have the fault.
fn kernels(cve: &Cve) -> Option<String> {
    let show = |version: KernelVersion| format!("{}.{}", version.major, version.minor);
    match (cve.since.map(show), cve.fixed.map(show)) {
        (Some(since), Some(fixed)) => Some(format!("since Linux {since}, fixed in {fixed}")),
        (Some(since), None) => Some(format!("since Linux {since}")),
        (None, Some(fixed)) => Some(format!("fixed in Linux {fixed}")),
        (None, None) => None,
    }
}

fn cve(id: &str, exploit: &Exploit) -> String {
    let what = match exploit.docker {
        Reach::Stopped | Reach::Bypassed | Reach::Open => "a flaw of the kernel",
        Reach::Ungated => "a flaw that no call gates",
    };
    let mut out = format!("{id}: {what}\n\n");
    out.push_str(&line("needs", &exploit.title));
    for ways in exploit.steps() {
        out.push_str(&line("step", &ways.join(", or ")));
    }
    let calls: Vec<&str> = exploit.calls().into_iter().collect();
    if !calls.is_empty() {
        out.push_str(&line("calls", &calls.join(", ")));
    }
    if let Some(text) = exploit.cves.get(id).and_then(kernels) {
        out.push_str(&line("kernels", &text));
    }
    let capabilities: Vec<&str> = exploit.capabilities().collect();
    if !capabilities.is_empty() {
        out.push_str(&line("or has", &capabilities.join(", ")));
    }
    let docker = match exploit.docker {
        Reach::Stopped => "Docker's default stops it",
        Reach::Bypassed => "Docker's default refuses it, but there is a way around",
        Reach::Open => "Docker's default does not stop it",
        Reach::Ungated => "no call gates it, so that no profile stops it",
    };
    out.push_str(&line("default", docker));
    for source in exploit.cves.get(id).iter().flat_map(|cve| &cve.sources) {
        out.push_str(&line("source", exploits::source(source).unwrap_or(source)));
    }
    out
}
