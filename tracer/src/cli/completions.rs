//! `completions`: what a shell needs to complete this program's command line.

use super::exit::Exit;
use super::failure::Failure;
use super::output::Sink;
use clap::CommandFactory;
use clap_complete::Shell;

/// Print the completion script for a shell.
#[derive(clap::Args)]
#[command(after_help = "\
For bash: seccomp-tracer completions bash > ~/.local/share/bash-completion/completions/seccomp-tracer
For zsh, into a directory of $fpath: seccomp-tracer completions zsh > _seccomp-tracer
For fish: seccomp-tracer completions fish > ~/.config/fish/completions/seccomp-tracer.fish")]
pub(super) struct Arguments {
    /// The shell.
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    Sink::open(None)?.write(&script(arguments.shell))?;
    Ok(Exit::Done)
}

/// The completion script of a shell.
fn script(shell: Shell) -> String {
    let mut command = super::CommandLine::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    #[test]
    fn every_script_knows_every_verb() {
        let command = super::super::CommandLine::command();
        for &shell in Shell::value_variants() {
            let script = script(shell);
            for verb in command.get_subcommands() {
                assert!(
                    script.contains(verb.get_name()),
                    "{shell} does not know `{}`",
                    verb.get_name()
                );
            }
        }
    }
}
