//! `merge`: many recordings in, one recording out.

use super::exit::Exit;
use super::failure::Failure;
use super::output::{self, Sink};
use super::recordings::{self, Incomplete};
use crate::estimate::Sureness;
use crate::recording::{self, Runs};
use crate::report::{escape, text};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Put recordings together into one that holds all their runs.
///
/// Nothing about any run is lost. The result is the same whatever the order and grouping, and a run that
/// comes twice counts once, so results can be merged again as more runs come in.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[arg(required = true, value_name = "REC", help = recordings::HELP)]
    recordings: Vec<PathBuf>,
    /// Where the recording goes.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let sink = Sink::open(Some(&arguments.output))?;
    let recorded = recordings::read(&arguments.recordings, Incomplete::Accept)?;
    sink.write_with(|out| recording::write(&recorded.runs, out))?;
    summarise(&recorded.runs, &arguments.output);
    Ok(Exit::Done)
}

fn summarise(runs: &Runs, path: &Path) {
    let calls: BTreeSet<_> = runs.facts().map(|(key, _)| key.call).collect();
    let path = escape::path(path);
    output::say(&format!(
        "wrote {path}: {} runs, {} calls, {} lost",
        runs.runs().len(),
        calls.len(),
        runs.missing()
    ));
    let sureness = Sureness::of(runs, &|_, _| None);
    for line in text::sureness_in_brief(&sureness) {
        output::say(&line);
    }
    if path != "-" {
        output::say(&format!(
            "next: seccomp-tracer generate {path} -o profile.json"
        ));
    }
}
