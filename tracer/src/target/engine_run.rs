//! `docker run` and `podman run` as a user types them: recognised, and rewritten so that the container appears
//! below a cgroup that is watched before the engine starts anything.
//!
//! Pure. It refuses to know the engine's state, and never looks into the container's own command.
//! The grammars are those of the Docker client 28 and of Podman 5:
//! <https://docs.docker.com/reference/cli/docker/container/run/>,
//! <https://docs.podman.io/en/latest/markdown/podman-run.1.html>.

mod compose;
mod flags;
mod kind;
mod others;

pub use compose::{ComposeRun, ComposeVerb};
pub use kind::{CgroupDriver, EngineKind};
pub use others::{ExecRun, StartRun};

use super::wrapper::{self, Behind};
use flags::scan;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// What a command line is to the recorder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recognised {
    /// An ordinary program.
    Program,
    /// `docker run` or `podman run`.
    Run(EngineRun),
    /// `docker start` and the like.
    Start(StartRun),
    /// `docker exec` and the like.
    Exec(ExecRun),
    /// `docker compose up` and the like.
    Compose(ComposeRun),
    /// Another verb of a client that makes containers work; watching the client would miss them.
    ClientOnly {
        /// Whose client.
        kind: EngineKind,
        /// The verb, like `exec` or `compose`.
        verb: String,
    },
    /// A verb of a client that starts containers of which none can be followed from its first call.
    Unfollowed {
        /// Whose client.
        kind: EngineKind,
        /// The verb, like `kube play`.
        verb: String,
    },
}

impl Recognised {
    /// Whether it is for several containers, or may be: each has a recording of its own.
    #[must_use]
    pub fn is_several(&self) -> bool {
        match self {
            Self::Program
            | Self::Run(_)
            | Self::Exec(_)
            | Self::ClientOnly { .. }
            | Self::Unfollowed { .. } => false,
            Self::Start(run) => run.containers.len() > 1,
            Self::Compose(run) => match run.verb {
                ComposeVerb::Up | ComposeVerb::Run(_) | ComposeVerb::Start(_) => true,
                ComposeVerb::Exec { .. } => false,
            },
        }
    }
}

/// A `docker run` or `podman run` command line, perhaps behind commands that run others, like `timeout`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineRun {
    /// Whose client.
    pub kind: EngineKind,
    words: Vec<OsString>,
    /// Where the flags of `run` begin.
    flags_at: usize,
    /// Every `--cgroup-parent` with its place: in one word with `=`, or in the word after.
    parents: Vec<PlacedFlag>,
    /// Every `--security-opt` with its place.
    security_options: Vec<PlacedFlag>,
    /// Every `--env` with its place.
    variables: Vec<PlacedFlag>,
    /// `--name` without `--rm`: a second run would find the name taken.
    pub keeps_name: bool,
    /// The client with its flags that say which engine is meant, like `--context prod`, behind what says where and
    /// as whom it runs, like `sudo` or `env DOCKER_HOST=…`.
    pub client: Vec<OsString>,
    /// Whether the client returns while the container still runs.
    pub detached: bool,
    /// The image, if there is one.
    pub image: Option<OsString>,
    /// The container's own command, behind the image.
    pub arguments: Vec<OsString>,
    /// `--init`, if it is given.
    pub init: Option<bool>,
    /// `--user`, if it is given.
    pub user: Option<OsString>,
    runtime: Option<OsString>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct PlacedFlag {
    /// The words of the flag: one with `=`, else two.
    words: std::ops::Range<usize>,
    value: OsString,
}

/// A `--cgroup-parent` that cannot be nested into.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot nest below `--cgroup-parent` `{}`", crate::report::escape::text(.given))]
pub struct BadParent {
    /// As the user gave it.
    pub given: String,
    /// Whose rules it breaks.
    pub driver: CgroupDriver,
}

impl BadParent {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self.driver {
            CgroupDriver::Cgroupfs => "give a path below the root cgroup, without `..`",
            CgroupDriver::Systemd => {
                "the engine's cgroup driver is systemd: the parent must look like `name.slice`"
            }
        };
        Some(hint.into())
    }
}

/// The parent cgroup for one recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parent {
    /// What the engine is told.
    pub value: OsString,
    /// Where that is, below the root of the hierarchy.
    pub directory: PathBuf,
}

