//! `man`: the manual pages, made from the same texts as `--help`.

use super::exit::Exit;
use super::failure::Failure;
use super::output::{self, Sink};
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use std::fs;
use std::io;
use std::path::PathBuf;

/// Print the manual page, or write the pages of all verbs into a directory.
#[derive(clap::Args)]
#[command(after_help = "To read it: seccomp-tracer man | man -l -")]
pub(super) struct Arguments {
    /// The verb whose page is printed; the program itself if left out.
    #[arg(value_name = "VERB", conflicts_with = "directory")]
    verb: Option<String>,
    /// Write every page into this directory, which is made if it is not there.
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
}

/// A verb that does not exist.
#[derive(Debug, thiserror::Error)]
#[error("no verb is called `{}`", crate::report::escape::text(.0))]
struct UnknownVerb(String);

/// A directory that cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make the directory `{}`", crate::report::escape::path(.path))]
struct CannotMake {
    path: PathBuf,
    source: io::Error,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let pages = pages().map_err(Failure::invalid)?;
    if let Some(directory) = &arguments.directory {
        fs::create_dir_all(directory).map_err(|source| {
            let path = directory.clone();
            Failure::invalid(CannotMake { path, source })
        })?;
        for (name, page) in &pages {
            Sink::open(Some(&directory.join(format!("{name}.1"))))?.write(page)?;
        }
        output::say(&format!("wrote {} manual pages", pages.len()));
        return Ok(Exit::Done);
    }
    let program = command().get_name().to_owned();
    let wanted = match &arguments.verb {
        Some(verb) => format!("{program}-{verb}"),
        None => program,
    };
    let Some((_, page)) = pages.iter().find(|(name, _)| *name == wanted) else {
        let verb = arguments.verb.clone().unwrap_or_default();
        return Err(
            Failure::invalid(UnknownVerb(verb)).hint("`seccomp-tracer --help` lists the verbs")
        );
    };
    Sink::open(None)?.write(page)?;
    Ok(Exit::Done)
}

fn command() -> Command {
    super::CommandLine::command()
}

/// Every page with its name: the program's first, then one for each verb.
fn pages() -> io::Result<Vec<(String, String)>> {
    let mut program = command();
    // Gives every verb its full name and the way it is called.
    program.build();
    let name = program.get_name().to_owned();
    let mut pages = vec![(name.clone(), page(program.clone())?)];
    for verb in program.get_subcommands() {
        let full = format!("{name}-{}", verb.get_name());
        pages.push((full, page(verb.clone())?));
    }
    Ok(pages)
}

fn page(command: Command) -> io::Result<String> {
    let mut page = Vec::new();
    let source = concat!("seccomp-tracer ", env!("CARGO_PKG_VERSION"));
    Man::new(command).source(source).render(&mut page)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_page_for_the_program_and_for_every_verb() {
        let pages = pages().unwrap();
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        let mut expected = vec!["seccomp-tracer".to_owned()];
        let verbs = command();
        let verbs = verbs.get_subcommands();
        expected.extend(verbs.map(|verb| format!("seccomp-tracer-{}", verb.get_name())));
        assert_eq!(names, expected);
        assert!(names.contains(&"seccomp-tracer-man"));
        for (name, page) in &pages {
            assert!(page.contains(&format!(".TH {name} 1")), "{name}:\n{page}");
        }
    }
}
