//! Refused calls: which, how often, by whom, with which answer and arguments; and nothing else, whatever returns
//! from a call in an unusual way.

use crate::product;
use house_tests::cgroup::Cgroup;
use house_tests::facts::{self, named, on};
use house_tests::run::{Program, Run};
use house_tests::{arguments, tests, witness};
use seccomp_tracer::recording::{Answer, DenialKey, Denials};
use seccomp_tracer::syscall::{Abi, Call};
use std::collections::BTreeMap;

pub(crate) const TESTS: [(&str, fn()); 8] = tests![
    every_refused_call_is_kept,
    a_recording_without_denials_says_nothing_of_them,
    every_refused_call_is_said_once_while_it_happens,
    the_raw_tracepoints_see_the_same,
    a_thread_that_is_ended_alone_is_seen,
    nothing_but_refused_calls_looks_refused,
    attaching_and_detaching_at_any_moment_makes_nothing_look_refused,
    what_a_filter_lets_through_passes,
];

/// What a test expects: calls by answer, with how often.
type Expected = BTreeMap<(Call, Answer), u64>;

/// What `witness refuse` is refused, written by hand.
fn refused() -> Expected {
    let odd = Call::new(Abi::X86_64, 1234);
    [
        ((named("socket"), Answer::Errno(1)), 3),
        ((on(Abi::I386, "socket"), Answer::Errno(97)), 2),
        ((on(Abi::X32, "getppid"), Answer::Errno(38)), 4),
        ((named("getpgrp"), Answer::Signal), 5),
        ((named("getuid"), Answer::Value), 6),
        ((odd, Answer::Errno(4095)), 7),
        ((named("geteuid"), Answer::Killed), 1),
    ]
    .into()
}

fn counts(denials: &Denials) -> Expected {
    let seen = denials.seen.iter();
    seen.map(|(&DenialKey { call, answer }, facts)| ((call, answer), facts.count))
        .collect()
}

/// Records a command with its refused calls.
fn record(flags: &[&str], command: &[&str]) -> (Run, Denials) {
    let flags = [&["--denials"], flags].concat();
    let (run, recording) = crate::record_with(&flags, command);
    let recording = recording.expect("a recording");
    assert!(recording.losses.is_complete(), "{:?}", recording.losses);
    let denials = recording.denials.expect("asked for");
    assert_eq!(denials.losses, Default::default());
    (run, denials)
}

fn watch(flags: &[&str], command: &[&str]) -> Run {
    let watch = product().args(["watch"]).args(flags);
    watch.args(["--"]).args(command).run()
}

fn every_refused_call_is_kept() {
    let (run, denials) = record(&[], &[witness::PATH, "refuse"]);
    run.exits(128 + libc::SIGSYS);
    assert_eq!(counts(&denials), refused());
    let tuples = |call| {
        let mut of_call = denials.seen.iter().filter(|(key, _)| key.call == call);
        let (_, facts) = of_call.next().expect("refused");
        let tuples = facts.tuples.as_ref().expect("tracked");
        let seen = tuples.seen.iter();
        seen.map(|(values, facts)| (values.clone(), facts.count))
            .collect::<Vec<_>>()
    };
    // Cut to the C type, and the registers are still as the program left them.
    assert_eq!(
        tuples(named("socket")),
        [(vec![38, 5, 0], 2), (vec![40, 1, 7], 1)]
    );
    assert_eq!(tuples(on(Abi::I386, "socket")), [(vec![38, 3, 1], 2)]);
    for (key, facts) in &denials.seen {
        let first = facts.first.as_ref().expect("a first sighting");
        assert_eq!(first.program, "witness", "{key:?}");
        assert_eq!(facts.tuples.is_some(), key.call.name() == Some("socket"));
    }
}

fn a_recording_without_denials_says_nothing_of_them() {
    let (_, recording) = crate::record_with(&[], &[witness::PATH, "refuse"]);
    assert_eq!(recording.expect("a recording").denials, None);
}

