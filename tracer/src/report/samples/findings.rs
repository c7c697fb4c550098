//! Findings for the reports: every matter once, with names that attack a terminal.

use super::{audit, beyond, call, clean_audit, evidence, refused};
use crate::audit::explain::{Explanation, explain};
use crate::audit::exploits::{self, Example, Exposed, Reach};
use crate::audit::findings::{Engine, Finding, Matter, Member, Misreading, Place, PlaceFile};
use crate::audit::gate::{self, Judgement};
use crate::audit::ignore::{self, Entry};
use crate::audit::rules::{RuleId, Severity};
use crate::audit::starts::{NoStart, Obstacle};
use crate::audit::{Assessment, Base, Excess, Verdict, View};
use crate::profile::proof::Miscompiled;
use crate::profile::release::Release;
use crate::profile::starts::Phase;
use crate::profile::{
    Action, Circumstances, KernelVersion, Position, ReadRemark, RemarkKind, base,
};
use crate::syscall::capability;
use crate::syscall::{Abi, Call};

/// The audit with findings of every severity, two of them ignored, and exploits in every state.
pub(in crate::report) fn assessment() -> Assessment {
    Assessment {
        audit: audit(),
        exposure: exposure(),
        judgement: gate::judge(
            findings(),
            &gate::Gate::default(),
            &ignores(),
            "2030-06-15".parse().unwrap(),
        ),
    }
}

/// What `explain` says of a rule, a call and a CVE.
pub(in crate::report) fn explanations() -> Vec<(&'static str, Explanation)> {
    let circumstances = Circumstances {
        host: Abi::X86_64,
        kernel: KernelVersion { major: 6, minor: 1 },
        capabilities: capability::docker_default(),
    };
    let docker = Base::new(base::docker().clone(), circumstances);
    let words = ["truncation-bypass", "bpf", "faccessat2", "CVE-2024-36972"];
    let explain = |word| explain(word, Some(("docker", &docker))).unwrap();
    words.map(|word| (word, explain(word))).into()
}

/// The clean audit, with nothing to object to.
pub(in crate::report) fn clean_assessment() -> Assessment {
    let mut exposure = exposure();
    exposure.retain(|one| one.reach == Reach::Stopped);
    Assessment {
        audit: clean_audit(),
        exposure,
        judgement: Judgement {
            verdict: Verdict::Pass,
            findings: Vec::new(),
        },
    }
}

fn exposure() -> Vec<Exposed> {
    let exposed = |title: &str, reach, docker, example: Option<(&str, u64)>| Exposed {
        kernel: KernelVersion {
            major: 3,
            minor: 18,
        },
        exploit: exploits::known()
            .iter()
            .find(|one| one.title == title)
            .unwrap(),
        reach,
        docker,
        example: example.map(|(name, first)| Example {
            call: call(name),
            witness: [first, 0, 0, 0, 0, 0],
        }),
    };
    let vsock = Some(("socket", 0x1_0000_0028));
    vec![
        exposed("bpf", Reach::Open, Reach::Stopped, Some(("bpf", 0))),
        exposed("ptrace", Reach::Open, Reach::Open, Some(("ptrace", 0))),
        exposed("socket(AF_VSOCK)", Reach::Bypassed, Reach::Bypassed, vsock),
        exposed("ioctl(TIOCSETD)", Reach::Stopped, Reach::Open, None),
        exposed("kernel keyrings", Reach::Stopped, Reach::Stopped, None),
    ]
}

fn ignores() -> Vec<Entry> {
    ignore::read(
        "[[ignore]]
rule = \"beyond-base\"
call = \"bpf\"
reason = \"our agent \\u001b[2J loads programs\"
expires = 2031-01-01

[[ignore]]
rule = \"io-uring-bypass\"
reason = \"was in use\"

[[ignore]]
rule = \"weak-default\"
reason = \"until the move\"
expires = 2030-01-01
",
    )
    .unwrap()
}

/// Every matter once, with names that attack a terminal.
fn findings() -> Vec<Finding> {
    let mut matters: Vec<Matter> = beyond().into_iter().map(Matter::Beyond).collect();
    let everywhere = [Abi::X86_64, Abi::I386].map(|abi| Excess {
        call: Call::named(abi, "keyctl").unwrap(),
        view: View::Filter,
        witness: [18, 0, 0, 0, 0, 0],
        whole: true,
        reason: None,
        unlock: Vec::new(),
    });
    let [keyctl, elsewhere] = everywhere.map(Matter::Beyond);
    matters.push(keyctl);
    let open = exposure()
        .into_iter()
        .filter(|one| one.reach != Reach::Stopped);
    matters.extend(open.map(Matter::Exploit));
    matters.extend(matters_of_meaning());
    matters.extend(matters_of_writing());
    let evidence = evidence();
    let check = evidence.check;
    matters.extend(check.breaks().cloned().map(Matter::WouldDeny));
    matters.extend(check.undecided.into_iter().map(Matter::Undecided));
    matters.push(Matter::LostFacts(check.missing));
    matters.push(Matter::Unused(evidence.unused));
    let unused = evidence.unused_alternatives.into_iter();
    matters.extend(unused.map(Matter::UnusedValue));
    // Two lines for each, so that those of one call on two ABIs share one; some are nowhere.
    let place = |line| (line % 3 > 0).then_some(Position { line, column: 5 });
    let numbered = matters.into_iter().zip(2..);
    let numbered = numbered.map(|(matter, at)| Finding::new(matter, place(at / 2)));
    let mut findings: Vec<Finding> = numbered.chain(findings_of_a_container()).collect();
    // The same on another ABI, and what follows from it.
    let keyctl = findings
        .iter_mut()
        .find(|one| one.matter.names().contains("keyctl"));
    let stopped = exposure()
        .into_iter()
        .find(|one| one.docker == Reach::Stopped);
    let more = stopped.map(Matter::Exploit).into_iter().chain([elsewhere]);
    let members = more.map(|matter| Member {
        matter,
        severity: Severity::Info,
        place: place(9).map(|position| Place {
            file: PlaceFile::Profile,
            position,
        }),
    });
    if let Some(keyctl) = keyctl {
        keyctl.also.extend(members);
    }
    findings
}

