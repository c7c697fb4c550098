//! What a profile would refuse of a target that runs without it: a recording, judged while it is made.

use super::{Arguments, say_code};
use crate::audit::{self, Base, Check, Foreseen, Recorded, Values};
use crate::cli::audit::name;
use crate::cli::base::{self, Resolved};
use crate::cli::daemon as daemons;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::format::{Format, gate};
use crate::cli::output::{self, Sink};
use crate::cli::plan::Plan;
use crate::cli::progress::Display;
use crate::cli::watching::{self, Watched};
use crate::probe::Looking;
use crate::profile::{Meaning, Runtime, Source};
use crate::recording::{self, Recording, Refusal, Target};
use crate::report::{json, text};
use crate::session::{Listening, Made, Observer, Progress, Rights};
use crate::syscall::{Abi, Call, catalog};
use std::collections::BTreeSet;
use std::path::Path;

pub(super) fn run(arguments: &Arguments, path: &Path) -> Result<Exit, Failure> {
    let mut listening = watching::listen()?;
    let source = base::read_profile(path)?;
    let judge = Judge {
        arguments,
        name: name(path),
        runtime: arguments.runtime.runtime(&[&source])?,
        source,
    };
    let sink = arguments.output.as_deref();
    let sink = sink.map(|path| Sink::open(Some(path))).transpose()?;
    let (watched, mut lines) = match &arguments.daemon {
        Some(socket) => by_daemon(&judge, socket, &mut listening)?,
        None => by_ourselves(&judge, &mut listening)?,
    };
    let Watched {
        recording, status, ..
    } = watched;
    let text = recording::to_json(&recording);
    let label = arguments.output.as_deref().map_or_else(
        || lines.label.clone(),
        |path| path.to_string_lossy().into_owned(),
    );
    let (recorded, check) = judge.check(label, recording)?;
    lines.tell_rest(&check);
    if let Some(sink) = sink {
        sink.write(&text)?;
    }
    let summaries = recorded.summaries();
    lines.print(&match arguments.format {
        Format::Text => text::shadow(&judge.name, &summaries, &check),
        Format::Json => json::shadow::summary(&judge.name, &check),
    });
    if let Some(failure) = lines.failed {
        return Err(failure);
    }
    say_code(status, arguments.quiet);
    Ok(gate(check.strict_verdict()))
}

/// The profile, and for whom it is read.
struct Judge<'a> {
    arguments: &'a Arguments,
    name: String,
    source: Source,
    runtime: Option<Runtime>,
}

impl Judge<'_> {
    /// What the profile means for a target of which this is known.
    fn meaning(&self, target: &Target) -> Result<Meaning, Failure> {
        let base = &self.arguments.base;
        let circumstances = base
            .of_target(target.capabilities.as_ref())
            .resolve(&[], Abi::X86_64)?
            .circumstances;
        let profile = self.source.resolve(&circumstances);
        Ok(Meaning::under(&profile, circumstances.host, self.runtime))
    }

    /// As the verb `check` does it.
    fn check(&self, label: String, recording: Recording) -> Result<(Recorded, Check), Failure> {
        let recorded = Recorded::of([(label, recording)]).map_err(Failure::invalid)?;
        let runs = recorded.runs.runs();
        let native = base::native(runs)?;
        let Resolved {
            circumstances,
            conditions,
            ..
        } = self.arguments.base.resolve(runs, native)?;
        let profile = self.source.resolve(&circumstances);
        let base = conditions.map(|(source, circumstances)| Base::new(source, circumstances));
        let check = audit::check(&profile, native, self.runtime, base.as_ref(), &recorded);
        Ok((recorded, check))
    }

    fn lines(&self, plan: &Plan) -> Result<Lines, Failure> {
        Ok(Lines {
            format: self.arguments.format,
            profile: self.name.clone(),
            label: plan.label.clone(),
            meaning: self.meaning(&plan.target)?,
            confined: plan.configured.filter == Some(true),
            told: BTreeSet::new(),
            display: Display::recording(&plan.label, self.arguments.quiet),
            failed: None,
        })
    }
}

