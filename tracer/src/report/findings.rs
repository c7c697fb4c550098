//! How findings read: one sentence each, the same in every report. What comes from files is escaped here.

mod also;
mod starts;

use super::escape;
use super::layout::count;
use super::words;
use crate::audit::exploits::{Exposed, Reach};
use crate::audit::findings::{Finding, Matter, Misreading, Place, PlaceFile};
use crate::audit::gate::Judged;
use crate::audit::ignore::Entry;
use crate::audit::rules::Severity;
use crate::audit::{
    Alternative, Denied, Excess, Permitted, Refused, Standing, Undecided, Unknown, View,
};
use crate::profile::Action;
use crate::profile::proof::Deviation;
use crate::syscall::Call;
use std::collections::BTreeMap;

/// The most characters that are shown of a name from a file, and the most names.
const NAME_MAX: usize = 80;
const NAMES_MAX: usize = 8;

/// What a finding says, without a full stop.
pub(super) fn sentence(finding: &Finding) -> String {
    let mut text = of_matter(&finding.matter);
    text.push_str(&also::clause(finding));
    text
}

/// What is said of one matter.
fn of_matter(matter: &Matter) -> String {
    match matter {
        Matter::Beyond(excess) => beyond(excess),
        Matter::Truncated { call, witness } => format!(
            "{} passes, and the kernel cuts its arguments to values that the profile refuses",
            words::witness(*call, witness)
        ),
        Matter::Multiplexed { call, names } => format!(
            "{call} does what {} must not, or not always",
            list(names.iter().copied())
        ),
        Matter::IoUring(call) => {
            format!("{call} is permitted: what goes through a ring does not pass the filter")
        }
        Matter::Miscompiled(one) => format!(
            "by the rules {} {}, by the filter that libseccomp makes it {}",
            words::witness(one.call, &one.witness),
            gets(one.meant),
            gets(one.compiled)
        ),
        Matter::Uncompiled(why) => format!("no filter can be made of it: {}", cut(why)),
        Matter::NoStart { who, none } => starts::no_start(who, *none),
        Matter::WeakDefault(action) => {
            format!("the default action {}", clause(*action))
        }
        Matter::Exploit(exposed) => exploit(exposed),
        Matter::Misread(reading) => misread(reading),
        Matter::Ignored(remark) => {
            let colon = if remark.path.is_empty() { "" } else { ": " };
            escape::text(&format!("{}{colon}{}", remark.path, remark.kind))
        }
        Matter::More { count, .. } => format!("there are {count} more findings of this rule"),
        Matter::UnknownName { name, similar } => {
            let mut text = format!("no ABI has a call {}: runtimes skip it", quoted(name));
            if !similar.is_empty() {
                text.push_str(&format!("; perhaps {} is meant", either(similar)));
            }
            text
        }
        Matter::RepeatedArgument { names, index } => format!(
            "a rule for {} tests argument {index} twice: runtimes take any of its conditions, not all",
            list(names.iter().map(String::as_str))
        ),
        Matter::Unreachable {
            name,
            action,
            instead,
        } => {
            let rule = format!("the rule for {} never decides", quoted(name));
            match instead {
                Some(instead) => {
                    let (action, instead) = (clause(*action), clause(*instead));
                    format!("{rule}: it {action}, but another rule {instead}")
                }
                None => format!("{rule}: its conditions never hold"),
            }
        }
        Matter::Shadowed {
            call,
            action,
            instead,
            witness,
        } => format!(
            "the rule for {call} {}, but for {} another rule {}",
            clause(*action),
            words::witness(*call, witness),
            clause(*instead)
        ),
        Matter::Redundant {
            names,
            action,
            conditional,
        } => {
            let condition = if *conditional { " with conditions" } else { "" };
            format!(
                "a rule{condition} for {} {}, as is done by default: runtimes skip it",
                list(names.iter().map(String::as_str)),
                clause(*action)
            )
        }
        Matter::Duplicate { name } => {
            format!("other rules say the same of {}", quoted(name))
        }
        Matter::Missing {
            call,
            action,
            reason,
        } => format!("{call} is refused ({}): {reason}", words::action(*action)),
        Matter::NeedsEnosys {
            call,
            action,
            instead,
            reason,
        } => format!(
            "{call} is not answered with ENOSYS ({}), so nobody falls back to {instead}: {reason}",
            words::action(*action)
        ),
        Matter::WouldDeny(denied) => would_deny(denied),
        Matter::Undecided(one) => undecided(one),
        Matter::LostFacts(missing) => format!("the recordings lack {missing} facts"),
        Matter::Unused(calls) => {
            let labels: Vec<String> = calls.iter().map(ToString::to_string).collect();
            format!(
                "{} not recorded: {}",
                count_of(calls.len(), "permitted call was", "permitted calls were"),
                list(labels.iter().map(String::as_str))
            )
        }
        Matter::UnusedValue(Alternative { call, conditions }) => format!(
            "{call} was recorded, but never with {}",
            words::conditions(*call, conditions)
        ),
        Matter::Unfiltered => "the container has no filter at all".to_owned(),
        Matter::Installed(one) => installed(one),
        Matter::Refused(one) => refused(one),
        Matter::LostRefusals(lost) => {
            format!("{lost} refused calls could not be kept while the container was watched")
        }
        Matter::ExpiredIgnore(entry) => {
            let date = entry
                .expires
                .map_or_else(String::new, |date| format!(" since {date}"));
            format!("{} is over{date}: {}", about(entry), cut(&entry.reason))
        }
        Matter::UnusedIgnore(entry) => {
            format!("{} ignores nothing: {}", about(entry), cut(&entry.reason))
        }
    }
}

