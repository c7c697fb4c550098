//! Which programs stand where, chosen by what the kernel's types show: on the tracepoints themselves, or, where
//! programs on tracepoints can be preempted, on the function through which perf submits its events.

use super::attach::{Attachment, BTF_PATH, Looking, ProbeError};
use super::hook::{self, Held, Hook, Loaded, Size};
use super::offsets::{self, Types};
use super::paths::Paths;
use super::submitted::{self, Ids, Submitted};
use aya::{Btf, Ebpf};
use seccomp_tracer_ebpf as wire;
use std::os::fd::OwnedFd;

/// What the kernel is asked before anything is loaded.
pub(super) struct Choice {
    types: Types,
    looking: Looking,
    raw: bool,
    ids: Option<Ids>,
}

impl Choice {
    pub(super) fn make(types: Types, looking: Looking, raw: bool) -> Self {
        let can_submit = types.can_submit && !raw;
        let ids = can_submit.then(submitted::ids).and_then(|ids| {
            let problem = |error: &std::io::Error| {
                log::warn!("no ids of events ({error}), so calls may be missed on this kernel");
            };
            ids.inspect_err(problem).ok()
        });
        Self {
            types,
            looking,
            raw,
            ids,
        }
    }

    /// What the program has to know of it.
    pub(super) fn tell(&self, config: &mut wire::Config) {
        config.events = self.ids.unwrap_or_default();
        config.looks = submitted::looks(self.looking);
    }
}

/// The loaded programs.
pub(super) struct Programs {
    attachment: Attachment,
    /// Whether what the kernel skipped may have been the scope's.
    may_skip: bool,
    looking: Looking,
    /// Who is born, moved and ended.
    tasks: Vec<Loaded>,
    /// Calls.
    calls: Vec<Loaded>,
    submitted: Option<Submitted>,
}

impl Programs {
    pub(super) fn load(ebpf: &mut Ebpf, btf: &Btf, choice: &Choice) -> Result<Self, ProbeError> {
        if let Some(ids) = choice.ids {
            match Self::by_submit(ebpf, btf, choice, ids) {
                Ok(programs) => return Ok(programs),
                Err(error) => log::warn!(
                    "{error} ({}), so calls may be missed on this kernel",
                    std::error::Error::source(&error).map_or_else(String::new, ToString::to_string)
                ),
            }
        }
        let tasks: &[&'static Hook] = match choice.looking {
            Looking::AtCalls | Looking::AtBoth => {
                &[&hook::BORN, &hook::MOVED, &hook::ENDED, &hook::EXECUTES]
            }
            Looking::AtDenials => &[],
        };
        let tasks = load(ebpf, btf, tasks, choice.raw)?;
        let calls = load(ebpf, btf, choice.looking.hooks(), choice.raw)?;
        let attachment = calls.iter().map(Loaded::attachment).max();
        Ok(Self {
            attachment: attachment.unwrap_or(Attachment::RawTracepoint),
            may_skip: choice.types.is_preemptible,
            looking: choice.looking,
            tasks,
            calls,
            submitted: None,
        })
    }

    fn by_submit(
        ebpf: &mut Ebpf,
        btf: &Btf,
        choice: &Choice,
        ids: Ids,
    ) -> Result<Self, ProbeError> {
        let submitted = Submitted::load(ebpf, btf, ids)?;
        let tasks: &[&'static Hook] = match choice.looking {
            Looking::AtCalls | Looking::AtBoth => &[&hook::BORN_ELSEWHERE, &hook::MOVED],
            Looking::AtDenials => &[],
        };
        Ok(Self {
            attachment: Attachment::PerfSubmit,
            may_skip: false,
            looking: choice.looking,
            tasks: load(ebpf, btf, tasks, true)?,
            calls: Vec::new(),
            submitted: Some(submitted),
        })
    }

    /// Keeps the paths of cgroups, too, which are then in the map that this gives. Without them, names can only be looked
    /// for.
    pub(super) fn keep_paths(
        &mut self,
        ebpf: &mut Ebpf,
        btf: &Btf,
        choice: &Choice,
    ) -> Result<Option<Paths>, ProbeError> {
        if !choice.types.keeps_paths {
            return Ok(None);
        }
        match Loaded::load(ebpf, btf, &hook::MADE, true) {
            Ok(keeper) => self.tasks.push(keeper),
            Err(error) => {
                log::warn!("cgroups that are gone at once stay without a name: {error}");
                return Ok(None);
            }
        }
        let map = ebpf.take_map("PATHS").expect("in the object");
        Paths::of_map(map).map(Some)
    }

