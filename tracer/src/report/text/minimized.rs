//! What a profile was made of, line by line: reasons, values, and what they leave open.

use crate::minimize::{Kept, Narrowing, Outcome};
use crate::report::words;
use crate::syscall::{Call, catalog};
use std::collections::BTreeSet;

/// The most values of one call that are written out.
const VALUES_MAX: usize = 12;

/// Every call with its reasons and its values, and every refusal.
#[must_use]
pub fn reasons(outcome: &Outcome) -> Vec<String> {
    let labels = outcome.reasons.keys().map(|call| call.to_string().len());
    let width = labels.max().unwrap_or(0);
    let mut lines = Vec::new();
    for (call, reasons) in &outcome.reasons {
        let reasons: Vec<_> = reasons.iter().map(ToString::to_string).collect();
        lines.push(format!(
            "{:width$}  {}",
            call.to_string(),
            reasons.join("; ")
        ));
        if let Some(narrowing) = outcome.narrowings.get(call) {
            lines.extend(
                values(*call, narrowing)
                    .iter()
                    .map(|line| format!("{:width$}  {line}", "")),
            );
        }
    }
    let refusals = outcome
        .profile
        .rules
        .iter()
        .filter(|rule| !rule.action.permits());
    for rule in refusals {
        let names = rule.names.join(", ");
        lines.push(format!(
            "{names}  refused with {}, so that programs fall back",
            words::action(rule.action)
        ));
    }
    lines
}

/// What is permitted of a call's values.
fn values(call: Call, narrowing: &Narrowing) -> Vec<String> {
    let mut lines = Vec::new();
    match &narrowing.kept {
        None => {}
        Some(Kept::Tuples(tuples)) => lines.push(format!("only with {}", list(call, tuples))),
        Some(Kept::Fewer { of, tuples }) => {
            lines.push(format!(
                "{of} values are too many, so only with {}",
                list(call, tuples)
            ));
        }
        Some(Kept::Common {
            of,
            index,
            mask,
            value,
        }) => lines.push(format!(
            "{of} values are too many, so only with {} & {mask:#x} == {value:#x}",
            words::argument(call, *index)
        )),
    }
    for &(index, bits) in &narrowing.forbidden {
        lines.push(format!("never with {}", flags(call, index, bits)));
    }
    for &(index, bits) in &narrowing.apart {
        lines.push(format!("never with {} at once", flags(call, index, bits)));
    }
    lines
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
    use crate::syscall::Abi;

    #[test]
    fn values_are_shown_by_name() {
        let tuples = |count: u64| (0..count).map(|option| vec![(1, 6), (2, option)]).collect();
        let table = [
            (
                "setsockopt",
                Narrowing {
                    kept: Some(Kept::Tuples(tuples(3))),
                    ..Narrowing::default()
                },
                "only with SOL_TCP, 0 | SOL_TCP, TCP_NODELAY | SOL_TCP, TCP_MAXSEG",
            ),
            (
                "setsockopt",
                Narrowing {
                    kept: Some(Kept::Fewer {
                        of: 70,
                        tuples: [vec![(1, 1)]].into(),
                    }),
                    ..Narrowing::default()
                },
                "70 values are too many, so only with SOL_SOCKET",
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
                "70 values are too many, so only with cmd & 0xffffff00 == 0x5400",
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
            assert_eq!(values(call, &narrowing).join("\n"), expected);
        }
        let call = Call::named(Abi::X86_64, "socket").unwrap();
        let all = [vec![(0, 40), (1, 1), (2, 0)], vec![(0, 38), (1, 5), (2, 0)]];
        assert_eq!(
            with_values(call, &all, 1),
            "socket with AF_VSOCK, SOCK_STREAM, 0 and 1 more"
        );
    }
}