/// Tells what a command line is.
#[must_use]
pub fn recognise(command: &[OsString]) -> Recognised {
    let behind = wrapper::behind(command);
    let program = command.get(behind.at);
    if program.is_some_and(|program| Path::new(program).file_name() == Some(OsStr::new(COMPOSE))) {
        return standalone(command, &behind);
    }
    let Some(kind) = program.and_then(|program| EngineKind::of_program(program)) else {
        return Recognised::Program;
    };
    let client = scan(command, behind.at + 1, kind.client_switches());
    let mut verb_at = client.end;
    if command.get(verb_at).is_some_and(|word| word == "container") {
        verb_at += 1;
    }
    let Some(verb) = command.get(verb_at) else {
        return Recognised::Program;
    };
    let words = |end: usize| {
        let own = command[behind.at..end].to_vec();
        [behind.surroundings(command), own].concat()
    };
    let client_only = || Recognised::ClientOnly {
        kind,
        verb: verb.to_string_lossy().into_owned(),
    };
    let after = verb_at + 1;
    match verb.as_bytes() {
        b"start" | b"restart" => others::start(kind, words(client.end), command, after)
            .map_or_else(client_only, Recognised::Start),
        b"exec" => others::exec(kind, words(client.end), command, after)
            .map_or_else(client_only, Recognised::Exec),
        b"compose" if kind == EngineKind::Docker => {
            compose::recognise(command, words(client.end), words(after), after)
                .map_or_else(client_only, Recognised::Compose)
        }
        b"run" => Recognised::Run(engine_run(kind, command, &behind, client.end, verb_at + 1)),
        b"stack" | b"service" | b"kube" | b"play" | b"pod" => {
            let next = command.get(after).map(|word| word.as_bytes());
            let verb = unfollowed(verb.as_bytes(), next.unwrap_or_default());
            verb.map_or_else(client_only, |verb| Recognised::Unfollowed {
                kind,
                verb: verb.to_owned(),
            })
        }
        b"create" | b"compose" | b"build" | b"buildx" => client_only(),
        _ => Recognised::Program,
    }
}

/// Verbs that start pods, or services of a swarm: containers in cgroups that the engine chooses.
fn unfollowed(verb: &[u8], next: &[u8]) -> Option<&'static str> {
    Some(match (verb, next) {
        (b"kube", b"play") => "kube play",
        (b"play", b"kube") => "play kube",
        (b"pod", b"start") => "pod start",
        (b"pod", b"restart") => "pod restart",
        (b"stack", b"deploy" | b"up") => "stack deploy",
        (b"service", b"create") => "service create",
        (b"service", b"scale") => "service scale",
        (b"service", b"update") => "service update",
        _ => return None,
    })
}

/// A command line as it may be shown: without the values of a container's environment variables.
#[must_use]
pub fn shown(command: &[OsString]) -> Vec<OsString> {
    match recognise(command) {
        Recognised::Run(run) => run.without_values().0.words,
        Recognised::Program
        | Recognised::ClientOnly { .. }
        | Recognised::Unfollowed { .. }
        | Recognised::Start(_)
        | Recognised::Exec(_)
        | Recognised::Compose(_) => command.to_vec(),
    }
}

/// Compose as a program of its own.
const COMPOSE: &str = "docker-compose";

fn standalone(command: &[OsString], behind: &Behind) -> Recognised {
    let surroundings = behind.surroundings(command);
    let client = [&surroundings[..], &[EngineKind::Docker.name().into()]].concat();
    let own = command[behind.at..=behind.at].to_vec();
    let found = compose::recognise(command, client, [surroundings, own].concat(), behind.at + 1);
    found.map_or(
        Recognised::ClientOnly {
            kind: EngineKind::Docker,
            verb: "compose".to_owned(),
        },
        Recognised::Compose,
    )
}

/// The parent cgroup with a fresh name, below the one that is given.
pub(crate) fn parent_below(
    given: Option<&OsStr>,
    driver: CgroupDriver,
    fresh: &str,
) -> Result<Parent, BadParent> {
    let parent = match driver {
        CgroupDriver::Cgroupfs => path(given, fresh),
        CgroupDriver::Systemd => slice(given, fresh),
    };
    parent.ok_or_else(|| BadParent {
        given: given.unwrap_or_default().to_string_lossy().into_owned(),
        driver,
    })
}

