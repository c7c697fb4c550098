//! systemd's units: the cgroup of one, as systemd says, or found by its name where systemd does not answer.

use super::cgroup::{Cgroup, CgroupError, Hierarchy};
use super::tool::{self, Bounds, ToolError};
use crate::report::escape;
use crate::syscall::nearest;
use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

/// Bounds of an answer of a few lines.
const BOUNDS: Bounds = Bounds {
    bytes: 64 << 10,
    time: Duration::from_secs(10),
};

/// The most cgroups that are looked at for one of that name.
const LOOKED_AT_MAX: usize = 100_000;

/// How many similar names are named.
const SIMILAR_MAX: usize = 3;

/// What a unit that has processes may end in; without any of them, a service is meant.
const SUFFIXES: [&str; 7] = [
    ".service", ".scope", ".slice", ".socket", ".mount", ".swap", ".target",
];

/// Why there is no cgroup of a unit.
#[derive(Debug, thiserror::Error)]
pub enum UnitError {
    /// No unit can have that name.
    #[error("`{}` is no name of a unit", escape::text(.0))]
    Name(String),
    /// There is no such unit.
    #[error("no unit `{}`", escape::text(.name))]
    NotFound {
        /// Its name.
        name: String,
        /// Units with processes whose names are the most similar. Hostile.
        similar: Vec<String>,
    },
    /// It has no processes.
    #[error("unit `{}` is {}", escape::text(.name), escape::text(.state))]
    NotRunning {
        /// Its name.
        name: String,
        /// systemd's word, like `inactive`. Hostile.
        state: String,
    },
    /// Its cgroup cannot be used.
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
}

impl UnitError {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Name(_) => Some("a name like `nginx.service`, or `nginx` for the same".into()),
            Self::NotFound { similar, .. } if similar.is_empty() => {
                Some("`systemctl list-units` lists the units".into())
            }
            Self::NotFound { similar, .. } => {
                let names = similar
                    .iter()
                    .map(|name| format!("`{}`", escape::text(name)));
                let names: Vec<String> = names.collect();
                Some(format!("units with similar names: {}", names.join(", ")))
            }
            Self::NotRunning { name, .. } => {
                let name = escape::text(name);
                Some(format!("`systemctl start {name}` starts it"))
            }
            Self::Cgroup(error) => error.hint(),
        }
    }
}

/// What systemd says of a unit.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    is_known: bool,
    state: String,
    /// Below the root of the hierarchy; empty without processes.
    cgroup: String,
}

/// The cgroup of a unit.
///
/// # Errors
///
/// [`UnitError`] if there is no such unit, or nothing of it runs.
pub fn cgroup(hierarchy: &Hierarchy, unit: &str) -> Result<Cgroup, UnitError> {
    let name = full_name(unit).ok_or_else(|| UnitError::Name(unit.to_owned()))?;
    let Some(shown) = ask(&name) else {
        return by_name(hierarchy, name);
    };
    if !shown.cgroup.is_empty() {
        return Ok(hierarchy.named(Path::new(&shown.cgroup))?);
    }
    if shown.is_known {
        let state = shown.state;
        return Err(UnitError::NotRunning { name, state });
    }
    let names = found(hierarchy).into_iter().map(|cgroup| cgroup.name());
    Err(absent(name, names.collect()))
}

/// The name with its suffix, if it is one.
/// <https://www.freedesktop.org/software/systemd/man/latest/systemd.unit.html>
pub(crate) fn full_name(unit: &str) -> Option<String> {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
    let sound = !unit.is_empty() && !unit.starts_with(['-', '.']) && unit.chars().all(is_fine);
    let has_suffix = SUFFIXES.iter().any(|suffix| unit.ends_with(suffix));
    let name = if has_suffix {
        unit.to_owned()
    } else {
        format!("{unit}.service")
    };
    (sound && name.len() < 256).then_some(name)
}

