//! The daemon when there is too much: of clients, of targets, of recordings; and when it is asked for something else
//! than what is pinned.

use crate::daemon::by_name;
use crate::product;
use house_tests::cgroup::Cgroup;
use house_tests::daemon::Place;
use house_tests::facts::counts;
use house_tests::{product as product_path, tests, witness};
use seccomp_tracer::daemon::protocol::{Answer, Request, TurnedAway};
use seccomp_tracer::recording::{Loss, WindowStart};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

pub(crate) const TESTS: [(&str, fn()); 6] = tests![
    another_users_clients_leave_room_for_root,
    health_is_told_among_a_thousand_slow_ones,
    who_is_turned_away_is_said_and_never_taken_for_complete,
    what_differs_from_what_is_pinned_is_refused_or_applied,
    recordings_are_kept_as_long_as_is_said,
    without_a_bpf_file_system_the_cure_is_said,
];

/// Connections of another user: the kernel knows it for each thread.
fn connections_of(user: libc::uid_t, many: usize, place: &Place) -> Vec<UnixStream> {
    let socket = place.socket();
    let connecting = thread::spawn(move || {
        // SAFETY: the call takes numbers only, and without its wrapper it is for this thread, which ends.
        let result = unsafe { libc::syscall(libc::SYS_setresuid, user, user, user) };
        assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
        let connect = |_| UnixStream::connect(&socket).expect("a daemon");
        (0..many).map(connect).collect()
    });
    connecting.join().expect("connections")
}

fn another_users_clients_leave_room_for_root() {
    const NOBODY: u32 = 65534;
    let place = Place::new(product_path!());
    let flags = ["--no-pin", "--allow", "65534:all", "--allow", "1234:all"];
    let _daemon = place.start(&flags);
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(place.path(""), open).expect("a folder");
    let mut theirs = connections_of(NOBODY, 100, &place);
    // The last of them is told; until then the daemon has seen all of them.
    let mut last = String::new();
    let told = theirs.last_mut().expect("a connection");
    told.read_to_string(&mut last).expect("an answer");
    assert!(
        last.contains("16 clients of user 65534 are here already"),
        "{last}"
    );
    assert_eq!(place.targets(), []);
    let mut others = connections_of(1234, 1, &place);
    writeln!(others[0], "{{\"version\":1,\"request\":\"list\"}}").expect("a request");
    let mut answer = [0; 10];
    others[0].read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"{\"answer\":");
}

fn health_is_told_among_a_thousand_slow_ones() {
    let place = Place::new(product_path!());
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        free.local_addr().expect("an address").port()
    };
    let _daemon = place.start(&["--no-pin", "--listen", &port.to_string()]);
    let connect = || TcpStream::connect(("127.0.0.1", port)).expect("a listener");
    let slow = || {
        let mut stream = connect();
        // One byte, and then nothing more for as long as it is let.
        let _ = stream.write_all(b"G");
        stream
    };
    let slow: Vec<TcpStream> = (0..1000).map(|_| slow()).collect();
    for _ in 0..20 {
        let mut stream = connect();
        let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
        stream.write_all(request).expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 ok\r\n"), "{answer}");
    }
    drop(slow);
}

