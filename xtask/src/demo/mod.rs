//! The main job on a real workload: record, generate, audit, and run again under the profile.
//!
//! Every command is shown as a user would type it. Containers where an engine answers or can be started, else
//! a cgroup of its own.

mod image;

use crate::command::{self, Root, cargo, root};
use crate::engine::Engine;
use crate::setup::{self, Purpose};
use crate::talk;
use anyhow::{Context, Result, ensure};
use std::ffi::OsString;
use std::fs;
use std::process::Command;

/// Record a workload, generate its profile, audit that, and run the workload under it.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The workload, instead of a small one of ours; may be `docker run …`.
    #[arg(last = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// The product, as typed in the workspace.
const PRODUCT: &str = "target/release/seccomp-tracer";

/// What the demonstration writes.
const RECORDING: &str = "target/demo/recording.json";
const PROFILE: &str = "target/demo/profile.json";

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    setup::ensure_for(Purpose::Demo)?;
    ensure!(
        Root::now() != Root::Absent,
        "recording needs root, and there is no `sudo`\nhint: run this as root"
    );
    if Root::now() == Root::Sudo {
        talk::say(
            "recording needs root: commands below run through `sudo`, which may ask for your password",
        );
    }
    // A plain command needs no engine.
    let contained =
        arguments.command.is_empty() || confined_container(&arguments.command).is_some();
    let engine = contained.then(Engine::ready).transpose();
    if let Err(error) = &engine {
        talk::error(error);
        talk::say(
            "no Docker engine: the workload runs in a cgroup of its own instead of a container",
        );
    }
    show(&arguments.command, engine.ok().flatten().as_ref())
}

/// The demonstration itself, on an engine if there is one.
pub(crate) fn show(typed: &[OsString], engine: Option<&Engine>) -> Result<()> {
    fs::create_dir_all(root().join("target/demo")).context("cannot create `target/demo`")?;
    let show = Show {
        variables: engine.map(Engine::variables).unwrap_or_default(),
    };
    for (name, value) in &show.variables {
        talk::say(&format!("$ export {name}={value}"));
    }
    show.step("Build the product.", cargo().args(["build", "--release"]))?;
    let container = engine.is_some() && typed.is_empty();
    let workload = match typed {
        [] => show.own_workload(container)?,
        typed => Workload::of(typed),
    };
    let result = show.main_job(&workload);
    if container {
        command::succeeds(show.rights("docker").args(["image", "rm", image::NAME]));
    }
    result
}

/// What is recorded, and how it is run again under the profile.
struct Workload {
    recorded: Vec<OsString>,
    confined: Vec<OsString>,
}

impl Workload {
    /// A command is run again by `run`, a container by its engine.
    fn of(typed: &[OsString]) -> Self {
        let confined = confined_container(typed).unwrap_or_else(|| {
            let ours = [PRODUCT, "run", "--profile", PROFILE, "--"].map(OsString::from);
            ours.into_iter().chain(typed.iter().cloned()).collect()
        });
        Self {
            recorded: typed.to_vec(),
            confined,
        }
    }
}

/// The same `docker run` or `podman run` under the profile; nothing if this is something else.
fn confined_container(typed: &[OsString]) -> Option<Vec<OsString>> {
    let engine = typed.first()?.to_str()?.rsplit('/').next()?;
    let position = typed.iter().position(|word| word == "run")?;
    if !["docker", "podman"].contains(&engine) {
        return None;
    }
    let mut words = typed.to_vec();
    let option = ["--security-opt".into(), format!("seccomp={PROFILE}").into()];
    words.splice(position + 1..=position, option);
    Some(words)
}

/// The demonstration under way.
struct Show {
    variables: Vec<(&'static str, String)>,
}

impl Show {
    /// Our own workload, in an image of its own or on the host.
    fn own_workload(&self, container: bool) -> Result<Workload> {
        image::unpack()?;
        if !container {
            let words = [image::SHELL, image::SCRIPT].map(OsString::from);
            return Ok(Workload::of(&words));
        }
        talk::step("Make an image; there is no registry in this.");
        talk::say(&format!(
            "$ tar -C {} -c . | docker import - {}",
            image::ROOT,
            image::NAME
        ));
        image::import(self.rights("docker"))?;
        let words = [
            "docker",
            "run",
            "--rm",
            "--network",
            "none",
            image::NAME,
            "/bin/sh",
            "/workload.sh",
        ];
        Ok(Workload::of(&words.map(OsString::from)))
    }

    /// Record, generate, audit, run under the profile.
    fn main_job(&self, workload: &Workload) -> Result<()> {
        let mut record = self.rights(PRODUCT);
        record
            .args(["record", "-o", RECORDING, "--"])
            .args(&workload.recorded);
        let recorded = self.output("Record what the workload does.", &mut record)?;
        let mut generate = self.rights(PRODUCT);
        generate.args(["generate", RECORDING, "-o", PROFILE]);
        self.step(
            "Generate the smallest profile that allows it.",
            &mut generate,
        )?;
        let mut audit = self.rights(PRODUCT);
        audit.args(["audit", PROFILE, "--recording", RECORDING]);
        self.step("Audit that profile.", &mut audit)?;
        let [program, rest @ ..] = &*workload.confined else {
            return Ok(());
        };
        let mut confined = self.rights(&program.to_string_lossy());
        let confined = self.output("Run the workload under the profile.", confined.args(rest))?;
        if recorded == confined {
            talk::say(&format!(
                "\nThe workload said the same under its profile, which is `{PROFILE}`."
            ));
        } else {
            talk::say(
                "\nThe workload ran under its profile, and said something else; compare above.",
            );
        }
        Ok(())
    }

    /// A command with root's rights that finds the engine.
    fn rights(&self, program: &str) -> Command {
        command::rightful(program, &self.variables)
    }

    /// Shows a command and runs it.
    fn step(&self, why: &str, command: &mut Command) -> Result<()> {
        announce(why, command);
        command::run(command)
    }

    /// Shows a command, runs it, and gives what it wrote to standard output, which is shown, too.
    fn output(&self, why: &str, command: &mut Command) -> Result<String> {
        announce(why, command);
        let (status, text) = command::echo(command)?;
        ensure!(
            status.success(),
            "`{}` failed: {status}",
            command::typed(command)
        );
        Ok(text)
    }
}

/// Says why a command is run, and the command as a user types it.
fn announce(why: &str, command: &Command) {
    talk::say("");
    talk::step(why);
    talk::say(&format!("$ {}", command::words(command)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_gets_the_profile_from_its_engine() {
        let words = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        for (typed, confined) in [
            (
                "docker run --rm image",
                "docker run --security-opt seccomp=target/demo/profile.json --rm image",
            ),
            (
                "/usr/bin/docker --debug run image",
                "/usr/bin/docker --debug run --security-opt seccomp=target/demo/profile.json image",
            ),
            (
                "ls run",
                "target/release/seccomp-tracer run --profile target/demo/profile.json -- ls run",
            ),
            (
                "docker ps",
                "target/release/seccomp-tracer run --profile target/demo/profile.json -- docker ps",
            ),
        ] {
            assert_eq!(
                Workload::of(&words(typed)).confined,
                words(confined),
                "{typed}"
            );
        }
    }
}
