//! What a profile is offered for: everything that it presumes, and the words by which it is put to use.

use super::apply::ApplyArguments;
use super::failure::Failure;
use super::output;
use super::start::is_container;
use crate::minimize::{Options, Presumes};
use crate::profile::Profile;
use crate::recording::Run;
use crate::report::apply::{self, Applier, Offer};
use crate::report::escape;
use crate::target::engine_run::{self, EngineKind, EngineRun, Recognised};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;

/// A profile that is about to be offered.
pub(super) struct Offered {
    presumes: Presumes,
    /// The `docker run` and `podman run` lines of the recorded containers, by client.
    runs: BTreeMap<Applier, Vec<EngineRun>>,
    /// The commands that ran: behind the image, of a container.
    commands: BTreeSet<Option<Vec<OsString>>>,
    /// Variables whose values are not repeated.
    variables: BTreeSet<String>,
    /// Whether a name that is kept stands in the way of another run.
    keeps_name: bool,
}

impl Offered {
    /// What a profile is offered for that is made of these runs with these options.
    pub(super) fn of(runs: &[Run], options: &Options) -> Self {
        let mut offered = Self {
            presumes: Presumes::of(runs, options),
            runs: BTreeMap::new(),
            commands: BTreeSet::new(),
            variables: BTreeSet::new(),
            keeps_name: false,
        };
        for run in runs {
            offered.take(run);
        }
        offered
    }

    fn take(&mut self, run: &Run) {
        let words: Vec<OsString> = run.target.command.iter().map(OsString::from).collect();
        let line = match engine_run::recognise(&words) {
            Recognised::Run(line) if is_container(run) => line,
            Recognised::Run(_)
            | Recognised::Start(_)
            | Recognised::Exec(_)
            | Recognised::Compose(_)
            | Recognised::Program
            | Recognised::ClientOnly { .. }
            | Recognised::Unfollowed { .. } => {
                let command = (!words.is_empty() && !is_container(run)).then_some(words);
                self.commands.insert(command);
                return;
            }
        };
        self.keeps_name |= line.keeps_name;
        self.commands.insert(Some(line.arguments.clone()));
        let applier = match line.kind {
            EngineKind::Docker => Applier::Docker,
            EngineKind::Podman => Applier::Podman,
            EngineKind::Containerd | EngineKind::CriO | EngineKind::Runc | EngineKind::Crun => {
                return;
            }
        };
        let (line, variables) = line.without_values();
        self.variables.extend(variables);
        let lines = self.runs.entry(applier).or_default();
        if !lines.contains(&line) {
            lines.push(line);
        }
    }

    /// Says what it presumes and, where nothing closer was asked for, how it is put to use.
    #[expect(
        clippy::redundant_closure_for_method_calls,
        reason = "the method's name alone is not general enough in its lifetimes"
    )]
    pub(super) fn say(&self, profile: &Profile, path: &Path, asked: &ApplyArguments) {
        output::say(&format!("presumes: {}", apply::presumed(&self.presumes)));
        if path == Path::new("-") || asked.appliers().next().is_some() {
            return;
        }
        for line in self.with(profile, path, |offer| offer.lines()) {
            output::say(&format!("apply: {line}"));
        }
        self.say_variables();
        if self.keeps_name && !self.presumes.is_host() {
            output::say(
                "note: the recorded container keeps its name; remove it before you run it again",
            );
        }
    }

    /// Says which values a line lacks that is printed.
    fn say_variables(&self) {
        let is_shown = self.runs.values().any(|lines| lines.len() == 1);
        if is_shown && !self.variables.is_empty() && !self.presumes.is_host() {
            let names: Vec<String> = self
                .variables
                .iter()
                .map(|name| escape::text(name))
                .collect();
            output::say(&format!(
                "note: values of environment variables are not repeated; set {} where you run it",
                names.join(", ")
            ));
        }
    }

    /// Prints what was asked for; the path as others will find the file.
    pub(super) fn print(
        &self,
        profile: &Profile,
        path: &Path,
        asked: &ApplyArguments,
    ) -> Result<(), Failure> {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let texts: Vec<String> = asked
            .appliers()
            .map(|applier| self.with(profile, &path, |offer| offer.apply(applier)))
            .collect();
        let is_line = |applier| matches!(applier, Applier::Docker | Applier::Podman);
        if asked.appliers().any(is_line) {
            self.say_variables();
        }
        output::print(&texts.join("\n"))
    }

    fn with<T>(&self, profile: &Profile, path: &Path, made: impl FnOnce(&Offer<'_>) -> T) -> T {
        let lines = self
            .runs
            .iter()
            .filter_map(|(&applier, lines)| match &lines[..] {
                [line] => Some((applier, line.with_profile(path))),
                _ => None,
            });
        let lines = lines.collect();
        let command = match self.commands.first() {
            Some(Some(command)) if self.commands.len() == 1 => Some(command.as_slice()),
            Some(_) | None => None,
        };
        made(&Offer {
            path,
            profile,
            presumes: &self.presumes,
            lines: &lines,
            command,
        })
    }
}
