//! Reads profiles: plain OCI, Docker's dialect, and Podman's. What an engine would refuse is refused, with
//! its place.

use super::model::{Action, Condition, Operator};
use super::position::RulePositions;
use super::source::{Filter, KernelVersion, Origin, Source, SourceRule};
use serde::Deserialize;

/// The most rules that are read; Docker's default has 33.
const RULES_MAX: usize = 20_000;

/// Why a text is not a profile.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Not JSON, or not of the right shape; the cause has line and column.
    #[error("not a seccomp profile")]
    Json(#[source] serde_json::Error),
    /// An engine would run the container unconfined with it.
    #[error("the profile is empty: engines would run the container without any filter")]
    Empty,
    /// Two keys that exclude each other.
    #[error("{place}: `{one}` and `{other}` must not be there together")]
    Contradiction {
        /// Where.
        place: String,
        /// A key.
        one: &'static str,
        /// Another key.
        other: &'static str,
    },
    /// A word or number that no runtime takes.
    #[error("{place}: unknown {what} `{found}`")]
    Unknown {
        /// Where.
        place: String,
        /// What it should be.
        what: &'static str,
        /// What it is.
        found: String,
    },
    /// Too large to be meant.
    #[error("more than {RULES_MAX} rules")]
    TooLarge,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProfileObject {
    #[serde(default)]
    default_action: String,
    default_errno_ret: Option<u32>,
    default_errno: Option<String>,
    arch_map: Option<Vec<ArchitectureObject>>,
    architectures: Option<Vec<String>>,
    flags: Option<Vec<String>>,
    listener_path: Option<String>,
    listener_metadata: Option<String>,
    syscalls: Option<Vec<RuleObject>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ArchitectureObject {
    architecture: String,
    sub_architectures: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RuleObject {
    names: Option<Vec<String>>,
    name: Option<String>,
    action: String,
    errno_ret: Option<u32>,
    errno: Option<String>,
    args: Option<Vec<ConditionObject>>,
    comment: Option<String>,
    includes: Option<FilterObject>,
    excludes: Option<FilterObject>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConditionObject {
    index: u64,
    value: u64,
    #[serde(default)]
    value_two: u64,
    op: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FilterObject {
    caps: Option<Vec<String>>,
    arches: Option<Vec<String>>,
    min_kernel: Option<String>,
}

/// Reads a profile in any of the JSON dialects.
///
/// # Errors
///
/// [`ReadError`] if the text is not a profile, or one that an engine or runtime would refuse.
pub fn profile(text: &str) -> Result<Source, ReadError> {
    let object: ProfileObject = serde_json::from_str(text).map_err(ReadError::Json)?;
    let rules = object.syscalls.unwrap_or_default();
    if object.default_action.is_empty() && rules.is_empty() {
        return Err(ReadError::Empty);
    }
    if rules.len() > RULES_MAX {
        return Err(ReadError::TooLarge);
    }
    let arch_map = object.arch_map.unwrap_or_default();
    let architectures = object.architectures.unwrap_or_default();
    if !arch_map.is_empty() && !architectures.is_empty() {
        let (one, other) = ("architectures", "archMap");
        return Err(ReadError::Contradiction {
            place: "profile".to_owned(),
            one,
            other,
        });
    }
    let errno = errno("profile", object.default_errno, object.default_errno_ret)?;
    let rules = rules
        .into_iter()
        .enumerate()
        .map(|(index, object)| rule(index, object));
    Ok(Source {
        default_action: action("defaultAction", &object.default_action, errno)?,
        arch_map: arch_map
            .into_iter()
            .map(|entry| {
                (
                    entry.architecture,
                    entry.sub_architectures.unwrap_or_default(),
                )
            })
            .collect(),
        architectures,
        flags: object.flags,
        listener_path: object.listener_path,
        listener_metadata: object.listener_metadata,
        rules: rules.collect::<Result<_, _>>()?,
        origin: Origin::default(),
    })
}

fn rule(index: usize, object: RuleObject) -> Result<SourceRule, ReadError> {
    let place = format!("syscalls[{index}]");
    let mut names = object.names.unwrap_or_default();
    if let Some(name) = object.name.filter(|name| !name.is_empty()) {
        if !names.is_empty() {
            return Err(ReadError::Contradiction {
                place,
                one: "name",
                other: "names",
            });
        }
        names.push(name);
    }
    let errno = errno(&place, object.errno, object.errno_ret)?;
    let conditions = object.args.unwrap_or_default().into_iter().enumerate();
    let conditions =
        conditions.map(|(at, object)| condition(&format!("{place}.args[{at}]"), &object));
    Ok(SourceRule {
        names,
        action: action(&format!("{place}.action"), &object.action, errno)?,
        conditions: conditions.collect::<Result<_, _>>()?,
        comment: object.comment.filter(|comment| !comment.is_empty()),
        includes: filter(&place, object.includes)?,
        excludes: filter(&place, object.excludes)?,
        positions: RulePositions::default(),
    })
}

/// `EPERM`, what runtimes use when nothing is said.
const EPERM: u16 = 1;

/// The errno: Podman's name or number goes before the OCI number. Runtimes keep 16 bits.
fn errno(place: &str, name: Option<String>, number: Option<u32>) -> Result<u16, ReadError> {
    let low = |number: u32| u16::try_from(number & 0xFFFF).unwrap_or(EPERM);
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        return Ok(number.map_or(EPERM, low));
    };
    let named = || {
        ERRNOS
            .iter()
            .find(|(known, _)| *known == name)
            .map(|&(_, number)| number)
    };
    named()
        .or_else(|| name.parse().ok().map(low))
        .ok_or_else(|| ReadError::Unknown {
            place: place.to_owned(),
            what: "errno",
            found: name.clone(),
        })
}

/// The names that profiles use; others can be given as numbers.
/// <https://github.com/torvalds/linux/blob/v6.12/include/uapi/asm-generic/errno-base.h>
static ERRNOS: &[(&str, u16)] = &[
    ("EPERM", 1),
    ("ENOENT", 2),
    ("EIO", 5),
    ("EBADF", 9),
    ("EAGAIN", 11),
    ("ENOMEM", 12),
    ("EACCES", 13),
    ("EFAULT", 14),
    ("EBUSY", 16),
    ("EEXIST", 17),
    ("ENODEV", 19),
    ("EINVAL", 22),
    ("ENOTTY", 25),
    ("ENOSPC", 28),
    ("EROFS", 30),
    ("ENOSYS", 38),
    ("ENOPROTOOPT", 92),
    ("EPROTONOSUPPORT", 93),
    ("EOPNOTSUPP", 95),
    ("EAFNOSUPPORT", 97),
];

fn action(place: &str, name: &str, errno: u16) -> Result<Action, ReadError> {
    Ok(match name {
        "SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD" => Action::KillThread,
        "SCMP_ACT_KILL_PROCESS" => Action::KillProcess,
        "SCMP_ACT_TRAP" => Action::Trap,
        "SCMP_ACT_ERRNO" => Action::Errno(errno),
        "SCMP_ACT_TRACE" => Action::Trace(errno),
        "SCMP_ACT_ALLOW" => Action::Allow,
        "SCMP_ACT_LOG" => Action::Log,
        "SCMP_ACT_NOTIFY" => Action::Notify,
        _ => {
            let (place, found) = (place.to_owned(), name.to_owned());
            return Err(ReadError::Unknown {
                place,
                what: "action",
                found,
            });
        }
    })
}

fn condition(place: &str, object: &ConditionObject) -> Result<Condition, ReadError> {
    let unknown = |what, found: String| ReadError::Unknown {
        place: place.to_owned(),
        what,
        found,
    };
    let operators = [
        Operator::Ne,
        Operator::Lt,
        Operator::Le,
        Operator::Eq,
        Operator::Ge,
        Operator::Gt,
        Operator::MaskedEq,
    ];
    let operator = operators
        .into_iter()
        .find(|operator| operator.oci_name() == object.op);
    let operator = operator.ok_or_else(|| unknown("operator", object.op.clone()))?;
    let index = u8::try_from(object.index).ok().filter(|&index| index < 6);
    let index = index.ok_or_else(|| unknown("argument index", object.index.to_string()))?;
    // Only a masked comparison looks at the second value.
    let value_two = if operator == Operator::MaskedEq {
        object.value_two
    } else {
        0
    };
    Ok(Condition {
        index,
        operator,
        value: object.value,
        value_two,
    })
}

fn filter(place: &str, object: Option<FilterObject>) -> Result<Filter, ReadError> {
    let object = object.unwrap_or_default();
    let kernel = object
        .min_kernel
        .map(|text| min_kernel(place, &text))
        .transpose()?;
    Ok(Filter {
        capabilities: object.caps.unwrap_or_default(),
        architectures: object.arches.unwrap_or_default(),
        kernel,
    })
}

/// Empty, which every kernel satisfies, or two numbers from 0 to 255, not both zero.
fn min_kernel(place: &str, text: &str) -> Result<KernelVersion, ReadError> {
    if text.is_empty() {
        return Ok(KernelVersion { major: 0, minor: 0 });
    }
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u8>().ok().filter(|_| digits).map(u32::from)
    };
    let version = text
        .split_once('.')
        .and_then(|(major, minor)| Some((number(major)?, number(minor)?)));
    match version {
        Some((major, minor)) if (major, minor) != (0, 0) => Ok(KernelVersion { major, minor }),
        _ => Err(ReadError::Unknown {
            place: format!("{place}.minKernel"),
            what: "kernel version",
            found: text.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_engine_or_runtime_refuses_is_refused_with_its_place() {
        let with = |rule: &str| {
            let text = format!(r#"{{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{rule}]}}"#);
            profile(&text).unwrap_err().to_string()
        };
        let table = [
            (
                r#"{"name": "a", "names": ["b"], "action": "SCMP_ACT_ALLOW"}"#,
                "syscalls[0]: `name` and `names` must not be there together",
            ),
            (
                r#"{"names": ["a"], "action": "SCMP_ACT_FOO"}"#,
                "syscalls[0].action: unknown action `SCMP_ACT_FOO`",
            ),
            (
                r#"{"names": ["a"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 6, "value": 0, "op": "SCMP_CMP_EQ"}]}"#,
                "syscalls[0].args[0]: unknown argument index `6`",
            ),
            (
                r#"{"names": ["a"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 0, "op": "EQ"}]}"#,
                "syscalls[0].args[0]: unknown operator `EQ`",
            ),
            (
                r#"{"names": ["a"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8.0"}}"#,
                "syscalls[0].minKernel: unknown kernel version `4.8.0`",
            ),
            (
                r#"{"names": ["a"], "action": "SCMP_ACT_ERRNO", "errno": "ENOPE"}"#,
                "syscalls[0]: unknown errno `ENOPE`",
            ),
        ];
        for (rule, expected) in table {
            assert_eq!(with(rule), expected);
        }
        assert!(matches!(profile("{}"), Err(ReadError::Empty)));
        assert!(matches!(profile("{"), Err(ReadError::Json(_))));
        let both = r#"{"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86"],
            "archMap": [{"architecture": "SCMP_ARCH_X86_64"}]}"#;
        assert!(matches!(
            profile(both),
            Err(ReadError::Contradiction { .. })
        ));
    }

    #[test]
    fn the_old_single_name_and_errno_names_are_understood() {
        let text = r#"{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrno": "ENOSYS",
            "syscalls": [{"name": "read", "action": "SCMP_ACT_ALLOW"}]}"#;
        let source = profile(text).unwrap();
        assert_eq!(source.default_action, Action::Errno(38));
        assert_eq!(source.rules[0].names, ["read"]);
    }
}
