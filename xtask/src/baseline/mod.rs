//! Measures what a container runtime does under the container's filter, and compares it with our data.
//!
//! The experiment: a program that does nothing but end is run in a container under a filter that permits
//! everything. What the recorder sees made under that filter, and not by the program, is the runtime's. The
//! data are judged by the product itself: a profile made from an unconfined recording has only them to go
//! by, so it must permit what was measured, and the container must start under it.

mod by_hand;
mod image;

use crate::command::{self, Root, cargo, root};
use crate::engine::Engine;
use crate::talk;
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Measure the installed container runtime again, and compare with `profiles/runtimes.json`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The runtime, as the engine knows it.
    #[arg(long, value_name = "NAME", default_value = "runc")]
    runtime: String,
    /// Call the runtime itself, in a mount namespace with version 2 of cgroups only; for runtimes that no engine
    /// on this machine can use, like crun where both versions are mounted.
    #[arg(long)]
    by_hand: bool,
    /// How often each kind of start is tried; what chance decides is seen more often in more of them.
    #[arg(long, value_name = "N", default_value_t = 5)]
    starts: u32,
}

const PRODUCT: &str = "target/debug/seccomp-tracer";

/// What is written, below the workspace.
const FOLDER: &str = "target/baseline";

/// The name of the container in which commands are executed.
const CONTAINER: &str = "seccomp-tracer-baseline";

/// How often the start of a container is looked for, and how long.
const LOOK_EVERY_MS: u64 = 100;
const START_MAX_MS: u64 = 60_000;

/// A way to start a container.
struct Mode {
    /// Its name in files and reports.
    name: &'static str,
    phase: &'static str,
    options: &'static [&'static str],
}

impl Mode {
    /// Whether the filter goes in last.
    fn is_late(&self) -> bool {
        self.phase == "late"
    }

    /// Whether the program runs as a user other than root.
    fn is_user(&self) -> bool {
        self.options.contains(&"--user")
    }
}

/// As root and as a user, because a user needs more changes; without and with no_new_privs, because the
/// filter then goes in at another time.
const MODES: &[Mode] = &[
    Mode {
        name: "early-root",
        phase: "early",
        options: &[],
    },
    Mode {
        name: "early-user",
        phase: "early",
        options: &["--user", "1000:1000"],
    },
    Mode {
        name: "late-root",
        phase: "late",
        options: &["--security-opt", "no-new-privileges"],
    },
    Mode {
        name: "late-user",
        phase: "late",
        options: &["--user", "1000:1000", "--security-opt", "no-new-privileges"],
    },
];

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    ensure!(
        Root::now() != Root::Absent,
        "recording needs root, and there is no `sudo`\nhint: run this as root"
    );
    command::run(cargo().args([
        "build",
        "--locked",
        "--quiet",
        "--package",
        "seccomp-tracer",
    ]))?;
    let engine = if arguments.by_hand {
        None
    } else {
        Some(Engine::ready()?)
    };
    let folder = root().join(FOLDER);
    fs::create_dir_all(&folder).with_context(|| format!("cannot create `{FOLDER}`"))?;
    let bench = Bench {
        arguments,
        variables: engine.as_ref().map(Engine::variables).unwrap_or_default(),
        folder,
    };
    bench.image()?;
    let measured = bench.measure()?;
    bench.report(&measured)?;
    bench.judge(&measured)
}

/// What was measured: recordings by phase, and the calls in them.
#[derive(Default)]
struct Measured {
    recordings: Vec<PathBuf>,
    calls: BTreeMap<&'static str, BTreeSet<String>>,
    version: String,
}

/// The experiment under way.
struct Bench<'a> {
    arguments: &'a Arguments,
    variables: Vec<(&'static str, String)>,
    folder: PathBuf,
}

