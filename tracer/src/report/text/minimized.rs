//! What a profile was made of, line by line: reasons, values, and what they leave open.

use crate::minimize::{Kept, Narrowing, Outcome, Reason};
use crate::profile::{fallback, multiplexed_calls};
use crate::report::words;
use crate::syscall::{Call, catalog};
use std::collections::{BTreeMap, BTreeSet};

/// The most values of one call that are written out.
const VALUES_MAX: usize = 12;

/// Every call with its reasons and its values with theirs, and every refusal.
#[must_use]
pub fn reasons(outcome: &Outcome) -> Vec<String> {
    let labels = outcome.reasons.keys().map(|call| call.to_string().len());
    let width = labels.max().unwrap_or(0);
    let mut lines = Vec::new();
    for (call, reasons) in &outcome.reasons {
        lines.push(format!("{:width$}  {}", call.to_string(), why(reasons)));
        if let Some(narrowing) = outcome.narrowings.get(call) {
            let loosened = call
                .name()
                .is_some_and(|name| outcome.loosened.contains_key(name));
            let values = values(*call, narrowing, loosened);
            lines.extend(values.iter().map(|line| format!("{:width$}  {line}", "")));
        }
    }
    let rules = outcome.profile.rules.iter();
    let refusals = rules.filter(|rule| !rule.action.permits());
    let refusals = refusals.flat_map(|rule| rule.names.iter().map(|name| (name, rule.action)));
    for (name, action) in refusals {
        let action = words::action(action);
        lines.push(format!(
            "{name}  refused with {action}, {}",
            why_refused(name)
        ));
    }
    lines
}

/// Reasons; what several calls turn into for the same reason is said once.
fn why(reasons: &BTreeSet<Reason>) -> String {
    let mut others: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for (what, of, reason) in reasons.iter().filter_map(Reason::of_another) {
        others.entry((what, reason)).or_default().push(of);
    }
    let mut said = Vec::new();
    for reason in reasons {
        match reason.of_another() {
            Some((what, _, reason)) => {
                if let Some(of) = others.remove(&(what, reason)) {
                    said.push(format!("{what}{}: {reason}", of.join(", ")));
                }
            }
            None => said.push(reason.to_string()),
        }
    }
    said.join("; ")
}

fn why_refused(name: &str) -> &'static str {
    let known = fallback::known().kernel.iter();
    if multiplexed_calls().any(|(by, _, _)| by == name) {
        "as it would open more than is permitted here"
    } else if known.clone().any(|one| one.is_of(name)) {
        "so that programs fall back"
    } else {
        "as the base does"
    }
}

/// What is permitted of a call's values.
fn values(call: Call, narrowing: &Narrowing, loosened: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let too_many = |of: usize| match loosened {
        true => "libseccomp makes another filter of closer rules".to_owned(),
        false => format!("{of} values are too many to tell apart"),
    };
    match &narrowing.kept {
        None => {}
        Some(Kept::Tuples(tuples)) => lines.extend(kept(call, tuples, narrowing)),
        Some(Kept::Fewer { of, tuples }) => {
            lines.push(too_many(*of));
            lines.extend(kept(call, tuples, narrowing));
        }
        Some(Kept::Common {
            of,
            index,
            mask,
            value,
        }) => {
            lines.push(too_many(*of));
            lines.push(format!(
                "only with {} & {mask:#x} == {value:#x}, which all of them have in common",
                words::argument(call, *index)
            ));
        }
    }
    for &(index, bits) in &narrowing.forbidden {
        lines.push(format!("never with {}", flags(call, index, bits)));
    }
    for &(index, bits) in &narrowing.apart {
        lines.push(format!("never with {} at once", flags(call, index, bits)));
    }
    lines
}

/// Values that are kept, those with the same reasons together.
fn kept(call: Call, tuples: &BTreeSet<Vec<(u8, u64)>>, narrowing: &Narrowing) -> Vec<String> {
    let mut groups: BTreeMap<BTreeSet<Reason>, BTreeSet<Vec<(u8, u64)>>> = BTreeMap::new();
    for tuple in tuples {
        let mut reasons = narrowing.origins.get(tuple).cloned().unwrap_or_default();
        // There is no better one.
        if reasons.contains(&Reason::Observed) {
            reasons = [Reason::Observed].into();
        }
        groups.entry(reasons).or_default().insert(tuple.clone());
    }
    let words = std::iter::once("only").chain(std::iter::repeat("and"));
    let each = groups.iter().zip(words).map(|((reasons, tuples), word)| {
        format!("{word} with {}  ({})", list(call, tuples), why(reasons))
    });
    each.collect()
}

fn list(call: Call, tuples: &BTreeSet<Vec<(u8, u64)>>) -> String {
    let shown = tuples
        .iter()
        .take(VALUES_MAX)
        .map(|tuple| catalog::show_tuple(call, tuple));
    let mut text = shown.collect::<Vec<_>>().join(" | ");
    if tuples.len() > VALUES_MAX {
        text.push_str(&format!(" and {} more", tuples.len() - VALUES_MAX));
    }
    text
}

/// Flags that have names; those without are meant, too, but say nothing.
fn flags(call: Call, index: u8, bits: u64) -> String {
    let shown = catalog::show_flags(call, index, bits);
    let name = words::argument(call, index);
    if shown.is_empty() {
        return format!("any other bit of {name}");
    }
    shown.join("|")
}

/// A call, or a call with values, that was left out.
#[must_use]
pub fn with_values(call: Call, all: &[Vec<(u8, u64)>], shown_max: usize) -> String {
    let (shown, more) = all.split_at(all.len().min(shown_max));
    let shown: Vec<_> = shown
        .iter()
        .map(|values| catalog::show_tuple(call, values))
        .collect();
    let more = if more.is_empty() {
        String::new()
    } else {
        format!(" and {} more", more.len())
    };
    format!("{call} with {}{more}", shown.join(" | "))
}

