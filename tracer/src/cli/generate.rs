//! `generate`: recordings in, profile out.

use super::apply::ApplyArguments;
use super::base::{self, BaseArguments};
use super::clients::ClientArguments;
use super::closeness::ClosenessArguments;
use super::complain::Written;
use super::exit::Exit;
use super::failure::Failure;
use super::offer::Offered;
use super::output::{self, Sink};
use super::recordings::{self, Incomplete};
use super::start::StartArguments;
use super::unobserved;
use super::workloads::{self, WorkloadArguments};
use crate::audit;
use crate::estimate::{RUNS_MIN, Sureness};
use crate::minimize::{self, Cause, Denied, Options, Outcome, Unsound};
use crate::profile::{Meaning, base as bases, blocked, write};
use crate::recording::{By, Run, Runs, WindowStart};
use crate::report::{escape, text};
use crate::syscall::{Abi, Call};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Turn recordings into the least-privilege profile for what they show.
///
/// The profile permits what was recorded, what the container runtime and every program need, and nothing
/// that the base does not permit.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[arg(required = true, value_name = "REC", help = recordings::HELP)]
    recordings: Vec<PathBuf>,
    #[command(flatten)]
    base: BaseArguments,
    #[command(flatten)]
    closeness: ClosenessArguments,
    #[command(flatten)]
    start: StartArguments,
    /// Write the profile that only complains: what the real one refuses is let through and logged where the base
    /// permits it, and refused where it does not. It is proved as the real one is.
    #[arg(long)]
    complain: bool,
    /// Print the reason for every rule.
    #[arg(long)]
    explain: bool,
    /// Accept recordings in which calls are missing, and those of targets that never started, did nothing or failed.
    #[arg(long)]
    allow_incomplete: bool,
    /// Refuse recordings from which more new calls and argument values than this may have to be expected in the
    /// next run, with 95 % confidence; needs three runs at least.
    #[arg(long, value_name = "NUMBER", value_parser = expectation)]
    max_expected_new: Option<f64>,
    #[command(flatten)]
    workloads: WorkloadArguments,
    #[command(flatten)]
    client: ClientArguments,
    #[command(flatten)]
    apply: ApplyArguments,
    /// Where the profile goes.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
}

/// The recordings do not make sure enough.
#[derive(Debug, thiserror::Error)]
enum NotSure {
    #[error(
        "up to {bound:.2} new calls or argument values are to be expected in the next run, with 95 % confidence \
         (estimate {expected:.2}), more than {limit}"
    )]
    TooMany {
        bound: f64,
        expected: f64,
        limit: f64,
    },
    #[error("what to expect of the next run cannot be said")]
    Unknown,
}

/// A number of new calls: not negative, and not without end.
fn expectation(text: &str) -> Result<f64, String> {
    let number = text
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| "a number from 0 on is expected".to_owned())
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    arguments.apply.check(&arguments.output)?;
    arguments.start.check(&arguments.apply)?;
    if let Some(by) = arguments.workloads.by(&arguments.output)? {
        return each(arguments, by);
    }
    let sink = Sink::open(Some(&arguments.output))?;
    let runs = read(arguments)?;
    arguments.workloads.check(&runs)?;
    one(arguments, &runs, sink, &arguments.output)
}

/// Makes a profile for each group of runs. What hinders one does not hinder the others.
fn each(arguments: &Arguments, by: By) -> Result<Exit, Failure> {
    let all = read(arguments)?;
    let mut first: Option<Failure> = None;
    for (name, runs) in workloads::files(all.grouped(by)) {
        let path = arguments.output.join(name);
        let runs = all.select(|run| runs.contains(&run));
        output::say(&format!(
            "{}: {} runs",
            escape::path(&path),
            runs.runs().len()
        ));
        let made = Sink::open(Some(&path)).and_then(|sink| one(arguments, &runs, sink, &path));
        if let Err(failure) = made {
            match first {
                Some(_) => output::failure(&failure),
                None => first = Some(failure),
            }
        }
    }
    first.map_or(Ok(Exit::Done), Err)
}