impl Bench<'_> {
    /// A command with root's rights that finds the engine.
    fn rights(&self, program: &str) -> Command {
        command::rightful(program, &self.variables)
    }

    fn image(&self) -> Result<()> {
        let permissive = self.folder.join("permissive.json");
        // A filter must be there, and refuse something, or a runtime installs none.
        let text = r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["vserver"],"action":"SCMP_ACT_ERRNO"}]}"#;
        fs::write(&permissive, text)
            .with_context(|| format!("cannot write `{}`", permissive.display()))?;
        image::make(&self.folder)?;
        if self.arguments.by_hand {
            return Ok(());
        }
        image::import(&self.folder, self.rights("docker"))
    }

    /// What starts a container with the program that ends.
    fn start(&self, mode: &Mode, profile: &str) -> Result<Vec<String>> {
        if self.arguments.by_hand {
            by_hand::start(&self.arguments.runtime, &self.folder, mode, profile)
        } else {
            Ok(self.docker_run(mode, profile, image::END))
        }
    }

    /// `docker run` of one of our programs under a profile.
    fn docker_run(&self, mode: &Mode, profile: &str, program: &str) -> Vec<String> {
        let seccomp = format!("seccomp={profile}");
        let fixed = [
            "docker",
            "run",
            "--rm",
            "--network",
            "none",
            "--runtime",
            &self.arguments.runtime,
        ];
        let mut words: Vec<String> = fixed.iter().map(ToString::to_string).collect();
        words.extend(["--security-opt".to_owned(), seccomp]);
        words.extend(mode.options.iter().map(ToString::to_string));
        if program == image::PAUSE {
            words.extend(["--name".to_owned(), CONTAINER.to_owned()]);
        }
        words.extend([image::NAME.to_owned(), program.to_owned()]);
        words
    }

    fn record(&self, file: &Path, words: &[String]) -> Command {
        let mut record = self.rights(PRODUCT);
        record
            .args(["record", "--quiet", "-o"])
            .arg(file)
            .arg("--")
            .args(words);
        record
    }

    fn measure(&self) -> Result<Measured> {
        let mut measured = Measured::default();
        if self.arguments.by_hand {
            measured.version = by_hand::version(&self.arguments.runtime)?;
        }
        let permissive = format!("{FOLDER}/permissive.json");
        for mode in MODES {
            talk::step(&format!("{}: {} starts", mode.name, self.arguments.starts));
            for number in 0..self.arguments.starts {
                let file = self.folder.join(format!("{}.{number}.json", mode.name));
                command::run(&mut self.record(&file, &self.start(mode, &permissive)?))?;
                measured.add(file, mode.phase)?;
            }
            talk::step(&format!(
                "{}: a command executed {} times",
                mode.name, self.arguments.starts
            ));
            let file = self.folder.join(format!("{}.exec.json", mode.name));
            self.execute(mode, &permissive, &file, self.arguments.starts)?;
            measured.add(
                file,
                if mode.phase == "early" {
                    "exec, early"
                } else {
                    "exec, late"
                },
            )?;
        }
        Ok(measured)
    }

    /// Records a container that waits, from its start on, while commands are executed in it.
    fn execute(&self, mode: &Mode, profile: &str, file: &Path, times: u32) -> Result<()> {
        if self.arguments.by_hand {
            let runtime = &self.arguments.runtime;
            let words = by_hand::execute(runtime, &self.folder, mode, profile, times)?;
            return command::run(&mut self.record(file, &words));
        }
        let mut record = self.record(file, &self.docker_run(mode, profile, image::PAUSE));
        let recording = record
            .spawn()
            .with_context(|| format!("cannot execute `{}`", command::typed(&record)))?;
        let executed = self.await_container().and_then(|()| {
            (0..times).try_for_each(|_| {
                command::run(self.rights("docker").args(["exec", CONTAINER, image::END]))
            })
        });
        self.end(recording)?;
        executed
    }

    fn await_container(&self) -> Result<()> {
        for _ in 0..START_MAX_MS / LOOK_EVERY_MS {
            let mut inspect = self.rights("docker");
            inspect
                .args(["inspect", "--format", "{{.State.Running}}", CONTAINER])
                .stderr(Stdio::null());
            if command::read(&mut inspect).is_ok_and(|answer| answer == "true") {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(LOOK_EVERY_MS));
        }
        bail!("the container does not start")
    }

    /// Ends the waiting container and, with it, its recording.
    fn end(&self, recording: Child) -> Result<()> {
        command::succeeds(self.rights("docker").args(["kill", CONTAINER]));
        // It passes on how the container ended, which was by our hand.
        command::attend(recording).map(drop)
    }

    /// What was measured, and what the data have beyond it.
    fn report(&self, measured: &Measured) -> Result<()> {
        talk::print(&format!("{} {}", self.arguments.runtime, measured.version));
        for (phase, calls) in &measured.calls {
            let start = measured
                .calls
                .get(phase.trim_start_matches("exec, "))
                .filter(|_| phase.starts_with("exec"));
            let shown: Vec<&str> = calls
                .iter()
                .filter(|name| !start.is_some_and(|start| start.contains(*name)))
                .map(String::as_str)
                .collect();
            let shown = if shown.is_empty() {
                "nothing more".to_owned()
            } else {
                shown.join(" ")
            };
            talk::print(&format!("  {phase}: {shown}"));
        }
        let all: BTreeSet<&String> = measured.calls.values().flatten().collect();
        let data = data(&self.arguments.runtime)?;
        let unseen: Vec<&str> = data
            .iter()
            .filter(|name| !all.contains(name))
            .map(String::as_str)
            .collect();
        talk::print(&format!("  in the data and not seen: {}", unseen.join(" ")));
        // The values, by name, as the product shows them.
        let mut explain = Command::new(root().join(PRODUCT));
        explain.args([
            "generate",
            "--union",
            "--base",
            "none",
            "--args",
            "all",
            "--portability",
            "exact",
            "--explain",
        ]);
        explain
            .args(["-o", "/dev/null"])
            .args(&measured.recordings)
            .current_dir(root());
        let said = command::collect(&mut explain)?;
        let said = String::from_utf8_lossy(&said.stderr).into_owned();
        let mut call = "";
        for line in said.lines() {
            match line.trim_start() {
                value
                    if ["only with", "and with", "never with"]
                        .iter()
                        .any(|start| value.starts_with(start)) =>
                {
                    talk::print(&format!("  {call}: {value}"));
                }
                _ => call = line.split(' ').next().unwrap_or_default(),
            }
        }
        Ok(())
    }

    /// Whether profiles that have the runtime's part from the data permit what was measured, and start
    /// containers.
    fn judge(&self, measured: &Measured) -> Result<()> {
        let mut wrong = Vec::new();
        for mode in MODES {
            talk::step(&format!(
                "{}: {} starts under the data",
                mode.name, self.arguments.starts
            ));
            let profile = self.profile(mode)?;
            let of_mode = |file: &&PathBuf| {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                name.starts_with(mode.name)
            };
            let mut check = self.rights(PRODUCT);
            check.args(["check", &profile]);
            for file in measured.recordings.iter().filter(of_mode) {
                check.arg("--recording").arg(file);
            }
            let said = command::collect(&mut check)?;
            if !said.status.success() {
                talk::print(&String::from_utf8_lossy(&said.stdout));
                wrong.push(format!("{}: the data lack what was measured", mode.name));
            }
            for _ in 0..self.arguments.starts {
                let words = self.start(mode, &profile)?;
                if !command::wait(self.rights(&words[0]).args(&words[1..]))?.success() {
                    wrong.push(format!(
                        "{}: a container does not start under `{profile}`",
                        mode.name
                    ));
                }
            }
        }
        ensure!(
            wrong.is_empty(),
            "{}\nhint: mend `profiles/runtimes.json`",
            wrong.join("\n")
        );
        talk::say(
            "the data permit everything that was measured, and every container started under them",
        );
        Ok(())
    }

    /// Makes a profile that knows of the runtime only what the data say: from our programs' own calls, made
    /// without a filter.
    fn profile(&self, mode: &Mode) -> Result<String> {
        let unconfined = self.folder.join(format!("{}.unconfined.json", mode.name));
        let profile = format!("{FOLDER}/{}.profile.json", mode.name);
        let mut recordings = vec![unconfined];
        if self.arguments.by_hand {
            recordings.push(self.folder.join(format!("{}.waiting.json", mode.name)));
            self.programs(mode, &recordings)?;
        } else {
            self.execute(mode, "unconfined", &recordings[0], 0)?;
        }
        let mut generate = self.rights(PRODUCT);
        // The programs are of two kinds, and the profile is for both.
        generate.args(["generate", "--union"]).args(&recordings);
        generate.args(["--args", "all", "-o", &profile]);
        generate
            .args(["--runtime", &self.arguments.runtime])
            .stderr(Stdio::null());
        command::run(&mut generate)?;
        Ok(profile)
    }

    /// Records our programs without a container.
    fn programs(&self, mode: &Mode, recordings: &[PathBuf]) -> Result<()> {
        for (program, recording) in [image::END, image::PAUSE].iter().zip(recordings) {
            let program = self
                .folder
                .join(image::ROOTFS)
                .join(program.trim_start_matches('/'));
            let mut record = self.rights(PRODUCT);
            record.args(["record", "--quiet", "--for", "1s", "-o"]);
            record.arg(recording).arg("--").arg(program);
            // The one that waits is ended, which is its exit code.
            command::wait(&mut record)?;
            by_hand::as_in_container(recording, mode)?;
        }
        Ok(())
    }
}

