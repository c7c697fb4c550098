//! `audit`: what a profile allows, against a base and against recordings, and whether that is acceptable.

use super::base::{self, BaseArguments};
use super::exit::Exit;
use super::failure::Failure;
use super::format::gate;
use super::gate::GateArguments;
use super::hint::{self, Form, WorkloadArguments};
use super::live::{Container, LiveArguments};
use super::output::{self, Sink};
use super::recordings::{self, Incomplete};
use super::runtime::RuntimeArguments;
use crate::audit::exploits;
use crate::audit::findings::{self, Engine, Examined};
use crate::audit::{self, Assessment, Base, Subject};
use crate::profile::{Circumstances, Meaning, base as bases};
use crate::report::{github, json, junit, sarif, text};
use crate::target::engine_run::EngineKind;
use std::path::{Path, PathBuf};

/// Say what a profile allows: how much of the base is left, what is beyond it, what recordings show in use,
/// unused and denied, which known kernel exploits it stops, and what there is to object to.
///
/// Recorded calls count when the target had a seccomp filter; if it never had one, all of them do. Coverage is
/// the number of allowed calls that were recorded, divided by the number of allowed calls.
#[derive(clap::Args)]
#[command(after_help = "\
Exit code: 0 if no finding fails the gate; 1 if one does; 4 if the recordings do not suffice to say so, because
calls are missing from them or because the profile tests argument values that they do not have.

Unless --fail-on says otherwise, the gate fails if something is allowed beyond the base (beyond-base,
truncation-bypass), if no filter or another one is made of the profile (refused-profile, miscompiled), if
something recorded would be denied (would-deny), and if a running container has another filter or was refused
something (installed-filter, refused-call). `explain RULE` says what a rule is about.

With --image-root or --pid no profile is judged: the calls are listed that code for x86-64 can make and no
recording shows, and the exit code is 0. Programs are taken whole, libraries as far as something leads into them;
what is loaded by name at run time is known with --pid only, and numbers that cannot be told are counted.")]
pub(super) struct Arguments {
    /// The profile; `-` is standard input.
    #[arg(required_unless_present_any = ["image_root", "pid"])]
    profile: Option<PathBuf>,
    #[arg(long = "recording", value_name = "REC", help = recordings::HELP)]
    recordings: Vec<PathBuf>,
    /// The engine that will read the profile, to find what it takes otherwise than it is written; with
    /// --container, the one that the container belongs to.
    #[arg(long, value_enum)]
    engine: Option<EngineName>,
    #[command(flatten)]
    live: LiveArguments,
    #[command(flatten)]
    workload: WorkloadArguments,
    #[command(flatten)]
    gate: GateArguments,
    #[command(flatten)]
    base: BaseArguments,
    #[command(flatten)]
    runtime: RuntimeArguments,
    /// For people, for programs, or for CI systems.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Where the report goes.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
}

/// The form of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Text, 100 columns wide.
    Text,
    /// JSON, with a `schemaVersion`.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Annotations of GitHub's workflows.
    Github,
    /// JUnit XML, as test reports.
    Junit,
}

/// An engine that gives profiles to a runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum EngineName {
    /// Docker.
    Docker,
    /// Podman.
    Podman,
    /// containerd, also under Kubernetes and nerdctl.
    Containerd,
    /// CRI-O.
    Crio,
}