/// What is done, as part of a sentence.
fn clause(action: Action) -> String {
    match action {
        Action::Errno(0) => "says that the call worked, without making it".to_owned(),
        Action::Errno(_) => format!("answers {}", words::action(action)),
        Action::Trap => "sends SIGSYS".to_owned(),
        _ => words::action(action),
    }
}

/// What becomes of a call, as part of a sentence of which it is the subject.
fn gets(action: Action) -> String {
    match action {
        Action::Allow => "is allowed".to_owned(),
        Action::Log => "is allowed and logged".to_owned(),
        Action::Errno(_) => format!("gets {}", words::action(action)),
        _ => words::action(action),
    }
}

fn beyond(excess: &Excess) -> String {
    let mut text = words::witness(excess.call, &excess.witness);
    text.push_str(match (excess.view, excess.whole) {
        (View::Filter, true) => " is permitted, and the base never permits the call",
        (View::Filter, false) => " is permitted, and the base refuses these arguments",
        (View::Kernel, _) => {
            " passes, and the kernel cuts its arguments to values that the base refuses"
        }
    });
    if let Some(reason) = &excess.reason {
        let reason = reason.trim().trim_end_matches('.');
        text.push_str(&format!(": {}", escape::text(reason)));
    }
    if let Some(ways) = words::unlock(&excess.unlock) {
        text.push_str(&format!(" (permitted with {})", escape::text(&ways)));
    }
    text
}

fn exploit(exposed: &Exposed) -> String {
    let mut text = format!("{}: {}", exposed.exploit.title, joined(exposed.cves()));
    let example = exposed
        .example
        .map(|one| words::witness(one.call, &one.witness));
    text.push_str(&match (exposed.reach, example) {
        (Reach::Bypassed, Some(example)) => format!("; refused, but {example} passes"),
        (_, Some(example)) => format!("; for example {example}"),
        (_, None) => "; by a capability that the container has".to_owned(),
    });
    if exposed.docker == Reach::Stopped {
        text.push_str("; Docker's default stops it");
    }
    text
}

fn misread(reading: &Misreading) -> String {
    let part = |verb: &str, part: &Option<(usize, Call, [u64; 6])>| {
        part.as_ref().map(|(calls, call, witness)| {
            let calls = count(*calls, "call");
            let example = words::witness(*call, witness);
            format!("{verb} {calls} that it should not, for example {example}")
        })
    };
    let parts = [
        part("permits", &reading.more),
        part("refuses", &reading.less),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let mut text = format!("{} ignores ", reading.engine);
    match reading.dropped.is_empty() {
        true => text.push_str("conditions of the profile"),
        false => text.push_str(&list(reading.dropped.iter().copied())),
    }
    if !parts.is_empty() {
        text.push_str(&format!(" and {}", parts.join(", and ")));
    }
    text
}

fn would_deny(denied: &Denied) -> String {
    let mut text = format!(
        "{} was recorded {} and would be refused ({})",
        words::call_with(denied.call, &denied.values),
        times(denied.count),
        words::action(denied.action)
    );
    if let Some(program) = &denied.program {
        text.push_str(&format!(", first by {}", quoted(program)));
    }
    if denied.standing != Standing::Breaks {
        text.push_str(", without harm");
    }
    text
}

fn undecided(one: &Undecided) -> String {
    let call = words::call_with(one.call, &one.values);
    match &one.why {
        Unknown::TooManyValues => {
            format!("{call} was recorded with more values than are kept, and some would be refused")
        }
        Unknown::NotRecorded(indexes) => {
            let names = indexes
                .iter()
                .map(|&index| words::argument(one.call, index));
            let names: Vec<String> = names.collect();
            format!(
                "{call} was recorded without {}, which the profile tests",
                names.join(" and ")
            )
        }
    }
}

fn installed(one: &Deviation) -> String {
    let what = if one.whole {
        one.call.to_string()
    } else {
        words::witness(one.call, &one.witness)
    };
    let others = match (one.call.name(), one.whole) {
        (None, true) => "; the same for other numbers without a name",
        _ => "",
    };
    format!(
        "by the profile {what} {}, by the container's filter it {}{others}",
        gets(one.meant),
        gets(one.installed)
    )
}

fn refused(one: &Refused) -> String {
    let mut text = format!(
        "{} was refused {} while the container was watched ({})",
        words::call_with(one.call, &one.values),
        times(one.count),
        one.answer
    );
    if let Some(program) = &one.program {
        text.push_str(&format!(", first to {}", quoted(program)));
    }
    text.push_str(match one.permitted {
        Permitted::ByNobody => "; the base refuses it too",
        Permitted::ByBase => "; the base permits it",
        Permitted::ByProfile => "; the profile permits it",
    });
    text
}

fn times(number: u64) -> String {
    if number == 1 {
        "once".to_owned()
    } else {
        format!("{number} times")
    }
}

fn count_of(number: usize, one: &str, many: &str) -> String {
    let noun = if number == 1 { one } else { many };
    format!("{number} {noun}")
}

/// An entry of the ignore file as the subject of a sentence.
fn about(entry: &Entry) -> String {
    match &entry.call {
        Some(call) => format!("the entry for {} of {}", entry.rule.id(), quoted(call)),
        None => format!("the entry for {}", entry.rule.id()),
    }
}

/// Text from a file, escaped and not too long.
fn cut(hostile: &str) -> String {
    let shown: String = hostile.chars().take(NAME_MAX).collect();
    let more = if shown.len() < hostile.len() {
        "…"
    } else {
        ""
    };
    format!("{}{more}", escape::text(&shown))
}

/// A name from a file, in backticks.
fn quoted(hostile: &str) -> String {
    format!("`{}`", cut(hostile))
}

/// Names, not too many.
fn list<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    let more = names.len().saturating_sub(NAMES_MAX);
    let shown: Vec<String> = names.take(NAMES_MAX).map(quoted).collect();
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("{}{more}", shown.join(", "))
}

