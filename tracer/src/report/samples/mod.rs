//! Hand-made values that every report is tested with.

mod findings;
mod hint;
mod refused;

pub(super) use findings::{assessment, clean_assessment, explanations};
pub(super) use hint::hint;
pub(super) use refused::{denials, denials_by_design, refusal};

use crate::audit::diff::{
    AbiDifference, CallDifference, DifferenceKind, ProfileDiff, RecordingDiff, SettingDifference,
    Side, ValueDifference,
};
use crate::audit::history::{History, Made, MadeWith, Moment, Phases, Treatment};
use crate::audit::{
    AbiCoverage, Alternative, Audit, BaseView, Cached, Check, Counted, Coverage, Denied,
    Documented, Evidence, Excess, FilterCost, FilterSize, HotCall, Presence, RecordingSummary,
    Standing, Subject, Surface, Undecided, Unknown, Used, Values, View, When,
};
use crate::estimate::{Behaviour, Caution, Incidence, Own, Sureness};
use crate::profile::compiled::Layout;
use crate::profile::proof::{Miscompiled, Steps};
use crate::profile::{Action, Condition, Operator, Runtime};
use crate::syscall::capability;
use crate::syscall::{Abi, Call};
use std::collections::BTreeSet;

pub(super) fn call(name: &str) -> Call {
    Call::named(Abi::X86_64, name).unwrap()
}

fn calls(abi: Abi, names: &str) -> BTreeSet<Call> {
    names
        .split(' ')
        .map(|name| Call::named(abi, name).unwrap())
        .collect()
}

pub(super) fn values(known: &[(u8, u64)]) -> Values {
    known.iter().copied().collect()
}

fn equals(index: u8, value: u64) -> Condition {
    Condition {
        index,
        operator: Operator::Eq,
        value,
        value_two: 0,
    }
}

