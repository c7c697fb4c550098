//! `generate`: recordings in, profile out.

use super::base::{self, BaseArguments};
use super::closeness::ClosenessArguments;
use super::exit::Exit;
use super::failure::Failure;
use super::output::{self, Sink};
use crate::minimize::{self, Cause, Denied, Options, Outcome, Runtime};
use crate::profile::{Meaning, base as bases, blocked, compare, write};
use crate::recording::{self, Recording, TargetKind, WindowStart};
use crate::report::{escape, text};
use crate::syscall::{Abi, Call};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Turn recordings into the least-privilege profile for what they show.
///
/// The profile permits what was recorded, what the container runtime and every program need, and nothing
/// that the base does not permit.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Recordings; `-` is standard input.
    #[arg(required = true, value_name = "REC")]
    recordings: Vec<PathBuf>,
    #[command(flatten)]
    base: BaseArguments,
    #[command(flatten)]
    closeness: ClosenessArguments,
    /// Runtime that starts the container: runc or crun [default: the recording's].
    #[arg(long, value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(minimize::known_runtimes()))]
    runtime: Option<String>,
    /// Print the reason for every rule.
    #[arg(long)]
    explain: bool,
    /// Accept recordings in which calls are missing.
    #[arg(long)]
    allow_incomplete: bool,
    /// Where the profile goes.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
}

/// Calls are missing from the evidence.
#[derive(Debug, thiserror::Error)]
#[error("`{}` is incomplete: {missing} calls could not be kept", escape::path(.path))]
struct Incomplete {
    path: PathBuf,
    missing: u64,
}

/// The result is not what it must be.
#[derive(Debug, thiserror::Error)]
#[error("the profile would go beyond its base: {0}")]
struct Beyond(String);

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let sink = Sink::open(Some(&arguments.output))?;
    let recordings = read_all(&arguments.recordings, arguments.allow_incomplete)?;
    let native = base::native(&recordings)?;
    let resolved = arguments.base.resolve(&recordings, native)?;
    for note in &resolved.notes {
        output::say(&format!("note: {note}"));
    }
    if !recordings.iter().any(covers_start) {
        output::say(
            "note: no recording covers the target's start, so what only that needs is missing; add one made \
             with `record -- …`",
        );
    }
    let options = Options {
        base: resolved.profile.clone(),
        native,
        runtimes: runtimes(&recordings, arguments.runtime.as_deref()),
        late: recordings
            .iter()
            .all(|recording| recording.target.no_new_privs == Some(true)),
        precision: arguments.closeness.precision(),
        portability: arguments.closeness.portability(),
    };
    let outcome = minimize::minimize(&recordings, &options);
    check(&outcome, &options)?;
    sink.write(&write::oci(&outcome.profile))?;
    if arguments.explain {
        text::reasons(&outcome)
            .iter()
            .for_each(|line| output::say(line));
    }
    summarise(&outcome, &options, &resolved, &arguments.output);
    Ok(Exit::Done)
}

fn covers_start(recording: &Recording) -> bool {
    recording.window.from == WindowStart::Exec
}

/// Reads recordings; the same run twice counts once.
pub(super) fn read_all(
    paths: &[PathBuf],
    allow_incomplete: bool,
) -> Result<Vec<Recording>, Failure> {
    let mut runs = BTreeSet::new();
    let mut recordings = Vec::new();
    for path in paths {
        let recording = read_one(path)?;
        let missing = recording.losses.missing();
        if missing > 0 && !allow_incomplete {
            let incomplete = Incomplete {
                path: path.clone(),
                missing,
            };
            return Err(Failure::new(Exit::Incomplete, incomplete)
                .hint("record again, or accept what is there with --allow-incomplete"));
        }
        if runs.insert(recording.run_id.clone()) {
            recordings.push(recording);
        }
    }
    Ok(recordings)
}

/// A file that is no recording.
#[derive(Debug, thiserror::Error)]
#[error("cannot use `{}`", escape::path(.path))]
struct NoRecording {
    path: PathBuf,
    source: recording::FileError,
}

pub(super) fn read_one(path: &Path) -> Result<Recording, Failure> {
    let text = output::read(path)?;
    recording::from_json(&text).map_err(|source| {
        Failure::invalid(NoRecording {
            path: path.to_owned(),
            source,
        })
    })
}

/// The runtimes to make room for: the one asked for, else those recorded, else, for a container, all.
fn runtimes(recordings: &[Recording], asked: Option<&str>) -> BTreeSet<Runtime> {
    let any_version = |name: &str| Runtime {
        name: name.to_owned(),
        version: None,
    };
    if let Some(name) = asked {
        return [any_version(name)].into();
    }
    let is_known = |name: &str| minimize::known_runtimes().any(|known| known == name);
    let containers = recordings.iter().filter(|recording| {
        recording.target.kind == TargetKind::Container || recording.target.container.is_some()
    });
    let mut all = BTreeSet::new();
    for recording in containers {
        let container = recording.target.container.as_ref();
        let named = container.and_then(|container| {
            let name = container.runtime.clone().filter(|name| is_known(name))?;
            let version = container.runtime_version.clone();
            Some(Runtime { name, version })
        });
        match named {
            Some(runtime) => drop(all.insert(runtime)),
            None => all.extend(minimize::known_runtimes().map(any_version)),
        }
    }
    all
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

fn summarise(outcome: &Outcome, options: &Options, resolved: &base::Resolved, path: &Path) {
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
    let path = escape::path(path);
    let rules = outcome.profile.rules.iter();
    let rules = rules.filter(|rule| !rule.conditions.is_empty());
    let rules: usize = rules.map(|rule| rule.names.len()).sum();
    let native = options.native;
    output::say(&format!(
        "profile: {kept} {native} calls{of}{others}; {rules} argument rules"
    ));
    for line in text::bypasses(outcome) {
        output::say(&format!("note: {line}"));
    }
    for denied in &outcome.denied {
        output::say(&format!("left out: {}", denial(denied, resolved)));
    }
    if path != "-" {
        output::say(&format!(
            "apply: docker run --security-opt seccomp={path} …"
        ));
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
            let what = text::with_values(call, values, 3);
            format!("{what}: {} does not permit it", resolved.name)
        }
    };
    let reason = call.name().and_then(blocked::reason);
    let reason = reason.map_or_else(String::new, |reason| format!(" ({reason})"));
    format!("{what}{reason}{}", unlocked(call, resolved))
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
