//! Single decisions of the minimizer, as tables.

use super::testing::{options, recording, resolved, runs};
use super::*;
use crate::profile::{Action, Meaning, base};
use crate::syscall::Call;

const NATIVE: Abi = Abi::X86_64;

fn call(name: &str) -> Call {
    Call::named(NATIVE, name).unwrap()
}

/// What a profile for these unfiltered calls permits.
fn made(
    seen: &[(&'static str, [u64; 3])],
    change: impl FnOnce(&mut Options),
) -> (Outcome, Meaning) {
    let facts = seen
        .iter()
        .map(|&(name, values)| (NATIVE, name, false, values));
    let mut options = options(Some(resolved(base::docker(), &[])));
    change(&mut options);
    let outcome = minimize(&runs([&recording(facts.collect())]), &options);
    let meaning = Meaning::of(&outcome.profile, NATIVE);
    (outcome, meaning)
}

fn permits(meaning: &Meaning, name: &str, arguments: &[u64]) -> bool {
    let mut registers = [0; 6];
    registers[..arguments.len()].copy_from_slice(arguments);
    meaning.permitted(call(name)).contains(&registers)
}

#[test]
fn threads_can_start_and_vsock_stays_shut() {
    let (outcome, meaning) = made(
        &[
            ("clone3", [0; 3]),
            ("socket", [2, 1, 0]),
            ("socket", [40, 1, 0]),
            ("keyctl", [0; 3]),
        ],
        |_| {},
    );
    let table: [(&str, &[u64], bool); 11] = [
        ("clone", &[0x3D_0F00], true),
        ("clone", &[0x1000_0000], false),
        ("socket", &[2, 1, 0], true),
        ("socket", &[2, 0x8_0001, 0], true),
        ("socket", &[2, 2, 0], false),
        ("socket", &[2, 1, 132], false),
        ("socket", &[10, 1, 0], true),
        ("socket", &[40, 1, 0], false),
        ("socket", &[0x1_0000_0028, 1, 0], false),
        ("socket", &[0x1_0000_0002, 1, 0], true),
        ("socket", &[1, 1, 0], false),
    ];
    for (name, arguments, expected) in table {
        assert_eq!(
            permits(&meaning, name, arguments),
            expected,
            "{name} {arguments:x?}"
        );
    }
    assert_eq!(meaning.action(call("clone3"), &[0; 6]), Action::Errno(38));
    let denied: Vec<_> = outcome
        .denied
        .iter()
        .map(|denied| denied.call.to_string())
        .collect();
    assert_eq!(denied, ["socket", "keyctl", "clone3"]);
    assert_eq!(
        outcome.denied[0].cause,
        Cause::Values(vec![vec![(0, 40), (1, 1), (2, 0)]])
    );
}

#[test]
fn what_the_runtime_did_before_its_filter_does_not_count() {
    let seen = vec![
        (NATIVE, "symlinkat", false, [0; 3]),
        (NATIVE, "getpid", true, [0; 3]),
    ];
    let base = resolved(base::docker(), &[]);
    let mut recording = recording(seen);
    recording.target.filtered_at_start = Some(true);
    let outcome = minimize(&runs([&recording]), &options(Some(base.clone())));
    assert!(outcome.reasons.contains_key(&call("getpid")));
    assert!(!outcome.reasons.contains_key(&call("symlinkat")));
    // Who installs a filter itself has no runtime before it.
    recording.target.filtered_at_start = Some(false);
    let outcome = minimize(&runs([&recording]), &options(Some(base)));
    assert!(outcome.reasons.contains_key(&call("symlinkat")));
}

#[test]
fn each_level_narrows_what_it_says() {
    use Precision::{All, Base, None, Stable};
    let seen = [
        ("socket", [1, 1, 0]),
        ("setsockopt", [1, 2, 0]),
        ("prctl", [15, 0, 0]),
        ("fcntl", [3, 0, 0]),
        ("sendmsg", [0x4000, 0, 0]),
        ("mprotect", [3, 0, 0]),
        ("mprotect", [5, 0, 0]),
        ("epoll_ctl", [1, 0, 0]),
    ];
    // A call and arguments that were not seen, and the levels at which they are permitted.
    let table: [(&str, &[u64], &[Precision]); 9] = [
        ("socket", &[16, 3, 0], &[None]),
        ("socket", &[1, 2, 0], &[None, Base]),
        // `TCP_ULP`.
        ("setsockopt", &[0, 6, 31], &[None, Base]),
        ("prctl", &[4], &[None, Base]),
        ("fcntl", &[0, 4], &[None, Base, Stable]),
        // `MSG_OOB`.
        ("sendmsg", &[0, 0, 1], &[None, Base]),
        ("sendmsg", &[0, 0, 0x8000], &[None, Base, Stable]),
        // Writable and executable at once.
        ("mprotect", &[0, 0, 7], &[None, Base, Stable]),
        ("epoll_ctl", &[0, 3], &[None, Base, Stable, All]),
    ];
    for level in Precision::ALL {
        let (_, meaning) = made(&seen, |options| options.precision = level);
        for (name, arguments, levels) in table {
            let expected = levels.contains(&level);
            assert_eq!(
                permits(&meaning, name, arguments),
                expected,
                "{name} {arguments:?} {level:?}"
            );
        }
        assert!(
            permits(&meaning, "mprotect", &[0, 0, 5]) && permits(&meaning, "mprotect", &[0, 0, 0])
        );
    }
}

#[test]
fn namespaces_stay_shut_without_a_base_too() {
    for (seen, flags, expected) in [
        (0x0120_0011, 0x1000_0011, false),
        (0x0120_0011, 0x3D_0F00, true),
        (0x1000_0011, 0x1000_0011, true),
        (0x1000_0011, 0x2000_0011, false),
    ] {
        let (_, meaning) = made(&[("clone", [seen, 0, 0])], |options| options.base = None);
        assert_eq!(
            permits(&meaning, "clone", &[flags]),
            expected,
            "{seen:#x} {flags:#x}"
        );
    }
    let (_, meaning) = made(&[("unshare", [0x2_0000, 0, 0])], |options| {
        options.base = None;
    });
    assert!(
        permits(&meaning, "unshare", &[0x2_0000]) && !permits(&meaning, "unshare", &[0x1000_0000])
    );
}

#[test]
fn too_many_values_grow_along_the_chain() {
    let many = |count: u64| -> Vec<_> {
        (0..count)
            .map(|name| ("setsockopt", [1, name, 0]))
            .collect()
    };
    for (count, level, expected) in [(64, 1, false), (65, 1, true), (65, 6, false)] {
        let (outcome, meaning) = made(&many(count), |_| {});
        // An option that was not seen, of a level that was, or was not.
        assert_eq!(
            permits(&meaning, "setsockopt", &[0, level, 200]),
            expected,
            "{count} {level}"
        );
        let kept = outcome.narrowings[&call("setsockopt")]
            .kept
            .clone()
            .unwrap();
        assert_eq!(matches!(kept, Kept::Fewer { of: 65, .. }), count == 65);
    }
    let requests: Vec<_> = (0..70)
        .map(|request| ("ioctl", [0x5400 | request, 0, 0]))
        .collect();
    let (outcome, meaning) = made(&requests, |_| {});
    let kept = outcome.narrowings[&call("ioctl")].kept.clone();
    assert_eq!(
        kept,
        Some(Kept::Common {
            of: 70,
            index: 1,
            mask: 0xFFFF_FF80,
            value: 0x5400
        })
    );
    assert!(permits(&meaning, "ioctl", &[0, 0x547F]) && !permits(&meaning, "ioctl", &[0, 0x8912]));
}

#[test]
fn fallbacks_follow_the_place() {
    use Portability::{Exact, Kernel, Libc};
    let seen = [("statx", [0; 3]), ("sendto", [0; 3]), ("openat2", [0; 3])];
    let table: [(&str, &[Portability]); 6] = [
        ("newfstatat", &[Kernel, Libc]),
        ("clock_gettime", &[Kernel, Libc]),
        ("restart_syscall", &[Exact, Kernel, Libc]),
        ("sendmmsg", &[Libc]),
        ("open", &[Libc]),
        ("rseq", &[Libc]),
    ];
    for place in Portability::ALL {
        let (outcome, _) = made(&seen, |options| options.portability = place);
        for (name, places) in table {
            assert_eq!(
                outcome.reasons.contains_key(&call(name)),
                places.contains(&place),
                "{name} {place:?}"
            );
        }
    }
}

#[test]
fn what_the_base_refuses_falls_back_everywhere() {
    let (outcome, _) = made(&[("clone3", [0; 3])], |options| {
        options.portability = Portability::Exact;
    });
    let reasons: Vec<_> = outcome.reasons[&call("clone")]
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        reasons,
        ["fallback of clone3: C libraries use clone where clone3 answers ENOSYS"]
    );
}

/// Whether it was seen or not, and on every ABI that the profile lists.
#[test]
fn what_libraries_fall_back_from_does_not_exist_where_it_is_not_permitted() {
    let seen = vec![
        (NATIVE, "read", false, [0; 3]),
        (Abi::I386, "read", false, [0; 3]),
    ];
    let base = resolved(base::docker(), &[]);
    for place in Portability::ALL {
        let told = Options {
            portability: place,
            ..options(Some(base.clone()))
        };
        let profile = minimize(&runs([&recording(seen.clone())]), &told).profile;
        let meaning = Meaning::of(&profile, NATIVE);
        for (abi, names) in [
            (
                NATIVE,
                "openat2 close_range epoll_pwait2 clone3 faccessat2 statx fchmodat2",
            ),
            (
                Abi::I386,
                "openat2 clone3 statx clock_nanosleep_time64 semtimedop_time64 timer_settime64",
            ),
        ] {
            for name in names.split(' ') {
                let call = Call::named(abi, name).unwrap();
                let answer = meaning.action(call, &[0; 6]);
                assert_eq!(answer, Action::Errno(38), "{place:?} {call}");
            }
        }
    }
}

#[test]
fn runtimes_are_made_room_for_with_their_values() {
    let runc = |version: Option<&str>| RuntimeRelease {
        name: "runc".to_owned(),
        version: version.map(str::to_owned),
    };
    let (_, meaning) = made(&[("read", [0; 3])], |options| {
        options.runtimes = [runc(None)].into();
    });
    // `PR_CAPBSET_DROP`, and `PR_SET_DUMPABLE`, which runc does not need.
    assert!(permits(&meaning, "prctl", &[24]) && !permits(&meaning, "prctl", &[4]));
    for (late, version, name, expected) in [
        (true, None, "capset", false),
        (false, None, "capset", true),
        (false, Some("1.1.5"), "close_range", false),
        (false, Some("1.2.0"), "close_range", true),
        (true, Some("1.1.5"), "openat2", false),
        (true, None, "openat2", true),
    ] {
        let (outcome, _) = made(&[("read", [0; 3])], |options| {
            options.runtimes = [runc(version)].into();
            options.start.late = late;
            options.portability = Portability::Exact;
        });
        assert_eq!(
            outcome.reasons.contains_key(&call(name)),
            expected,
            "{late} {version:?} {name}"
        );
    }
}

/// The calls of an init: none where there is none, those that only some runs show where there was one, and all
/// where there may be one.
#[test]
fn an_init_is_made_room_for() {
    for (init, waits, passes_on) in [
        (Init::Absent, false, false),
        (Init::Recorded, false, true),
        (Init::Any, true, true),
    ] {
        let (outcome, _) = made(&[("read", [0; 3])], |options| options.start.init = init);
        let has = |name| outcome.reasons.contains_key(&call(name));
        let found = (has("rt_sigtimedwait"), has("kill"));
        assert_eq!(found, (waits, passes_on), "{init:?}");
    }
    let (outcome, _) = made(&[("read", [0; 3])], |options| {
        options.start.init = Init::Any;
    });
    let reasons: Vec<_> = outcome.reasons[&call("signalfd4")]
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        reasons,
        ["needed by catatonit, an init of engines (measured with catatonit 0.1.7, Podman's)"]
    );
}

