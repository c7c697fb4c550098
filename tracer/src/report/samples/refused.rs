//! Refused calls and a running container, for the reports, with names that attack a terminal.

use super::{call, values};
use crate::audit::{Live, Permitted, Refusals, Refused, Values};
use crate::profile::Action;
use crate::profile::proof::Deviation;
use crate::recording::{
    Answer, DenialFacts, DenialKey, DenialLosses, Denials, Refusal, Sighting, TupleFacts, Tuples,
};
use crate::syscall::{Abi, Call};
use std::collections::BTreeSet;

/// A container whose filters are not the profile, and refused something.
pub(super) fn live() -> Live {
    let deviation = |call, meant, installed, family, whole| Deviation {
        call,
        meant,
        installed,
        witness: [family, 0, 0, 0, 0, 0],
        whole,
    };
    let (allow, eperm, enosys) = (Action::Allow, Action::Errno(1), Action::Errno(38));
    let refused = |name, values, answer, count, program: Option<&str>, permitted| Refused {
        call: call(name),
        values,
        answer,
        count,
        program: program.map(str::to_owned),
        permitted,
    };
    let eperm_seen = Answer::Errno(1);
    Live {
        target: "we\u{1b}[2Jb of docker".to_owned(),
        filters: vec![812, 6],
        deviations: vec![
            deviation(call("socket"), eperm, allow, 38, false),
            deviation(call("mkdir"), allow, eperm, 0, true),
            deviation(call("rmdir"), allow, eperm, 0, true),
            deviation(
                Call::named(Abi::I386, "rmdir").unwrap(),
                allow,
                eperm,
                0,
                true,
            ),
            deviation(call("clone3"), enosys, eperm, 0, true),
            deviation(Call::new(Abi::X86_64, 600), enosys, eperm, 0, true),
        ],
        refusals: Some(Refusals {
            refused: vec![
                refused(
                    "socket",
                    values(&[(0, 40), (1, 1)]),
                    eperm_seen,
                    2,
                    Some("we\u{1b}[2Jb"),
                    Permitted::ByBase,
                ),
                refused(
                    "mkdir",
                    Values::unknown(),
                    eperm_seen,
                    1,
                    Some("sh"),
                    Permitted::ByProfile,
                ),
                refused(
                    "mount",
                    Values::unknown(),
                    Answer::Killed,
                    1,
                    None,
                    Permitted::ByNobody,
                ),
            ],
            lost: 3,
        }),
    }
}

/// A container under the profile, of which nothing was refused.
pub(super) fn quiet() -> Live {
    Live {
        target: "web of podman".to_owned(),
        filters: vec![812],
        deviations: Vec::new(),
        refusals: Some(Refusals::default()),
    }
}

/// What a container was refused, by programs whose names attack a terminal.
pub(in crate::report) fn denials() -> Denials {
    let first = |at_ms, program: &str| {
        Some(Sighting {
            at_ms,
            pid: 4711,
            program: program.to_owned(),
        })
    };
    let tuple = |count, at_ms| TupleFacts {
        count,
        first: first(at_ms, "curl"),
    };
    let sockets = Tuples {
        indexes: vec![0, 1, 2],
        seen: [
            (vec![38, 5, 0], tuple(1, 12)),
            (vec![40, 1, 0], tuple(3, 15)),
        ]
        .into(),
    };
    let key = |abi, name: &str, answer| DenialKey {
        call: Call::named(abi, name).unwrap(),
        answer,
    };
    let facts = |count, first, tuples| DenialFacts {
        count,
        first,
        tuples,
    };
    let seen = [
        (
            key(Abi::X86_64, "socket", Answer::Errno(97)),
            facts(4, first(12, "curl"), Some(sockets)),
        ),
        (
            key(Abi::X86_64, "clone3", Answer::Errno(38)),
            facts(2, first(18, "curl"), None),
        ),
        (
            key(Abi::X86_64, "mount", Answer::Errno(1)),
            facts(1, first(20, "we\u{1b}[2Jb"), None),
        ),
        (
            key(Abi::X86_64, "getpgrp", Answer::Signal),
            facts(2, None, None),
        ),
        (
            key(Abi::X86_64, "reboot", Answer::Killed),
            facts(1, first(90, "sh"), None),
        ),
        (
            key(Abi::I386, "getuid32", Answer::Value),
            facts(7, first(91, "sh"), None),
        ),
    ];
    Denials {
        seen: seen.into(),
        losses: DenialLosses {
            calls: 1,
            arguments: 2,
            unjudged: 3,
        },
    }
}

/// Those of them that the base refuses by design.
pub(in crate::report) fn denials_by_design() -> BTreeSet<DenialKey> {
    let clone3 = DenialKey {
        call: call("clone3"),
        answer: Answer::Errno(38),
    };
    [clone3].into()
}

/// One of them, when it was first seen.
pub(in crate::report) fn refusal() -> Refusal {
    Refusal {
        key: DenialKey {
            call: call("socket"),
            answer: Answer::Errno(97),
        },
        arguments: vec![(0, 38), (1, 5), (2, 0)],
        first: Sighting {
            at_ms: 12,
            pid: 4711,
            program: "we\u{1b}[2Jb".to_owned(),
        },
    }
}