/// What systemd says; `None` if it is not there or does not answer.
fn ask(name: &str) -> Option<Shown> {
    let arguments = [
        "show",
        "--property=LoadState,ActiveState,ControlGroup",
        "--",
        name,
    ];
    let arguments = arguments.map(Into::into);
    let answer: Result<_, ToolError> = tool::ask(OsStr::new("systemctl"), &arguments, BOUNDS);
    let answer = answer.ok().filter(|answer| answer.status.success())?;
    Some(shown(&String::from_utf8_lossy(&answer.stdout)))
}

/// Reads lines `KEY=VALUE`.
pub(crate) fn shown(text: &str) -> Shown {
    let value = |key: &str| {
        let mut lines = text.lines();
        let found = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        found.unwrap_or_default().to_owned()
    };
    Shown {
        is_known: !matches!(value("LoadState").as_str(), "not-found" | ""),
        state: value("ActiveState"),
        cgroup: value("ControlGroup"),
    }
}

/// The cgroup that is called so, as systemd calls it, wherever it is.
fn by_name(hierarchy: &Hierarchy, name: String) -> Result<Cgroup, UnitError> {
    let all = found(hierarchy);
    let names = all.iter().map(Cgroup::name).collect();
    let found = all.into_iter().find(|cgroup| cgroup.name() == name);
    found.ok_or_else(|| absent(name, names))
}

fn absent(name: String, names: Vec<String>) -> UnitError {
    let names = names.iter().map(String::as_str);
    let similar = nearest::nearest(&name, names, SIMILAR_MAX);
    UnitError::NotFound { name, similar }
}

/// Every cgroup that is called as a service or a scope is, the highest first.
fn found(hierarchy: &Hierarchy) -> Vec<Cgroup> {
    let mut open = vec![hierarchy.root()];
    let mut found = Vec::new();
    let mut looked_at = 0;
    while !open.is_empty() && looked_at < LOOKED_AT_MAX {
        let children: Vec<Cgroup> = open.iter().flat_map(Cgroup::children).collect();
        looked_at += children.len();
        let is_unit = |cgroup: &&Cgroup| {
            let name = cgroup.name();
            SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
        };
        found.extend(children.iter().filter(is_unit).cloned());
        open = children;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_units_or_refused() {
        let long = "x".repeat(249);
        for (unit, expected) in [
            ("nginx", Some("nginx.service")),
            ("nginx.service", Some("nginx.service")),
            ("session-1.scope", Some("session-1.scope")),
            ("app@a\\x2db.service", Some("app@a\\x2db.service")),
            ("", None),
            ("-H", None),
            ("..", None),
            ("a/b", None),
            ("a b", None),
            (&long, None),
        ] {
            assert_eq!(full_name(unit).as_deref(), expected, "{unit}");
        }
    }

    #[test]
    fn what_systemd_shows_is_read() {
        let text =
            "ControlGroup=/system.slice/nginx.service\nLoadState=loaded\nActiveState=active\n";
        let expected = Shown {
            is_known: true,
            state: "active".into(),
            cgroup: "/system.slice/nginx.service".into(),
        };
        assert_eq!(shown(text), expected);
        let absent = shown("LoadState=not-found\nActiveState=inactive\nControlGroup=\n");
        assert!(!absent.is_known && absent.cgroup.is_empty());
        assert_eq!(shown(""), Shown::default());
    }

    #[test]
    fn without_systemd_a_unit_is_found_by_its_cgroups_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("system.slice/nginx.service");
        std::fs::create_dir_all(&path).unwrap();
        let hierarchy = Hierarchy::at(folder.path().to_owned(), Vec::new());
        let named = |name: &str| by_name(&hierarchy, name.to_owned());
        assert_eq!(named("nginx.service").unwrap().path, path);
        let error = named("ngins.service").unwrap_err();
        assert_eq!(error.to_string(), "no unit `ngins.service`");
        let hint = "units with similar names: `nginx.service`, `system.slice`";
        assert_eq!(error.hint().as_deref(), Some(hint));
    }
}
