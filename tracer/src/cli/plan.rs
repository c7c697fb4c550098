//! From the command line to what is watched, and what is known of it.

mod place;
mod several;
mod started;

pub(super) use place::Place;
pub(super) use several::Several;
pub(super) use started::Started;

use super::exit::Exit;
use super::failure::Failure;
use super::lives::Lives;
use super::output;
use super::watching::TargetArguments;
use crate::daemon::Apart;
use crate::probe::{Scope, Start};
use crate::recording::{self, Below, Container, SeccompState, Target, TargetKind};
use crate::recovery::Folder;
use crate::report::escape;
use crate::session::{Configured, Spawn, Stop};
use crate::target::cgroup::{Cgroup, CgroupError, Hierarchy};
use crate::target::engine::{About, Engine, EngineError, Inspected, PrepareError, Prepared};
use crate::target::engine_run::{self, ComposeRun, EngineKind, EngineRun, Recognised};
use crate::target::executable::{self, ExecutableError};
use crate::target::namespace;
use crate::target::own_cgroup::{Note, OwnCgroup};
use crate::target::process::{self, ProcessError, SeccompMode};
use crate::target::unit::{self, UnitError};
use crate::target::wrapper;
use rustix::process::Pid;
use std::ffi::OsString;
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;

/// Containers that one `docker run` may start; it starts one.
const CHILDREN_MAX: u32 = 4;

/// Everything decided before the kernel is touched.
pub(super) struct Plan {
    /// How the target is called in messages.
    pub(super) label: String,
    pub(super) target: Target,
    pub(super) scope: Scope,
    pub(super) start: Start,
    pub(super) from_start: bool,
    pub(super) stop: Stop,
    pub(super) command: Option<Spawn>,
    pub(super) place: Place,
    pub(super) warnings: Vec<String>,
    /// What the engine says of how the target starts.
    pub(super) configured: Configured,
    /// Where it is noted what is made; it goes after that.
    pub(super) folder: Option<Folder>,
    /// Whether a sudden death is to be survived.
    pub(super) keeps: bool,
    engine: Option<(Engine, About)>,
    /// A container that runs already, and who knows it.
    container: Option<(Hierarchy, Engine, Inspected)>,
    /// A `docker run`, as the user typed it.
    run: Option<EngineRun>,
    /// Where a cgroup is that may hold containers.
    above: Option<Hierarchy>,
    several: Option<Several>,
}

/// Containers that nobody would see.
#[derive(Debug, thiserror::Error)]
#[error("the containers of `{} {verb}` cannot be followed from their first call", .kind.name())]
struct Unfollowed {
    kind: EngineKind,
    verb: String,
}

/// The same with what it reads from standard input, which can be read only once.
pub(super) fn with_input(run: ComposeRun) -> Result<ComposeRun, Failure> {
    /// As Compose's own answers are bounded.
    const INPUT_MAX_BYTES: u64 = 16 << 20;
    if !run.reads_input() {
        return Ok(run);
    }
    let input = output::read_at_most(Path::new("-"), INPUT_MAX_BYTES)?;
    Ok(run.with_input(input))
}

pub(super) fn no_cgroup(error: CgroupError) -> Failure {
    let hint = error.hint();
    Failure::environment(error).hint_if(hint)
}

pub(super) fn no_engine(error: EngineError) -> Failure {
    let hint = error.hint();
    Failure::environment(error).hint_if(hint)
}

pub(super) fn no_process(error: ProcessError) -> Failure {
    let hint = error.hint();
    Failure::environment(error).hint_if(hint)
}

fn no_unit(error: UnitError) -> Failure {
    let hint = error.hint();
    match error {
        UnitError::Name(_) => Failure::invalid(error),
        error => Failure::environment(error),
    }
    .hint_if(hint)
}

fn not_prepared(error: PrepareError) -> Failure {
    let hint = error.hint();
    Failure::environment(error).hint_if(hint)
}

