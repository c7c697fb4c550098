//! `docker run` as a user types it: recognised, and rewritten so that the container appears below a cgroup
//! that is watched before the engine starts anything.
//!
//! Pure. It refuses to know the engine's state, and never looks into the container's own command.
//! The grammar is that of the Docker client 28: <https://docs.docker.com/reference/cli/docker/container/run/>.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// The client's own flags that need no value, long and short.
const CLIENT_SWITCHES: Flags = Flags {
    long: &["debug", "help", "tls", "tlsverify", "version"],
    short: b"Dv",
};

/// The flags of `run` that need no value. All others take one: new flags of the client nearly always do.
const RUN_SWITCHES: Flags = Flags {
    long: &[
        "detach",
        "disable-content-trust",
        "help",
        "init",
        "interactive",
        "no-healthcheck",
        "oom-kill-disable",
        "privileged",
        "publish-all",
        "quiet",
        "read-only",
        "rm",
        "sig-proxy",
        "tty",
        "use-api-socket",
    ],
    short: b"diPqt",
};

/// What a command line is to the recorder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recognised {
    /// An ordinary program.
    Program,
    /// `docker run`.
    Run(DockerRun),
    /// Another verb of the client that makes containers work; watching the client would miss them.
    ClientOnly {
        /// The verb, like `exec` or `compose`.
        verb: String,
    },
}

/// A `docker run` command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DockerRun {
    words: Vec<OsString>,
    /// Where the flags of `run` begin.
    flags_at: usize,
    /// Every `--cgroup-parent` with its place: in one word with `=`, or in the word after.
    parents: Vec<ParentFlag>,
    /// The client's flags that say which engine is meant, like `--context prod`.
    pub client_flags: Vec<OsString>,
    /// Whether the client returns while the container still runs.
    pub detached: bool,
    /// The image, if there is one.
    pub image: Option<OsString>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct ParentFlag {
    /// The words of the flag: one with `=`, else two.
    words: std::ops::Range<usize>,
    value: OsString,
}

/// How an engine makes cgroups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CgroupDriver {
    /// By itself: a parent is a path.
    Cgroupfs,
    /// Through systemd: a parent is a slice.
    Systemd,
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
    let Some((program, _)) = command.split_first() else {
        return Recognised::Program;
    };
    if Path::new(program).file_name() != Some(OsStr::new("docker")) {
        return Recognised::Program;
    }
    let client = scan(command, 1, &CLIENT_SWITCHES);
    let mut verb_at = client.end;
    if command.get(verb_at).is_some_and(|word| word == "container") {
        verb_at += 1;
    }
    let Some(verb) = command.get(verb_at) else {
        return Recognised::Program;
    };
    match verb.as_bytes() {
        b"run" => Recognised::Run(docker_run(command, 1..client.end, verb_at + 1)),
        b"create" | b"start" | b"restart" | b"exec" | b"compose" | b"build" | b"buildx"
        | b"stack" | b"service" => Recognised::ClientOnly {
            verb: verb.to_string_lossy().into_owned(),
        },
        _ => Recognised::Program,
    }
}

fn docker_run(command: &[OsString], client: std::ops::Range<usize>, flags_at: usize) -> DockerRun {
    let scanned = scan(command, flags_at, &RUN_SWITCHES);
    let parents = scanned.flags.iter().filter(|flag| flag.is("cgroup-parent"));
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
    DockerRun {
        words: command.to_vec(),
        flags_at,
        parents: parents
            .map(|flag| ParentFlag {
                words: flag.words.clone(),
                value: flag.value.clone().unwrap_or_default(),
            })
            .collect(),
        client_flags: command[client].to_vec(),
        detached: detach.is_some_and(|flag| !flag.value.as_deref().is_some_and(is_false)),
        image: command.get(scanned.end).cloned(),
    }
}

