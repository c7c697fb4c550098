//! `harden -- docker compose up`: a profile for each service, and the file that applies them.

use super::ending::{End, by_signal};
use super::evidence::{Beginning, Evidence};
use super::{Arguments, HardenError, ROUNDS_MAX, Sessions, asked, before, flat, usable};
use crate::cli::base;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::folder::{self, Folder, Outlet};
use crate::cli::generate;
use crate::cli::keeping::{self, Talk};
use crate::cli::output::{self, Sink};
use crate::cli::plan::{Plan, no_cgroup, with_input};
use crate::cli::progress::Display;
use crate::cli::watching::{self, Parts};
use crate::probe::Looking;
use crate::profile::{Profile, write};
use crate::recording::{self, Recording, SeccompState, Void};
use crate::recovery::Places;
use crate::report::{apply, escape, text};
use crate::session::Listening;
use crate::target::cgroup::Hierarchy;
use crate::target::engine::compose_files;
use crate::target::engine_run::ComposeRun;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// The name of the file that applies the profiles, without its extension.
const OVERRIDE: &str = "compose.seccomp";

/// Services by name, and what is known of each.
type Services = BTreeMap<String, Evidence>;

/// Profiles by the names of services.
type Profiles = BTreeMap<String, Profile>;

pub(super) fn run(arguments: &Arguments, run: &ComposeRun) -> Result<Exit, Failure> {
    let run = &with_input(run.clone())?;
    let asked = asked(&arguments.allow)?;
    let mut sessions = Sessions::new(arguments)?;
    let first = sessions.hold_each(run, arguments, Under::Nothing)?;
    let (signal, expected) = (first.interrupted_by, code(first.status));
    let nameless = first.nameless;
    let recordings = folder::by_name(first.parts);
    let usable = check(arguments, &recordings, nameless, expected);
    if let (Some(signal), Err(_)) = (signal, &usable) {
        return recordings_only(arguments, recordings, signal);
    }
    usable?;
    // Made when there is something to be put into it.
    let folder = Folder::open(&arguments.folder())?;
    let mut services = learn(arguments, &asked, &recordings)?;
    let end = match signal {
        Some(signal) => End::Interrupted(signal),
        None => rounds(arguments, run, &mut sessions, &mut services, expected)?,
    };
    finish(arguments, run, &folder, &services, end)
}

/// As a shell has it; 0 without a command.
fn code(status: Option<ExitStatus>) -> u8 {
    status.map_or(0, watching::code)
}

/// Whether profiles can be made of what was recorded.
fn check(
    arguments: &Arguments,
    recordings: &BTreeMap<String, Vec<Recording>>,
    nameless: usize,
    code: u8,
) -> Result<(), Failure> {
    if nameless > 0 {
        let error = HardenError::Nameless(nameless);
        return Err(Failure::new(Exit::Incomplete, error));
    }
    if recordings.is_empty() {
        return Err(Failure::environment(HardenError::NoContainer)
            .hint("run it by itself to see what it says; did any container start?"));
    }
    if code != 0 && !arguments.allow_incomplete {
        let error = HardenError::Nothing(Void::Failed(code));
        return Err(Failure::new(Exit::Command(code), error).hint(format!(
            "run it by itself to see what it says; `--allow-incomplete` if it ends with {code} when all is well"
        )));
    }
    for recording in recordings.values().flatten() {
        usable(recording, arguments.allow_incomplete)?;
        arguments.client.check(&recording.clients())?;
    }
    Ok(())
}

/// Keeps recordings of which no profiles can be made.
fn recordings_only(
    arguments: &Arguments,
    recordings: BTreeMap<String, Vec<Recording>>,
    signal: u8,
) -> Result<Exit, Failure> {
    if recordings.is_empty() {
        output::say("interrupted: nothing was recorded, so nothing was written");
        return Ok(by_signal(signal));
    }
    let path = arguments
        .keep
        .clone()
        .unwrap_or_else(|| "recordings".into());
    for (_, path, _) in Outlet::folder(&path)?.write(recordings)? {
        output::say(&format!("wrote {}: what was recorded", escape::path(&path)));
    }
    output::say("interrupted: no profiles can be made of that");
    Ok(by_signal(signal))
}