fn read(arguments: &Arguments) -> Result<Runs, Failure> {
    let incomplete = arguments.incomplete();
    Ok(recordings::read(&arguments.recordings, incomplete)?.runs)
}

impl Arguments {
    fn incomplete(&self) -> Incomplete {
        match self.allow_incomplete {
            true => Incomplete::Accept,
            false => Incomplete::Refuse,
        }
    }
}

/// Makes the profile for runs that belong together.
fn one(arguments: &Arguments, all: &Runs, sink: Sink, path: &Path) -> Result<Exit, Failure> {
    recordings::shown(all, arguments.incomplete())?;
    arguments.client.check(&all.clients())?;
    let runs = all.runs();
    let native = base::native(runs)?;
    let resolved = arguments.base.resolve(runs, native)?;
    for note in &resolved.notes {
        output::say(&format!("note: {note}"));
    }
    if !runs.iter().any(covers_start) {
        output::say(
            "note: no recording covers the target's start, so what only that needs is missing; add one made \
             with `record -- …`",
        );
    }
    let start = arguments.start.clone().of_runs(runs, &arguments.apply);
    let options = options(runs, &resolved, native, &arguments.closeness, &start);
    let outcome = make(all, &options)?;
    let sureness = audit::sureness(all, &outcome.profile);
    if let Some(limit) = arguments.max_expected_new {
        sure_enough(&sureness, limit)?;
    }
    let written = Written::new(&outcome, &options, arguments.complain)?;
    sink.write(&write::oci(written.profile()))?;
    if arguments.explain {
        for line in text::reasons(&outcome) {
            output::say(&line);
        }
    }
    summarise(&outcome, &options, &resolved);
    unobserved::say(&outcome, runs);
    written.say(&resolved);
    let offered = Offered::of(runs, &options);
    offered.say(written.profile(), path, &arguments.apply);
    for line in text::sureness_in_brief(&sureness) {
        output::say(&line);
    }
    offered.print(written.profile(), path, &arguments.apply)?;
    Ok(Exit::Done)
}

/// Makes the profile for runs, and proves on the result that it keeps to its base.
pub(super) fn make(runs: &Runs, options: &Options) -> Result<Outcome, Failure> {
    minimize::proven(runs, options).map_err(unsound)
}

/// What a profile is made for, as far as the runs say.
pub(super) fn options(
    runs: &[Run],
    resolved: &base::Resolved,
    native: Abi,
    closeness: &ClosenessArguments,
    start: &StartArguments,
) -> Options {
    Options {
        base: resolved.profile.clone(),
        native,
        runtimes: start.runtimes(runs),
        start: start.start(runs),
        precision: closeness.precision(),
        portability: closeness.portability(),
        chance: true,
        stand_ins: BTreeMap::new(),
        kept: None,
    }
}

/// Whether no more is to be expected of the next run than the user accepts.
fn sure_enough(sureness: &Sureness, limit: f64) -> Result<(), Failure> {
    match sureness.expected_new().zip(sureness.expected_at_most()) {
        Some((_, bound)) if bound <= limit => Ok(()),
        Some((expected, bound)) => {
            let error = NotSure::TooMany {
                bound,
                expected,
                limit,
            };
            Err(Failure::new(Exit::Incomplete, error).hint(
                "record more runs, above all of what only one run did; `seccomp-tracer audit` lists that",
            ))
        }
        None => Err(
            Failure::new(Exit::Incomplete, NotSure::Unknown).hint(format!(
                "it takes {RUNS_MIN} complete runs at least; record more"
            )),
        ),
    }
}

fn covers_start(run: &Run) -> bool {
    run.window.from == WindowStart::Exec
}