/// Words of our own, all of them.
fn joined<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<Vec<_>>().join(", ")
}

fn either(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    names.join(" or ")
}

/// Whether it is about an exploit that Docker's default does not stop either: there are always some, so
/// reports for people tell them apart.
pub(super) fn is_common_exploit(finding: &Finding) -> bool {
    matches!(finding.matter, Matter::Exploit(_)) && finding.severity <= Severity::Low
}

/// Where a finding is, in a few characters: `12:5`, in the ignore file `ignores 3:1`; nothing if nowhere.
pub(super) fn place(place: Option<Place>) -> String {
    place.map_or_else(String::new, |Place { file, position }| {
        let file = match file {
            PlaceFile::Profile => "",
            PlaceFile::Ignores => "ignores ",
        };
        format!("{file}{}:{}", position.line, position.column)
    })
}

/// What stays the same about a finding when the profile is edited around it, told from the findings before
/// it: the rule, what it is about, and which of several alike it is.
pub(super) fn fingerprints(findings: &[Judged]) -> Vec<String> {
    let mut seen: BTreeMap<u64, u64> = BTreeMap::new();
    let mut of_one = |judged: &Judged| {
        let matter = &judged.finding.matter;
        // What is put together has the name of its first; more of the same cause makes no other finding.
        let abi = matter.call().map_or("", |call| call.abi.name());
        let names: Vec<String> = matter.names().into_iter().collect();
        let title = match matter {
            Matter::Exploit(exposed) => exposed.exploit.title.as_str(),
            Matter::ExpiredIgnore(entry) | Matter::UnusedIgnore(entry) => entry.rule.id(),
            _ => "",
        };
        let rule = judged.finding.rule().id();
        let text = format!("{rule}\0{abi}\0{title}\0{}", names.join("\0"));
        let again = seen.entry(fnv1a(&text)).or_default();
        *again += 1;
        format!("{:016x}", fnv1a(&format!("{text}\0{again}")))
    };
    findings.iter().map(&mut of_one).collect()
}

/// A hash that is the same everywhere and for ever, unlike the standard library's.
/// <http://www.isthe.com/chongo/tech/comp/fnv/>
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_published_one() {
        let table = [
            ("", 0xcbf2_9ce4_8422_2325),
            ("a", 0xaf63_dc4c_8601_ec8c),
            ("foobar", 0x8594_4171_f739_67e8),
        ];
        for (text, expected) in table {
            assert_eq!(fnv1a(text), expected, "{text}");
        }
    }

    #[test]
    fn names_from_files_are_escaped_and_cut() {
        assert_eq!(quoted("\u{1b}[2J"), "`\\u{1b}[2J`");
        let long = "x".repeat(NAME_MAX + 1);
        assert_eq!(quoted(&long), format!("`{}…`", "x".repeat(NAME_MAX)));
        let many: Vec<String> = (0..10).map(|n| n.to_string()).collect();
        let shown = list(many.iter().map(String::as_str));
        assert_eq!(shown, "`0`, `1`, `2`, `3`, `4`, `5`, `6`, `7` and 2 more");
    }
}
