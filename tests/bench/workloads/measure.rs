//! Records, generates, runs, and compares.

use crate::programs::Program;
use anyhow::{Context, Result, ensure};
use house_tests::docker::Docker;
use house_tests::facts;
use house_tests::image::{Image, Rootfs};
use house_tests::run::{self, Run};
use house_tests::verdict::Verdict;
use seccomp_tracer::audit::exploits;
use seccomp_tracer::minimize::{Options, Portability, Precision, Start, proven};
use seccomp_tracer::profile::{Circumstances, KernelVersion, Meaning, Profile, base, read, write};
use seccomp_tracer::recording::{Recording, Runs};
use seccomp_tracer::syscall::{Abi, Call};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use tempfile::TempDir;

/// The product.
const PRODUCT: &str = env!("CARGO_BIN_EXE_seccomp-tracer-dup");

/// The most kinds of calls that a profile may refuse a program at the higher load.
const KINDS_MAX: usize = 1;

/// The load that is new to the profile.
const LOAD: u32 = 5;

/// An image that has nothing but links to the programs of this machine, and where the scripts are.
pub(crate) struct Place {
    image: Image,
    folder: TempDir,
}

/// What was found of one program.
pub(crate) struct Measured {
    /// Runs at load 1 under the profile that worked.
    pub(crate) passed: u32,
    /// Whether the first at the higher load did.
    pub(crate) under_load: bool,
    /// Kinds of calls that a profile without room for chance refuses at the higher load.
    pub(crate) before: BTreeSet<String>,
    /// The same of the profile.
    pub(crate) refused: BTreeSet<String>,
    /// Calls that there is room for by chance only.
    pub(crate) added: BTreeSet<String>,
    /// Ways of exploits that this opens, and for which chance has no reason of its own.
    pub(crate) reopened: BTreeSet<String>,
}

impl Measured {
    /// Whether every run worked, little is refused at the higher load, and no way is open again.
    pub(crate) fn is_well(&self, runs: u32) -> bool {
        let is_little = self.refused.len() <= KINDS_MAX;
        self.passed == runs && is_little && self.reopened.is_empty()
    }

    /// The figures, and what is behind them.
    pub(crate) fn told(&self, name: &str, runs: u32) -> String {
        let Self {
            passed,
            under_load,
            before,
            refused,
            added,
            reopened,
        } = self;
        let load = load(*under_load);
        format!(
            "{name}: {passed} of {runs} runs; load 5 {load}; kinds refused {} -> {}; calls added {}; ways reopened {}\n  \
             refused before  {}\n  refused after   {}\n  added           {}\n",
            before.len(),
            refused.len(),
            added.len(),
            list(reopened),
            list(before),
            list(refused),
            list(added),
        )
    }
}

/// How the first run at the higher load went.
pub(crate) fn load(works: bool) -> &'static str {
    if works { "works" } else { "fails" }
}

/// Names in one line.
pub(crate) fn list(names: &BTreeSet<String>) -> String {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    if names.is_empty() {
        "-".to_owned()
    } else {
        names.join(" ")
    }
}

