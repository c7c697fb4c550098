//! Makes the daemon's own profile, with the product: records the daemon while it does all that it can do.
//!
//! `cargo xtask own-profile` runs it. It writes `profiles/daemon.json`, and `profiles/daemon.service` with the same
//! calls, for systemd.

use anyhow::{Context, Result, ensure};
use house_tests::cgroup::Cgroup;
use house_tests::daemon::Place;
use house_tests::docker::{Docker, container_name};
use house_tests::image::{Image, Rootfs};
use house_tests::run::Program;
use house_tests::witness;
use seccomp_tracer::daemon::protocol::{Answer, Request};
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// The product.
const PRODUCT: &str = env!("CARGO_BIN_EXE_seccomp-tracer-dup");

/// What the daemon needs, and the unit leaves it.
const CAPABILITIES: &str = "CAP_BPF,CAP_PERFMON";

/// The unit without its filter, which replaces this line.
const UNIT: &str = include_str!("daemon.service.in");
const FILTER: &str = "@FILTER@\n";

fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let recording = |name: &str| folder.path().join(format!("{name}.json"));
    let image = Rootfs::default()
        .static_program(witness::PATH, witness::PATH)
        .import("own-profile");
    let place = Place::new(PRODUCT);
    let parent = Cgroup::new("own-profile");
    // From the beginning to a sudden death; from there to the end of the pins; and without pins.
    let lives = [
        ("first", &[][..], libc::SIGKILL),
        ("second", &[], libc::SIGTERM),
        ("third", &["--no-pin"], libc::SIGINT),
    ];
    for (name, flags, end) in lives {
        live(&place, &parent, &image, &recording(name), flags, end)?;
    }
    record(
        &recording("release"),
        &["daemon", "--release", "--pin"],
        &place.pins(),
    )?;
    let names = ["first", "second", "third", "release"];
    let recordings = names.map(recording);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("a workspace")?;
    let profile = root.join("profiles/daemon.json");
    generate(&recordings, &["-o"], &[&profile])?;
    // systemd cannot look at arguments.
    let plain = folder.path().join("plain.json");
    generate(
        &recordings,
        &["--args", "none", "--base", "none", "-o"],
        &[&plain],
    )?;
    let converted = Program::product(PRODUCT).args(["convert", "--to", "systemd"]);
    let filter = converted.args([&plain]).run();
    let filter = filter.exits(0).stdout_text();
    let filter = filter.strip_prefix("[Service]\n").context("a section")?;
    fs::write(
        root.join("profiles/daemon.service"),
        UNIT.replace(FILTER, filter),
    )?;
    Ok(())
}

/// One daemon's life, recorded.
fn live(
    place: &Place,
    parent: &Cgroup,
    image: &Image,
    output: &Path,
    flags: &[&str],
    end: i32,
) -> Result<()> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let listen = port.to_string();
    let relative = parent.relative();
    let own = [
        "--below", &relative, "--label", "record", "--allow", "65534",
    ];
    let often = ["--interval", "1s", "--listen", &listen];
    let daemon = place.command(&[&own[..], &often, flags].concat());
    let mut recorder = daemon.recorded(PRODUCT, output).start();
    recorder.await_stderr("listening at ");
    let pid = daemon_of(recorder.pid())?;
    let label = ["--label", "record"];
    for options in [&label[..], &[]] {
        let command = [witness::PATH, "ticks", "300"];
        let docker = Docker::run(&image.name, &command).with(options);
        let docker = docker.with(&["--cgroup-parent", &relative]);
        let name = container_name("own-profile");
        let run = docker.with(&["--name", &name]).go();
        ensure!(run.code() == 0, "{run}");
    }
    let child = parent.child("child");
    let running = child.command(&[witness::PATH, "ticks", "200"]).start();
    clients(place, &child, port)?;
    // Long enough for everything that is done from time to time.
    thread::sleep(Duration::from_secs(2));
    // SAFETY: a call without pointers; the recorder waits for this process, so the id is still its own.
    unsafe { libc::kill(pid, end) };
    let run = recorder.finish();
    running.finish().exits(0);
    ensure!(output.exists(), "{run}");
    Ok(())
}

/// Everything that clients can ask, and some things that they should not.
fn clients(place: &Place, child: &Cgroup, port: u16) -> Result<()> {
    let given = Cgroup::new("own-profile-given");
    let running = given.command(&[witness::PATH, "ticks", "200"]).start();
    given.await_populated();
    let mut client = place.client();
    let started = place.start_recording(&given).map_err(anyhow::Error::msg)?;
    let _ = place.start_recording(child);
    let run = || started.run.clone();
    for request in [
        Request::List,
        Request::Snapshot { run: run() },
        Request::Generate { run: run() },
        Request::Stop { run: run() },
        Request::Snapshot { run: run() },
        Request::Generate { run: run() },
    ] {
        let answer = client.ask(&request)?;
        ensure!(!matches!(answer, Answer::Error(_)), "{answer:?}");
    }
    let _ = UnixStream::connect(place.socket())?.write_all(b"nonsense\n");
    for path in ["/metrics", "/healthz", "/"] {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        write!(stream, "GET {path} HTTP/1.1\r\n\r\n")?;
        stream.read_to_string(&mut String::new())?;
    }
    running.finish().exits(0);
    Ok(())
}

/// The recorder's child.
fn daemon_of(recorder: u32) -> Result<i32> {
    let path = format!("/proc/{recorder}/task/{recorder}/children");
    let children = fs::read_to_string(path)?;
    let child = children.split_whitespace().next().context("a child")?;
    Ok(child.parse()?)
}

fn record(output: &Path, words: &[&str], last: &Path) -> Result<()> {
    let program = Program::product(PRODUCT).args(words).args([last]);
    let run = program.recorded(PRODUCT, output).run();
    ensure!(run.code() == 0, "{run}");
    Ok(())
}

fn generate(recordings: &[PathBuf], flags: &[&str], output: &[&PathBuf]) -> Result<()> {
    let program = Program::product(PRODUCT).args([
        "generate",
        "--client",
        "--runtime",
        "none",
        "--caps",
        CAPABILITIES,
    ]);
    let run = program.args(recordings).args(flags).args(output).run();
    ensure!(run.code() == 0, "{run}");
    Ok(())
}
