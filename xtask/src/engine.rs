//! A Docker engine: the one that runs, or one of our own that leaves nothing behind.
//!
//! Ours changes nothing global: its own data, its own socket, no bridge, no firewall rules, no forwarding.
//! It is stopped by its process, never by name, and an engine that runs already is never touched.

use crate::command::{self, Root, find, root};
use crate::{interrupt, talk};
use anyhow::{Context, Result, bail, ensure};
use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Run a command while a Docker engine answers: the one that runs, or one of our own.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The command; it finds the engine through `DOCKER_HOST`.
    #[arg(required = true, last = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// How long an engine may take to answer after its start.
const START_MAX_S: u64 = 60;

/// How long an engine may take to stop; it waits for its containers.
const STOP_MAX_S: u64 = 30;

/// A Docker engine that answers.
pub(crate) enum Engine {
    /// It ran before us and stays.
    Running,
    /// We started it; it stops when this is dropped.
    Ours(Daemon),
}

impl Engine {
    /// The engine that runs, or one of our own.
    pub(crate) fn ready() -> Result<Self> {
        if answers(None) {
            talk::step("a Docker engine answers; it is used as it is");
            return Ok(Self::Running);
        }
        let daemon = Daemon::start()?;
        talk::step(&format!(
            "a Docker engine of our own answers at {}",
            daemon.address()
        ));
        Ok(Self::Ours(daemon))
    }

    /// The variables by which clients find the engine.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Running => Vec::new(),
            Self::Ours(daemon) => vec![("DOCKER_HOST", daemon.address())],
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let engine = Engine::ready()?;
    let [program, rest @ ..] = &*arguments.command else {
        bail!("no command is given");
    };
    command::run(Command::new(program).args(rest).envs(engine.variables()))
}

/// Whether an engine answers, at this address or where the client finds one by itself.
fn answers(address: Option<&str>) -> bool {
    let variables: Vec<_> = address
        .map(|address| ("DOCKER_HOST", address))
        .into_iter()
        .collect();
    let mut client = Root::now().command("docker", &variables);
    command::succeeds(client.args(["version", "--format", "{{.Server.Version}}"]))
}

/// An engine of our own.
pub(crate) struct Daemon {
    child: Child,
    /// Sockets and process numbers; short, because the path of a socket may have 107 bytes only.
    state: PathBuf,
    /// Images and containers.
    data: PathBuf,
    /// The folders shared with other engines that were there before.
    present: Vec<PathBuf>,
}

impl Daemon {
    fn start() -> Result<Self> {
        let program = find("dockerd").context(
            "no Docker engine answers and `dockerd` is not installed\nhint: `cargo xtask setup` installs it",
        )?;
        let rights = Root::now();
        ensure!(
            rights != Root::Absent,
            "no Docker engine answers, and starting one needs root\nhint: start one, or run this as root"
        );
        sweep();
        let number = std::process::id();
        let state = state_folder(number);
        let data = root().join(format!("target/engine.{number}"));
        fs::create_dir(&state).with_context(|| format!("cannot create `{}`", state.display()))?;
        let log = state.join("log");
        let output =
            File::create(&log).with_context(|| format!("cannot create `{}`", log.display()))?;
        // The settings of the machine's own engine could contradict ours.
        let settings = state.join("settings.json");
        fs::write(&settings, "{}")
            .with_context(|| format!("cannot write `{}`", settings.display()))?;
        let mut command = rights.command(&program.to_string_lossy(), &[]);
        let socket = format!("unix://{}/docker.sock", state.display());
        command
            .arg("--host")
            .arg(socket)
            .arg("--data-root")
            .arg(&data)
            .arg("--exec-root")
            .arg(state.join("exec"))
            .arg("--pidfile")
            .arg(state.join("pid"))
            .arg("--config-file")
            .arg(&settings)
            .args(["--bridge=none", "--iptables=false"])
            .args(["--ip6tables=false", "--ip-forward=false", "--ip-masq=false"])
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            // Ctrl-C must not reach it before its clients are done.
            .process_group(0);
        stop_with_us(&mut command);
        talk::step(&command::typed(&command));
        let present = shared_folders();
        let child = command
            .spawn()
            .with_context(|| format!("cannot execute `{}`", program.display()))?;
        let mut daemon = Self {
            child,
            state,
            data,
            present,
        };
        daemon.await_answer(&log)?;
        Ok(daemon)
    }

