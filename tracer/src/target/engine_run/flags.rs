//! Flags as the engines' clients read them.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// Docker's own flags that need no value, long and short.
pub(super) static DOCKER_SWITCHES: Flags = Flags {
    long: &["debug", "help", "tls", "tlsverify", "version"],
    short: b"Dv",
};

/// Podman's own flags that need no value.
pub(super) static PODMAN_SWITCHES: Flags = Flags {
    long: &[
        "help",
        "noout",
        "remote",
        "syslog",
        "trace",
        "transient-store",
        "version",
    ],
    short: b"hrv",
};

/// The flags of Podman's `run` that need no value.
pub(super) static PODMAN_RUN_SWITCHES: Flags = Flags {
    long: &[
        "detach",
        "disable-content-trust",
        "env-host",
        "help",
        "http-proxy",
        "init",
        "interactive",
        "no-healthcheck",
        "no-hostname",
        "no-hosts",
        "oom-kill-disable",
        "passwd",
        "privileged",
        "publish-all",
        "quiet",
        "read-only",
        "read-only-tmpfs",
        "replace",
        "rm",
        "rmi",
        "rootfs",
        "sig-proxy",
        "tls-verify",
        "tty",
        "unsetenv-all",
    ],
    short: b"diPqt",
};

/// The flags of Docker's `run` that need no value. All others take one: new flags of the clients nearly always
/// do.
pub(super) static DOCKER_RUN_SWITCHES: Flags = Flags {
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

/// Flags that need no value.
pub(super) struct Flags {
    pub(super) long: &'static [&'static str],
    pub(super) short: &'static [u8],
}

/// One flag with its value, if it has one.
pub(super) struct Flag {
    name: Vec<u8>,
    pub(super) value: Option<OsString>,
    /// The words it takes up.
    pub(super) words: std::ops::Range<usize>,
}

impl Flag {
    /// Its name without hyphens.
    pub(super) fn name(&self) -> String {
        String::from_utf8_lossy(&self.name).into_owned()
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.name == name.as_bytes()
    }
}

/// The flags from a place on, and where they end: at the first word that is none.
pub(super) struct Scanned {
    pub(super) flags: Vec<Flag>,
    pub(super) end: usize,
}

/// Reads flags as the client does: `--name`, `--name=value`, `--name value`, `-abc`, `-e value`, `-evalue`,
/// `-e=value`; `--` ends them.
pub(super) fn scan(words: &[OsString], from: usize, switches: &Flags) -> Scanned {
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