impl Plan {
    /// Decides what to watch, without a word to anybody of what is made.
    pub(super) fn of(arguments: &TargetArguments) -> Result<Self, Failure> {
        Self::noting(arguments, &mut |_| {})
    }

    /// Decides what to watch.
    pub(super) fn noting(arguments: &TargetArguments, note: Note<'_>) -> Result<Self, Failure> {
        let hierarchy = Hierarchy::detect().map_err(no_cgroup)?;
        if let Some(name) = &arguments.container {
            return Self::container(&hierarchy, name, arguments.engine);
        }
        if let Some(name) = &arguments.unit {
            let cgroup = unit::cgroup(&hierarchy, name).map_err(no_unit)?;
            return Ok(Self::cgroup(name.clone(), cgroup, hierarchy));
        }
        if let Some(pid) = arguments.pid.and_then(Pid::from_raw) {
            return Self::process(&hierarchy, pid);
        }
        if let Some(path) = &arguments.cgroup {
            let cgroup = hierarchy.named(path).map_err(no_cgroup)?;
            return Ok(Self::cgroup(cgroup.relative.clone(), cgroup, hierarchy));
        }
        match engine_run::recognise(&arguments.command) {
            Recognised::Run(run) => Self::engine_run(&hierarchy, &run, &arguments.command, note),
            Recognised::Start(run) => Self::start_run(&hierarchy, &run, &arguments.command),
            Recognised::Exec(run) => Self::exec_run(&hierarchy, &run, &arguments.command),
            Recognised::Compose(run) => {
                let run = with_input(run)?;
                Self::compose(&hierarchy, &run, &arguments.command, None, note)
            }
            Recognised::Unfollowed { kind, verb } => {
                let error = Failure::new(Exit::Incomplete, Unfollowed { kind, verb });
                Err(error.hint(
                    "start them by themselves, and record each with `seccomp-tracer record --container NAME`; \
                     `seccomp-tracer daemon` records all that start from their first call",
                ))
            }
            Recognised::Program => Self::command(&hierarchy, &arguments.command, note),
            Recognised::ClientOnly { kind, verb } => {
                let mut plan = Self::command(&hierarchy, &arguments.command, note)?;
                plan.warnings.push(format!(
                    "`{0} {1}` is recorded as a client; its containers are not followed, as those of `{0} run` are",
                    kind.name(),
                    escape::text(&verb)
                ));
                Ok(plan)
            }
        }
    }

    /// Lets the recording survive our sudden death. Where an engine's client starts the container, it may still do so
    /// after that.
    pub(super) fn survive(&mut self) {
        if self.is_several() {
            // Nobody could tell afterwards whose it was.
            return;
        }
        self.keeps = true;
        let is_client = self.scope.children_max > 0;
        if let (true, Some(command), Some(folder)) = (is_client, &mut self.command, &self.folder) {
            command.held = folder.client().ok();
        }
    }

    fn cgroup(label: String, cgroup: Cgroup, hierarchy: Hierarchy) -> Self {
        let target = Target {
            kind: TargetKind::Cgroup,
            ..Target::default()
        };
        Self {
            above: Some(hierarchy),
            ..Self::running(label, target, cgroup)
        }
    }

    /// Begins to tell apart what runtimes do for containers below a cgroup, if that is what is watched.
    pub(super) fn apart(&self) -> Option<Apart> {
        let hierarchy = self.above.clone()?;
        let cgroup = self.place.cgroup();
        // One with processes and nothing below it is nobody's parent.
        let is_leaf = cgroup.children().is_empty() && !cgroup.members().is_empty();
        (!is_leaf).then(|| Apart::start(hierarchy, cgroup.clone()))?
    }

    /// Takes in which containers were there.
    pub(super) fn take(&mut self, below: Below) {
        self.target.below = (below != Below::default()).then_some(below);
    }