fn engine_run(
    kind: EngineKind,
    command: &[OsString],
    behind: &Behind,
    client_end: usize,
    flags_at: usize,
) -> EngineRun {
    let scanned = scan(command, flags_at, kind.run_switches());
    // Of a switch that is given several times, the last one counts.
    let detach = scanned
        .flags
        .iter()
        .rfind(|flag| flag.is("detach") || flag.is("d"));
    let is_false = |value: &OsStr| {
        matches!(
            value.as_bytes(),
            b"false" | b"0" | b"f" | b"F" | b"FALSE" | b"False"
        )
    };
    let has = |name: &str| {
        let last = scanned.flags.iter().rfind(|flag| flag.is(name));
        last.is_some_and(|flag| !flag.value.as_deref().is_some_and(is_false))
    };
    let placed = |name: &str| -> Vec<PlacedFlag> {
        let flags = scanned.flags.iter().filter(|flag| flag.is(name));
        let flags = flags.map(|flag| PlacedFlag {
            words: flag.words.clone(),
            value: flag.value.clone().unwrap_or_default(),
        });
        flags.collect()
    };
    let is_given = |name: &str| scanned.flags.iter().any(|flag| flag.is(name));
    let mut users = scanned.flags.iter().rev();
    let user = users.find(|flag| flag.is("user") || flag.is("u"));
    EngineRun {
        kind,
        security_options: placed("security-opt"),
        variables: [placed("env"), placed("e")].concat(),
        keeps_name: has("name") && !has("rm"),
        words: command.to_vec(),
        flags_at,
        parents: placed("cgroup-parent"),
        arguments: command.get(scanned.end + 1..).unwrap_or_default().to_vec(),
        init: is_given("init").then(|| has("init")),
        user: user.and_then(|flag| flag.value.clone()),
        client: [
            behind.surroundings(command),
            command[behind.at..client_end].to_vec(),
        ]
        .concat(),
        detached: detach.is_some_and(|flag| !flag.value.as_deref().is_some_and(is_false)),
        image: command.get(scanned.end).cloned(),
        runtime: runtime(&scanned.flags)
            .or_else(|| runtime(&scan(command, behind.at + 1, kind.client_switches()).flags)),
    }
}

/// The last `--runtime` among flags.
fn runtime(flags: &[flags::Flag]) -> Option<OsString> {
    let last = flags.iter().rfind(|flag| flag.is("runtime"))?;
    last.value.clone()
}

impl EngineRun {
    /// `--name`, if it is given; of several, the last one counts.
    #[must_use]
    pub fn name(&self) -> Option<OsString> {
        let scanned = scan(&self.words, self.flags_at, self.kind.run_switches());
        let mut names = scanned.flags.into_iter().rev();
        names.find(|flag| flag.is("name"))?.value
    }

    /// The parent cgroup that the user asked for; of several, the last one counts.
    #[must_use]
    pub fn cgroup_parent(&self) -> Option<&OsStr> {
        let last = self.parents.last()?;
        (!last.value.is_empty()).then_some(last.value.as_os_str())
    }

    /// The parent for a recording with a fresh name, within the parent that the user asked for.
    ///
    /// # Errors
    ///
    /// [`BadParent`] if the user's parent is none for this driver.
    pub fn parent(&self, driver: CgroupDriver, fresh: &str) -> Result<Parent, BadParent> {
        parent_below(self.cgroup_parent(), driver, fresh)
    }

    /// The runtime that the user asks for; of several, the last one counts. Podman's is a flag of the client.
    #[must_use]
    pub fn runtime(&self) -> Option<String> {
        self.runtime
            .as_ref()
            .map(|runtime| runtime.to_string_lossy().into_owned())
    }

    /// The image, to call the container by before it has a name.
    #[must_use]
    pub fn label(&self) -> String {
        let image = self.image.as_ref();
        image.map_or_else(
            || "container".to_owned(),
            |image| image.to_string_lossy().into_owned(),
        )
    }

    /// Whether the user names a seccomp profile.
    #[must_use]
    pub fn names_profile(&self) -> bool {
        self.security_options.iter().any(names_profile)
    }

