//! `harden -- docker compose up`: a profile for each service, and the file that applies them.

use super::evidence::Evidence;
use super::{Arguments, End, HardenError, Sessions, asked, usable};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::folder::{self, Folder};
use crate::cli::generate;
use crate::cli::output::{self, Sink};
use crate::cli::plan::{Plan, no_cgroup};
use crate::cli::progress::Display;
use crate::cli::watching::{self, Parts};
use crate::probe::Looking;
use crate::profile::{Profile, write};
use crate::report::{apply, escape, text};
use crate::session::Listening;
use crate::target::cgroup::Hierarchy;
use crate::target::engine_run::ComposeRun;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// The name of the file that applies the profiles, without its extension.
const OVERRIDE: &str = "compose.seccomp";

/// Services by name, and what is known of each.
type Services = BTreeMap<String, Evidence>;

pub(super) fn run(arguments: &Arguments, run: &ComposeRun) -> Result<Exit, Failure> {
    let mut sessions = Sessions::new(arguments)?;
    let folder = Folder::open(&arguments.folder())?;
    let first = sessions.hold_each(run, arguments, None)?;
    if first.is_interrupted {
        return Ok(watching::INTERRUPTED);
    }
    let expected = code(first.status);
    let mut services = learn(arguments, first)?;
    let end = rounds(arguments, run, &mut sessions, &mut services, expected)?;
    if end == End::Interrupted {
        return Ok(watching::INTERRUPTED);
    }
    finish(arguments, run, &folder, &services)?;
    Ok(match end {
        End::Clean => Exit::Done,
        End::Unclean | End::Interrupted => Exit::Gate,
    })
}

/// As a shell has it; 0 without a command.
fn code(status: Option<ExitStatus>) -> u8 {
    status.map_or(0, watching::code)
}

/// What the first run showed of each service.
fn learn(arguments: &Arguments, first: Parts) -> Result<Services, Failure> {
    let asked = asked(&arguments.allow)?;
    if first.nameless > 0 {
        let error = HardenError::Nameless(first.nameless);
        return Err(Failure::new(Exit::Incomplete, error));
    }
    let mut services = Services::new();
    for (name, recordings) in folder::by_name(first.parts) {
        for recording in &recordings {
            usable(recording)?;
            arguments.client.check(&recording.clients())?;
        }
        let Some((first, others)) = recordings.split_first() else {
            continue;
        };
        let mut evidence = Evidence::new(
            first,
            &arguments.base,
            &asked,
            arguments.closeness,
            arguments.start.clone(),
        )?;
        others.iter().for_each(|other| evidence.also(other));
        services.insert(name, evidence);
    }
    if services.is_empty() {
        return Err(Failure::environment(HardenError::Nothing)
            .hint("run it by itself to see what it says; did any container start?"));
    }
    Ok(services)
}

/// The profile of each service, for what is known.
fn profiles(services: &Services) -> Result<BTreeMap<String, Profile>, Failure> {
    let made = services.iter().map(|(name, evidence)| {
        let (outcome, _) = evidence.make()?;
        Ok((name.clone(), outcome.profile))
    });
    made.collect()
}

/// Runs the project under one set of profiles after the other.
fn rounds(
    arguments: &Arguments,
    run: &ComposeRun,
    sessions: &mut Sessions<'_>,
    services: &mut Services,
    expected: u8,
) -> Result<End, Failure> {
    let mut last = None;
    for round in 1..=arguments.rounds {
        let profiles = profiles(services)?;
        if last.as_ref() == Some(&profiles) {
            sessions.say(&format!(
                "round {round}: no profile within the base permits what was refused"
            ));
            return Ok(End::Unclean);
        }
        let parts = sessions.hold_each(run, arguments, Some(&profiles))?;
        if parts.is_interrupted {
            return Ok(End::Interrupted);
        }
        let code = code(parts.status);
        let shown = show(sessions, services, round, parts);
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
    Ok(End::Unclean)
}

/// What a round showed.
#[derive(Default)]
struct Shown {
    is_missing_something: bool,
    /// Why it does not count although nothing was missing.
    wrong: Option<String>,
}

/// Takes in what was refused.
fn show(sessions: &Sessions<'_>, services: &mut Services, round: u32, parts: Parts) -> Shown {
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
        let Some(recordings) = seen.get(name) else {
            shown.wrong = Some(format!("service `{escaped}` did not start"));
            continue;
        };
        for recording in recordings {
            let lesson = evidence.learn_in(round, recording);
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
) -> Result<(), Failure> {
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
        let files = files(run);
        output::say(&format!(
            "apply all: {}",
            apply::compose_line(&files, &path)
        ));
    }
    Ok(())
}

/// The files of the project, as far as the command line or the place of its directory says.
fn files(run: &ComposeRun) -> Vec<PathBuf> {
    let given = run.files();
    if given.is_empty() {
        return vec![PathBuf::from("compose.yaml")];
    }
    given.iter().map(PathBuf::from).collect()
}

impl Sessions<'_> {
    /// Runs the project as it is and records it, or under profiles and watches what those refuse.
    fn hold_each(
        &mut self,
        run: &ComposeRun,
        arguments: &Arguments,
        profiles: Option<&BTreeMap<String, Profile>>,
    ) -> Result<Parts, Failure> {
        let next = Listening::start().map_err(watching::no_session)?;
        let mut listening = std::mem::replace(&mut self.next, next);
        watching::possible()?;
        let hierarchy = Hierarchy::detect().map_err(no_cgroup)?;
        let kept = profiles
            .map(|profiles| self.keep_each(profiles))
            .transpose()?;
        let kept = kept.unwrap_or_default();
        let plan = Plan::compose(&hierarchy, run, &arguments.command, &kept)?;
        for warning in plan.warnings.iter().filter(|_| profiles.is_none()) {
            self.say(&format!("warning: {warning}"));
        }
        let (looking, mut display) = match profiles {
            None => (
                Looking::AtCalls,
                Display::recording(&plan.label, self.quiet),
            ),
            Some(_) => (
                Looking::AtDenials,
                Display::watching(&plan.label, self.quiet),
            ),
        };
        watching::hold_each(plan, &mut listening, looking, self.limits, &mut display)
    }

    fn keep_each(
        &self,
        profiles: &BTreeMap<String, Profile>,
    ) -> Result<BTreeMap<String, PathBuf>, Failure> {
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
