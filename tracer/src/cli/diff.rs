//! `diff`: how two profiles, or two recordings, differ in meaning.

use super::audit::name;
use super::base::CircumstanceArguments;
use super::exit::Exit;
use super::failure::Failure;
use super::format::{Format, ReportArguments};
use super::output::{self, Sink};
use super::recordings::{self, Incomplete};
use super::runtime::RuntimeArguments;
use crate::audit::diff;
use crate::profile::{Meaning, Profile, Source, read};
use crate::recording::{self, Runs};
use crate::report::{escape, json, text};
use crate::syscall::Abi;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::path::{Path, PathBuf};

/// Say how two profiles, or two sets of recordings, differ in meaning; which they are is seen from their
/// content.
///
/// Profiles are compared call by call, exactly, for every value of every argument, and each difference has
/// an example. Recordings are compared by the calls and values that they show, not by how often.
#[derive(clap::Args)]
#[command(after_help = "\
Exit code: 0 if they are the same; 1 if they differ; 4 if two recordings show the same but calls are missing
from them.")]
pub(super) struct Arguments {
    /// A profile or a recording, `-` being standard input, or a directory or pattern of recordings.
    a: PathBuf,
    /// Another of the same kind.
    b: PathBuf,
    /// Say only what changed from the first to the second, as between two versions of a workload: new calls,
    /// calls that are gone, and calls of which the values changed.
    #[arg(long)]
    summary: bool,
    #[command(flatten)]
    circumstances: CircumstanceArguments,
    #[command(flatten)]
    runtime: RuntimeArguments,
    #[command(flatten)]
    report: ReportArguments,
}

/// What a file is.
#[derive(Debug)]
enum Content {
    Profile(Box<Source>),
    Recordings(Box<Runs>),
}

/// Why two files cannot be compared.
#[derive(Debug, thiserror::Error)]
enum DiffError {
    #[error("cannot use `{}`", escape::path(.path))]
    Profile {
        path: PathBuf,
        source: read::ReadError,
    },
    #[error("cannot use `{}`", escape::path(.path))]
    Recording {
        path: PathBuf,
        source: recording::FileError,
    },
    #[error("`{}` and `{}` are not of one kind", escape::path(.a), escape::path(.b))]
    Mixed { a: PathBuf, b: PathBuf },
}

/// What tells a recording from a profile.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Marks {
    schema_version: Option<IgnoredAny>,
    default_action: Option<IgnoredAny>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let sink = Sink::open(Some(&arguments.report.output))?;
    let contents = (content(&arguments.a)?, content(&arguments.b)?);
    let (report, exit) = match contents {
        (Content::Profile(a), Content::Profile(b)) => profiles(arguments, &a, &b)?,
        (Content::Recordings(a), Content::Recordings(b)) => compare(arguments, &a, &b),
        _ => {
            let (a, b) = (arguments.a.clone(), arguments.b.clone());
            return Err(Failure::invalid(DiffError::Mixed { a, b })
                .hint("`seccomp-tracer check PROFILE --recording REC` compares the two kinds"));
        }
    };
    sink.write(&report)?;
    Ok(exit)
}

fn profiles(arguments: &Arguments, a: &Source, b: &Source) -> Result<(String, Exit), Failure> {
    let native = Abi::X86_64;
    let (circumstances, notes) = arguments.circumstances.of(&[], native)?;
    for note in &notes {
        output::say(&format!("note: {note}"));
    }
    let runtime = arguments.runtime.runtime(&[a, b])?;
    let [a, b] = [a, b].map(|source| source.resolve(&circumstances));
    let meaning = |profile: &Profile| Meaning::under(profile, native, runtime);
    let mut diff = diff::profiles(native, &meaning(&a), &meaning(&b));
    diff.settings = diff::settings(&a, &b);
    let (a, b) = (name(&arguments.a), name(&arguments.b));
    let report = match arguments.report.format {
        Format::Text if arguments.summary => text::profiles_summary(&a, &b, &diff),
        Format::Text => text::profiles(&a, &b, &diff),
        Format::Json => json::profiles(&a, &b, &diff),
    };
    let exit = if diff.is_empty() {
        Exit::Done
    } else {
        Exit::Gate
    };
    Ok((report, exit))
}

fn compare(arguments: &Arguments, a: &Runs, b: &Runs) -> (String, Exit) {
    let diff = diff::recordings(a, b);
    let (a, b) = (name(&arguments.a), name(&arguments.b));
    let report = match arguments.report.format {
        Format::Text if arguments.summary => text::recordings_summary(&a, &b, &diff),
        Format::Text => text::recordings(&a, &b, &diff),
        Format::Json => json::recordings(&a, &b, &diff),
    };
    let exit = match (diff.is_empty(), diff.missing) {
        (false, _) => Exit::Gate,
        (true, (0, 0)) => Exit::Done,
        (true, _) => Exit::Incomplete,
    };
    (report, exit)
}

fn content(path: &Path) -> Result<Content, Failure> {
    if recordings::files(path)? != [path] {
        let recorded = recordings::read(&[path.to_owned()], Incomplete::Accept)?;
        return Ok(Content::Recordings(Box::new(recorded.runs)));
    }
    let text = output::read(path)?;
    read_content(path, &text).map_err(Failure::invalid)
}

/// A recording has a `schemaVersion`, a profile a `defaultAction`; a file with neither, or that is no
/// JSON, is read as a profile, which says best what is wrong with it.
fn read_content(path: &Path, text: &str) -> Result<Content, DiffError> {
    let path = path.to_owned();
    let marks: Marks = serde_json::from_str(text).unwrap_or_default();
    if marks.schema_version.is_some() && marks.default_action.is_none() {
        let runs = recording::read(text).map_err(|source| DiffError::Recording { path, source })?;
        return Ok(Content::Recordings(Box::new(runs)));
    }
    read::profile(text)
        .map(|source| Content::Profile(Box::new(source)))
        .map_err(|source| DiffError::Profile { path, source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::testing;

    #[test]
    fn the_kind_of_a_file_is_seen_from_its_content() {
        let recording = recording::to_json(&testing::recording("r", vec![]));
        let kind = |text: &str| match read_content(Path::new("f"), text) {
            Ok(Content::Profile(_)) => "profile",
            Ok(Content::Recordings(_)) => "recording",
            Err(DiffError::Recording { .. }) => "bad recording",
            Err(_) => "bad profile",
        };
        let table = [
            (recording.as_str(), "recording"),
            (r#"{"schemaVersion": 99}"#, "bad recording"),
            (r#"{"defaultAction": "SCMP_ACT_ALLOW"}"#, "profile"),
            (r#"{"defaultAction": "ALLOW"}"#, "bad profile"),
            ("{}", "bad profile"),
            ("{", "bad profile"),
            ("[]", "bad profile"),
        ];
        for (text, expected) in table {
            assert_eq!(kind(text), expected, "{text}");
        }
    }
}
