//! Container runtimes of this machine, by what they say about their version.

use super::tool::{self, Bounds};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::time::Duration;

/// The runtimes that are asked for. They are found in `PATH`: an engine's word for where its runtime lies is
/// not trusted to be a program.
pub const KNOWN: [&str; 3] = ["runc", "crun", "youki"];

/// Bounds of an answer of a few lines.
pub(super) const BOUNDS: Bounds = Bounds {
    bytes: 64 << 10,
    time: Duration::from_secs(10),
};

/// A version in three numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The first.
    pub major: u32,
    /// The second.
    pub minor: u32,
    /// The third.
    pub micro: u32,
}

impl Version {
    /// A version.
    #[must_use]
    pub const fn new(major: u32, minor: u32, micro: u32) -> Self {
        Self {
            major,
            minor,
            micro,
        }
    }

    /// Reads the start of a text like `2.5.4` or `1.1.5+ds1`; a missing third number is 0.
    #[must_use]
    pub fn from_start(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '.');
        let mut number = || {
            let part = parts.next().unwrap_or("0");
            let end = part
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(part.len());
            part[..end].parse().ok()
        };
        Some(Self::new(number()?, number()?, number()?))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.micro)
    }
}

/// What a runtime says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runtime {
    /// One of [`KNOWN`].
    pub name: &'static str,
    /// Its version, in its own words. Hostile.
    pub version: String,
    /// Whether and with what it installs seccomp filters.
    pub seccomp: RuntimeSeccomp,
}

/// How a runtime makes filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuntimeSeccomp {
    /// With libseccomp of this version.
    With(Version),
    /// It does, but does not say with which version.
    Unversioned,
    /// It was built without.
    Without,
}

/// Asks every runtime that is installed, in the order of [`KNOWN`].
#[must_use]
pub fn installed() -> Vec<Runtime> {
    KNOWN.into_iter().filter_map(ask).collect()
}

/// What a runtime says about its version, beside its name, if it is one of [`KNOWN`] and is installed.
pub(super) fn version(program: &OsStr) -> Option<(String, String)> {
    let runtime = ask(program.to_str()?)?;
    Some((runtime.name.to_owned(), runtime.version))
}

/// Asks one of [`KNOWN`].
#[must_use]
pub fn ask(name: &str) -> Option<Runtime> {
    let name = KNOWN.into_iter().find(|known| *known == name)?;
    let answer = tool::ask(OsStr::new(name), &["--version".into()], BOUNDS).ok()?;
    let text = String::from_utf8_lossy(&answer.stdout).into_owned();
    answer.status.success().then(|| read(name, &text))?
}

/// Reads the answer to `--version`: a first line `NAME version VERSION`, then lines `KEY: VALUE`; crun adds
/// a line of features with a plus before each that it has.
pub(crate) fn read(name: &'static str, text: &str) -> Option<Runtime> {
    let mut lines = text.lines();
    let first = lines.next()?.strip_prefix(name)?.trim_start();
    let version = first.strip_prefix("version").unwrap_or(first).trim();
    let pairs: BTreeMap<&str, &str> = lines
        .clone()
        .filter_map(|line| line.split_once(':'))
        .map(|(key, value)| (key.trim(), value.trim()))
        .collect();
    let features: Vec<&str> = lines.flat_map(str::split_whitespace).collect();
    let seccomp = match pairs.get("libseccomp").copied().map(Version::from_start) {
        Some(Some(version)) => RuntimeSeccomp::With(version),
        Some(None) => RuntimeSeccomp::Unversioned,
        // runc names the library when it has it; crun lists features; youki says nothing.
        None if name == "runc" => RuntimeSeccomp::Without,
        None if name == "crun" && !features.contains(&"+SECCOMP") => RuntimeSeccomp::Without,
        None => RuntimeSeccomp::Unversioned,
    };
    Some(Runtime {
        name,
        version: version.to_owned(),
        seccomp,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_their_start() {
        for (text, expected) in [
            ("2.5.4", Some(Version::new(2, 5, 4))),
            ("1.1.5+ds1", Some(Version::new(1, 1, 5))),
            ("1.4.0-rc.1", Some(Version::new(1, 4, 0))),
            ("2.6", Some(Version::new(2, 6, 0))),
            ("3", Some(Version::new(3, 0, 0))),
            ("", None),
            ("v1.2.3", None),
            ("99999999999.1.1", None),
        ] {
            assert_eq!(Version::from_start(text), expected, "{text}");
        }
        assert!(Version::new(2, 5, 40) < Version::new(2, 6, 1));
    }

    #[test]
    fn runtimes_are_read_as_they_describe_themselves() {
        let runc = "runc version 1.1.5+ds1\ncommit: 1.1.5+ds1-1+deb12u1\nspec: 1.0.2-dev\n\
                    go: go1.19.8\nlibseccomp: 2.5.4\n";
        let bare = "runc version 1.2.0\nspec: 1.2.0\ngo: go1.22.8\n";
        let crun = "crun version 1.8.1\ncommit: f8a096be\nrundir: /run/user/0/crun\nspec: 1.0.0\n\
                    +SYSTEMD +SELINUX +APPARMOR +CAP +SECCOMP +EBPF +CRIU +YAJL\n";
        let deaf = "crun version 1.8.1\n+SYSTEMD -SECCOMP\n";
        let youki = "youki version 0.3.3\ncommit: 0.3.3-0-4f3c8307\n";
        let with = RuntimeSeccomp::With(Version::new(2, 5, 4));
        for (name, text, version, seccomp) in [
            ("runc", runc, "1.1.5+ds1", with),
            ("runc", bare, "1.2.0", RuntimeSeccomp::Without),
            ("crun", crun, "1.8.1", RuntimeSeccomp::Unversioned),
            ("crun", deaf, "1.8.1", RuntimeSeccomp::Without),
            ("youki", youki, "0.3.3", RuntimeSeccomp::Unversioned),
        ] {
            let version = version.to_owned();
            let expected = Runtime {
                name,
                version,
                seccomp,
            };
            assert_eq!(read(name, text), Some(expected), "{text}");
        }
        assert_eq!(read("runc", "something else\n"), None);
        assert_eq!(read("runc", ""), None);
    }
}