/// What the first run showed of each service.
fn learn(
    arguments: &Arguments,
    asked: &BTreeSet<String>,
    recordings: &BTreeMap<String, Vec<Recording>>,
) -> Result<Services, Failure> {
    let mut services = Services::new();
    for (name, recordings) in recordings {
        let Some((first, others)) = recordings.split_first() else {
            continue;
        };
        let from = of_service(arguments.from.as_slice(), name);
        let from = from.first().map(|path| base::read_profile(path));
        let kept = from
            .transpose()?
            .map(|source| flat(&source, first, arguments));
        let beginning = Beginning {
            first,
            before: before(&of_service(&arguments.recordings, name))?,
            kept: kept.transpose()?,
            asked,
        };
        let start = arguments.start.clone();
        let mut evidence = Evidence::new(beginning, &arguments.base, arguments.closeness, start)?;
        others.iter().for_each(|other| evidence.also(other));
        services.insert(name.clone(), evidence);
    }
    Ok(services)
}

/// The files of a service in folders with one for each.
fn of_service(folders: &[PathBuf], name: &str) -> Vec<PathBuf> {
    let files = folders
        .iter()
        .map(|folder| folder.join(format!("{name}.json")));
    files.filter(|file| file.exists()).collect()
}

/// The profile of each service, for what is known.
fn profiles(services: &Services) -> Result<Profiles, Failure> {
    let made = services.iter().map(|(name, evidence)| {
        let (outcome, _) = evidence.make()?;
        Ok((name.clone(), outcome.profile))
    });
    made.collect()
}

/// Runs the project under the base, if that is called for, and then under one set of profiles after the other.
fn rounds(
    arguments: &Arguments,
    run: &ComposeRun,
    sessions: &mut Sessions<'_>,
    services: &mut Services,
    expected: u8,
) -> Result<End, Failure> {
    if let Some(signal) = under_base(arguments, run, sessions, services, expected)? {
        return Ok(End::Interrupted(signal));
    }
    for (name, evidence) in services.iter() {
        for line in evidence.beyond_kept()? {
            sessions.say(&format!("{}: {line}", escape::text(name)));
        }
    }
    let mut last = None;
    for round in 1..=arguments.rounds {
        let profiles = profiles(services)?;
        if last.as_ref() == Some(&profiles) {
            sessions.say(&format!(
                "round {round}: no profile within the base permits what was refused"
            ));
            return Ok(End::Unclean);
        }
        let parts = sessions.hold_each(run, arguments, Under::Profiles(&profiles))?;
        let (signal, code) = (parts.interrupted_by, code(parts.status));
        let shown = show(sessions, services, round, parts, &profiles);
        if let Some(signal) = signal {
            return Ok(End::Interrupted(signal));
        }
        if !shown.is_missing_something {
            let wrong = match (code == expected, shown.wrong) {
                (true, None) => {
                    sessions.say(&format!("round {round}: nothing is missing"));
                    return Ok(End::Clean);
                }
                (true, Some(wrong)) => wrong,
                (false, _) => format!("it ended with exit code {code} instead of {expected}"),
            };
            sessions.say(&format!("round {round}: {wrong}"));
            return Ok(End::Unclean);
        }
        last = Some(profiles);
    }
    let rounds = arguments.rounds;
    sessions.say(&format!("something was missing in each of {rounds} rounds"));
    let more = rounds.saturating_mul(2).min(ROUNDS_MAX);
    sessions.say(&format!(
        "hint: `--from {} --rounds {more}` goes on from here",
        escape::path(&arguments.folder())
    ));
    Ok(End::Unclean)
}

