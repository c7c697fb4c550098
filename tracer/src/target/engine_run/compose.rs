//! `docker compose` and `docker-compose` as a user types them.
//!
//! Pure. What is in the files is Compose's business: it is asked for the whole project, and told to take that
//! instead, with what we need in it. The grammar is that of Compose 2:
//! <https://docs.docker.com/reference/cli/docker/compose/>.

use super::flags::{Flag, Flags, scan};
use super::others::{is_one_of, operands};
use std::ffi::{OsStr, OsString};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A Compose command line that has containers work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComposeRun {
    words: Vec<OsString>,
    /// The engine's client with its flags that say which engine is meant.
    pub client: Vec<OsString>,
    /// The same up to the word `compose`, or to `docker-compose`.
    compose: Vec<OsString>,
    /// The flags of Compose itself.
    globals: Range<usize>,
    /// Every `--file` among them.
    files: Vec<(Range<usize>, OsString)>,
    directory: Option<OsString>,
    /// What it is to do.
    pub verb: ComposeVerb,
    /// A file of the project that comes by standard input.
    input: Option<String>,
}

/// What Compose is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComposeVerb {
    /// `up`: services, all unless some are named.
    Up,
    /// `run`: another container of this service, and what it needs.
    Run(OsString),
    /// `start` or `restart` what is there of these services; of none, of all.
    Start(Vec<OsString>),
    /// `exec` in what runs of this service.
    Exec {
        /// The service.
        service: OsString,
        /// Whether it returns while what it started still runs.
        detached: bool,
    },
}

static SWITCHES: Flags = Flags {
    long: &[
        "all-resources",
        "compatibility",
        "dry-run",
        "help",
        "no-ansi",
        "verbose",
        "version",
    ],
    short: b"vh",
};

static RUN_SWITCHES: Flags = Flags {
    long: &[
        "build",
        "detach",
        "help",
        "interactive",
        "no-TTY",
        "no-deps",
        "quiet",
        "quiet-build",
        "quiet-pull",
        "remove-orphans",
        "rm",
        "service-ports",
        "tty",
        "use-aliases",
    ],
    short: b"diPqTt",
};

static START_SWITCHES: Flags = Flags {
    long: &["help", "no-deps", "wait"],
    short: b"",
};

static EXEC_SWITCHES: Flags = Flags {
    long: &[
        "detach",
        "help",
        "interactive",
        "no-TTY",
        "no-tty",
        "privileged",
        "tty",
    ],
    short: b"diTt",
};

/// Reads the words after `compose`, or after `docker-compose`; `None` if it makes no container work.
pub(super) fn recognise(
    words: &[OsString],
    client: Vec<OsString>,
    compose: Vec<OsString>,
    from: usize,
) -> Option<ComposeRun> {
    let scanned = scan(words, from, &SWITCHES);
    let files = named(&scanned.flags, ["file", "f"]);
    let files = files.map(|flag| (flag.words.clone(), flag.value.clone().unwrap_or_default()));
    let files: Vec<_> = files.collect();
    let directory = named(&scanned.flags, ["project-directory", "workdir"]).last();
    let verb_at = scanned.end;
    let verb = words.get(verb_at)?;
    let verb = if is_one_of(verb, &[b"up"]) {
        ComposeVerb::Up
    } else if is_one_of(verb, &[b"run"]) {
        let run = scan(words, verb_at + 1, &RUN_SWITCHES);
        ComposeVerb::Run(words.get(run.end)?.clone())
    } else if is_one_of(verb, &[b"start", b"restart"]) {
        let (_, services) = operands(words, verb_at + 1, &START_SWITCHES);
        ComposeVerb::Start(services)
    } else if is_one_of(verb, &[b"exec"]) {
        let exec = scan(words, verb_at + 1, &EXEC_SWITCHES);
        let mut flags = exec.flags.iter();
        ComposeVerb::Exec {
            service: words.get(exec.end)?.clone(),
            detached: flags.any(|flag| flag.is("detach") || flag.is("d")),
        }
    } else {
        return None;
    };
    Some(ComposeRun {
        words: words.to_vec(),
        client,
        compose,
        globals: from..verb_at,
        files,
        directory: directory.and_then(|flag| flag.value.clone()),
        verb,
        input: None,
    })
}