/// Lines as they happen, in the order of the program; then the sum.
fn every_refused_call_is_said_once_while_it_happens() {
    let run = watch(&["-q"], &[witness::PATH, "refuse"]);
    run.exits(1).stderr("");
    let said = run.stdout_text();
    let lines: Vec<&str> = said
        .lines()
        .map(|line| line.split(": `").next().unwrap_or(line))
        .take_while(|line| !line.starts_with("fail"))
        .collect();
    let expected = [
        "refused with EPERM: socket(family=AF_ALG, type=SOCK_SEQPACKET, protocol=0)",
        "refused with EPERM: socket(family=AF_VSOCK, type=SOCK_STREAM, protocol=7)",
        "refused with EAFNOSUPPORT: i386:socket(family=AF_ALG, type=SOCK_RAW, protocol=1)",
        "refused with ENOSYS: x32:getppid",
        "trapped with SIGSYS: getpgrp",
        "answered by another program: getuid",
        "refused with errno 4095: syscall_1234",
        "killed for: geteuid",
    ];
    assert_eq!(lines, expected, "{run}");
    assert!(
        said.contains("\nfail: 6 calls were refused, 22 times in all\n"),
        "{run}"
    );
}

fn the_raw_tracepoints_see_the_same() {
    let (run, denials) = record(&["--raw-tracepoint"], &[witness::PATH, "refuse"]);
    run.exits(128 + libc::SIGSYS);
    assert_eq!(counts(&denials), refused());
    let (_, denials) = record(&["--raw-tracepoint"], &[witness::PATH, "restless", "10"]);
    assert_eq!(counts(&denials), storm(10));
}

fn a_thread_that_is_ended_alone_is_seen() {
    let (run, denials) = record(&[], &[witness::PATH, "lose-thread"]);
    run.exits(0);
    let expected = [((named("getpgrp"), Answer::Killed), 1)];
    assert_eq!(counts(&denials), expected.into());
}

/// What `witness restless` is refused: once in each round, and once by each of the four programs in it.
fn storm(rounds: u64) -> Expected {
    [((named("getpgrp"), Answer::Errno(1)), 5 * rounds)].into()
}

/// New children, programs executed by any thread, interrupted and restarted calls, tasks that are killed: all
/// that returns without having entered, or enters and never returns, is in the storm.
fn nothing_but_refused_calls_looks_refused() {
    let (run, denials) = record(&[], &[witness::PATH, "restless", "60"]);
    run.exits(0);
    assert_eq!(counts(&denials), storm(60));
}

/// The same, while the programs come and go; all that may be missing is what was refused when nobody watched.
fn attaching_and_detaching_at_any_moment_makes_nothing_look_refused() {
    let cgroup = Cgroup::new("restless");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let output = directory.path().join("rec.json");
    let storms: Vec<_> = (0..2)
        .map(|_| {
            let storm = Program::new(witness::PATH)
                .args(["restless", "1000000"])
                .start();
            cgroup.add(storm.pid());
            storm
        })
        .collect();
    let expected = [(named("getpgrp"), Answer::Errno(1))];
    let mut seen = 0;
    for milliseconds in (20..160).step_by(14) {
        let time = format!("{milliseconds}ms");
        let record = product().args(["record", "--denials", "-q", "--for", &time, "-o"]);
        let record = record.args(arguments![output, "--cgroup", cgroup.path()]);
        record.run().exits(0);
        let denials = facts::read(&output).denials.expect("asked for");
        let calls: Vec<_> = denials
            .seen
            .keys()
            .map(|key| (key.call, key.answer))
            .collect();
        assert!(
            calls.iter().all(|call| expected.contains(call)),
            "{calls:?}"
        );
        seen += calls.len();
    }
    assert!(seen > 0, "the storm was never watched");
    // All their children too: some never end by themselves.
    cgroup.kill();
    for storm in storms {
        storm.finish().dies_of(libc::SIGKILL);
    }
}

fn what_a_filter_lets_through_passes() {
    let run = watch(&[], &[witness::PATH, "refused"]);
    run.exits(0).stdout("pass: nothing was refused\n");
    // The command's own output is not ours.
    let run = watch(&["--format", "json"], &[witness::PATH, "say"]);
    run.exits(0).stderr_has("said\n");
    let expected = format!(
        "{}\n{}\n",
        format_args!(
            r#"{{"event":"watching","schemaVersion":1,"target":"{}"}}"#,
            witness::PATH
        ),
        r#"{"event":"summary","schemaVersion":1,"refused":0,"byDesign":0,"calls":[],"lost":0,"lostArguments":0,"unjudged":0}"#
    );
    run.stdout(&expected);
}
