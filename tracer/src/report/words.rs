//! Calls, values, conditions and actions as people read them; the same words in every report.

use crate::audit::{Values, When};
use crate::profile::{Action, Condition, Operator};
use crate::syscall::{Call, catalog};

/// Errnos that profiles use, with their names on every ABI that we have tables for.
static ERRNOS: &[(u16, &str)] = &[
    (1, "EPERM"),
    (2, "ENOENT"),
    (3, "ESRCH"),
    (4, "EINTR"),
    (5, "EIO"),
    (9, "EBADF"),
    (11, "EAGAIN"),
    (12, "ENOMEM"),
    (13, "EACCES"),
    (14, "EFAULT"),
    (16, "EBUSY"),
    (17, "EEXIST"),
    (19, "ENODEV"),
    (22, "EINVAL"),
    (25, "ENOTTY"),
    (38, "ENOSYS"),
    (93, "EPROTONOSUPPORT"),
    (94, "ESOCKTNOSUPPORT"),
    (95, "EOPNOTSUPP"),
    (97, "EAFNOSUPPORT"),
];

/// `EPERM`, or `errno 200` for one without a name here.
pub(super) fn errno(errno: u16) -> String {
    ERRNOS
        .iter()
        .find(|&&(number, _)| number == errno)
        .map_or_else(|| format!("errno {errno}"), |&(_, name)| name.to_owned())
}

/// What a call gets: `EPERM`, `kills the process`.
pub(super) fn action(action: Action) -> String {
    match action {
        Action::KillProcess => "kills the process".to_owned(),
        Action::KillThread => "kills the thread".to_owned(),
        Action::Trap => "SIGSYS".to_owned(),
        Action::Errno(0) => "success without doing anything".to_owned(),
        Action::Errno(number) => errno(number),
        Action::Trace(_) => "asks a tracer".to_owned(),
        Action::Notify => "asks a listener".to_owned(),
        Action::Log => "allows and logs".to_owned(),
        Action::Allow => "allows".to_owned(),
    }
}

/// A register's value: small ones decimal, the others as bits.
pub(super) fn value(value: u64) -> String {
    if value < 256 {
        value.to_string()
    } else {
        format!("{value:#x}")
    }
}

/// The name of an argument in the call's prototype where the catalog has it, `arg2` otherwise.
pub(super) fn argument(call: Call, index: u8) -> String {
    let tracked = catalog::at(call, index).map(|argument| argument.name);
    let named = || {
        let (_, name) = catalog::prototype(call)?.get(usize::from(index))?;
        Some(*name)
    };
    tracked
        .or_else(named)
        .map_or_else(|| format!("arg{index}"), ToOwned::to_owned)
}

/// `socket(family=2, type=1)`, or just the call when nothing is known.
pub(super) fn call_with(call: Call, values: &Values) -> String {
    if values.is_unknown() {
        return call.to_string();
    }
    let all: Vec<(u8, u64)> = values.iter().collect();
    let known: Vec<String> = values
        .iter()
        .map(|(index, known)| {
            let value = catalog::show_beside(call, index, known, &all);
            format!("{}={value}", argument(call, index))
        })
        .collect();
    format!("{call}({})", known.join(", "))
}

/// `socket(0x100000028, 0, 0, 0, 0, 0)` without the zeros at the end that say nothing; at least one
/// argument is shown.
pub(super) fn witness(call: Call, arguments: &[u64; 6]) -> String {
    let last = arguments.iter().rposition(|&value| value != 0).unwrap_or(0);
    let shown: Vec<String> = arguments[..=last].iter().map(|&a| value(a)).collect();
    let more = if last < 5 { ", …" } else { "" };
    format!("{call}({}{more})", shown.join(", "))
}

/// `family == 2`, `flags & 0x7e020000 == 0`.
pub(super) fn condition(call: Call, condition: &Condition) -> String {
    let name = argument(call, condition.index);
    let operator = match condition.operator {
        Operator::Ne => "!=",
        Operator::Lt => "<",
        Operator::Le => "<=",
        Operator::Eq => "==",
        Operator::Ge => ">=",
        Operator::Gt => ">",
        Operator::MaskedEq => return masked(call, condition, &name),
    };
    let value = catalog::show(call, condition.index, condition.value);
    format!("{name} {operator} {value}")
}