/// The flags of either name.
fn named<'a>(flags: &'a [Flag], names: [&'static str; 2]) -> impl Iterator<Item = &'a Flag> {
    let flags = flags.iter();
    flags.filter(move |flag| names.iter().any(|name| flag.is(name)))
}

impl ComposeRun {
    /// Whether a file of the project comes by standard input, and has not been taken from there.
    #[must_use]
    pub fn reads_input(&self) -> bool {
        self.input.is_none() && self.files.iter().any(|(_, file)| file == "-")
    }

    /// The same with that file.
    #[must_use]
    pub fn with_input(self, input: String) -> Self {
        Self {
            input: Some(input),
            ..self
        }
    }

    /// That file.
    #[must_use]
    pub fn input(&self) -> Option<&str> {
        self.input.as_deref()
    }

    /// The command line that asks for the project, with the services of every profile.
    #[must_use]
    pub fn question(&self) -> Vec<OsString> {
        let words = ["--profile", "*", "config", "--format", "json"];
        self.asking(&words.map(OsString::from))
    }

    /// The command line that asks for the ids of containers that there are of services; of none, of all.
    #[must_use]
    pub fn containers_question(&self, services: &[OsString]) -> Vec<OsString> {
        let words = ["ps", "--all", "--quiet"].map(OsString::from);
        self.asking(&[&words, services].concat())
    }

    fn asking(&self, words: &[OsString]) -> Vec<OsString> {
        [&self.compose, &self.words[self.globals.clone()], words].concat()
    }

    /// The directory that the project's own files mean by `.`, if the command line says it.
    #[must_use]
    pub fn directory(&self) -> Option<&Path> {
        let file = self.files.first();
        let of_file = file.and_then(|(_, file)| Path::new(file).parent());
        let of_file = of_file.map(|parent| {
            if parent.as_os_str().is_empty() {
                Path::new(".")
            } else {
                parent
            }
        });
        self.directory.as_deref().map(Path::new).or(of_file)
    }

    /// The project's own files, as the command line names them.
    #[must_use]
    pub fn files(&self) -> Vec<&OsStr> {
        self.files
            .iter()
            .map(|(_, file)| file.as_os_str())
            .collect()
    }

    /// The command line with another file in the place of the project's own, which lie in a directory.
    #[must_use]
    pub fn with_file(&self, file: &Path, directory: &Path) -> Vec<OsString> {
        let flag = |name: &str, value: &OsStr| {
            let mut word = OsString::from(name);
            word.push(value);
            word
        };
        let ours = [
            flag("--file=", file.as_os_str()),
            flag("--project-directory=", directory.as_os_str()),
        ];
        self.with(&ours)
    }

    /// The command line with these files in the place of the project's own.
    #[must_use]
    pub fn with_files(&self, files: &[PathBuf]) -> Vec<OsString> {
        let words = files.iter();
        let words = words.flat_map(|file| [OsString::from("-f"), file.as_os_str().to_owned()]);
        self.with(&words.collect::<Vec<_>>())
    }

    /// The command line with these words where the flags of Compose begin, and without its files.
    fn with(&self, ours: &[OsString]) -> Vec<OsString> {
        let is_file = |at: usize| self.files.iter().any(|(words, _)| words.contains(&at));
        let (head, rest) = self.words.split_at(self.globals.start);
        let rest = (self.globals.start..).zip(rest);
        let rest = rest.filter(|&(at, _)| !is_file(at)).map(|(_, word)| word);
        // Of several directories the last one counts: the user's.
        head.iter().chain(ours).chain(rest).cloned().collect()
    }
}
