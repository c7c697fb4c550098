//! `audit`: what a profile allows, against a base and against recordings, and whether that is acceptable.

use super::base::{self, BaseArguments};
use super::exit::Exit;
use super::failure::Failure;
use super::format::gate;
use super::gate::GateArguments;
use super::hint::{self, Form, WorkloadArguments};
use super::live::{Container, LiveArguments};
use super::output::{self, Sink};
use super::profiles::{self, Found};
use super::recordings::{self, Incomplete};
use super::runtime::RuntimeArguments;
use super::start::is_container;
use crate::audit::exploits;
use crate::audit::findings::{self, Engine, Examined, Finding};
use crate::audit::gate::Judgement;
use crate::audit::starts::Starting;
use crate::audit::{self, Assessment, Base, Recorded, Subject, Verdict};
use crate::profile::release::{is_since, with_version};
use crate::profile::{Circumstances, Meaning, base as bases};
use crate::recording::Run;
use crate::report::{github, json, junit, sarif, text};
use crate::syscall::Abi;
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

Unless --fail-on says otherwise, the gate fails at findings that are high: among them what is allowed beyond the
base (beyond-base), no filter or another one than is written (refused-profile, miscompiled), a profile with
which no container starts (cannot-start), and a key that is mistyped (mistyped-key). It also fails if something
recorded would be denied (would-deny), and if a running container has another filter or was refused something
(installed-filter, refused-call). `explain RULE` says what a rule is about.

With --image-root or --pid no profile is judged: the calls are listed that code for x86-64 can make and no
recording shows, and the exit code is 0. Programs are taken whole, libraries as far as something leads into them;
what is loaded by name at run time is known with --pid only, and numbers that cannot be told are counted.")]
pub(super) struct Arguments {
    /// Profiles: files with one or several in them, and folders; `-` is standard input. Several at once make one
    /// report.
    #[arg(value_name = "PROFILE", required_unless_present_any = ["image_root", "pid"])]
    profiles: Vec<PathBuf>,
    /// Of several profiles in a file, only those that are called so there.
    #[arg(long, value_name = "NAME", requires = "profiles")]
    name: Option<String>,
    #[arg(long = "recording", value_name = "REC", help = recordings::HELP)]
    recordings: Vec<PathBuf>,
    /// The engine that will read the profile: docker, podman, containerd (also for Kubernetes and nerdctl) or
    /// crio, to find what it takes otherwise than it is written; as NAME@VERSION for one release. With
    /// --container, the one that the container belongs to.
    #[arg(long, value_name = "NAME[@VERSION]", value_parser = engine_asked)]
    engine: Option<AskedEngine>,
    /// The runtime sets no_new_privs, so that less is needed to start: Kubernetes' allowPrivilegeEscalation:
    /// false, Docker's no-new-privileges.
    #[arg(long)]
    no_new_privs: bool,
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

/// An engine that gives profiles to a runtime, and its release if that was said.
#[derive(Clone, Debug)]
struct AskedEngine {
    kind: EngineKind,
    version: Option<String>,
}

fn engine_asked(text: &str) -> Result<AskedEngine, String> {
    let problem =
        || "not one of docker, podman, containerd, crio, or one with @ and a version".to_owned();
    let (name, version) = with_version(text).ok_or_else(problem)?;
    let kind = match name {
        "docker" => EngineKind::Docker,
        "podman" => EngineKind::Podman,
        "containerd" => EngineKind::Containerd,
        "crio" => EngineKind::CriO,
        _ => return Err(problem()),
    };
    let version = version.map(str::to_owned);
    Ok(AskedEngine { kind, version })
}

/// The first release of Docker that reads all of a profile.
const WHOLE_PROFILES_SINCE: [&str; 1] = ["23.0.0"];

/// An engine as it reads profiles; a runtime that is called by hand does not read them otherwise than they are.
fn as_reader(kind: EngineKind, version: Option<&str>) -> Option<Engine> {
    let is_old = version.is_some_and(|version| !is_since(version, &WHOLE_PROFILES_SINCE));
    match kind {
        EngineKind::Docker if is_old => Some(Engine::OldDocker),
        EngineKind::Docker => Some(Engine::Docker),
        EngineKind::Podman => Some(Engine::Podman),
        EngineKind::Containerd => Some(Engine::Containerd),
        EngineKind::CriO => Some(Engine::Crio),
        EngineKind::Runc | EngineKind::Crun => None,
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let sink = Sink::open(Some(&arguments.output))?;
    if arguments.profiles.is_empty() && arguments.workload.is_asked_for() {
        return hint(arguments, sink);
    }
    // What is wrong with the gate is told before the long work.
    let judge = arguments.gate.read()?;
    let recorded = recordings::read(&arguments.recordings, Incomplete::Accept)?;
    let native = base::native(recorded.runs.runs())?;
    let asked = arguments.engine.as_ref().map(|asked| asked.kind);
    let container = arguments.live.find(asked)?;
    let base = match &container {
        Some(container) => of_container(&arguments.base, container),
        None => arguments.base.clone(),
    };
    let resolved = base.resolve(recorded.runs.runs(), native)?;
    for note in &resolved.notes {
        output::say(&format!("note: {note}"));
    }
    let base_meaning = resolved.profile.as_ref();
    let base_meaning =
        base_meaning.map_or_else(Meaning::unconfined, |base| Meaning::of(base, native));
    let circumstances = &resolved.circumstances;
    let question = Question {
        arguments,
        recorded: &recorded,
        native,
        container: container.as_ref(),
        has_base: resolved.profile.is_some(),
        base_meaning: &base_meaning,
        base: resolved
            .conditions
            .clone()
            .map(|(source, circumstances)| Base::new(source, circumstances)),
        docker: docker(circumstances),
        circumstances,
    };
    let found = profiles::read_all(&arguments.profiles, arguments.name.as_deref())?;
    let mut assessments = Vec::with_capacity(found.len());
    for one in &found {
        assessments.push(question.assess(one, &judge)?);
    }
    audit::gate::told_once(&mut assessments);
    sink.write(&report(arguments, &assessments))?;
    let verdicts = assessments.iter().map(|one| one.judgement.verdict);
    Ok(gate(verdicts.max().unwrap_or(Verdict::Pass)))
}

/// What is the same for every profile.
struct Question<'a> {
    arguments: &'a Arguments,
    recorded: &'a Recorded,
    native: Abi,
    container: Option<&'a Container>,
    has_base: bool,
    base_meaning: &'a Meaning,
    base: Option<Base>,
    docker: Meaning,
    circumstances: &'a Circumstances,
}

impl Question<'_> {
    /// Everything that is said about one profile.
    fn assess(
        &self,
        found: &Found,
        judge: &dyn Fn(Vec<Finding>) -> Judgement,
    ) -> Result<Assessment, Failure> {
        let (arguments, native, circumstances) = (self.arguments, self.native, self.circumstances);
        let source = &found.source;
        let own = self.container.and_then(Container::runtime);
        let runtime = arguments.runtime.runtime_or(own, &[source])?;
        let profile = source.resolve(circumstances).on_host(native);
        let kernel = circumstances.kernel;
        let base = self.has_base.then(|| arguments.base.base.clone());
        let subject = Subject {
            profile: name(&found.path),
            part: Some(found.part.clone()).filter(|part| !part.is_empty()),
            base,
            native,
            kernel: format!("{}.{}", kernel.major, kernel.minor),
            capabilities: circumstances.capabilities.clone(),
            default_action: profile.default_action,
            runtime,
        };
        let mut audit = audit::audit(subject, &profile, self.base.as_ref(), self.recorded);
        let meaning = Meaning::under(&profile, native, runtime);
        let live = self.container;
        let live = live.map(|container| container.examine(&meaning, self.base_meaning, native));
        audit.live = live.transpose()?;
        let exposure = exploits::exposure(&meaning, &self.docker, circumstances);
        let engine = engine(arguments, self.container);
        let examined = Examined {
            source,
            circumstances,
            profile: &profile,
            meaning: &meaning,
            engine,
            runtime,
            exposure: &exposure,
            base: self.base.as_ref().map(Base::meaning),
            starting: &starting(arguments, engine, self.container, self.recorded.runs.runs()),
        };
        let findings = findings::findings(&examined, &audit);
        Ok(Assessment {
            audit,
            exposure,
            judgement: judge(findings),
        })
    }
}

