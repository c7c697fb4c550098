//! `cargo xtask`: the one entry for development.
//!
//! It depends on no crate of the workspace, so that it runs on a bare machine and can install what the
//! workspace needs.

mod check;
mod command;
mod ebpf;
mod engine;
mod interrupt;
mod setup;
mod talk;
mod tally;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Set-up, build, test, and demonstration of seccomp-tracer.
#[derive(Parser)]
#[command(name = "cargo xtask", max_term_width = 100)]
#[command(disable_help_subcommand = true)]
struct CommandLine {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Setup(setup::Arguments),
    Check(check::Arguments),
    Ebpf(ebpf::Arguments),
    Engine(engine::Arguments),
}

fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    interrupt::listen();
    let result = match command_line.verb {
        Verb::Setup(arguments) => setup::run(&arguments),
        Verb::Engine(arguments) => engine::run(&arguments),
        Verb::Check(check::Arguments {}) => check::run(),
        Verb::Ebpf(arguments) => ebpf::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            talk::error(&error);
            ExitCode::FAILURE
        }
    }
}
