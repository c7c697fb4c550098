//! The command line: the only place that names clap, prints, or picks an exit code.
//!
//! Parsing touches nothing, so `--help` always works. One file per verb, each with its arguments and its
//! action.

mod apply;
mod audit;
mod base;
mod check;
mod clients;
mod closeness;
mod complain;
mod completions;
mod convert;
mod daemon;
mod diff;
mod doctor;
mod doctor_report;
mod doctor_trial;
mod exit;
mod explain;
mod failure;
mod folder;
mod format;
mod gate;
mod generate;
mod harden;
mod hint;
mod hook;
mod keeping;
mod limits;
mod live;
mod lives;
mod man;
mod merge;
mod messages;
mod offer;
mod output;
mod plan;
mod profiles;
mod progress;
mod ps;
mod record;
mod recordings;
mod recover;
mod remarks;
mod rights;
mod run;
mod runtime;
mod start;
mod started;
mod unobserved;
mod watch;
mod watching;
mod workloads;

use clap::{Parser, Subcommand};
use exit::Exit;
use failure::Failure;
use std::process::ExitCode;

/// Record what a container workload really does; turn that into the least-privilege seccomp profile for it.
#[derive(Parser)]
#[command(name = "seccomp-tracer", version, max_term_width = 100)]
#[command(disable_help_subcommand = true)]
struct CommandLine {
    #[command(subcommand)]
    verb: Verb,
    /// Say on stderr what is done behind the scenes.
    #[arg(short, long, global = true)]
    verbose: bool,
}

#[derive(Subcommand)]
enum Verb {
    Record(record::Arguments),
    Watch(watch::Arguments),
    Merge(merge::Arguments),
    Generate(generate::Arguments),
    Audit(audit::Arguments),
    Check(check::Arguments),
    Diff(diff::Arguments),
    Convert(convert::Arguments),
    Explain(explain::Arguments),
    Run(run::Arguments),
    Harden(harden::Arguments),
    Hook(hook::Arguments),
    Daemon(daemon::Arguments),
    Ps(ps::Arguments),
    Doctor(doctor::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

/// Parses the command line, does what it says, and reports how it went.
#[must_use]
pub fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    messages::show(command_line.verbose);
    let result = rights::give_back().and_then(|()| act(command_line.verb));
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => {
            output::failure(&failure);
            failure.exit.into()
        }
    }
}

fn act(verb: Verb) -> Result<Exit, Failure> {
    match verb {
        Verb::Record(arguments) => record::run(&arguments),
        Verb::Watch(arguments) => watch::run(&arguments),
        Verb::Merge(arguments) => merge::run(&arguments),
        Verb::Generate(arguments) => generate::run(&arguments),
        Verb::Audit(arguments) => audit::run(&arguments),
        Verb::Check(arguments) => check::run(&arguments),
        Verb::Diff(arguments) => diff::run(&arguments),
        Verb::Convert(arguments) => convert::run(&arguments),
        Verb::Explain(arguments) => explain::run(&arguments),
        Verb::Run(arguments) => run::run(&arguments),
        Verb::Harden(arguments) => harden::run(&arguments),
        Verb::Hook(arguments) => hook::run(&arguments),
        Verb::Daemon(arguments) => daemon::run(arguments),
        Verb::Ps(arguments) => ps::run(&arguments),
        Verb::Doctor(arguments) => doctor::run(&arguments),
        Verb::Completions(arguments) => completions::run(&arguments),
        Verb::Man(arguments) => man::run(&arguments),
    }
}