impl Place {
    pub(crate) fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        // The machine's own folders are put over these; what is linked there is linked here.
        let image = Rootfs::default().linked(&["bin", "sbin", "lib", "lib64"]);
        Ok(Self {
            image: image.import("workloads"),
            folder,
        })
    }

    pub(crate) fn measure(&self, program: &Program, runs: u32) -> Result<Measured> {
        fs::write(self.folder.path().join(program.file), program.text)?;
        if let [tool, arguments @ ..] = program.build {
            let mut build = std::process::Command::new(tool);
            build.args(arguments).current_dir(self.folder.path());
            // What it keeps between builds goes with the rest.
            build
                .env("GOCACHE", self.folder.path().join("cache"))
                .env("GO111MODULE", "off");
            let status = build
                .status()
                .with_context(|| format!("cannot run `{tool}`"))?;
            ensure!(status.success(), "`{tool}` failed for {}", program.name);
        }
        let (first, calm) = self.record(program, 1)?;
        succeeded(program, &first)?;
        let (second, busy) = self.record(program, LOAD)?;
        succeeded(program, &second)?;
        let profile = self.folder.path().join(format!("{}.json", program.name));
        let recording = self.path(program, 1);
        let generate = run::Program::product(PRODUCT).args(["generate", "-o"]);
        generate.args([&profile, &recording]).run().exits(0);
        let text = fs::read_to_string(&profile)?;
        let before = made(&calm, false)?;
        let after = resolved(&text)?;
        let passed = (0..runs).filter(|_| {
            let run = self.docker(program, 1).under(&profile).go();
            let worked = works(&run);
            if !worked {
                #[expect(
                    clippy::print_stderr,
                    reason = "a run that fails is told while others go on"
                )]
                {
                    eprintln!("{}: {run}", program.name);
                }
            }
            worked
        });
        let passed = u32::try_from(passed.count())?;
        let under_load = self.docker(program, LOAD).under(&profile).go();
        let names = |profile: &Profile| {
            let rules = profile.rules.iter().filter(|rule| rule.action.permits());
            let names = rules.flat_map(|rule| rule.names.iter().cloned());
            names.collect::<BTreeSet<String>>()
        };
        let open = |profile: &Profile| {
            exploits::open_ways(&Meaning::of(profile, Abi::X86_64), Abi::X86_64)
        };
        let reopened = &open(&after) - &open(&before);
        Ok(Measured {
            passed,
            under_load: works(&under_load),
            before: refused(&write::oci(&before), &busy),
            refused: refused(&text, &busy),
            added: &names(&after) - &names(&before),
            reopened: reopened.into_iter().map(str::to_owned).collect(),
        })
    }

    fn path(&self, program: &Program, load: u32) -> PathBuf {
        let name = format!("{}-{load}.rec.json", program.name);
        self.folder.path().join(name)
    }

    /// Records it under the engine's default, from its first call on.
    fn record(&self, program: &Program, load: u32) -> Result<(Run, Recording)> {
        let path = self.path(program, load);
        let record = run::Program::product(PRODUCT).args(["record", "-q", "-o"]);
        let record = record.args([&path]).args(["--"]);
        let run = record.args(self.docker(program, load).command_line()).run();
        ensure!(path.exists(), "no recording: {run}");
        let recording = facts::read(&path);
        ensure!(recording.losses.is_complete(), "lost: {run}");
        Ok((run, recording))
    }

    fn docker(&self, program: &Program, load: u32) -> Docker {
        let mut options = vec!["--user".to_owned(), program.user.to_owned()];
        for folder in ["/usr", "/etc"] {
            options.extend(["-v".to_owned(), format!("{folder}:{folder}:ro")]);
        }
        let work = self.folder.path().display();
        options.extend(["-v".to_owned(), format!("{work}:/load:ro")]);
        for folder in ["/tmp", "/run", "/root", "/var"] {
            options.extend(["--tmpfs".to_owned(), format!("{folder}:exec,mode=1777")]);
        }
        options.extend(["-e".to_owned(), format!("LOAD={load}")]);
        options.extend(["-e".to_owned(), "HOME=/tmp".to_owned()]);
        options.extend(["-e".to_owned(), "PATH=/usr/sbin:/usr/bin".to_owned()]);
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        Docker::run(&self.image.name, program.command).with(&options)
    }
}

/// Every script says so at its end.
fn works(run: &Run) -> bool {
    run.code() == 0 && run.stdout_text().ends_with("done\n")
}

fn succeeded(program: &Program, run: &Run) -> Result<()> {
    ensure!(works(run), "{} does not work: {run}", program.name);
    Ok(())
}

/// Calls that only work on what the other one makes: where that is refused, they are no kind of their own.
const FOLLOWERS: &[(&str, &str)] = &[
    ("inotify_add_watch", "inotify_init1"),
    ("inotify_rm_watch", "inotify_init1"),
    ("io_submit", "io_setup"),
    ("io_getevents", "io_setup"),
    ("io_destroy", "io_setup"),
];

/// The kinds of calls that were made and that a profile refuses, by name.
fn refused(profile: &str, recording: &Recording) -> BTreeSet<String> {
    let verdict = Verdict::on(profile, recording);
    // What the base refuses as well is not the profile's doing.
    let [_, base] = verdict.permitted(Abi::X86_64);
    let base: BTreeSet<&str> = base.into_iter().filter_map(Call::name).collect();
    let denied = verdict.denied(recording);
    let kind = |text: &String| text.split(['[', ':']).next().unwrap_or(text).to_owned();
    let kinds = denied.iter().map(kind);
    let mut kinds: BTreeSet<String> = kinds.filter(|kind| base.contains(kind.as_str())).collect();
    for (after, first) in FOLLOWERS {
        if kinds.contains(*first) {
            kinds.remove(*after);
        }
    }
    kinds
}

fn circumstances(recording: &Recording) -> Result<Circumstances> {
    let kernel = KernelVersion::from_release(&recording.host.kernel);
    let capabilities = recording.target.capabilities.clone();
    Ok(Circumstances {
        host: Abi::X86_64,
        kernel: kernel.context("a kernel's version")?,
        capabilities: capabilities.context("capabilities")?,
    })
}

fn resolved(text: &str) -> Result<Profile> {
    let source = read::profile(text).context("a profile")?;
    Ok(source.resolve(&Circumstances {
        host: Abi::X86_64,
        kernel: KernelVersion { major: 6, minor: 1 },
        capabilities: BTreeSet::new(),
    }))
}

/// The profile as `generate` makes it, or without room for chance.
fn made(recording: &Recording, chance: bool) -> Result<Profile> {
    let options = Options {
        base: Some(base::docker().resolve(&circumstances(recording)?)),
        native: Abi::X86_64,
        runtimes: [seccomp_tracer::minimize::RuntimeRelease {
            name: "runc".to_owned(),
            version: None,
        }]
        .into(),
        start: Start::default(),
        precision: Precision::default(),
        portability: Portability::default(),
        chance,
        kept: None,
        stand_ins: BTreeMap::new(),
    };
    let runs = Runs::from(recording.clone());
    Ok(proven(&runs, &options).context("a profile")?.profile)
}