    /// Attaches those that see tasks.
    pub(super) fn attach_to_tasks(&mut self, ebpf: &mut Ebpf) -> Result<(), ProbeError> {
        for program in &mut self.tasks {
            program.attach(ebpf)?;
        }
        let (tasks, _) = submitted::events(self.looking);
        self.open(ebpf, tasks)
    }

    /// Attaches those that see calls.
    pub(super) fn attach_to_calls(&mut self, ebpf: &mut Ebpf) -> Result<(), ProbeError> {
        for program in &mut self.calls {
            program.attach(ebpf)?;
        }
        let (_, calls) = submitted::events(self.looking);
        self.open(ebpf, calls)
    }

    fn open(&mut self, ebpf: &mut Ebpf, events: &[usize]) -> Result<(), ProbeError> {
        match &mut self.submitted {
            Some(submitted) => events
                .iter()
                .try_for_each(|&which| submitted.open(ebpf, which)),
            None => Ok(()),
        }
    }

    /// Takes them all off, backwards: an entry that is not noted would make its return look refused.
    pub(super) fn detach(&mut self, ebpf: &mut Ebpf) -> Result<(), ProbeError> {
        if let Some(submitted) = &mut self.submitted {
            submitted.close(ebpf)?;
        }
        let all = self.tasks.iter_mut().chain(&mut self.calls);
        let mut backwards = all.rev();
        backwards.try_for_each(|program| program.detach(ebpf))
    }

    /// Attaches them all and gives what holds them there, by name; the last one shows that all are there.
    pub(super) fn hold(
        &mut self,
        ebpf: &mut Ebpf,
    ) -> Result<Vec<(&'static str, Held)>, ProbeError> {
        let tasks = self.tasks.iter_mut();
        let mut held = tasks
            .map(|program| program.hold(ebpf))
            .collect::<Result<Vec<_>, _>>()?;
        let (tasks, calls) = submitted::events(self.looking);
        self.open(ebpf, tasks)?;
        self.open(ebpf, calls)?;
        if let Some(submitted) = &mut self.submitted {
            held.extend(submitted.hold(ebpf)?);
        }
        for program in &mut self.calls {
            held.push(program.hold(ebpf)?);
        }
        Ok(held)
    }

    /// Which kind of hook sees calls.
    pub(super) fn attachment(&self) -> Attachment {
        self.attachment
    }

    /// Whether what the kernel skipped may have been the scope's.
    pub(super) fn may_skip(&self) -> bool {
        self.may_skip
    }

    /// A descriptor of the program that counts calls.
    pub(super) fn counting(&self, ebpf: &Ebpf) -> Result<OwnedFd, ProbeError> {
        hook::fd(ebpf, self.counting_name())
    }

    /// How large the program that counts calls is.
    pub(super) fn size(&self, ebpf: &Ebpf) -> Option<Size> {
        hook::size(ebpf, self.counting_name())
    }

    /// Where calls are not counted, the first program that sees them stands for it.
    fn counting_name(&self) -> &'static str {
        let counts = |program: &&Loaded| program.is_of(&hook::COUNT);
        let counting = self.calls.iter().find(counts).or(self.calls.first());
        counting.map_or(submitted::PROGRAM, Loaded::name)
    }

    /// How often the kernel skipped a program on one of these hooks, as far as that may have cost a call of the
    /// scope. Until Linux 7.1 nothing can be skipped that is in a task, and nothing else is.
    pub(super) fn skipped(&self, ebpf: &Ebpf, hooks: &[&Hook]) -> u64 {
        if !self.may_skip {
            return 0;
        }
        let programs = self.calls.iter().chain(&self.tasks);
        let programs = programs.filter(|program| hooks.iter().any(|hook| program.is_of(hook)));
        programs.map(|program| program.recursion_misses(ebpf)).sum()
    }
}

/// Whether what the kernel skipped of programs that another user space left may have been the scope's.
pub(super) fn may_skip_when_pinned(programs: &[(String, OwnedFd)]) -> Result<bool, ProbeError> {
    if programs.iter().any(|(name, _)| name == submitted::PROGRAM) {
        return Ok(false);
    }
    let types = std::fs::read(BTF_PATH).map_err(ProbeError::NoBtf)?;
    let types = offsets::find(&types).map_err(ProbeError::Btf)?;
    Ok(types.is_preemptible)
}

fn load(
    ebpf: &mut Ebpf,
    btf: &Btf,
    hooks: &[&'static Hook],
    raw: bool,
) -> Result<Vec<Loaded>, ProbeError> {
    let mut programs = Vec::new();
    for hook in hooks {
        match Loaded::load(ebpf, btf, hook, raw) {
            Ok(program) => programs.push(program),
            Err(error) if hook.optional => {
                log::warn!(
                    "calls for which a filter ends the task are not seen on this kernel: {error}"
                );
            }
            Err(error) => return Err(error),
        }
    }
    Ok(programs)
}