/// The engine that will read the profile, or that has.
fn engine(arguments: &Arguments, container: Option<&Container>) -> Option<Engine> {
    let asked = arguments.engine.as_ref();
    let asked = asked.and_then(|asked| as_reader(asked.kind, asked.version.as_deref()));
    let own = || {
        let container = container?;
        as_reader(container.engine(), container.engine_version())
    };
    asked.or_else(own)
}

/// Who is to start containers with it, or has: as was asked for, as the container was started, as those were that
/// were recorded.
fn starting(
    arguments: &Arguments,
    engine: Option<Engine>,
    container: Option<&Container>,
    runs: &[Run],
) -> Starting {
    if arguments.runtime.is_none() {
        return Starting::none();
    }
    let own = container.and_then(Container::release);
    let release = arguments.runtime.release().cloned().or(own);
    let late = match container {
        Some(container) => container.no_new_privs(),
        None => {
            let is_late = |run: &Run| is_container(run) && run.target.no_new_privs == Some(true);
            !runs.is_empty() && runs.iter().all(is_late)
        }
    };
    Starting::by(engine, release, arguments.no_new_privs || late)
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

fn report(arguments: &Arguments, assessments: &[Assessment]) -> String {
    let ignores = arguments.gate.ignore_file().map(name);
    let ignores = ignores.as_deref();
    let each = |one: &dyn Fn(&Assessment) -> String, between: &str| {
        let texts: Vec<String> = assessments.iter().map(one).collect();
        texts.join(between)
    };
    match arguments.format {
        Format::Text => each(&text::audit, "\n"),
        Format::Json => json::audits(assessments, ignores),
        Format::Sarif => sarif::audit(assessments, ignores, env!("CARGO_PKG_VERSION")),
        Format::Github => each(&|one| github::audit(one, ignores), ""),
        Format::Junit => junit::audit(assessments),
    }
}

/// How reports name a file.
pub(super) fn name(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