fn unlock(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// A profile to which there is something to object in every section, with names that attack a terminal.
pub(super) fn audit() -> Audit {
    Audit {
        subject: Subject {
            profile: "we\u{1b}[2Jb.json".to_owned(),
            part: None,
            base: Some("docker".to_owned()),
            native: Abi::X86_64,
            kernel: "6.1".to_owned(),
            capabilities: capability::docker_default(),
            default_action: Action::Errno(1),
            runtime: Some(Runtime::Runc),
        },
        surfaces: surfaces(),
        documented: documented(),
        beyond: beyond(),
        miscompiled: vec![Miscompiled {
            call: call("personality"),
            witness: [5, 0, 0, 0, 0, 0],
            meant: Action::Errno(1),
            compiled: Action::Allow,
            layouts: Layout::ALL.to_vec(),
        }],
        uncompiled: None,
        filter: Some(filter()),
        evidence: Some(evidence()),
        live: Some(refused::live()),
    }
}

/// A profile that is its base, without recordings.
pub(super) fn clean_audit() -> Audit {
    let mut audit = audit();
    audit.subject.profile = "docker.json".to_owned();
    audit.subject.runtime = None;
    audit.beyond.clear();
    audit.miscompiled.clear();
    audit.evidence = None;
    audit.live = Some(refused::quiet());
    audit.documented.retain(|one| one.name == "acct");
    audit.surfaces.truncate(1);
    let surface = &mut audit.surfaces[0];
    surface.always.append(&mut surface.dropped);
    surface.conditional.append(&mut surface.narrowed);
    audit
}

fn surfaces() -> Vec<Surface> {
    vec![
        Surface {
            abi: Abi::X86_64,
            listed: true,
            always: calls(Abi::X86_64, "read write close exit_group ptrace"),
            conditional: calls(Abi::X86_64, "clone"),
            narrowed: calls(Abi::X86_64, "socket"),
            dropped: calls(Abi::X86_64, "open stat personality"),
        },
        Surface {
            abi: Abi::I386,
            listed: true,
            always: calls(Abi::I386, "read _llseek"),
            conditional: BTreeSet::new(),
            narrowed: BTreeSet::new(),
            dropped: calls(Abi::I386, "write socketcall"),
        },
        Surface {
            abi: Abi::X32,
            listed: false,
            always: BTreeSet::new(),
            conditional: BTreeSet::new(),
            narrowed: BTreeSet::new(),
            dropped: calls(Abi::X32, "read write"),
        },
    ]
}

fn filter() -> FilterCost {
    let size = |length, depth| FilterSize { length, depth };
    let steps = |least, most| Steps { least, most };
    let hot = |name, cached, list, tree| HotCall {
        call: call(name),
        cached,
        steps: [(Layout::List, list), (Layout::Tree, tree)].into(),
    };
    FilterCost {
        sizes: [(Layout::List, size(31, 22)), (Layout::Tree, size(40, 14))].into(),
        cached: vec![
            Cached {
                abi: Abi::X86_64,
                permitted: 7,
                run: calls(Abi::X86_64, "clone socket"),
            },
            Cached {
                abi: Abi::I386,
                permitted: 2,
                run: BTreeSet::new(),
            },
        ],
        hot: vec![
            hot("read", true, steps(5, 5), steps(8, 8)),
            hot("socket", false, steps(12, 22), steps(9, 14)),
        ],
    }
}

fn documented() -> Vec<Documented> {
    let blocked = Presence::Blocked(Action::Errno(1));
    let namespaces = Condition {
        index: 0,
        operator: Operator::MaskedEq,
        value: 0x7e02_0000,
        value_two: 0,
    };
    vec![
        Documented {
            name: "acct".to_owned(),
            presence: [(Abi::X86_64, blocked.clone()), (Abi::I386, blocked.clone())].into(),
            base_degree: Some(0),
            reason: "Process accounting is host-wide.".to_owned(),
            unlock: unlock(&["CAP_SYS_PACCT"]),
        },
        Documented {
            name: "bpf".to_owned(),
            presence: [
                (Abi::X86_64, Presence::Allowed),
                (Abi::I386, blocked.clone()),
            ]
            .into(),
            base_degree: Some(0),
            reason: "Loads programs into the kernel.".to_owned(),
            unlock: unlock(&["CAP_BPF", "CAP_SYS_ADMIN"]),
        },
        Documented {
            name: "clone".to_owned(),
            presence: [
                (
                    Abi::X86_64,
                    Presence::Conditional(When::AnyOf(vec![vec![namespaces]])),
                ),
                (Abi::I386, blocked),
            ]
            .into(),
            base_degree: Some(1),
            reason: "Creates namespaces.".to_owned(),
            unlock: unlock(&["CAP_SYS_ADMIN"]),
        },
        Documented {
            name: "ptrace".to_owned(),
            presence: [(Abi::X86_64, Presence::Allowed)].into(),
            base_degree: Some(2),
            reason: "Lets a process control another.".to_owned(),
            unlock: Vec::new(),
        },
        Documented {
            name: "socket".to_owned(),
            presence: [(
                Abi::X86_64,
                Presence::Conditional(When::NoneOf(vec![vec![equals(0, 38)], vec![equals(0, 40)]])),
            )]
            .into(),
            base_degree: Some(1),
            reason: "Reaches host facilities.".to_owned(),
            unlock: Vec::new(),
        },
        Documented {
            name: "vm86".to_owned(),
            presence: [].into(),
            base_degree: None,
            reason: "Real-mode virtual machine.".to_owned(),
            unlock: Vec::new(),
        },
    ]
}

fn beyond() -> Vec<Excess> {
    vec![
        Excess {
            call: call("socket"),
            view: View::Kernel,
            witness: [0x1_0000_0028, 1, 0, 0, 0, 0],
            whole: false,
            reason: None,
            unlock: Vec::new(),
        },
        Excess {
            call: call("bpf"),
            view: View::Filter,
            witness: [0; 6],
            whole: true,
            reason: Some("Loads programs into the kernel.".to_owned()),
            unlock: unlock(&["CAP_BPF", "CAP_SYS_ADMIN"]),
        },
    ]
}

fn evidence() -> Evidence {
    Evidence {
        recordings: summaries(),
        sureness: sureness(),
        coverage: Coverage {
            abis: vec![
                AbiCoverage {
                    abi: Abi::X86_64,
                    used: 5,
                    allowed: 8,
                },
                AbiCoverage {
                    abi: Abi::I386,
                    used: 0,
                    allowed: 2,
                },
            ],
            alternatives_used: 1,
            alternatives: 2,
        },
        used: vec![
            Used {
                call: call("read"),
                count: 500,
                runs: 12,
                values: vec![],
            },
            Used {
                call: call("socket"),
                count: 12,
                runs: 3,
                values: vec![(values(&[(0, 2), (1, 0x80001), (2, 0)]), 11)],
            },
        ],
        unused: calls(Abi::X86_64, "ptrace exit_group close"),
        unused_alternatives: vec![Alternative {
            call: call("socket"),
            conditions: vec![equals(0, 10), equals(1, 1)],
        }],
        check: check(),
    }
}

pub(super) fn history() -> History {
    let socket = |filtered, counting| Made {
        call: call("socket"),
        filtered,
        count: 120,
        runs: 3,
        counting,
        phases: Phases {
            start_up: 2,
            unknown: 1,
            ..Phases::default()
        },
        programs: vec![("ev\u{1b}il".to_owned(), 2)],
        programs_lost: 1,
        first: Some(Moment {
            run_id: "run-1".to_owned(),
            start: "2026-01-01T00:00:00.000Z".to_owned(),
            at_ms: 3,
            by: Some(("ev\u{1b}il".to_owned(), 42)),
        }),
        last: Some(Moment {
            run_id: "run-9".to_owned(),
            start: "2026-01-02T00:00:00.000Z".to_owned(),
            at_ms: 599_001,
            by: None,
        }),
        values: Vec::new(),
        unbounded: 0,
    };
    let made_with = |family, count, treatment| MadeWith {
        values: values(&[(0, family), (1, 1), (2, 0)]),
        count,
        runs: 2,
        treatment: Some(treatment),
    };
    let under_filter = Made {
        values: vec![
            made_with(2, 100, Treatment::Allowed),
            made_with(16, 1, Treatment::Denied(Action::Errno(1))),
        ],
        unbounded: 1,
        ..socket(true, 3)
    };
    History {
        name: "socket".to_owned(),
        runs: 12,
        missing: 0,
        made: vec![socket(false, 0), under_filter],
        reasons: vec!["observed".to_owned()],
        profile: vec![(
            call("socket"),
            Presence::Conditional(When::AnyOf(vec![vec![equals(0, 2)]])),
        )],
    }
}

pub(super) fn sureness() -> Sureness {
    let own = |run_id: &str, behaviours: &[(&str, &[(u8, u64)])]| Own {
        run_id: run_id.to_owned(),
        start: "2026-01-01T00:00:00.000Z".to_owned(),
        behaviours: behaviours
            .iter()
            .map(|&(name, values)| Behaviour {
                call: call(name),
                values: values.to_vec(),
            })
            .collect(),
    };
    Sureness {
        runs: 12,
        calls: Incidence::new(12, [(1, 2), (2, 1), (12, 60)].into(), 2),
        behaviours: Incidence::new(12, [(1, 8), (2, 6), (12, 64)].into(), 3),
        own: vec![
            own("run-3", &[("bpf", &[])]),
            own(
                "r\u{1b}[2Jun-9",
                &[("socket", &[(0, 16), (1, 0x80003)]), ("close", &[])],
            ),
        ],
        only: None,
        cautions: vec![Caution::Kernels(2), Caution::Attached(1)],
    }
}

pub(super) fn summaries() -> Vec<RecordingSummary> {
    vec![
        RecordingSummary {
            name: "web.rec".to_owned(),
            run_id: Some("run-1".to_owned()),
            runs: 1,
            counted: Counted::UnderFilter,
            calls: 7,
            tuples: 31,
            from_start: true,
            missing: 0,
        },
        RecordingSummary {
            name: "old.rec".to_owned(),
            run_id: Some("run-2".to_owned()),
            runs: 1,
            counted: Counted::All,
            calls: 121,
            tuples: 1,
            from_start: false,
            missing: 3,
        },
    ]
}

/// A fact that breaks, two that do not, and two that nobody can decide.
pub(super) fn check() -> Check {
    let denied = |name: &str, standing| Denied {
        call: call(name),
        values: Values::unknown(),
        action: Action::Errno(38),
        count: 1,
        runs: 1,
        program: None,
        standing,
        base: BaseView::NoBase,
    };
    Check {
        logged: vec![],
        denied: vec![
            Denied {
                values: values(&[(0, 16), (1, 0x80003), (2, 15)]),
                action: Action::Errno(1),
                count: 12,
                runs: 2,
                program: Some("ev\u{1b}il".to_owned()),
                base: BaseView::Denies {
                    reason: Some("Reaches into the host.".to_owned()),
                    unlock: unlock(&["CAP_NET_ADMIN"]),
                },
                ..denied("socket", Standing::Breaks)
            },
            Denied {
                base: BaseView::Allows,
                ..denied("clone3", Standing::FallsBack(call("clone")))
            },
            Denied {
                call: Call::new(Abi::X86_64, 100_000),
                ..denied("read", Standing::NoSuchCall)
            },
        ],
        undecided: vec![
            Undecided {
                call: call("ioctl"),
                values: Values::unknown(),
                why: Unknown::TooManyValues,
                action: Action::Errno(1),
            },
            Undecided {
                call: call("mmap"),
                values: values(&[(2, 3)]),
                why: Unknown::NotRecorded([2, 3].into()),
                action: Action::KillProcess,
            },
        ],
        missing: 3,
    }
}

pub(super) fn profile_diff() -> ProfileDiff {
    let whole = |name: &str, kind, a, b| CallDifference {
        call: call(name),
        kind,
        witness: [0; 6],
        whole: true,
        a,
        b,
    };
    let (allow, eperm, enosys) = (Action::Allow, Action::Errno(1), Action::Errno(38));
    ProfileDiff {
        abis: vec![AbiDifference {
            abi: Abi::I386,
            side: Side::B,
            allowed: 357,
        }],
        settings: vec![SettingDifference {
            key: "flags",
            a: Some(String::new()),
            b: Some("SECCOMP_FILTER_FLAG_\u{1b}LOG".to_owned()),
        }],
        calls: vec![
            whole("open", DifferenceKind::Permits(Side::A), allow, eperm),
            whole("stat", DifferenceKind::Permits(Side::A), allow, eperm),
            CallDifference {
                witness: [40, 0, 0, 0, 0, 0],
                whole: false,
                ..whole("socket", DifferenceKind::Permits(Side::B), eperm, allow)
            },
            whole("clone3", DifferenceKind::Answer, eperm, enosys),
        ],
    }
}

pub(super) fn recording_diff() -> RecordingDiff {
    RecordingDiff {
        only_a: calls(Abi::X86_64, "bpf"),
        only_b: calls(Abi::X86_64, "write read"),
        values: vec![
            ValueDifference {
                call: call("socket"),
                only_a: [values(&[(0, 10)])].into(),
                only_b: [values(&[(0, 1)])].into(),
                unbounded: (false, false),
            },
            ValueDifference {
                call: call("fcntl"),
                only_a: BTreeSet::new(),
                only_b: BTreeSet::new(),
                unbounded: (true, false),
            },
        ],
        missing: (3, 0),
    }
}
