//! `generate`: recordings in, profile out.

use super::apply::ApplyArguments;
use super::base::{self, BaseArguments};
use super::exit::Exit;
use super::failure::Failure;
use super::output::{self, Sink};
use super::recordings::{self, Incomplete};
use crate::minimize::{self, Cause, Denied, Options, Outcome};
use crate::profile::{Meaning, base as bases, blocked, compare, write};
use crate::recording::{Run, Runs, TargetKind, WindowStart};
use crate::report::apply;
use crate::syscall::{Abi, Call};
use std::collections::BTreeSet;
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
    /// Runtime that starts the container: runc or crun [default: the recording's].
    #[arg(long, value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(minimize::known_runtimes()))]
    runtime: Option<String>,
    /// Print the reason for every rule.
    #[arg(long)]
    explain: bool,
    /// Accept recordings in which calls are missing.
    #[arg(long)]
    allow_incomplete: bool,
    #[command(flatten)]
    apply: ApplyArguments,
    /// Where the profile goes.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
}

/// The result is not what it must be.
#[derive(Debug, thiserror::Error)]
#[error("the profile would go beyond its base: {0}")]
struct Beyond(String);

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    arguments.apply.check(&arguments.output)?;
    let sink = Sink::open(Some(&arguments.output))?;
    let incomplete = if arguments.allow_incomplete {
        Incomplete::Accept
    } else {
        Incomplete::Refuse
    };
    let recorded = recordings::read(&arguments.recordings, incomplete)?;
    let runs = recorded.runs.runs();
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
    let runtime = arguments.runtime.as_deref();
    let (outcome, options) = make(&recorded.runs, &resolved, native, runtime)?;
    sink.write(&write::oci(&outcome.profile))?;
    if arguments.explain {
        explain(&outcome);
    }
    summarise(&outcome, &options, &resolved, &arguments.output);
    arguments.apply.print(&arguments.output, &outcome.profile)?;
    Ok(Exit::Done)
}

/// Makes the profile for runs, and proves on the result that it keeps to its base.
pub(super) fn make(
    runs: &Runs,
    resolved: &base::Resolved,
    native: Abi,
    runtime: Option<&str>,
) -> Result<(Outcome, Options), Failure> {
    let each = runs.runs();
    let options = Options {
        base: resolved.profile.clone(),
        native,
        runtimes: runtimes(each, runtime),
        late: each.iter().all(|run| run.target.no_new_privs == Some(true)),
    };
    let outcome = minimize::minimize(runs, &options);
    check(&outcome, &options)?;
    Ok((outcome, options))
}

fn covers_start(run: &Run) -> bool {
    run.window.from == WindowStart::Exec
}

/// The runtimes to make room for: the one asked for, else those recorded, else, for a container, all.
fn runtimes(runs: &[Run], asked: Option<&str>) -> BTreeSet<String> {
    if let Some(name) = asked {
        return [name.to_owned()].into();
    }
    let known: BTreeSet<String> = minimize::known_runtimes().map(ToOwned::to_owned).collect();
    let containers = runs
        .iter()
        .filter(|run| run.target.kind == TargetKind::Container || run.target.container.is_some());
    let each = containers.map(|run| {
        let container = run.target.container.as_ref();
        container
            .and_then(|container| container.runtime.clone())
            .filter(|name| known.contains(name))
    });
    each.fold(BTreeSet::new(), |mut all, name| {
        match name {
            Some(name) => drop(all.insert(name)),
            None => all.extend(known.iter().cloned()),
        }
        all
    })
}

/// The promise that nothing goes beyond the base, checked on the result itself.
fn check(outcome: &Outcome, options: &Options) -> Result<(), Failure> {
    let Some(base) = &options.base else {
        return Ok(());
    };
    let base = Meaning::of(base, options.native);
    let excess = compare::beyond(&base, &Meaning::of(&outcome.profile, options.native));
    match excess.first() {
        None => Ok(()),
        Some(excess) => Err(Failure::invalid(Beyond(excess.to_string()))
            .hint("this is a bug; please report it with the recordings")),
    }
}

fn explain(outcome: &Outcome) {
    let width = outcome
        .reasons
        .keys()
        .map(|call| call.to_string().len())
        .max()
        .unwrap_or(0);
    for (call, reasons) in &outcome.reasons {
        let reasons: Vec<_> = reasons.iter().map(ToString::to_string).collect();
        output::say(&format!(
            "{:width$}  {}",
            call.to_string(),
            reasons.join("; ")
        ));
    }
    for rule in outcome
        .profile
        .rules
        .iter()
        .filter(|rule| !rule.action.permits())
    {
        let names = rule.names.join(", ");
        output::say(&format!(
            "{names}  refused with {:?}, so that C libraries fall back",
            rule.action
        ));
    }
}

pub(super) fn summarise(
    outcome: &Outcome,
    options: &Options,
    resolved: &base::Resolved,
    path: &Path,
) {
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
    output::say(&format!(
        "profile: {kept} {} calls{of}{others}",
        options.native
    ));
    for denied in &outcome.denied {
        output::say(&format!("left out: {}", denial(denied, resolved)));
    }
    if path != Path::new("-") {
        output::say(&format!("apply: {}", apply::line(path)));
    }
}

/// What was left out, why, and what would unlock it.
fn denial(denied: &Denied, resolved: &base::Resolved) -> String {
    let call = denied.call;
    let what = match &denied.cause {
        Cause::Nameless => {
            return format!("{call}: profiles cannot speak of a number without a name");
        }
        Cause::Base => format!("{call}: {} does not permit it", resolved.name),
        Cause::Values(values) => {
            let (shown, more) = values.split_at(values.len().min(3));
            let shown: Vec<_> = shown.iter().map(|values| arguments(values)).collect();
            let more = if more.is_empty() {
                String::new()
            } else {
                format!(" and {} more", more.len())
            };
            format!(
                "{call} with {}{more}: {} does not permit it",
                shown.join(", "),
                resolved.name
            )
        }
    };
    let reason = call.name().and_then(blocked::reason);
    let reason = reason.map_or_else(String::new, |reason| format!(" ({reason})"));
    format!("{what}{reason}{}", unlocked(call, resolved))
}

fn arguments(values: &[(u8, u64)]) -> String {
    let each: Vec<_> = values
        .iter()
        .map(|(index, value)| format!("arg{index}={value:#x}"))
        .collect();
    each.join(" ")
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
