//! Command lines of a client that have containers work which are there already: `start`, `restart` and `exec`.

use super::EngineKind;
use super::flags::{Flags, scan};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// A `start` or `restart` of containers that exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartRun {
    /// Whose client.
    pub kind: EngineKind,
    /// The client with its flags that say which engine is meant, behind what says where and as whom it runs.
    pub client: Vec<OsString>,
    /// The containers, as the user names them; at least one.
    pub containers: Vec<OsString>,
}

/// An `exec` in a container that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecRun {
    /// Whose client.
    pub kind: EngineKind,
    /// The client with its flags that say which engine is meant, behind what says where and as whom it runs.
    pub client: Vec<OsString>,
    /// The container, as the user names it.
    pub container: OsString,
    /// Whether the client returns while what it started still runs.
    pub detached: bool,
}

/// The flags of `start` and `restart` that need no value.
static START_SWITCHES: Flags = Flags {
    long: &[
        "all",
        "attach",
        "help",
        "interactive",
        "latest",
        "running",
        "sig-proxy",
    ],
    short: b"ail",
};

/// Flags that say by themselves which containers are meant.
const CHOICES: [&str; 6] = ["all", "a", "filter", "latest", "l", "running"];

/// The flags of `exec` that need no value.
static EXEC_SWITCHES: Flags = Flags {
    long: &[
        "detach",
        "help",
        "interactive",
        "latest",
        "privileged",
        "tty",
    ],
    short: b"dilt",
};

/// Reads the words after `start` or `restart`. `None` if it is not said by name which containers are meant.
pub(super) fn start(
    kind: EngineKind,
    client: Vec<OsString>,
    words: &[OsString],
    from: usize,
) -> Option<StartRun> {
    let (flags, containers) = operands(words, from, &START_SWITCHES);
    // To Docker, `-a` attaches; to Podman's `restart`, it means all.
    let restarts = words.get(from.checked_sub(1)?)? == "restart";
    let chooses = |name: &str| CHOICES.contains(&name) && (name != "a" || restarts);
    let is_open = flags.iter().any(|flag| chooses(flag));
    (!is_open && !containers.is_empty()).then_some(StartRun {
        kind,
        client,
        containers,
    })
}

/// Reads the words after `exec`. `None` if it is not said by name which container is meant.
pub(super) fn exec(
    kind: EngineKind,
    client: Vec<OsString>,
    words: &[OsString],
    from: usize,
) -> Option<ExecRun> {
    let scanned = scan(words, from, &EXEC_SWITCHES);
    let has = |names: [&str; 2]| {
        let mut flags = scanned.flags.iter();
        flags.any(|flag| names.iter().any(|name| flag.is(name)))
    };
    let container = words.get(scanned.end)?.clone();
    (!has(["latest", "l"])).then(|| ExecRun {
        kind,
        client,
        container,
        detached: has(["detach", "d"]),
    })
}

/// Flags, by name, and other words in any order, as they may be where no other command line follows.
pub(super) fn operands(
    words: &[OsString],
    from: usize,
    switches: &Flags,
) -> (Vec<String>, Vec<OsString>) {
    let (mut flags, mut operands) = (Vec::new(), Vec::new());
    let mut at = from;
    while at < words.len() {
        let scanned = scan(words, at, switches);
        let last = scanned.flags.last().map_or(at, |flag| flag.words.end);
        flags.extend(scanned.flags.iter().map(super::flags::Flag::name));
        if scanned.end > last {
            // `--` was among them.
            operands.extend_from_slice(&words[scanned.end..]);
            break;
        }
        operands.extend(words.get(scanned.end).cloned());
        at = scanned.end + 1;
    }
    (flags, operands)
}

/// Whether a word is one of these verbs.
pub(super) fn is_one_of(word: &OsString, verbs: &[&[u8]]) -> bool {
    verbs.contains(&word.as_bytes())
}
