//! Measures what recording costs, and writes it down.
//!
//! The measuring itself is a program of the tests' crate; here is what it needs, and where its results go.

use crate::command::{self, Root, cargo, root};
use crate::setup::{self, Purpose};
use crate::talk;
use crate::vm::matrix;
use anyhow::{Context, Result, ensure};
use std::path::PathBuf;

/// Measure what recording costs, and write BENCHMARKS.md.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Rounds in which everything is attached once; a round takes about half a second.
    #[arg(long, default_value_t = 150, value_name = "N")]
    rounds: u32,

    /// Measure other tools beside ours, too; installs bpftrace, syscount, perf and strace if they are missing.
    #[arg(long)]
    peers: bool,

    /// Measure servers, a compiler and a shell under load, too; installs nginx, wrk and redis if they are missing.
    #[arg(long)]
    servers: bool,

    /// Record the worst load that the machine can make for so many minutes, too, and count what is lost.
    #[arg(long, value_name = "MINUTES")]
    storm: Option<u32>,

    /// Measure what so many recordings cost, too: 10,000 are a fleet's day.
    #[arg(long, value_name = "RECORDINGS")]
    fleet: Option<u32>,

    /// Where the page goes.
    #[arg(long, default_value = "BENCHMARKS.md", value_name = "FILE")]
    page: PathBuf,

    /// Where the figures go as JSON.
    #[arg(long, default_value = "target/bench.json", value_name = "FILE")]
    json: PathBuf,
}

/// The other tools, by the Debian package that each is in and the program that shows that it is there.
const PEERS: &[(&str, &str)] = &[
    ("bpftrace", "bpftrace"),
    ("libbpf-tools", "syscount"),
    ("linux-perf", "perf"),
    ("strace", "strace"),
];

/// The servers and their clients.
const SERVERS: &[(&str, &str)] = &[
    ("nginx-light", "nginx"),
    ("wrk", "wrk"),
    ("redis-server", "redis-server"),
    ("redis-tools", "redis-benchmark"),
];

/// What cargo runs the measuring program with.
const RUNNER: &str = "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER";

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    setup::ensure_for(Purpose::Build)?;
    let mut programs = Vec::new();
    programs.extend_from_slice(if arguments.peers { PEERS } else { &[] });
    programs.extend_from_slice(if arguments.servers { SERVERS } else { &[] });
    setup::ensure_programs(&programs)?;
    let mut bench = cargo();
    bench.args([
        "bench",
        "--locked",
        "--package",
        "house-tests",
        "--bench",
        "cost",
        "--",
    ]);
    bench.args(["--rounds", &arguments.rounds.to_string()]);
    bench.args(arguments.peers.then_some("--peers"));
    bench.args(arguments.servers.then_some("--servers"));
    for (flag, value) in [("--storm", arguments.storm), ("--fleet", arguments.fleet)] {
        if let Some(value) = value {
            bench.arg(flag).arg(value.to_string());
        }
    }
    // Cargo runs the program in the folder of its package.
    let (page, json) = (root().join(&arguments.page), root().join(&arguments.json));
    bench.arg("--page").arg(&page).arg("--json").arg(&json);
    let kernels = matrix::kept(&page);
    match Root::now() {
        Root::Ourselves => {}
        Root::Sudo => {
            bench.env(RUNNER, "sudo");
        }
        Root::Absent => ensure!(
            false,
            "recording needs root\nhint: install `sudo`, or be root"
        ),
    }
    talk::step(&command::typed(&bench));
    command::run(&mut bench).context("the measuring failed")?;
    matrix::put_back(&page, &kernels)?;
    talk::say(&format!(
        "wrote `{}` and `{}`",
        page.display(),
        json.display()
    ));
    Ok(())
}