    fn command(hierarchy: &Hierarchy, words: &[OsString], note: Note<'_>) -> Result<Self, Failure> {
        let mut spawn = spawn(words)?;
        let own = OwnCgroup::create(hierarchy, note).map_err(no_cgroup)?;
        spawn.cgroup = Some(own.procs_file().map_err(no_cgroup)?);
        let text = |word: &OsString| word.to_string_lossy().into_owned();
        let client = words.get(wrapper::behind(words).at);
        let client = client.and_then(|program| Path::new(program).file_name()?.to_str());
        let client = client.and_then(recording::client).map(str::to_owned);
        Ok(Self {
            label: text(&words[0]),
            target: Target {
                kind: TargetKind::Command,
                command: words.iter().map(text).collect(),
                clients: client.into_iter().collect(),
                ..Target::default()
            },
            scope: scope(own.cgroup(), 0),
            start: Start::FirstExec,
            from_start: true,
            stop: Stop::WhenEmpty,
            command: Some(spawn),
            place: Place::Own(own),
            warnings: Vec::new(),
            configured: Configured::default(),
            folder: None,
            keeps: false,
            engine: None,
            container: None,
            run: None,
            above: None,
            several: None,
        })
    }

    /// The container is made below a parent of ours, which is watched before there is a container: nothing
    /// is missed, and nothing of the engine is in it.
    fn engine_run(
        hierarchy: &Hierarchy,
        run: &EngineRun,
        words: &[OsString],
        note: Note<'_>,
    ) -> Result<Self, Failure> {
        let Prepared {
            engine,
            about,
            parent,
            command,
        } = Prepared::new(hierarchy, run, note).map_err(not_prepared)?;
        let image = run
            .image
            .as_ref()
            .map(|image| image.to_string_lossy().into_owned());
        let namespaces = [namespace::own(), namespace::engine(&engine)];
        Ok(Self {
            label: image.unwrap_or_else(|| "container".to_owned()),
            target: Target {
                kind: TargetKind::Container,
                command: words
                    .iter()
                    .map(|word| word.to_string_lossy().into_owned())
                    .collect(),
                ..Target::default()
            },
            scope: scope(parent.cgroup(), CHILDREN_MAX),
            start: Start::ContainerExec(namespaces.map(Option::unwrap_or_default)),
            from_start: true,
            stop: Stop::WhenEmpty,
            command: Some(spawn(&command)?),
            place: Place::Own(parent),
            warnings: Vec::new(),
            configured: Configured::default(),
            folder: None,
            keeps: false,
            engine: Some((engine, about)),
            container: None,
            run: Some(run.clone()),
            above: None,
            several: None,
        })
    }

    fn container(
        hierarchy: &Hierarchy,
        name: &str,
        meant: Option<EngineKind>,
    ) -> Result<Self, Failure> {
        let (engine, inspected) = Engine::find(name, meant).map_err(no_engine)?;
        Self::inspected(hierarchy, name, &engine, &inspected)
    }

    /// A container that runs, as its engine describes it.
    fn inspected(
        hierarchy: &Hierarchy,
        name: &str,
        engine: &Engine,
        inspected: &Inspected,
    ) -> Result<Self, Failure> {
        let pid = inspected.first_process().map_err(no_engine)?;
        let about = engine.about().ok();
        if let Some(about) = &about {
            let shared = about.shares_kernel(inspected.runtime.as_deref(), name);
            shared.map_err(no_engine)?;
        }
        inspected
            .shares_kernel(name, &process::programs(pid))
            .map_err(no_engine)?;
        let cgroup = match hierarchy.of_container(pid, &inspected.id) {
            // Whoever calls a runtime names the cgroup as he likes.
            Err(CgroupError::NotOfContainer { .. }) if engine.is_runtime() => {
                process::watched(hierarchy, pid).map_err(no_process)?.cgroup
            }
            found => found.map_err(no_cgroup)?,
        };
        let mut target = Target {
            kind: TargetKind::Container,
            ..Target::default()
        };
        let mode = add_process_facts(&mut target, pid)?;
        target.seccomp = Some(inspected.seccomp(about.as_ref(), mode));
        let configured = configured(inspected, about.as_ref(), mode);
        target.no_new_privs = inspected.no_new_privs(target.no_new_privs);
        target.container = Some(inspected.container(engine.kind(), about.as_ref()));
        let label = format!("{name} of {}", engine.kind().name());
        let mut plan = Self::running(label, target, cgroup.clone());
        plan.configured = configured;
        plan.follow(hierarchy, cgroup, engine.clone(), inspected.clone());
        Ok(plan)
    }