impl Measured {
    /// Takes in the calls that a recording has from under the filter.
    fn add(&mut self, file: PathBuf, phase: &'static str) -> Result<()> {
        let text = fs::read_to_string(&file)
            .with_context(|| format!("cannot read `{}`", file.display()))?;
        let recording: Value = serde_json::from_str(&text).context("the recording is no JSON")?;
        let facts = recording["facts"].as_array().into_iter().flatten();
        let under_filter = facts.filter(|fact| fact["filtered"] == true);
        ensure!(
            under_filter.clone().next().is_some(),
            "nothing was made under the filter in `{}`",
            file.display()
        );
        let names = under_filter.filter_map(|fact| fact["name"].as_str());
        let names = names
            .filter(|name| !image::MADE.contains(name))
            .map(str::to_owned);
        self.calls.entry(phase).or_default().extend(names);
        let target = &recording["runs"][0]["target"];
        if let Some(version) = target["container"]["runtimeVersion"].as_str() {
            version.clone_into(&mut self.version);
        }
        self.recordings.push(file);
        Ok(())
    }
}

/// The calls that our data have for a runtime.
fn data(runtime: &str) -> Result<BTreeSet<String>> {
    const DATA: &str = "profiles/runtimes.json";
    let text =
        fs::read_to_string(root().join(DATA)).with_context(|| format!("cannot read `{DATA}`"))?;
    let data: Value =
        serde_json::from_str(&text).with_context(|| format!("`{DATA}` is no JSON"))?;
    let known = data["runtimes"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|known| known["name"] == runtime);
    let known = known.with_context(|| format!("`{DATA}` knows no runtime `{runtime}`"))?;
    let entries = known["entries"].as_array().into_iter().flatten();
    let names = entries.flat_map(|entry| entry["names"].as_array().into_iter().flatten());
    Ok(names
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect())
}