/// A masked comparison; one that looks at the whole C type is an equality.
fn masked(call: Call, condition: &Condition, name: &str) -> String {
    let (index, mask) = (condition.index, condition.value);
    let datum = catalog::show(call, index, condition.value_two & mask);
    match catalog::at(call, index) {
        Some(argument) if argument.mask() == mask => format!("{name} == {datum}"),
        Some(argument) if matches!(argument.values, catalog::Values::Bits { .. }) => {
            let datum = value(condition.value_two & mask);
            format!("{name} & ({}) == {datum}", catalog::show(call, index, mask))
        }
        _ => format!("{name} & {} == {datum}", value(mask)),
    }
}

/// Conditions that must all hold.
pub(super) fn conditions(call: Call, all: &[Condition]) -> String {
    let all: Vec<String> = all.iter().map(|one| condition(call, one)).collect();
    all.join(" and ")
}

/// The most alternatives that are written out.
const ALTERNATIVES_MAX: usize = 4;

/// Alternatives of which one must hold; many are cut, and say so.
pub(super) fn alternatives(call: Call, alternatives: &[Vec<Condition>]) -> String {
    let shown: Vec<String> = alternatives
        .iter()
        .take(ALTERNATIVES_MAX)
        .map(|all| conditions(call, all))
        .collect();
    let mut text = shown.join(", or ");
    if alternatives.len() > ALTERNATIVES_MAX {
        let more = alternatives.len() - ALTERNATIVES_MAX;
        text.push_str(&format!(", or {more} more"));
    }
    text
}

/// For which arguments: `when family == AF_INET`, `unless …`.
pub(super) fn when(call: Call, when: &When) -> String {
    match when {
        When::AnyOf(all) => format!("when {}", alternatives(call, all)),
        When::NoneOf(all) => format!("unless {}", alternatives(call, all)),
        When::Unlisted => "for some arguments, too many to list".to_owned(),
    }
}

/// `CAP_BPF or CAP_SYS_ADMIN`; `None` when nothing does.
pub(super) fn unlock(capabilities: &[String]) -> Option<String> {
    (!capabilities.is_empty()).then(|| capabilities.join(" or "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syscall::Abi;

    fn call(name: &str) -> Call {
        Call::named(Abi::X86_64, name).unwrap()
    }

    #[test]
    fn values_and_conditions_read_as_c() {
        let masked = Condition {
            index: 0,
            operator: Operator::MaskedEq,
            value: 0x7e02_0000,
            value_two: 0x80,
        };
        let equal = Condition {
            index: 1,
            operator: Operator::Eq,
            value: 0x5401,
            value_two: 0,
        };
        assert_eq!(
            condition(call("clone"), &masked),
            "flags & (CLONE_NEWNS|CLONE_NEWCGROUP|CLONE_NEWUTS|CLONE_NEWIPC|CLONE_NEWUSER|CLONE_NEWPID|CLONE_NEWNET) == 0"
        );
        assert_eq!(condition(call("ioctl"), &equal), "cmd == TCGETS");
        assert_eq!(
            conditions(call("read"), &[masked, equal]),
            "fd & 0x7e020000 == 0 and buf == 0x5401"
        );
        assert_eq!(
            alternatives(call("ioctl"), &vec![vec![equal]; 6]),
            "cmd == TCGETS, or cmd == TCGETS, or cmd == TCGETS, or cmd == TCGETS, or 2 more"
        );
        assert_eq!(
            call_with(call("socket"), &[(0, 2), (2, 132)].into_iter().collect()),
            "socket(family=AF_INET, protocol=IPPROTO_SCTP)"
        );
        assert_eq!(call_with(call("read"), &Values::unknown()), "read");
    }

    #[test]
    fn a_witness_shows_what_matters() {
        let table = [
            ([0; 6], "socket(0, …)"),
            ([0x1_0000_0028, 1, 0, 0, 0, 0], "socket(0x100000028, 1, …)"),
            ([0, 0, 0, 0, 0, 1], "socket(0, 0, 0, 0, 0, 1)"),
        ];
        for (arguments, expected) in table {
            assert_eq!(witness(call("socket"), &arguments), expected);
        }
    }

    #[test]
    fn actions_say_what_the_program_sees() {
        let table = [
            (Action::Errno(1), "EPERM"),
            (Action::Errno(38), "ENOSYS"),
            (Action::Errno(4000), "errno 4000"),
            (Action::Errno(0), "success without doing anything"),
            (Action::KillThread, "kills the thread"),
        ];
        for (what, expected) in table {
            assert_eq!(action(what), expected);
        }
    }
}
