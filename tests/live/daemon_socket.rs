//! What clients ask of the daemon, and what it makes of those that mean no good.

use crate::product;
use house_tests::cgroup::Cgroup;
use house_tests::daemon::Place;
use house_tests::facts::{self, counts, named};
use house_tests::witness::Ticking;
use house_tests::{arguments, product as product_path, tests};
use seccomp_tracer::daemon::protocol::{Answer, Request, read_answer};
use seccomp_tracer::recording::{TargetKind, WindowEnd, from_json};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::chown;
use std::os::unix::net::UnixStream;

pub(crate) const TESTS: [(&str, fn()); 6] = tests![
    a_client_starts_looks_and_stops,
    the_daemon_records_for_those_who_may_not,
    only_who_may_record_is_heard,
    nonsense_is_answered_and_harms_nobody,
    without_a_daemon_that_is_said,
    metrics_are_for_who_asks,
];

fn a_client_starts_looks_and_stops() {
    let place = Place::new(product_path!());
    let cgroup = Cgroup::new("asked");
    let _daemon = place.start(&[]);
    let ticking = Ticking::new();
    let running = cgroup.command(&ticking.command()).start();
    cgroup.await_populated();
    let started = place.start_recording(&cgroup).expect("a start");
    assert_eq!(started.cgroup, Some(cgroup.relative()));
    assert_eq!(
        place.start_recording(&cgroup).expect("the same").run,
        started.run
    );
    let inner = cgroup.child("inner");
    assert_eq!(
        place.start_recording(&inner).expect_err("a refusal"),
        "the daemon refuses: a cgroup above it is recorded, or is not to be"
    );
    let mut client = place.client();
    let run = || started.run.clone();
    let ticks = |answer: Answer, is_over: bool| {
        let Answer::Recording { ended, text } = answer else {
            panic!("{answer:?}");
        };
        assert_eq!(ended, is_over);
        let recording = from_json(&text).expect("a recording");
        assert_eq!(recording.run_id, started.run);
        counts(&recording)
            .get(&named("getppid"))
            .copied()
            .unwrap_or(0)
    };
    let mut first = 0;
    while first == 0 {
        let answer = client.ask(&Request::Snapshot { run: run() });
        first = ticks(answer.expect("an answer"), false);
    }
    let answer = client.ask(&Request::Generate { run: run() });
    let Ok(Answer::Profile {
        text: profile,
        presumes,
    }) = answer
    else {
        panic!("no profile");
    };
    assert!(
        presumes.contains("a process of the host was recorded"),
        "{presumes}"
    );
    assert!(
        profile.contains("\"getppid\"") && !profile.contains("\"mount\""),
        "{profile}"
    );
    let listed = product()
        .args(["ps", "--socket"])
        .args([place.socket()])
        .run();
    listed.exits(0).stdout_has(&started.run[..8]);
    let stopped = client
        .ask(&Request::Stop { run: run() })
        .expect("an answer");
    let last = ticks(stopped, true);
    assert!(first <= last, "{first} then {last}");
    assert_eq!(place.targets(), []);
    // What was stopped stays as it was.
    ticking.end();
    running.finish().exits(0);
    let again = client
        .ask(&Request::Snapshot { run: run() })
        .expect("an answer");
    assert_eq!(ticks(again, true), last);
    let unknown = client
        .ask(&Request::Stop { run: "x".into() })
        .expect_err("a refusal");
    assert_eq!(
        unknown.to_string(),
        "the daemon refuses: there is no such run"
    );
}