/// Runs the project under the base itself, if something is not known otherwise of a service. Gives the signal that
/// interrupted it.
fn under_base(
    arguments: &Arguments,
    run: &ComposeRun,
    sessions: &mut Sessions<'_>,
    services: &mut Services,
    expected: u8,
) -> Result<Option<u8>, Failure> {
    let mut bases = Profiles::new();
    for (name, evidence) in services.iter() {
        let calls = evidence.unobserved()?;
        let base = evidence.base();
        let Some(profile) = base.profile.clone().filter(|_| !calls.is_empty()) else {
            continue;
        };
        let calls: Vec<_> = calls.iter().map(ToString::to_string).collect();
        sessions.say(&format!(
            "{}: once under {}, to see what is done without {}",
            escape::text(name),
            base.name,
            calls.join(", ")
        ));
        bases.insert(name.clone(), profile);
    }
    if bases.is_empty() {
        return Ok(None);
    }
    let parts = sessions.hold_each(run, arguments, Under::Bases(&bases))?;
    let code = code(parts.status);
    for (name, recordings) in folder::by_name(parts.parts) {
        let evidence = services
            .get_mut(&name)
            .filter(|_| bases.contains_key(&name));
        if let Some(evidence) = evidence {
            recordings
                .iter()
                .for_each(|recording| evidence.observe(recording));
        }
    }
    if parts.interrupted_by.is_none() && code != expected {
        sessions.say(&format!(
            "under the base it ended with exit code {code} instead of {expected}"
        ));
    }
    Ok(parts.interrupted_by)
}

/// What a round showed.
#[derive(Default)]
struct Shown {
    is_missing_something: bool,
    /// Why it does not count although nothing was missing.
    wrong: Option<String>,
}

/// Takes in what was refused.
fn show(
    sessions: &Sessions<'_>,
    services: &mut Services,
    round: u32,
    parts: Parts,
    profiles: &Profiles,
) -> Shown {
    let mut shown = Shown::default();
    if parts.nameless > 0 {
        let nameless = parts.nameless;
        shown.wrong = Some(format!(
            "of {nameless} containers it is not known whose they were"
        ));
    }
    let seen = folder::by_name(parts.parts);
    for (name, evidence) in services {
        let escaped = escape::text(name);
        let (Some(recordings), Some(profile)) = (seen.get(name), profiles.get(name)) else {
            shown.wrong = Some(format!("service `{escaped}` did not start"));
            continue;
        };
        for recording in recordings {
            let lesson = evidence.learn_in(round, recording, profile);
            for line in lesson.lines(evidence.base()) {
                sessions.say(&format!("round {round}: {escaped}: {line}"));
            }
            shown.is_missing_something |= !lesson.is_empty();
            if lesson.lost > 0 {
                let lost = lesson.lost;
                shown.wrong = Some(format!("{lost} refused calls could not be kept"));
            }
        }
    }
    shown
}

/// Writes the profiles, and the file that applies them.
fn finish(
    arguments: &Arguments,
    run: &ComposeRun,
    folder: &Folder,
    services: &Services,
    end: End,
) -> Result<Exit, Failure> {
    let mut applied = BTreeMap::new();
    for (name, evidence) in services {
        let path = folder.file(name, "json")?;
        let (outcome, options) = evidence.make()?;
        Sink::open(Some(&path))?.write(&write::oci(&outcome.profile))?;
        if arguments.explain {
            for line in text::reasons(&outcome) {
                output::say(&line);
            }
        }
        if !arguments.quiet {
            output::say(&format!("service `{}`:", escape::text(name)));
            generate::summarise(&outcome, &options, evidence.base());
        }
        applied.insert(name.clone(), std::path::absolute(&path).unwrap_or(path));
    }
    let path = folder.file(OVERRIDE, "yaml")?;
    Sink::open(Some(&path))?.write(&apply::compose_override(&applied))?;
    if !arguments.quiet {
        output::say(&match compose_files(run) {
            Some(files) => {
                let files: Vec<PathBuf> = files.into_iter().chain([path]).collect();
                format!("apply all: {}", apply::line(run.with_files(&files)))
            }
            None => format!(
                "apply all: add `-f {}` behind the files of the project",
                escape::path(&path)
            ),
        });
    }
    keep(arguments, services, end)?;
    Ok(match end {
        End::Clean => Exit::Done,
        End::Unclean => Exit::Gate,
        End::Interrupted(signal) => {
            output::say(
                "interrupted: the profiles are what is known so far; nothing was proved of them",
            );
            by_signal(signal)
        }
    })
}