    /// Follows a container through its lives, as far as its engine makes its cgroups where they can be watched.
    fn follow(
        &mut self,
        hierarchy: &Hierarchy,
        cgroup: Cgroup,
        engine: Engine,
        inspected: Inspected,
    ) {
        let lives = Lives::of(hierarchy, &cgroup, engine.is_runtime());
        let namespaces = [namespace::own(), namespace::engine(&engine)];
        match lives.parent() {
            Some(parent) => {
                self.scope.beside = Some(parent.id);
                self.start = Start::ContainerExec(namespaces.map(Option::unwrap_or_default));
            }
            None => self.warnings.push(
                "should it be started again, that is not followed: its engine then makes another container, or a \
                 cgroup that cannot be watched before"
                    .to_owned(),
            ),
        }
        self.place = Place::Container(cgroup, Box::new(lives));
        self.container = Some((hierarchy.clone(), engine, inspected));
    }

    /// Begins to ask the engine whether the container lives on.
    pub(super) fn keep(&self, lasts: bool) {
        if let (Some(lives), Some((hierarchy, engine, inspected))) =
            (self.place.lives(), &self.container)
        {
            lives.keep(hierarchy, engine, inspected, lasts);
        }
    }

    /// What is beside a container, and not its own, before it is watched.
    pub(super) fn strangers(&self) -> Vec<u64> {
        let parent = self.place.lives().and_then(Lives::parent);
        let siblings = parent.map(Cgroup::children).unwrap_or_default().into_iter();
        let siblings = siblings.map(|sibling| sibling.id);
        siblings.filter(|&id| id != self.scope.cgroup_id).collect()
    }

    fn process(hierarchy: &Hierarchy, pid: Pid) -> Result<Self, Failure> {
        let watched = process::watched(hierarchy, pid).map_err(no_process)?;
        let mut target = Target {
            kind: TargetKind::Process,
            ..Target::default()
        };
        let mode = add_process_facts(&mut target, pid)?;
        // Of a filter that it has, nobody knows who installed it.
        let filter = (mode == Some(SeccompMode::Disabled)).then_some(false);
        let label = format!("process {}", pid.as_raw_nonzero());
        let mut plan = Self::running(label, target, watched.cgroup);
        plan.configured.filter = filter;
        if !watched.strangers.is_empty() {
            let names = watched
                .strangers
                .iter()
                .take(3)
                .map(|one| escape::text(&one.program));
            let names: Vec<_> = names.collect();
            let shared = match watched.strangers.len() {
                1 => "1 other process shares its cgroup and is".to_owned(),
                many => format!("{many} other processes share its cgroup and are"),
            };
            plan.warnings
                .push(format!("{shared} recorded too: {}", names.join(", ")));
        }
        Ok(plan)
    }

    /// A container that its runtime has made and not started yet; what the runtime still does in it is not the
    /// container's.
    pub(super) fn made_container(
        label: String,
        target: Target,
        configured: Configured,
        cgroup: Cgroup,
    ) -> Self {
        let namespaces = [namespace::own().unwrap_or_default(), 0];
        Self {
            configured,
            start: Start::ContainerExec(namespaces),
            from_start: true,
            ..Self::running(label, target, cgroup)
        }
    }

