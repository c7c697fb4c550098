//! Installs what is missing: Debian packages, the source of Rust's `core`, and the eBPF linker.
//!
//! What is there is left alone, wherever it came from; the evidence is the file or program itself, not the
//! package. No service is ever started: what the packages bring is used by hand.

use crate::command::{self, Root, cargo, find, root};
use crate::ebpf;
use crate::talk;
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Install what building, testing and demonstrating needs and this machine lacks (Debian, Ubuntu).
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only say what is missing; the exit code is 1 if anything is.
    #[arg(long)]
    check: bool,
}

/// What something is needed for. Each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Purpose {
    /// To build the product.
    Build,
    /// To demonstrate it.
    Demo,
    /// To pass the tests, which rebuild the kernel side, too.
    Test,
}

/// How it shows that something is there.
enum Evidence {
    /// A program on the path.
    Program(&'static str),
    /// A library that the compiler finds.
    Header(&'static str),
}

/// Something that a Debian package brings.
struct Need {
    package: &'static str,
    evidence: Evidence,
    purpose: Purpose,
}

/// Shorthand, so that the table reads as one.
const fn need(purpose: Purpose, package: &'static str, evidence: Evidence) -> Need {
    Need {
        package,
        evidence,
        purpose,
    }
}

use Evidence::{Header, Program};
use Purpose::{Build, Demo, Test};

/// Everything that is needed from Debian.
const NEEDS: &[Need] = &[
    need(Build, "gcc", Program("cc")),
    need(Build, "libc6-dev", Header("stdio.h")),
    need(Build, "libseccomp-dev", Header("seccomp.h")),
    need(Build, "pkg-config", Program("pkg-config")),
    need(Demo, "busybox-static", Program("busybox")),
    need(Demo, "docker.io", Program("dockerd")),
    need(Demo, "docker.io", Program("docker")),
    need(Test, "strace", Program("strace")),
    need(Test, "valgrind", Program("valgrind")),
    need(Test, "qemu-system-x86", Program("qemu-system-x86_64")),
];

impl Need {
    fn met(&self) -> bool {
        match self.evidence {
            Program(name) => find(name).is_some(),
            Header(name) => ["/usr/include", "/usr/local/include"]
                .iter()
                .any(|folder| Path::new(folder).join(name).is_file()),
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if !arguments.check {
        return ensure_for(Test);
    }
    let missing = missing(Test);
    for thing in &missing {
        talk::print(thing);
    }
    ensure!(
        missing.is_empty(),
        "something is missing\nhint: `cargo xtask setup` installs it"
    );
    Ok(())
}

/// Everything that is missing for this purpose, by name.
fn missing(purpose: Purpose) -> Vec<String> {
    let mut missing: Vec<String> = packages(purpose).into_iter().map(str::to_owned).collect();
    if purpose >= Test {
        missing.extend(ebpf::source_missing().then(|| "rust-src".to_owned()));
        missing
            .extend(ebpf::linker_missing().then(|| format!("bpf-linker {}", ebpf::LINKER_VERSION)));
    }
    missing
}

/// The Debian packages that are missing for this purpose.
fn packages(purpose: Purpose) -> BTreeSet<&'static str> {
    let needs = NEEDS.iter().filter(|need| need.purpose <= purpose);
    let ours = needs.filter(|need| !need.met()).map(|need| need.package);
    let listed = LISTED.lines().map(str::trim);
    let listed = listed.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let listed = listed.filter(|package| purpose >= Test && !listed_met(package));
    ours.chain(listed).collect()
}

/// What the tests use, by their own list.
const LISTED: &str = include_str!("../../tests/packages.txt");

/// Whether something on the tests' list is there: as in the table here, or as an installed package.
fn listed_met(package: &str) -> bool {
    let mut needs = NEEDS
        .iter()
        .filter(|need| need.package == package)
        .peekable();
    if needs.peek().is_some() {
        return needs.all(Need::met);
    }
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat", "${db:Status-Status}", package]);
    command::read(&mut query).is_ok_and(|status| status == "installed")
}

/// Installs what is missing for this purpose.
pub(crate) fn ensure_for(purpose: Purpose) -> Result<()> {
    let packages = packages(purpose);
    if !packages.is_empty() {
        install(&packages)?;
    }
    if purpose >= Test {
        if ebpf::source_missing() {
            talk::step("rustup component add rust-src");
            let mut rustup = Command::new("rustup");
            rustup
                .args(["component", "add", "rust-src"])
                .current_dir(root());
            command::run(&mut rustup)?;
        }
        if ebpf::linker_missing() {
            install_linker()?;
        }
    }
    let left = missing(purpose);
    ensure!(
        left.is_empty(),
        "installed, but not found: {}",
        left.join(", ")
    );
    Ok(())
}

/// Installs the Debian packages, given with a program of each, whose program is missing.
pub(crate) fn ensure_programs(programs: &[(&'static str, &str)]) -> Result<()> {
    let missing = programs
        .iter()
        .filter(|(_, program)| find(program).is_none());
    let packages: BTreeSet<&str> = missing.map(|&(package, _)| package).collect();
    if packages.is_empty() {
        return Ok(());
    }
    install(&packages)
}

/// Installs Debian packages.
fn install(packages: &BTreeSet<&str>) -> Result<()> {
    let names: Vec<&str> = packages.iter().copied().collect();
    let names = names.join(" ");
    ensure!(
        find("apt-get").is_some(),
        "these are missing: {names}\nhint: those are their names in Debian 12; install what your system calls them"
    );
    let root = Root::now();
    ensure!(
        root != Root::Absent,
        "these packages are missing: {names}\nhint: as root, run `apt-get install --no-install-recommends {names}`"
    );
    let silence = Silence::begin(root)?;
    let result = apt_get(root, packages);
    silence.end();
    result?;
    for (package, units) in SERVICES {
        if packages.contains(package) && find("systemctl").is_some() {
            let mut disable = root.command("systemctl", &[]);
            disable.args(["--quiet", "disable"]).args(*units);
            talk::step(&command::typed(&disable));
            if !command::succeeds(&mut disable) {
                talk::say("warning: that failed; the service may start at the next boot");
            }
        }
    }
    Ok(())
}

/// Services that packages would start at the next boot. Whoever wants them enables them.
const SERVICES: &[(&str, &[&str])] = &[
    (
        "docker.io",
        &["docker.service", "docker.socket", "containerd.service"],
    ),
    ("haproxy", &["haproxy.service"]),
    ("nginx-light", &["nginx.service"]),
    ("openssh-server", &["ssh.service", "ssh.socket"]),
    ("supervisor", &["supervisor.service"]),
    (
        "podman",
        &[
            "podman.service",
            "podman.socket",
            "podman-auto-update.service",
            "podman-auto-update.timer",
            "podman-restart.service",
        ],
    ),
    ("postgresql", &["postgresql.service"]),
    ("redis-server", &["redis-server.service"]),
];

/// Runs `apt-get`; nothing is asked, as nobody may be there to answer.
fn apt_get(root: Root, packages: &BTreeSet<&str>) -> Result<()> {
    let variables = [("DEBIAN_FRONTEND", "noninteractive")];
    let mut update = root.command("apt-get", &[]);
    update.args(["update", "--quiet=2"]);
    talk::step(&command::typed(&update));
    command::run(&mut update)?;
    let mut install = root.command("apt-get", &variables);
    install.args(["install", "--yes", "--quiet=2", "--no-install-recommends"]);
    // Without a terminal of its own, dpkg counts no percentages.
    install.args(["--option", "Dpkg::Use-Pty=0"]);
    install.args(packages);
    talk::step(&command::typed(&install));
    command::run(&mut install)
}

/// Where Debian asks whether a package may start its service.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// The answer: action forbidden by policy.
const POLICY_TEXT: &str =
    "#!/bin/sh\n# Written by `cargo xtask setup` for as long as it runs.\nexit 101\n";

/// While this lasts, installing a package starts no service.
struct Silence {
    root: Root,
    /// Whether the file is ours; somebody else's stays and is obeyed.
    ours: bool,
}

impl Silence {
    fn begin(root: Root) -> Result<Self> {
        let present = fs::read_to_string(POLICY).ok();
        // A run that was killed may have left ours behind.
        let ours = present.is_none_or(|text| text == POLICY_TEXT);
        if ours {
            let source = command::root().join("target/policy-rc.d");
            fs::create_dir_all(command::root().join("target"))?;
            fs::write(&source, POLICY_TEXT).context("cannot write below `target`")?;
            let mut copy = root.command("install", &[]);
            command::run(copy.args(["--mode=755"]).arg(&source).arg(POLICY))?;
        }
        Ok(Self { root, ours })
    }

    fn end(self) {
        drop(self);
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        if self.ours && !command::succeeds(self.root.command("rm", &[]).args(["-f", POLICY])) {
            talk::say(&format!(
                "warning: `{POLICY}` could not be removed; remove it by hand"
            ));
        }
    }
}

/// Builds the eBPF linker on the LLVM that our compiler brings, so that no other LLVM is needed.
fn install_linker() -> Result<()> {
    let toolchain = ebpf::Toolchain::find()?;
    let libraries = toolchain.sysroot.join("lib");
    let libraries = libraries.display();
    let flags = [
        format!("-Lnative={libraries}"),
        format!("-ldylib={}", toolchain.llvm),
        format!("-Clink-arg=-Wl,-rpath,{libraries}"),
    ];
    let features = format!("{},no-llvm-linking", ebpf::Toolchain::feature());
    let mut install = cargo();
    install
        .args(["install", "bpf-linker", "--version", ebpf::LINKER_VERSION])
        .args(["--locked", "--force", "--no-default-features", "--features"])
        .args([&features, "--root"])
        .arg(ebpf::linker_folder())
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    talk::step(&command::typed(&install));
    if let Err(error) = command::run(&mut install) {
        bail!("the eBPF linker could not be built: {error}");
    }
    Ok(())
}