fn matters_of_meaning() -> Vec<Matter> {
    let socketcall = Call::named(Abi::I386, "socketcall").unwrap();
    vec![
        Matter::Truncated {
            call: call("personality"),
            witness: [0x1_0000_0000, 0, 0, 0, 0, 0],
        },
        Matter::Multiplexed {
            call: socketcall,
            names: ["connect", "socket"].into(),
        },
        Matter::IoUring(call("io_uring_setup")),
        Matter::WeakDefault(Action::Log),
        Matter::Miscompiled(Miscompiled {
            call: call("prctl"),
            witness: [0, 5, 0, 0, 0, 0],
            meant: Action::Errno(1),
            compiled: Action::Allow,
            layouts: Vec::new(),
        }),
        Matter::Uncompiled("libseccomp refuses the rule for `ev\u{1b}il`".to_owned()),
        Matter::Missing {
            call: call("rt_sigreturn"),
            action: Action::KillProcess,
            reason: "returns from a signal handler",
        },
        Matter::NeedsEnosys {
            call: call("clone3"),
            action: Action::Errno(1),
            instead: "clone",
            reason: "glibc starts threads with it",
        },
        Matter::Misread(Misreading {
            engine: Engine::Containerd,
            is_asked_for: true,
            more: Some((24, call("mount"), [0; 6])),
            less: Some((1, call("clone3"), [0; 6])),
            dropped: vec![],
        }),
        Matter::Misread(Misreading {
            engine: Engine::OldDocker,
            is_asked_for: true,
            more: None,
            less: None,
            dropped: vec!["defaultErrnoRet", "flags"],
        }),
        no_start(),
    ]
}

/// One runtime refuses the profile, another one has no way through it.
fn no_start() -> Matter {
    let release = |name: &str| name.parse::<Release>().unwrap();
    let missing = [("getcwd", 1), ("capset", 1)];
    let calls = Obstacle::Calls {
        phase: Phase::Early,
        calls: missing
            .map(|(name, errno)| (call(name), Action::Errno(errno)))
            .into(),
    };
    let refused = Obstacle::Refused("it takes no flags before 1.2.0".to_owned());
    Matter::NoStart {
        who: vec![
            NoStart {
                release: release("runc@1.1.5"),
                obstacles: vec![refused],
            },
            NoStart {
                release: release("crun"),
                obstacles: vec![calls],
            },
        ],
        none: true,
    }
}

/// These have no place in a file.
fn findings_of_a_container() -> Vec<Finding> {
    let live = refused::live();
    let refusals = live.refusals.unwrap_or_default();
    let mut matters = vec![Matter::Unfiltered];
    matters.extend(live.deviations.into_iter().map(Matter::Installed));
    matters.extend(refusals.refused.into_iter().map(Matter::Refused));
    matters.push(Matter::LostRefusals(refusals.lost));
    let each = matters.into_iter().map(|matter| Finding::new(matter, None));
    each.collect()
}

fn matters_of_writing() -> Vec<Matter> {
    vec![
        Matter::Ignored(ReadRemark {
            position: Position { line: 9, column: 9 },
            path: "syscalls[0]".to_owned(),
            kind: RemarkKind::UnknownKey("ev\u{1b}il".to_owned()),
        }),
        Matter::Ignored(ReadRemark {
            position: Position { line: 9, column: 3 },
            path: "syscalls[1]".to_owned(),
            kind: RemarkKind::MistypedKey {
                found: "nmaes".to_owned(),
                meant: "names",
            },
        }),
        Matter::UnknownName {
            name: "op\u{7}een".to_owned(),
            similar: vec!["open"],
        },
        Matter::RepeatedArgument {
            names: vec!["socket".to_owned()],
            index: 0,
        },
        Matter::Unreachable {
            name: "setns".to_owned(),
            action: Action::Errno(1),
            instead: Some(Action::Allow),
        },
        Matter::Shadowed {
            call: call("socket"),
            action: Action::Allow,
            instead: Action::KillThread,
            witness: [2, 0, 0, 0, 0, 0],
        },
        Matter::Redundant {
            names: vec!["kcmp".to_owned(), "acct".to_owned()],
            action: Action::Errno(1),
            conditional: true,
        },
        Matter::Duplicate {
            name: "read".to_owned(),
        },
        Matter::More {
            rule: RuleId::DuplicateRule,
            count: 12,
            severity: Severity::Info,
        },
    ]
}