/// A user without any right but that to their own cgroup.
fn the_daemon_records_for_those_who_may_not() {
    const NOBODY: u32 = 65534;
    let place = Place::new(product_path!());
    let (own, other) = (Cgroup::new("own"), Cgroup::new("other"));
    chown(own.path(), Some(NOBODY), None).expect("a cgroup");
    let _daemon = place.start(&["--allow", "65534"]);
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(place.path(""), open).expect("a folder");
    let folder = tempfile::tempdir().expect("a temporary directory");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(folder.path(), open).expect("a folder");
    let output = folder.path().join("rec.json");
    let record = |cgroup: &Cgroup| {
        let program = house_tests::run::Program::copied_product(product_path!(), folder.path());
        let mut socket = std::ffi::OsString::from("--daemon=");
        socket.push(place.socket());
        let program = program.args(arguments!["record", socket, "--cgroup", cgroup.path()]);
        program.args(arguments!["-o", output]).as_nobody()
    };
    let ticking = Ticking::new();
    let running = own.command(&ticking.command()).start();
    let not_ours = other.command(&ticking.command()).start();
    own.await_populated();
    other.await_populated();
    record(&other)
        .run()
        .exits(3)
        .stderr_has("error: the daemon refuses: the cgroup belongs to somebody else\n");
    let mut recorder = record(&own).start();
    while place.targets().iter().all(|target| target.calls == 0) {
        assert!(!recorder.has_ended(), "{}", recorder.finish());
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    ticking.end();
    recorder.finish().exits(0).stderr_has(" 0 lost\n");
    let recording = facts::read(&output);
    assert_eq!(recording.window.until, WindowEnd::Empty);
    assert_eq!(recording.target.kind, TargetKind::Cgroup);
    let calls = counts(&recording);
    assert!(calls[&named("getppid")] > 0 && calls[&named("exit_group")] == 1);
    running.finish().exits(0);
    not_ours.finish().exits(0);
}

fn only_who_may_record_is_heard() {
    let place = Place::new(product_path!());
    let _daemon = place.start(&["--allow", "1234"]);
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(place.path(""), open).expect("a folder");
    let folder = tempfile::tempdir().expect("a temporary directory");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(folder.path(), open).expect("a folder");
    let program = house_tests::run::Program::copied_product(product_path!(), folder.path());
    let list = program.args(["ps", "--socket"]).args([place.socket()]);
    list.as_nobody().run().exits(3).stderr(
        "error: the daemon refuses: user 65534 may not record\n\nhint: root admits you with \
             `seccomp-tracer daemon --allow 65534`; others' containers need `:all` behind it\n",
    );
}

fn nonsense_is_answered_and_harms_nobody() {
    let place = Place::new(product_path!());
    let _daemon = place.start(&["--no-pin"]);
    let say = |bytes: &[u8]| {
        let mut stream = UnixStream::connect(place.socket()).expect("a daemon");
        // It may hang up before it has heard everything.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut line = Vec::new();
        let _ = BufReader::new(stream)
            .take(1 << 20)
            .read_until(b'\n', &mut line);
        line
    };
    let refused = |bytes: &[u8]| match read_answer(&say(bytes)) {
        Ok(Answer::Error(refusal)) => refusal.message,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(b"{}\n"), "it has no `version`");
    assert_eq!(
        refused(b"{\"version\":9,\"request\":\"list\"}\n"),
        "version 9 is not spoken here, only 1"
    );
    assert_eq!(
        refused(&vec![b'['; 1 << 20]),
        "a request has at most 16384 bytes"
    );
    assert_eq!(
        refused(b"\x00\xff\n").len(),
        "expected value at line 1 column 1".len()
    );
    assert_eq!(say(b"{\"version\":1,"), b"");
    // More than may be here at once, who say nothing: the others are told, and room comes back.
    let silent: Vec<_> = (0..64)
        .map(|_| UnixStream::connect(place.socket()).expect("a daemon"))
        .collect();
    assert_eq!(refused(b""), "64 clients of user 0 are here already");
    drop(silent);
    while !matches!(place.client().ask(&Request::List), Ok(Answer::Targets(_))) {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

fn without_a_daemon_that_is_said() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let socket = folder.path().join("socket");
    let run = product().args(["ps", "--socket"]).args([&socket]).run();
    run.exits(3).stdout("").stderr_has(&format!(
        "error: no daemon answers at `{}`\n",
        socket.display()
    ));
}

fn metrics_are_for_who_asks() {
    let place = Place::new(product_path!());
    let parent = Cgroup::new("measured");
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        free.local_addr().expect("an address").port()
    };
    let listen = port.to_string();
    let flags = [
        "--below",
        &parent.relative(),
        "--from",
        "exec",
        "--listen",
        &listen,
    ];
    let _daemon = place.start(&flags);
    let get = |path: &str| {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).expect("a listener");
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    };
    let health = get("/healthz");
    assert!(health.starts_with("HTTP/1.1 200 ok\r\n"), "{health}");
    assert!(get("/").starts_with("HTTP/1.1 404 "));
    let before = get("/metrics");
    assert!(
        before.contains("\nseccomp_tracer_recordings_ended_total 0\n"),
        "{before}"
    );
    assert!(!before.contains("last_new_fact"), "{before}");
    let child = parent.child("child");
    let ticking = Ticking::new();
    let running = child.command(&ticking.command()).start();
    while place.targets().iter().all(|target| target.calls < 2) {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let during = get("/metrics");
    assert!(during.contains("\nseccomp_tracer_targets 1\n"), "{during}");
    assert!(
        during.contains("\nseccomp_tracer_facts{kind=\"calls\"} "),
        "{during}"
    );
    assert!(
        during.contains("\nseccomp_tracer_last_new_fact_timestamp_seconds "),
        "{during}"
    );
    ticking.end();
    running.finish().exits(0);
    assert_eq!(place.await_end().len(), 1);
    let after = get("/metrics");
    assert!(
        after.contains("\nseccomp_tracer_recordings_ended_total 1\n"),
        "{after}"
    );
    assert!(after.contains("\nseccomp_tracer_targets 0\n"), "{after}");
}