#[test]
fn socketcall_is_named_where_it_goes_around_rules() {
    let seen = vec![
        (NATIVE, "socket", false, [2, 1, 0]),
        (Abi::I386, "socketcall", false, [1, 0, 0]),
    ];
    let base = resolved(base::docker(), &[]);
    let outcome = minimize(&runs([&recording(seen)]), &options(Some(base)));
    assert_eq!(outcome.bypasses, [("socketcall", ["socket"].into())].into());
    let meaning = Meaning::of(&outcome.profile, NATIVE);
    let socketcall = Call::named(Abi::I386, "socketcall").unwrap();
    // The sub-call that was seen, and one that was not.
    assert!(meaning.permitted(socketcall).contains(&[1, 0, 0, 0, 0, 0]));
    assert!(!meaning.permitted(socketcall).contains(&[14, 0, 0, 0, 0, 0]));
}

/// libseccomp opens it with every call of the family, arguments unseen; a program that makes the calls
/// themselves does not need it.
#[test]
fn a_multiplexer_that_nobody_made_is_shut() {
    let seen = vec![
        (Abi::I386, "socket", false, [2, 1, 0]),
        (Abi::I386, "connect", false, [0; 3]),
    ];
    let base = resolved(base::docker(), &[]);
    let outcome = minimize(&runs([&recording(seen)]), &options(Some(base)));
    let meaning = Meaning::of(&outcome.profile, NATIVE);
    let socketcall = Call::named(Abi::I386, "socketcall").unwrap();
    assert!(meaning.permitted(socketcall).is_none());
    let connect = Call::named(Abi::I386, "connect").unwrap();
    assert!(meaning.permitted(connect).is_all());
}