    /// The command line that runs the container under that profile, and no other.
    #[must_use]
    pub fn with_profile(&self, path: &Path) -> Vec<OsString> {
        let mut value = OsString::from("seccomp=");
        value.push(path);
        let own = self
            .security_options
            .iter()
            .filter(|flag| names_profile(flag));
        self.with(["--security-opt".into(), value], own)
    }

    /// The same without the values of environment variables, which may be secrets: the client then takes them from
    /// its own environment. And the names of those that had values.
    #[must_use]
    pub fn without_values(&self) -> (Self, BTreeSet<String>) {
        let (mut run, mut names) = (self.clone(), BTreeSet::new());
        for flag in &mut run.variables {
            let value = flag.value.as_bytes();
            let Some(length) = value.iter().position(|&byte| byte == b'=') else {
                continue;
            };
            let (name, rest) = value.split_at(length);
            let name = OsStr::from_bytes(name).to_owned();
            // Joined or not, the value is the end of the flag's last word.
            let word = run.words.get_mut(flag.words.end.saturating_sub(1));
            if let Some(word) = word {
                let length = word.len().saturating_sub(rest.len());
                let kept = word.as_bytes().get(..length).unwrap_or_default();
                *word = OsStr::from_bytes(kept).to_owned();
            }
            names.insert(name.to_string_lossy().into_owned());
            flag.value = name;
        }
        (run, names)
    }

    /// The command line that puts the container below the parent.
    #[must_use]
    pub fn with_parent(&self, parent: &Parent) -> Vec<OsString> {
        let mut flag = OsString::from("--cgroup-parent=");
        flag.push(&parent.value);
        self.with([flag], self.parents.iter())
    }

    /// The command line with these words where the flags of `run` begin, and without those flags.
    fn with<'a, const N: usize>(
        &self,
        words: [OsString; N],
        without: impl Iterator<Item = &'a PlacedFlag> + Clone,
    ) -> Vec<OsString> {
        let (head, _) = self.words.split_at(self.flags_at);
        let rest = self.words.iter().enumerate().skip(self.flags_at);
        let is_out = |at: usize| without.clone().any(|flag| flag.words.contains(&at));
        let rest = rest.filter(|&(at, _)| !is_out(at)).map(|(_, word)| word);
        head.iter().chain(&words).chain(rest).cloned().collect()
    }
}

/// Whether a `--security-opt` names a seccomp profile. Old clients write a colon.
fn names_profile(flag: &PlacedFlag) -> bool {
    let value = flag.value.as_bytes();
    value.starts_with(b"seccomp=") || value.starts_with(b"seccomp:")
}

/// A path with a fresh name. The engine takes a relative one from the root as well, in the documentation's
/// words; for us it has to be absolute in any case, because we make it before the engine does.
fn path(given: Option<&OsStr>, fresh: &str) -> Option<Parent> {
    let given = Path::new(given.unwrap_or_default());
    let mut directory = PathBuf::new();
    for part in given.components() {
        match part {
            Component::Normal(name) => directory.push(name),
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir | Component::Prefix(_) => return None,
        }
    }
    directory.push(fresh);
    let value = Path::new("/").join(&directory).into_os_string();
    Some(Parent { value, directory })
}

/// A slice with a fresh name. A hyphen in a slice's name means nesting: `a-b.slice` lies in `a.slice`.
/// <https://www.freedesktop.org/software/systemd/man/latest/systemd.slice.html>
fn slice(given: Option<&OsStr>, fresh: &str) -> Option<Parent> {
    let fresh = fresh.replace('-', "_");
    let given = given.unwrap_or(OsStr::new("-.slice")).to_str()?;
    let stem = match given.strip_suffix(".slice")? {
        "-" => fresh,
        stem if stem.contains('/') || stem.split('-').any(str::is_empty) => return None,
        stem => format!("{stem}-{fresh}"),
    };
    let hyphens = stem.match_indices('-').map(|(at, _)| at);
    let prefixes = hyphens.chain([stem.len()]).map(|end| &stem[..end]);
    Some(Parent {
        directory: prefixes.map(|prefix| format!("{prefix}.slice")).collect(),
        value: format!("{stem}.slice").into(),
    })
}

#[cfg(test)]
mod tests;