    fn running(label: String, mut target: Target, cgroup: Cgroup) -> Self {
        target.cgroup = Some(cgroup.relative.clone());
        let scope = scope(&cgroup, 0);
        Self::in_place(label, target, scope, Place::Foreign(cgroup))
    }

    fn in_place(label: String, target: Target, scope: Scope, place: Place) -> Self {
        Self {
            label,
            target,
            scope,
            start: Start::Now,
            from_start: false,
            stop: Stop::WhenEmptyOrLimit,
            command: None,
            place,
            warnings: Vec::new(),
            configured: Configured::default(),
            folder: None,
            keeps: false,
            engine: None,
            container: None,
            run: None,
            above: None,
            several: None,
        }
    }

    /// Asks the engine about containers as soon as they are there, while they still are. The thread ends when the
    /// session does.
    pub(super) fn details(&self, found: Receiver<u64>) -> Option<JoinHandle<Vec<Started>>> {
        let (engine, _) = self.engine.clone()?;
        let parent = self.place.cgroup().clone();
        let ask = move || started::all(&engine, &parent, &found);
        // Where no thread can be made, no more is known of them than that they were there.
        std::thread::Builder::new().spawn(ask).ok()
    }

    /// Takes in what the engine said. The kernel's word on rights, from the first exec, goes before it.
    pub(super) fn learn(&mut self, started: Option<&Started>) {
        let (Some(started), Some((engine, about))) = (started, &self.engine) else {
            return;
        };
        let kind = engine.kind();
        self.configured = Configured::default();
        let known = self
            .several
            .as_ref()
            .and_then(|several| several.known(&started.id));
        self.target.container = Some(match started.inspected.as_ref().or(known) {
            Some(inspected) => {
                self.target.seccomp = Some(inspected.seccomp(Some(about), None));
                self.configured = configured(inspected, Some(about), None);
                inspected.container(kind, Some(about))
            }
            None => match &self.run {
                Some(run) => about.container_of_run(run, started.id.clone()),
                None => Container {
                    id: started.id.clone(),
                    engine: Some(kind.name().to_owned()),
                    engine_version: Some(about.version.clone()),
                    ..Container::default()
                },
            },
        });
    }
}

/// What an engine says of how it started a container.
fn configured(
    inspected: &Inspected,
    about: Option<&About>,
    mode: Option<SeccompMode>,
) -> Configured {
    Configured {
        filter: inspected.filtered_at_start(about, mode),
        first: inspected.first_pid(),
    }
}

/// Gives the seccomp mode as well.
fn add_process_facts(target: &mut Target, pid: Pid) -> Result<Option<SeccompMode>, Failure> {
    let facts = process::facts(pid).map_err(no_process)?;
    target.capabilities = facts.capabilities;
    // It may have set it itself by now; that it never had it is sure.
    target.no_new_privs = facts.no_new_privs.filter(|is_set| !is_set);
    target.seccomp = facts.seccomp.map(SeccompState::from);
    Ok(facts.seccomp)
}

fn scope(cgroup: &Cgroup, children_max: u32) -> Scope {
    Scope {
        cgroup_id: cgroup.id,
        level: cgroup.level,
        children_max,
        beside: None,
    }
}

/// Finds the executable before anything is watched: the search must not be in the recording.
fn spawn(words: &[OsString]) -> Result<Spawn, Failure> {
    let (name, arguments) = words.split_first().expect("clap asks for a word");
    let path = std::env::var_os("PATH");
    let program = executable::resolve(name, path.as_deref()).map_err(|error| {
        let exit = match error {
            ExecutableError::NotFound(_) => Exit::NotFound,
            ExecutableError::NotExecutable(_) => Exit::NotExecutable,
        };
        let hint = error.hint();
        Failure::new(exit, error).hint_if(hint)
    })?;
    Ok(Spawn {
        program,
        name: name.clone(),
        arguments: arguments.to_vec(),
        cgroup: None,
        held: None,
        stdout_to_stderr: false,
    })
}
