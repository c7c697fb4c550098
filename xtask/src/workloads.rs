//! Measures what profiles refuse to real programs when there is more to do than when they were recorded.
//!
//! The measuring itself is a program of the tests' crate; here is what it needs.

use crate::command::{self, Root, cargo};
use crate::engine::Engine;
use crate::setup::{self, Purpose};
use anyhow::{Context, Result, ensure};
use std::path::PathBuf;

/// Record servers and language runtimes at a small load, run them under their profiles, and tell what those refuse
/// at a larger one; installs the programs that are missing.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How often each program runs under its profile.
    #[arg(long, default_value_t = 20, value_name = "N")]
    runs: u32,

    /// Where the table goes, as tests/bench/WORKLOADS.md.
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,

    /// Only these: go, java, node, python, postgres, ssh, supervisor, nginx, redis, mariadb, haproxy.
    programs: Vec<String>,
}

/// The programs, by the Debian package that each is in.
const PROGRAMS: &[(&str, &str)] = &[
    ("golang-go", "go"),
    ("default-jdk-headless", "javac"),
    ("nodejs", "node"),
    ("python3", "python3"),
    ("postgresql", "psql"),
    ("openssh-server", "sshd"),
    ("openssh-client", "ssh"),
    ("supervisor", "supervisord"),
    ("nginx-light", "nginx"),
    ("redis-server", "redis-server"),
    ("redis-tools", "redis-benchmark"),
    ("mariadb-server-core", "mariadbd"),
    ("mariadb-client-core", "mariadb"),
    ("haproxy", "haproxy"),
];

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    setup::ensure_for(Purpose::Demo)?;
    setup::ensure_programs(PROGRAMS)?;
    ensure!(
        Root::now() == Root::Ourselves,
        "recording needs root\nhint: run this as root"
    );
    let engine = Engine::ready()?;
    let mut bench = cargo();
    // Built as the tests are: how fast the product is does not matter here.
    bench.args([
        "bench",
        "--locked",
        "--profile=dev",
        "--package=house-tests",
    ]);
    bench.args(["--bench", "workloads", "--", "--runs"]);
    bench.arg(arguments.runs.to_string());
    if let Some(page) = &arguments.page {
        let page = std::path::absolute(page).context("no current folder")?;
        bench.arg("--page").arg(page);
    }
    bench.args(&arguments.programs);
    bench.envs(engine.variables());
    command::run(&mut bench).context("a program needs more than its profile has")
}