/// Keeps what was recorded, where the user wants that, or cannot have it again.
fn keep(arguments: &Arguments, services: &Services, end: End) -> Result<(), Failure> {
    let path = match (&arguments.keep, end) {
        (Some(path), _) => path.clone(),
        (None, End::Interrupted(_)) => "recordings".into(),
        (None, End::Clean | End::Unclean) => return Ok(()),
    };
    let folder = Folder::open(&path)?;
    for (name, evidence) in services {
        let path = folder.file(name, "json")?;
        let runs = evidence.recorded()?;
        Sink::open(Some(&path))?.write_with(|out| recording::write(&runs, out))?;
        if !arguments.quiet {
            output::say(&format!("wrote {}: what was recorded", escape::path(&path)));
        }
    }
    Ok(())
}

/// Under what a project runs.
#[derive(Clone, Copy)]
enum Under<'a> {
    /// As it is.
    Nothing,
    /// Services under their bases, to see what they do there.
    Bases(&'a Profiles),
    /// Each service under a profile, to see what that refuses.
    Profiles(&'a Profiles),
}

impl Sessions<'_> {
    /// Runs the project, and records what it does and is refused; under profiles only what it is refused.
    fn hold_each(
        &mut self,
        run: &ComposeRun,
        arguments: &Arguments,
        under: Under<'_>,
    ) -> Result<Parts, Failure> {
        let next = Listening::start().map_err(watching::no_session)?;
        let mut listening = std::mem::replace(&mut self.next, next);
        watching::possible()?;
        let hierarchy = Hierarchy::detect().map_err(no_cgroup)?;
        let kept = match under {
            Under::Nothing => BTreeMap::new(),
            Under::Bases(profiles) | Under::Profiles(profiles) => self.keep_each(profiles)?,
        };
        let folder = keeping::folder(&Places::default(), Talk::OfNothing);
        let plan = watching::noting(folder, |note| {
            Plan::compose(&hierarchy, run, &arguments.command, Some(&kept), note)
        })?;
        let (looking, mut display) = match under {
            Under::Nothing | Under::Bases(_) => {
                (Looking::AtBoth, Display::recording(&plan.label, self.quiet))
            }
            Under::Profiles(_) => (
                Looking::AtDenials,
                Display::watching(&plan.label, self.quiet),
            ),
        };
        if let Under::Nothing = under {
            for warning in &plan.warnings {
                self.say(&format!("warning: {warning}"));
            }
        }
        let mut parts =
            watching::hold_each(plan, &mut listening, looking, self.limits, &mut display)?;
        if let Under::Bases(profiles) = under {
            let confined = parts.parts.iter_mut();
            for part in confined.filter(|part| profiles.contains_key(&part.name)) {
                part.recording.target.seccomp = Some(SeccompState::Custom);
                part.recording.target.filtered_at_start = Some(true);
            }
        }
        Ok(parts)
    }

    fn keep_each(&self, profiles: &Profiles) -> Result<BTreeMap<String, PathBuf>, Failure> {
        let folder: &Path = self.workshop.path();
        let kept = profiles.iter().map(|(name, profile)| {
            let path = folder.join(format!("{name}.json"));
            let written = std::fs::write(&path, write::oci(profile));
            written.map_err(|error| Failure::environment(HardenError::Workshop(error)))?;
            Ok((name.clone(), path))
        });
        kept.collect()
    }
}
