//! `generate`: recordings in, profile out.

use super::base::{self, BaseArguments};
use super::exit::Exit;
use super::failure::Failure;
use super::output::{self, Sink};
use crate::minimize::{self, Cause, Denied, Options, Outcome};
use crate::profile::proof::{self, ProofError};
use crate::profile::{Action, Meaning, base as bases, blocked, write};
use crate::recording::{self, Recording, TargetKind, WindowStart};
use crate::report::escape;
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

/// The result is not what it must be, which can only be a fault of ours.
#[derive(Debug, thiserror::Error)]
enum Unsound {
    #[error("the profile's filter would go beyond its base: {0}")]
    Beyond(String),
    #[error(
        "the profile's filter would not do what the profile says: {call} gets {compiled:?}, not {meant:?}"
    )]
    Miscompiled {
        call: String,
        meant: Action,
        compiled: Action,
    },
    #[error("nothing can be proved of the profile")]
    Unproved(#[source] ProofError),
}

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
    };
    let outcome = minimize::minimize(&recordings, &options);
    prove(&outcome, &options)?;
    sink.write(&write::oci(&outcome.profile))?;
    if arguments.explain {
        explain(&outcome);
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
fn runtimes(recordings: &[Recording], asked: Option<&str>) -> BTreeSet<String> {
    if let Some(name) = asked {
        return [name.to_owned()].into();
    }
    let known: BTreeSet<String> = minimize::known_runtimes().map(ToOwned::to_owned).collect();
    let containers = recordings.iter().filter(|recording| {
        recording.target.kind == TargetKind::Container || recording.target.container.is_some()
    });
    let each = containers.map(|recording| {
        let container = recording.target.container.as_ref();
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

/// The proof on the result itself: the filter that libseccomp makes of it does what the profile says, on
/// every ABI, and lets nothing through that the base does not.
fn prove(outcome: &Outcome, options: &Options) -> Result<(), Failure> {
    let base = options.base.as_ref();
    let base = base.map(|base| Meaning::of(base, options.native));
    let proof = proof::prove(&outcome.profile, options.native, base.as_ref());
    let unsound = match &proof {
        Err(_) => None,
        Ok(proof) => match (proof.miscompiled.first(), proof.beyond.first()) {
            (None, None) => return Ok(()),
            (Some(wrong), _) => Some(Unsound::Miscompiled {
                call: wrong.to_string(),
                meant: wrong.meant,
                compiled: wrong.compiled,
            }),
            (None, Some(excess)) => Some(Unsound::Beyond(excess.to_string())),
        },
    };
    let unsound = match (unsound, proof) {
        (Some(unsound), _) => unsound,
        (None, Err(source)) => Unsound::Unproved(source),
        (None, Ok(_)) => return Ok(()),
    };
    Err(Failure::invalid(unsound)
        .hint("this is a bug, and nothing was written; please report it with the recordings"))
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
    output::say(&format!(
        "profile: {kept} {} calls{of}{others}",
        options.native
    ));
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