fn by_ourselves(judge: &Judge<'_>, listening: &mut Listening) -> Result<(Watched, Lines), Failure> {
    let arguments = judge.arguments;
    let mut plan = watching::plan_of_one(&arguments.target)?;
    if let Some(command) = &mut plan.command {
        command.stdout_to_stderr = true;
    }
    let mut lines = judge.lines(&plan)?;
    let looking = Looking::AtCalls;
    let watched = watching::hold(plan, listening, looking, &arguments.limits, &mut lines)?;
    Ok((watched, lines))
}

fn by_daemon(
    judge: &Judge<'_>,
    socket: &Path,
    listening: &mut Listening,
) -> Result<(Watched, Lines), Failure> {
    let arguments = judge.arguments;
    let plan = Plan::of(&arguments.target)?;
    let mut lines = judge.lines(&plan)?;
    let mut failed = None;
    let mut look = |recording: Recording, lines: &mut Lines| {
        let judged = judge.check(lines.label.clone(), recording);
        match judged {
            Ok((_, check)) => lines.tell_rest(&check),
            Err(failure) => drop(failed.get_or_insert(failure)),
        }
    };
    let limits = &arguments.limits;
    let watched = daemons::accompany(socket, plan, listening, limits, &mut lines, &mut look)?;
    match failed {
        Some(failure) => Err(failure),
        None => Ok((watched, lines)),
    }
}

/// Prints what would be refused as it comes.
pub(crate) struct Lines {
    format: Format,
    profile: String,
    label: String,
    meaning: Meaning,
    /// Whether the engine says that the target starts under a filter.
    confined: bool,
    told: BTreeSet<(Call, Values)>,
    display: Display,
    /// Standard output is gone; said when the session is over.
    failed: Option<Failure>,
}

impl Lines {
    fn print(&mut self, line: &str) {
        if let Err(failure) = output::print(line) {
            self.failed.get_or_insert(failure);
        }
    }

    fn tell(&mut self, foreseen: &Foreseen, who: Option<(&str, Option<u32>)>) {
        let key = (foreseen.call, foreseen.values.clone());
        if self.told.insert(key) {
            let line = match self.format {
                Format::Text => text::foreseen(foreseen, who),
                Format::Json => json::shadow::foreseen(foreseen, who),
            };
            self.print(&line);
        }
    }

    /// Tells what was not told as it came.
    fn tell_rest(&mut self, check: &Check) {
        for (foreseen, program) in check.foreseen() {
            self.tell(&foreseen, program.map(|program| (program, None)));
        }
    }

    /// Whether a call can be the target's: before its filter, it is its runtime that runs.
    fn counts(&self, made: &Made, rights: Option<Rights>) -> bool {
        let confined = self.confined || rights.is_some_and(|rights| rights.filtered);
        made.key.filtered || !confined
    }
}

impl Observer for Lines {
    fn begins(&mut self) {
        self.display.begins();
        if self.format == Format::Json {
            let line = json::shadow::watching(&self.label, &self.profile);
            self.print(&line);
        }
    }

    fn progress(&mut self, progress: &Progress) {
        self.display.progress(progress);
    }

    fn scope_found(&mut self, _cgroup_id: u64) {}

    fn refused(&mut self, _refusal: &Refusal) {}

    fn made(&mut self, made: &Made, rights: Option<Rights>) {
        if !self.counts(made, rights) {
            return;
        }
        let call = made.key.call;
        let tracked = call.name().map_or(&[][..], catalog::tracked);
        let is_all = !made.arguments.is_empty() || tracked.is_empty();
        let values: Values = made.arguments.iter().copied().collect();
        if let Some(foreseen) = audit::foresee(&self.meaning, call, &values, is_all) {
            let first = &made.first;
            self.tell(&foreseen, Some((&first.program, Some(first.pid))));
        }
    }
}