    /// Waits until the engine answers.
    fn await_answer(&mut self, log: &Path) -> Result<()> {
        let limit = Instant::now() + Duration::from_secs(START_MAX_S);
        while !answers(Some(&self.address())) {
            let ended = self.child.try_wait().context("cannot wait for `dockerd`")?;
            if ended.is_some() || Instant::now() > limit {
                bail!(
                    "`dockerd` does not answer; it said:\n{}",
                    last_lines(log, 15)
                );
            }
            if interrupt::asked().is_some() {
                bail!("interrupted");
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }

    /// Where it listens.
    fn address(&self) -> String {
        format!("unix://{}/docker.sock", self.state.display())
    }

    /// Stops the engine's containers, which would otherwise outlive it in its shims.
    fn stop_containers(&self) {
        let address = self.address();
        let client = || Root::now().command("docker", &[("DOCKER_HOST", &address)]);
        let Ok(list) = command::read(client().args(["ps", "--all", "--quiet"])) else {
            return;
        };
        if !list.is_empty() {
            command::succeeds(
                client()
                    .args(["rm", "--force", "--volumes"])
                    .args(list.lines()),
            );
        }
    }

    /// Asks the engine to stop, and makes it if it does not.
    fn stop(&mut self) {
        for signal in [libc::SIGTERM, libc::SIGKILL] {
            self.signal(signal);
            let limit = Instant::now() + Duration::from_secs(STOP_MAX_S);
            while Instant::now() < limit {
                if !matches!(self.child.try_wait(), Ok(None)) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        talk::say("warning: `dockerd` does not stop");
    }

    /// Sends the engine a signal.
    fn signal(&self, signal: i32) {
        match Root::now() {
            Root::Ourselves => interrupt::send(self.child.id(), signal),
            // `sudo` stands between it and us; its own number is in the file.
            rights => {
                let number = fs::read_to_string(self.state.join("pid")).unwrap_or_default();
                let mut kill = rights.command("kill", &[]);
                command::succeeds(kill.arg(format!("-{signal}")).arg(number.trim()));
            }
        }
    }

    /// Removes what the engine leaves, and folders that were not there before.
    fn clean(&self) {
        remove(&[&self.state, &self.data]);
        for folder in shared_folders() {
            if !self.present.contains(&folder) {
                // Somebody else's may have appeared meanwhile; it is not empty then, and stays.
                command::succeeds(Root::now().command("rmdir", &[]).arg(folder));
            }
        }
    }
}

/// Removes folders with the mounts in them.
fn remove(folders: &[&Path]) {
    let rights = Root::now();
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    let inside = |point: &&str| {
        folders
            .iter()
            .any(|folder| Path::new(point).starts_with(folder))
    };
    let points: Vec<&str> = points.filter(inside).collect();
    // The last mount lies uppermost.
    for point in points.into_iter().rev() {
        command::succeeds(rights.command("umount", &[]).args(["--lazy", point]));
    }
    for folder in folders {
        let mut remove = rights.command("rm", &[]);
        if !command::succeeds(remove.args(["-rf", "--one-file-system"]).arg(folder)) {
            talk::say(&format!(
                "warning: `{}` could not be removed",
                folder.display()
            ));
        }
    }
}

/// Removes what is left of engines whose `cargo xtask` was killed.
fn sweep() {
    let alive = |number: &str| Path::new("/proc").join(number.trim()).exists();
    let entries = fs::read_dir(root().join("target"))
        .into_iter()
        .flatten()
        .flatten();
    for entry in entries {
        let name = entry.file_name();
        let Some(number) = name.to_str().and_then(|name| name.strip_prefix("engine.")) else {
            continue;
        };
        let state = state_folder(number);
        let daemon = fs::read_to_string(state.join("pid")).unwrap_or_default();
        if !alive(number) && (daemon.is_empty() || !alive(&daemon)) {
            remove(&[&state, &entry.path()]);
        }
    }
}

/// Where the sockets and process numbers of an engine are, by the number of our process.
fn state_folder(number: impl std::fmt::Display) -> PathBuf {
    PathBuf::from(format!("/tmp/seccomp-tracer-engine.{number}"))
}

impl Drop for Daemon {
    fn drop(&mut self) {
        talk::step("stopping our Docker engine");
        self.stop_containers();
        self.stop();
        self.clean();
    }
}

/// Lets the process get a signal to stop when ours dies without saying goodbye.
fn stop_with_us(command: &mut Command) {
    let request = || {
        // SAFETY: prctl with these arguments takes integers only and is allowed between fork and exec.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) };
        Ok(())
    };
    // SAFETY: the closure makes one system call and touches no memory.
    unsafe { command.pre_exec(request) };
}

/// The folders that are there of those which all engines share: their containers' cgroups in every
/// hierarchy, and two below `/run`. Inner folders come first.
fn shared_folders() -> Vec<PathBuf> {
    let run = ["containerd/s", "containerd", "docker/plugins", "docker"];
    let run = run.map(|name| Path::new("/run").join(name));
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let cgroups = mounts
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .filter(|fields| fields.get(2).is_some_and(|kind| kind.starts_with("cgroup")))
        .filter_map(|fields| Some(Path::new(fields.get(1)?).join("docker")));
    run.into_iter()
        .chain(cgroups)
        .filter(|folder| folder.is_dir())
        .collect()
}

/// The last lines of a log.
fn last_lines(path: &Path, count: usize) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
