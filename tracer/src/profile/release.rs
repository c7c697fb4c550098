//! Releases of runtimes and engines, and what came with which.

use super::runtime::Runtime;
use std::fmt;
use std::str::FromStr;

/// A release of a runtime.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release {
    /// Which runtime.
    pub runtime: Runtime,
    /// Its version; `None` for any. Hostile, if an engine said it.
    pub version: Option<String>,
}

impl Release {
    /// Any release of a runtime.
    #[must_use]
    pub const fn any(runtime: Runtime) -> Self {
        Self {
            runtime,
            version: None,
        }
    }

    /// The runtime as this release reads profiles.
    #[must_use]
    pub fn reads_as(&self) -> Runtime {
        let has_stub = |version: &str| is_since(version, &["1.1.15", "1.2.0"]);
        match (self.runtime, self.version.as_deref()) {
            (Runtime::Runc, Some(version)) if !has_stub(version) => Runtime::OldRunc,
            (runtime, _) => runtime,
        }
    }

    /// Whether it is, or may be, of one of these versions of several branches, or newer.
    #[must_use]
    pub fn may_be_since(&self, since: &[impl AsRef<str>]) -> bool {
        let version = self.version.as_deref();
        version.is_none_or(|version| is_since(version, since))
    }

    /// Whether it is known to be older than these first versions of several branches.
    #[must_use]
    pub fn is_before(&self, since: &[impl AsRef<str>]) -> bool {
        !self.may_be_since(since)
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{} {version}", self.runtime),
            None => write!(f, "{}", self.runtime),
        }
    }
}

impl FromStr for Release {
    type Err = ();

    /// `runc`, or `runc@1.1.5`.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (name, version) = with_version(text).ok_or(())?;
        let runtime = Runtime::named(name).ok_or(())?;
        Ok(Self {
            runtime,
            version: version.map(str::to_owned),
        })
    }
}

/// `NAME`, or `NAME@VERSION` with a version that can be compared.
#[must_use]
pub fn with_version(text: &str) -> Option<(&str, Option<&str>)> {
    match text.split_once('@') {
        None => Some((text, None)),
        Some((name, version)) => number(version).map(|_| (name, Some(version))),
    }
}

/// Whether a version has what came with these first versions of several branches. What cannot be read as a
/// version has everything.
#[must_use]
pub fn is_since(version: &str, since: &[impl AsRef<str>]) -> bool {
    let Some(version) = number(version) else {
        return true;
    };
    let firsts = since.iter().filter_map(|first| number(first.as_ref()));
    let mut firsts: Vec<[u64; 3]> = firsts.collect();
    firsts.sort_unstable();
    let Some(newest) = firsts.last() else {
        return true;
    };
    let same_branch = |first: &&[u64; 3]| first[..2] == version[..2];
    match firsts.iter().find(same_branch) {
        Some(first) => version >= *first,
        None => version > *newest,
    }
}

/// `1.2.8` from `1.2.8`, `v1.2.8-rc.1` or `1.2.8+ds1`; a missing part is 0.
fn number(version: &str) -> Option<[u64; 3]> {
    let plain = version.strip_prefix('v').unwrap_or(version);
    let end = plain
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(plain.len());
    let mut parts = plain[..end].split('.').map(|part| part.parse().ok());
    let first = parts.next()??;
    let mut next = || parts.next().flatten().unwrap_or(0);
    Some([first, next(), next()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_within_their_branches() {
        let since = ["1.2.8", "1.3.3", "1.4.0"];
        let table = [
            ("1.1.5", false),
            ("1.1.99", false),
            ("1.2.7", false),
            ("1.2.8+ds1", true),
            ("v1.3.2", false),
            ("1.3.3-rc.1", true),
            ("1.4.0", true),
            ("1.5", true),
            ("2.0.0", true),
            ("unknown", true),
        ];
        for (version, expected) in table {
            assert_eq!(is_since(version, &since), expected, "{version}");
        }
        assert!(is_since("1.0", &[""; 0]));
    }

    #[test]
    fn a_release_reads_as_its_version_does() {
        let reads = |text: &str| text.parse::<Release>().map(|release| release.reads_as());
        let table = [
            ("runc", Ok(Runtime::Runc)),
            ("runc@1.1.5+ds1", Ok(Runtime::OldRunc)),
            ("runc@1.1.15", Ok(Runtime::Runc)),
            ("runc@1.3.6", Ok(Runtime::Runc)),
            ("crun@1.8.1", Ok(Runtime::Crun)),
            ("runc@new", Err(())),
            ("crunch", Err(())),
        ];
        for (text, expected) in table {
            assert_eq!(reads(text), expected, "{text}");
        }
    }
}