impl DockerRun {
    /// The client.
    #[must_use]
    pub fn program(&self) -> &OsStr {
        self.words.first().map_or(OsStr::new("docker"), |word| word)
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
        let given = self.cgroup_parent();
        let parent = match driver {
            CgroupDriver::Cgroupfs => path(given, fresh),
            CgroupDriver::Systemd => slice(given, fresh),
        };
        parent.ok_or_else(|| BadParent {
            given: given.unwrap_or_default().to_string_lossy().into_owned(),
            driver,
        })
    }

    /// The command line that puts the container below the parent.
    #[must_use]
    pub fn with_parent(&self, parent: &Parent) -> Vec<OsString> {
        let mut flag = OsString::from("--cgroup-parent=");
        flag.push(&parent.value);
        let (head, _) = self.words.split_at(self.flags_at);
        let rest = self.words.iter().enumerate().skip(self.flags_at);
        let is_parent = |at: usize| self.parents.iter().any(|parent| parent.words.contains(&at));
        let rest = rest.filter(|&(at, _)| !is_parent(at)).map(|(_, word)| word);
        head.iter().chain([&flag]).chain(rest).cloned().collect()
    }
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

/// Flags that need no value.
struct Flags {
    long: &'static [&'static str],
    short: &'static [u8],
}

/// One flag with its value, if it has one.
struct Flag {
    name: Vec<u8>,
    value: Option<OsString>,
    /// The words it takes up.
    words: std::ops::Range<usize>,
}

impl Flag {
    fn is(&self, name: &str) -> bool {
        self.name == name.as_bytes()
    }
}

/// The flags from a place on, and where they end: at the first word that is none.
struct Scanned {
    flags: Vec<Flag>,
    end: usize,
}

/// Reads flags as the client does: `--name`, `--name=value`, `--name value`, `-abc`, `-e value`, `-evalue`,
/// `-e=value`; `--` ends them.
fn scan(words: &[OsString], from: usize, switches: &Flags) -> Scanned {
    let mut flags = Vec::new();
    let mut at = from;
    while let Some(word) = words.get(at).map(|word| word.as_bytes()) {
        if word == b"--" {
            at += 1;
            break;
        }
        let next = words.get(at + 1);
        let taken = if let Some(long) = word.strip_prefix(b"--") {
            let (flag, taken) = long_flag(long, at, next, switches);
            flags.push(flag);
            taken
        } else if word.len() > 1 && word[0] == b'-' {
            short_flags(&word[1..], at, next, switches, &mut flags)
        } else {
            break;
        };
        at += taken;
    }
    Scanned {
        flags,
        end: at.min(words.len()),
    }
}

fn long_flag(word: &[u8], at: usize, next: Option<&OsString>, switches: &Flags) -> (Flag, usize) {
    let equals = word.iter().position(|&byte| byte == b'=');
    let name = &word[..equals.unwrap_or(word.len())];
    let is_switch = switches.long.iter().any(|long| long.as_bytes() == name);
    let (value, taken) = match equals {
        Some(equals) => (Some(OsStr::from_bytes(&word[equals + 1..]).to_owned()), 1),
        None if is_switch => (None, 1),
        None => (next.cloned(), 2),
    };
    let flag = Flag {
        name: name.to_vec(),
        value,
        words: at..at + taken,
    };
    (flag, taken)
}

/// A cluster of one-letter flags. How many words it takes up.
fn short_flags(
    letters: &[u8],
    at: usize,
    next: Option<&OsString>,
    switches: &Flags,
    flags: &mut Vec<Flag>,
) -> usize {
    let mut rest = letters;
    while let [letter, tail @ ..] = rest {
        let (value, taken, more): (Option<&OsStr>, usize, &[u8]) = match tail {
            [b'=', value @ ..] => (Some(OsStr::from_bytes(value)), 1, &[]),
            _ if switches.short.contains(letter) => (None, 1, tail),
            [] => (next.map(OsString::as_os_str), 2, &[]),
            value => (Some(OsStr::from_bytes(value)), 1, &[]),
        };
        flags.push(Flag {
            name: vec![*letter],
            value: value.map(OsStr::to_owned),
            words: at..at + taken,
        });
        if taken == 2 {
            return 2;
        }
        rest = more;
    }
    1
}

#[cfg(test)]
mod tests;