#[test]
fn a_multiplexer_that_the_base_shuts_stays_shut() {
    let mut base = resolved(base::docker(), &[]);
    for rule in &mut base.rules {
        rule.names.retain(|name| name != "socketcall");
    }
    base.rules.push(crate::profile::Rule {
        names: vec!["socketcall".to_owned()],
        action: Action::Errno(38),
        conditions: Vec::new(),
    });
    let seen = vec![
        (Abi::I386, "connect", false, [0; 3]),
        (Abi::I386, "socket", false, [2, 1, 0]),
    ];
    let outcome = minimize(&runs([&recording(seen)]), &options(Some(base.clone())));
    let bound = Meaning::of(&base, NATIVE);
    let meaning = Meaning::of(&outcome.profile, NATIVE);
    assert_eq!(crate::profile::compare::beyond(&bound, &meaning), vec![]);
    assert!(outcome.bypasses.is_empty());
}

/// What a run stands for is said, of calls and of values; and nothing else changes.
#[test]
fn what_was_not_seen_is_there_for_another_reason() {
    let fact = |name, values| (NATIVE, name, true, values);
    let seen = recording(vec![
        fact("getpid", [0; 3]),
        fact("socket", [1, 1, 0]),
        fact("mkdir", [0; 3]),
    ]);
    let refused = recording(vec![
        fact("mkdir", [0; 3]),
        fact("rmdir", [0; 3]),
        fact("socket", [16, 3, 0]),
    ]);
    let asked = recording(vec![fact("chroot", [0; 3])]);
    let all = runs([&seen, &refused, &asked]);
    let plain = options(Some(resolved(base::docker(), &[])));
    let round = Reason::Refused { round: 2 };
    let stand_ins = [
        (refused.run_id.clone(), round.clone()),
        (asked.run_id, Reason::Asked),
    ];
    let told = Options {
        stand_ins: stand_ins.into(),
        ..plain.clone()
    };
    let outcome = minimize(&all, &told);
    let table = [
        ("getpid", BTreeSet::from([Reason::Observed])),
        ("mkdir", [Reason::Observed, round.clone()].into()),
        ("rmdir", [round.clone()].into()),
        ("chroot", [Reason::Asked].into()),
        ("socket", [Reason::Observed, round.clone()].into()),
    ];
    for (name, expected) in table {
        assert_eq!(outcome.reasons[&call(name)], expected, "{name}");
    }
    let origins = &outcome.narrowings[&call("socket")].origins;
    let why = |family| {
        let mut these = origins.iter().filter(|(tuple, _)| tuple[0] == (0, family));
        these.next().map(|(_, reasons)| reasons.clone())
    };
    assert_eq!(why(1), Some([Reason::Observed].into()));
    assert_eq!(why(16), Some([round].into()));
    let same = minimize(&all, &plain);
    assert_eq!(outcome.profile, same.profile);
    assert_eq!(outcome.denied, same.denied);
}