/// Why there is no profile, and what can be done.
pub(super) fn unsound(error: Unsound) -> Failure {
    let hint = match &error {
        Unsound::Unwritable(_) => "write the base's rules for it with fewer ranges",
        Unsound::Miscompiled(_) => "nothing was written; `--args none` asks less of libseccomp",
        Unsound::Beyond(_) | Unsound::Unproved(_) => {
            "this is a bug, and nothing was written; please report it with the recordings"
        }
    };
    Failure::invalid(error).hint(hint)
}

/// Says what the profile permits, and what was left out of it.
pub(super) fn summarise(outcome: &Outcome, options: &Options, resolved: &base::Resolved) {
    let calls = |abi: Abi| {
        outcome
            .reasons
            .keys()
            .filter(|call| call.abi == abi)
            .count()
    };
    let others = outcome
        .profile
        .abis
        .iter()
        .filter(|&&abi| abi != options.native);
    let others: Vec<_> = others
        .map(|&abi| format!(", {} {abi}", calls(abi)))
        .collect();
    let total = options.base.as_ref().map(|base| {
        let meaning = Meaning::of(base, options.native);
        let all = crate::syscall::calls(options.native);
        all.filter(|&call| !meaning.permitted(call).is_none())
            .count()
    });
    let of = total.map_or_else(String::new, |total| {
        format!(" of the {total} that {} permits", resolved.name)
    });
    let (kept, others) = (calls(options.native), others.concat());
    let rules = outcome.profile.rules.iter();
    let rules = rules.filter(|rule| !rule.conditions.is_empty());
    let rules: usize = rules.map(|rule| rule.names.len()).sum();
    let native = options.native;
    output::say(&format!(
        "profile: {kept} {native} calls{of}{others}; {rules} argument rules"
    ));
    for line in text::loosened(outcome)
        .into_iter()
        .chain(text::bypasses(outcome))
    {
        output::say(&format!("note: {line}"));
    }
    for denied in &outcome.denied {
        output::say(&format!("left out: {}", denial(denied, resolved)));
    }
    if let Some(note) = with_recorded(outcome, resolved) {
        output::say(&format!("note: {note}"));
    }
}

/// What was left out, why, and what would unlock it.
fn denial(denied: &Denied, resolved: &base::Resolved) -> String {
    let call = denied.call;
    let what = match &denied.cause {
        Cause::Nameless => {
            return format!("{call}: profiles cannot speak of a number without a name");
        }
        Cause::Unwritable => {
            return format!(
                "{call}: {} permits it in more ways than can be written",
                resolved.name
            );
        }
        Cause::Base => format!("{call}: {} does not permit it", resolved.name),
        Cause::Values(values) => {
            let what = text::with_values(call, values, 3);
            format!("{what}: {} does not permit it", resolved.name)
        }
    };
    let reason = call.name().and_then(blocked::reason);
    let reason = reason.map_or_else(String::new, |reason| format!(" ({reason})"));
    format!("{what}{reason}{}", unlocked(call, resolved))
}

/// What capabilities would unlock that the target had and the base was not resolved for.
fn with_recorded(outcome: &Outcome, resolved: &base::Resolved) -> Option<String> {
    let (source, circumstances) = resolved.conditions.as_ref()?;
    let denied = outcome.denied.iter().map(|denied| denied.call);
    let names = denied.flat_map(|call| bases::unlocked_by(source, call, circumstances));
    let had: BTreeSet<String> = names
        .filter(|name| resolved.recorded.contains(name))
        .collect();
    if had.is_empty() {
        return None;
    }
    let had: Vec<String> = had.into_iter().collect();
    Some(format!(
        "the target had {}, and the base is resolved without; `--caps recorded` takes what it had",
        had.join(", ")
    ))
}

fn unlocked(call: Call, resolved: &base::Resolved) -> String {
    let Some((source, circumstances)) = &resolved.conditions else {
        return String::new();
    };
    let names = bases::unlocked_by(source, call, circumstances);
    if names.is_empty() {
        return "; no capability unlocks it".to_owned();
    }
    format!("; unlocked by {}", names.join(" or "))
}