impl From<EngineName> for Engine {
    fn from(name: EngineName) -> Self {
        match name {
            EngineName::Docker => Self::Docker,
            EngineName::Podman => Self::Podman,
            EngineName::Containerd => Self::Containerd,
            EngineName::Crio => Self::Crio,
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let sink = Sink::open(Some(&arguments.output))?;
    let Some(path) = &arguments.profile else {
        return hint(arguments, sink);
    };
    // What is wrong with the gate is told before the long work.
    let judge = arguments.gate.read()?;
    let recorded = recordings::read(&arguments.recordings, Incomplete::Accept)?;
    let native = base::native(recorded.runs.runs())?;
    let container = arguments.live.find(meant(arguments))?;
    let base = match &container {
        Some(container) => of_container(&arguments.base, container),
        None => arguments.base.clone(),
    };
    let resolved = base.resolve(recorded.runs.runs(), native)?;
    for note in &resolved.notes {
        output::say(&format!("note: {note}"));
    }
    let source = base::read_profile(path)?;
    let own = container.as_ref().and_then(Container::runtime);
    let runtime = arguments.runtime.runtime_or(own, &[&source])?;
    let circumstances = &resolved.circumstances;
    let profile = source.resolve(circumstances);
    let kernel = circumstances.kernel;
    let subject = Subject {
        profile: name(path),
        base: resolved
            .profile
            .is_some()
            .then(|| arguments.base.base.clone()),
        native,
        kernel: format!("{}.{}", kernel.major, kernel.minor),
        capabilities: circumstances.capabilities.clone(),
        default_action: profile.default_action,
        runtime,
    };
    let base_meaning = resolved.profile.as_ref();
    let base_meaning =
        base_meaning.map_or_else(Meaning::unconfined, |base| Meaning::of(base, native));
    let base = resolved
        .conditions
        .map(|(source, circumstances)| Base::new(source, circumstances));
    let mut audit = audit::audit(subject, &profile, base.as_ref(), &recorded);
    let meaning = Meaning::under(&profile, native, runtime);
    let live = container.as_ref();
    let live = live.map(|container| container.examine(&meaning, &base_meaning, native));
    audit.live = live.transpose()?;
    let exposure = exploits::exposure(&meaning, &docker(circumstances), circumstances);
    let examined = Examined {
        source: &source,
        circumstances,
        profile: &profile,
        meaning: &meaning,
        engine: engine(arguments, container.as_ref()),
        runtime,
        exposure: &exposure,
    };
    let findings = findings::findings(&examined, &audit);
    let judgement = judge(findings);
    let assessment = Assessment {
        audit,
        exposure,
        judgement,
    };
    sink.write(&report(arguments, &assessment))?;
    Ok(gate(assessment.judgement.verdict))
}

/// The engine that will read the profile, or that has.
fn engine(arguments: &Arguments, container: Option<&Container>) -> Option<Engine> {
    let own = container.and_then(|container| match container.engine() {
        EngineKind::Docker => Some(Engine::Docker),
        EngineKind::Podman => Some(Engine::Podman),
        EngineKind::Containerd => Some(Engine::Containerd),
        EngineKind::CriO => Some(Engine::Crio),
        EngineKind::Runc | EngineKind::Crun => None,
    });
    arguments.engine.map(Into::into).or(own)
}

/// The engine in which a container is looked for.
fn meant(arguments: &Arguments) -> Option<EngineKind> {
    arguments.engine.map(|name| match name {
        EngineName::Docker => EngineKind::Docker,
        EngineName::Podman => EngineKind::Podman,
        EngineName::Containerd => EngineKind::Containerd,
        EngineName::Crio => EngineKind::CriO,
    })
}

/// The base for a container, as far as nothing else is asked for.
fn of_container(base: &BaseArguments, container: &Container) -> BaseArguments {
    base.of_target(container.capabilities())
}

/// What code can do that no recording shows.
fn hint(arguments: &Arguments, sink: Sink) -> Result<Exit, Failure> {
    let form = match arguments.format {
        Format::Text => Form::Text,
        Format::Json => Form::Json,
        Format::Sarif | Format::Github | Format::Junit => {
            return Err(Failure::invalid(NoFindings).hint("choose --format text or json"));
        }
    };
    let recorded = recordings::read(&arguments.recordings, Incomplete::Accept)?;
    let Arguments { workload, base, .. } = arguments;
    hint::run(workload, &recorded, base, form, sink)
}

/// A form that is for findings.
#[derive(Debug, thiserror::Error)]
#[error("this form is for findings about a profile, and there is none")]
struct NoFindings;

/// Docker's default in the same circumstances.
fn docker(circumstances: &Circumstances) -> Meaning {
    Meaning::of(&bases::docker().resolve(circumstances), circumstances.host)
}

fn report(arguments: &Arguments, assessment: &Assessment) -> String {
    let ignores = arguments.gate.ignore_file().map(name);
    match arguments.format {
        Format::Text => text::audit(assessment),
        Format::Json => json::audit(assessment),
        Format::Sarif => sarif::audit(assessment, ignores.as_deref(), env!("CARGO_PKG_VERSION")),
        Format::Github => github::audit(assessment, ignores.as_deref()),
        Format::Junit => junit::audit(assessment),
    }
}

/// How reports name a file.
pub(super) fn name(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
