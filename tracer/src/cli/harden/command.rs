//! The command that is hardened, as it is and under a profile.

use crate::cli::failure::Failure;
use crate::report::escape;
use crate::target::engine_run::{self, ComposeRun, ComposeVerb, EngineKind, EngineRun, Recognised};
use std::ffi::OsString;
use std::path::Path;

/// What runs several times.
pub(super) enum Command {
    /// A program; our own loader puts it under a profile.
    Program(Vec<OsString>),
    /// A container; its engine does.
    Container(Vec<OsString>, Box<EngineRun>),
}

/// A command that can run several times.
pub(super) enum Fit {
    /// One target.
    One(Command),
    /// The services of a project.
    Project(Box<ComposeRun>),
}

/// A command that cannot run several times, each under another profile.
#[derive(Debug, thiserror::Error)]
enum Unfit {
    #[error("the command names a seccomp profile of its own")]
    NamesProfile,
    #[error("the container keeps its name, so it can run only once")]
    KeepsName,
    #[error("`{} {}` cannot be hardened", .0.name(), escape::text(.1))]
    ClientOnly(EngineKind, String),
    #[error("a container of {} that exists already cannot be hardened", .0.name())]
    Exists(EngineKind),
    #[error("cannot find this program")]
    Own(#[source] std::io::Error),
}

impl Command {
    /// Tells what a command line is.
    pub(super) fn of(words: &[OsString]) -> Result<Fit, Failure> {
        let unfit = |unfit, hint: &str| Err(Failure::invalid(unfit).hint(hint));
        let exists = |kind| {
            unfit(
                Unfit::Exists(kind),
                "a container keeps its profile; harden the `run` or `up` that made it",
            )
        };
        match engine_run::recognise(words) {
            Recognised::Run(run) if run.names_profile() => {
                unfit(Unfit::NamesProfile, "leave out `--security-opt seccomp=…`")
            }
            Recognised::Run(run) if run.keeps_name => {
                unfit(Unfit::KeepsName, "add --rm, or leave out --name")
            }
            Recognised::Run(run) => {
                let container = Self::Container(words.to_vec(), Box::new(run));
                Ok(Fit::One(container))
            }
            Recognised::Compose(run) => match &run.verb {
                ComposeVerb::Up | ComposeVerb::Run(_) => Ok(Fit::Project(Box::new(run))),
                ComposeVerb::Start(_) | ComposeVerb::Exec { .. } => exists(EngineKind::Docker),
            },
            Recognised::Start(run) => exists(run.kind),
            Recognised::Exec(run) => exists(run.kind),
            Recognised::ClientOnly { kind, verb } | Recognised::Unfollowed { kind, verb } => unfit(
                Unfit::ClientOnly(kind, verb),
                "of containers, `docker run`, `podman run` and `docker compose up` are followed",
            ),
            Recognised::Program => Ok(Fit::One(Self::Program(words.to_vec()))),
        }
    }

    /// How it is called in messages.
    pub(super) fn label(&self) -> String {
        let word = match self {
            Self::Program(words) => words.first(),
            Self::Container(words, run) => run.image.as_ref().or(words.first()),
        };
        word.map(|word| word.to_string_lossy().into_owned())
            .unwrap_or_default()
    }

    /// As the user gave it.
    pub(super) fn plain(&self) -> Vec<OsString> {
        match self {
            Self::Program(words) | Self::Container(words, _) => words.clone(),
        }
    }

    /// Under a profile.
    pub(super) fn under(&self, profile: &Path) -> Result<Vec<OsString>, Failure> {
        let words = match self {
            Self::Container(_, run) => return Ok(run.with_profile(profile)),
            Self::Program(words) => words,
        };
        let own = std::env::current_exe();
        let own = own.map_err(|error| Failure::environment(Unfit::Own(error)))?;
        let loader = [own.into(), "run".into(), "--profile".into(), profile.into()];
        let loader = loader.into_iter().chain(["--".into()]);
        Ok(loader.chain(words.iter().cloned()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<Command, String> {
        let words: Vec<OsString> = line.split(' ').map(Into::into).collect();
        match Command::of(&words).map_err(|failure| failure.error.to_string())? {
            Fit::One(command) => Ok(command),
            Fit::Project(_) => Err("a project".to_owned()),
        }
    }

    #[test]
    fn a_container_gets_the_profile_from_its_engine() {
        let docker = of("docker --debug run --rm --name web nginx -g x")
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(docker.label(), "nginx");
        let under = docker.under(Path::new("/tmp/p.json")).expect("words");
        let expected =
            "docker --debug run --security-opt seccomp=/tmp/p.json --rm --name web nginx -g x";
        assert_eq!(under, expected.split(' ').collect::<Vec<_>>());
    }

    #[test]
    fn a_program_gets_it_from_us() {
        let program = of("sh -c x").unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(program.label(), "sh");
        let under = program.under(Path::new("/tmp/p.json")).expect("words");
        let expected = ["run", "--profile", "/tmp/p.json", "--", "sh", "-c", "x"];
        assert_eq!(under[1..], expected);
    }

    #[test]
    fn what_can_run_only_once_is_refused() {
        let table = [
            (
                "docker run --security-opt seccomp=unconfined x",
                "the command names a seccomp profile of its own",
            ),
            (
                "docker run --security-opt=seccomp:p.json x",
                "the command names a seccomp profile of its own",
            ),
            (
                "docker run --name web x",
                "the container keeps its name, so it can run only once",
            ),
            ("docker compose up", "a project"),
            ("docker-compose run --rm web sh", "a project"),
            ("docker build .", "`docker build` cannot be hardened"),
            (
                "docker compose start",
                "a container of docker that exists already cannot be hardened",
            ),
            (
                "podman start web",
                "a container of podman that exists already cannot be hardened",
            ),
        ];
        for (line, expected) in table {
            assert_eq!(of(line).err().as_deref(), Some(expected), "{line}");
        }
        for line in [
            "docker run --name web --rm x",
            "docker run --security-opt no-new-privileges x",
            "docker run x --name web",
        ] {
            assert!(of(line).is_ok(), "{line}");
        }
    }
}