/// Names whose rules permit more than was seen because of what libseccomp makes of closer ones.
#[must_use]
pub fn loosened(outcome: &Outcome) -> Vec<String> {
    let each = outcome.loosened.iter().map(|(name, wrong)| {
        format!(
            "{name} is permitted with more values than were seen, as libseccomp makes another filter of closer \
             rules: {wrong} would get {}",
            words::action(wrong.compiled)
        )
    });
    each.collect()
}

/// What argument rules do not hold for, if 32-bit programs may run.
#[must_use]
pub fn bypasses(outcome: &Outcome) -> Vec<String> {
    let each = outcome.bypasses.iter().map(|(by, names)| {
        let names: Vec<_> = names.iter().copied().collect();
        format!(
            "32-bit programs can go around the argument rules of {} by {by}, which hides arguments from filters",
            names.join(", ")
        )
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::minimize::{self, Options, Portability, Precision, RuntimeRelease, minimize};
    use crate::profile::{Circumstances, KernelVersion, base};
    use crate::recording;
    use crate::syscall::{Abi, capability};

    /// Everything that `generate --explain` says of a recording of a container.
    #[test]
    fn a_whole_explanation() {
        let text = include_str!("../../../../tests/data/small.rec.json");
        let runs = recording::read(text).unwrap();
        let circumstances = Circumstances {
            host: Abi::X86_64,
            kernel: KernelVersion { major: 6, minor: 1 },
            capabilities: capability::docker_default(),
        };
        let runtime = RuntimeRelease {
            name: "runc".to_owned(),
            version: None,
        };
        let options = Options {
            base: Some(base::docker().resolve(&circumstances)),
            native: Abi::X86_64,
            runtimes: [runtime].into(),
            start: minimize::Start::default(),
            precision: Precision::default(),
            portability: Portability::default(),
            chance: true,
            stand_ins: BTreeMap::new(),
            kept: None,
        };
        let mut text = reasons(&minimize(&runs, &options)).join("\n");
        text.push('\n');
        assert_eq!(text, include_str!("../golden/generate.txt"));
    }

    #[test]
    fn values_are_shown_by_name_and_with_their_reasons() {
        let tuples = |count: u64| -> BTreeSet<Vec<(u8, u64)>> {
            (0..count).map(|option| vec![(1, 6), (2, option)]).collect()
        };
        let twins = Reason::Twins("either will do");
        let origins: BTreeMap<_, BTreeSet<Reason>> = tuples(3)
            .into_iter()
            .zip([
                [Reason::Observed].into(),
                [twins.clone()].into(),
                [Reason::Observed, twins].into(),
            ])
            .collect();
        let table = [
            (
                "setsockopt",
                Narrowing {
                    kept: Some(Kept::Tuples(tuples(3))),
                    origins,
                    ..Narrowing::default()
                },
                "only with SOL_TCP, 0 | SOL_TCP, TCP_MAXSEG  (observed)\n\
                 and with SOL_TCP, TCP_NODELAY  (with more values: either will do)",
            ),
            (
                "setsockopt",
                Narrowing {
                    kept: Some(Kept::Fewer {
                        of: 70,
                        tuples: [vec![(1, 1)]].into(),
                    }),
                    origins: [(vec![(1, 1)], [Reason::Observed].into())].into(),
                    ..Narrowing::default()
                },
                "70 values are too many to tell apart\nonly with SOL_SOCKET  (observed)",
            ),
            (
                "ioctl",
                Narrowing {
                    kept: Some(Kept::Common {
                        of: 70,
                        index: 1,
                        mask: 0xFFFF_FF00,
                        value: 0x5400,
                    }),
                    ..Narrowing::default()
                },
                "70 values are too many to tell apart\n\
                 only with cmd & 0xffffff00 == 0x5400, which all of them have in common",
            ),
            (
                "mprotect",
                Narrowing {
                    forbidden: vec![(2, 8)],
                    apart: vec![(2, 6)],
                    ..Narrowing::default()
                },
                "never with PROT_SEM\nnever with PROT_WRITE|PROT_EXEC at once",
            ),
            (
                "mprotect",
                Narrowing {
                    forbidden: vec![(2, 0x40)],
                    ..Narrowing::default()
                },
                "never with any other bit of prot",
            ),
        ];
        for (name, narrowing, expected) in table {
            let call = Call::named(Abi::X86_64, name).unwrap();
            assert_eq!(values(call, &narrowing, false).join("\n"), expected);
        }
        let call = Call::named(Abi::X86_64, "socket").unwrap();
        let all = [vec![(0, 40), (1, 1), (2, 0)], vec![(0, 38), (1, 5), (2, 0)]];
        assert_eq!(
            with_values(call, &all, 1),
            "socket with AF_VSOCK, SOCK_STREAM, 0 and 1 more"
        );
    }
    #[test]
    fn a_reason_that_several_calls_have_is_said_once() {
        let reasons = ["brk", "mmap"].map(|of| Reason::Fallback {
            of,
            reason: "memory grows",
        });
        let reasons = reasons.into_iter().chain([Reason::Observed]).collect();
        assert_eq!(
            why(&reasons),
            "observed; fallback of brk, mmap: memory grows"
        );
    }

    #[test]
    fn refusals_have_reasons() {
        let table = [
            ("clone3", "so that programs fall back"),
            ("socketcall", "as it would open more than is permitted here"),
            ("keyctl", "as the base does"),
        ];
        for (name, expected) in table {
            assert_eq!(why_refused(name), expected, "{name}");
        }
    }
}
