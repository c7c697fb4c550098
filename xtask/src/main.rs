//! `cargo xtask`: the one entry for development.
//!
//! It depends on no crate of the workspace, so that it runs on a bare machine and can install what the
//! workspace needs.

mod baseline;
mod bench;
mod check;
mod codegen;
mod command;
mod compose;
mod counts;
mod demo;
mod ebpf;
mod engine;
mod interrupt;
mod own_profile;
mod readme;
mod setup;
mod talk;
mod tally;
mod test;
mod vm;
mod workloads;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Set-up, build, test, and demonstration of seccomp-tracer.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
#[command(disable_help_subcommand = true)]
struct CommandLine {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Demo(demo::Arguments),
    Test(test::Arguments),
    Laws(test::LawArguments),
    Setup(setup::Arguments),
    Check(check::Arguments),
    Codegen(codegen::Arguments),
    Baseline(baseline::Arguments),
    Ebpf(ebpf::Arguments),
    Bench(bench::Arguments),
    Counts(counts::Arguments),
    Readme(readme::Arguments),
    Engine(engine::Arguments),
    OwnProfile(own_profile::Arguments),
    Vm(vm::Arguments),
    Workloads(workloads::Arguments),
}

fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    interrupt::listen();
    let result = match command_line.verb {
        Verb::Setup(arguments) => setup::run(&arguments),
        Verb::OwnProfile(own_profile::Arguments {}) => own_profile::run(),
        Verb::Engine(arguments) => engine::run(&arguments),
        Verb::Check(check::Arguments {}) => check::run(),
        Verb::Demo(arguments) => demo::run(&arguments),
        Verb::Test(arguments) => test::run(&arguments),
        Verb::Laws(test::LawArguments {}) => test::laws(),
        Verb::Readme(readme::Arguments {}) => readme::run(),
        Verb::Codegen(arguments) => codegen::run(&arguments),
        Verb::Baseline(arguments) => baseline::run(&arguments),
        Verb::Ebpf(arguments) => ebpf::run(&arguments),
        Verb::Bench(arguments) => bench::run(&arguments),
        Verb::Vm(arguments) => vm::run(&arguments),
        Verb::Workloads(arguments) => workloads::run(&arguments),
        Verb::Counts(arguments) => counts::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            talk::error(&error);
            ExitCode::FAILURE
        }
    }
}