/// Two have room. The third is said to have none, and when it gets some, that its beginning is missing.
fn who_is_turned_away_is_said_and_never_taken_for_complete() {
    let place = Place::new(product_path!());
    let parent = Cgroup::new("crowd");
    let flags = [
        "--below",
        &parent.relative(),
        "--from",
        "exec",
        "--max",
        "2",
    ];
    let daemon = place.start(&flags);
    let children = ["a", "b", "c"].map(|name| parent.child(name));
    let ticks = |child: &Cgroup, many: &str| child.command(&[witness::PATH, "ticks", many]).start();
    let first = children[..2].iter().map(|child| ticks(child, "100000"));
    let first: Vec<_> = first.collect();
    while place.targets().len() < 2 {
        thread::sleep(Duration::from_millis(10));
    }
    let third = ticks(&children[2], "100000");
    let turned_away = || match place.client().ask(&Request::TurnedAway) {
        Ok(Answer::TurnedAway(turned_away)) => turned_away,
        other => panic!("{other:?}"),
    };
    let cgroups = |all: Vec<TurnedAway>| all.into_iter().map(|one| one.cgroup).collect::<Vec<_>>();
    while turned_away().is_empty() {
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(cgroups(turned_away()), [children[2].relative()]);
    let listed = product()
        .args(["ps", "--socket"])
        .args([place.socket()])
        .run();
    listed.exits(0).stdout_has(&format!(
        "not recorded, because there was no room (--max):\n{}  since ",
        children[2].relative()
    ));
    children[0].kill();
    while place.targets().iter().all(|target| target.name != "c") {
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(turned_away(), []);
    for child in &children[1..] {
        child.kill();
    }
    for running in first.into_iter().chain([third]) {
        let _ = running.finish();
    }
    for (name, recording) in place.await_end() {
        let lost = recording.losses.get(Loss::ScopesFull);
        assert_eq!(lost > 0, name == "c", "{name}: {lost}");
        assert_eq!(recording.window.from, WindowStart::Exec);
    }
    let run = daemon.end(libc::SIGTERM);
    run.exits(0).stderr_has(&format!(
        "no room to record `{}`: 2 targets are recorded already",
        children[2].relative()
    ));
}

fn what_differs_from_what_is_pinned_is_refused_or_applied() {
    let place = Place::new(product_path!());
    let parent = Cgroup::new("other");
    let below = parent.relative();
    let flags = |more: &[&'static str]| {
        let flags = ["--below", &below].map(str::to_owned).into_iter();
        let flags = flags.chain(more.iter().map(|&flag| flag.to_owned()));
        flags.collect::<Vec<String>>()
    };
    let start = |more: &[&'static str]| {
        let flags = flags(more);
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        place.start(&flags)
    };
    let witness = witness::static_program();
    let live = |name: &str| {
        let child = parent.child(name);
        child.command(&witness.command).run().exits(0);
        let _ = place.await_end();
    };
    let daemon = start(&["--max", "3", "--from", "container"]);
    live("outside");
    daemon.end(libc::SIGTERM).exits(0);
    let other = flags(&["--max", "4"]);
    let other: Vec<&str> = other.iter().map(String::as_str).collect();
    place.command(&other).run().exits(3).stderr_has(
        "error: there is room for 3 targets in what is pinned, not for 4\n\nhint: leave --max out",
    );
    // Without a wish, and with another start, which holds from now on.
    let daemon = start(&["--from", "exec"]);
    live("recorded");
    let recordings = by_name(place.recordings());
    assert_eq!(recordings.keys().collect::<Vec<_>>(), ["recorded"]);
    assert_eq!(counts(&recordings["recorded"]), witness.calls);
    daemon.end(libc::SIGTERM).exits(0);
}

fn recordings_are_kept_as_long_as_is_said() {
    let place = Place::new(product_path!());
    let parent = Cgroup::new("kept");
    let flags = [
        "--below",
        &parent.relative(),
        "--from",
        "exec",
        "--interval",
        "1s",
        "--keep",
        "1h",
    ];
    let _daemon = place.start(&flags);
    let live = |name: &str| {
        let child = parent.child(name);
        child
            .command(&witness::static_program().command)
            .run()
            .exits(0);
    };
    let running = parent.child("running");
    let running = running.command(&[witness::PATH, "ticks", "100000"]).start();
    live("old");
    live("new");
    let files = || {
        let files = fs::read_dir(place.path("state/recordings")).expect("a folder");
        let files = files.map(|file| file.expect("a file").path());
        files.collect::<Vec<_>>()
    };
    let is = |name: &'static str| {
        move |path: &std::path::PathBuf| {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            file.starts_with(name)
        }
    };
    let await_files = |name, there| {
        while files().iter().any(is(name)) != there {
            thread::sleep(Duration::from_millis(20));
        }
    };
    for name in ["old-", "new-", "running-"] {
        await_files(name, true);
    }
    let age = |path: &std::path::PathBuf| {
        let file = fs::File::options().write(true).open(path).expect("a file");
        let then = SystemTime::now() - Duration::from_secs(7200);
        file.set_modified(then).expect("a time");
    };
    let started = Instant::now();
    files()
        .iter()
        .filter(|path| !is("new-")(path))
        .for_each(age);
    await_files("old-", false);
    assert!(files().iter().any(is("running-")) && files().iter().any(is("new-")));
    assert!(started.elapsed() < Duration::from_secs(60));
    running.signal(libc::SIGKILL);
    let _ = running.finish();
    let names: Vec<String> = place
        .await_end()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["new", "running"]);
}

fn without_a_bpf_file_system_the_cure_is_said() {
    const HINT: &str = "hint: mount one, as with `mount -t bpf bpf /sys/fs/bpf`, or let the daemon go without with --no-pin\n";
    let place = Place::new(product_path!());
    for pin in [place.path("no/such/folder"), place.path("state")] {
        let daemon = product().args(["daemon", "--state"]);
        let daemon = daemon.args([place.path("other")]).args(["--pin"]);
        daemon.args([pin]).run().exits(3).stderr_has(HINT);
    }
    let doctor = product()
        .args(["doctor"])
        .after("umount --quiet --all --types bpf; true")
        .run();
    let text = doctor.stdout_text();
    assert!(
        text.contains("warning  bpf-files") && text.contains("`mount -t bpf bpf /sys/fs/bpf`"),
        "{text}"
    );
}
