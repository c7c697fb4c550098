//! The OCI runtimes, asked for containers of engines without a client that we speak to: containerd, also under
//! Kubernetes, CRI-O, and the runtimes by themselves.
//!
//! A runtime keeps the state of its containers below a directory that whoever calls it chooses; the usual
//! ones are looked at.

use super::answers::Inspected;
use super::error::EngineError;
use super::listed::{self, Listed};
use super::sandboxes;
use super::{Engine, SIMILAR_MAX, Way};
use crate::syscall::nearest;
use crate::target::engine_run::EngineKind;
use crate::target::oci_hook::Bundle;
use rustix::fs::{Mode, OFlags};
use std::fs;
use std::path::{Path, PathBuf};

/// Where state is kept: the runtime, the directory, whether it has one directory for each of an engine's
/// namespaces, and whose it is.
/// <https://github.com/containerd/containerd/blob/v2.0.0/cmd/containerd-shim-runc-v2/process/init.go>,
/// <https://github.com/moby/moby/blob/v27.0.0/daemon/runtime_unix.go>
const HOMES: [(&str, &str, bool, EngineKind); 4] = [
    ("runc", "/run/docker/runtime-runc", true, EngineKind::Docker),
    ("runc", "/run/containerd/runc", true, EngineKind::Containerd),
    ("runc", "/run/runc", false, EngineKind::Runc),
    ("crun", "/run/crun", false, EngineKind::Crun),
];

/// The most namespaces of an engine that are looked at.
const NAMESPACES_MAX: usize = 64;

/// What the runtimes know of a name.
pub(super) enum Known {
    /// It is this container.
    One(Box<(Engine, Inspected)>),
    /// Several are called so: what each is called in full.
    Several(Vec<String>),
    /// It is not on this machine's kernel.
    Elsewhere(EngineError),
    /// None is; names that are similar, if there are containers at all.
    None(Vec<String>),
}

/// Asks the runtimes for a container of that kind, or of any.
pub(super) fn find(wanted: &str, meant: Option<EngineKind>) -> Known {
    let mut all = Vec::new();
    for engine in engines() {
        // A runtime that is not there, or does not answer, has nothing to say.
        for one in engine.listed().unwrap_or_default() {
            let kind = one.kind(engine.kind);
            if meant.is_none_or(|meant| meant == kind) && !one.holds_a_pod() {
                let engine = Engine {
                    kind,
                    ..engine.clone()
                };
                all.push((engine, one));
            }
        }
    }
    match choose(wanted, all) {
        Known::None(similar) => {
            sandboxes::find(wanted).map_or(Known::None(similar), Known::Elsewhere)
        }
        known => known,
    }
}

fn choose(wanted: &str, all: Vec<(Engine, Listed)>) -> Known {
    let names: Vec<String> = all.iter().map(|(_, one)| one.name()).collect();
    let mut called: Vec<_> = all
        .into_iter()
        .filter(|(_, one)| one.is_called(wanted))
        .collect();
    if let [_, _, ..] = called[..] {
        let full = called.iter().map(|(engine, one)| {
            let name = one.name();
            format!("{name} of {}", engine.kind.name())
        });
        return Known::Several(full.collect());
    }
    match called.pop() {
        Some((engine, one)) => {
            let runtime = engine.program.to_string_lossy();
            let bundle = bundle(&one);
            let inspected = Inspected {
                runtime_filter: engine.filter(&one),
                runtime_no_new_privs: bundle.as_ref().and_then(|bundle| bundle.no_new_privs),
                user: bundle.and_then(|bundle| bundle.user),
                ..one.inspected(&runtime)
            };
            Known::One(Box::new((engine, inspected)))
        }
        None => {
            // Nobody mistypes an id of 64 digits.
            let names = names
                .iter()
                .map(String::as_str)
                .filter(|name| name.len() < 64);
            Known::None(nearest::nearest(wanted, names, SIMILAR_MAX))
        }
    }
}

/// The runtimes, each with a directory of state that is there.
fn engines() -> Vec<Engine> {
    let mut engines = Vec::new();
    for (program, home, is_divided, kind) in HOMES {
        let roots = if is_divided {
            divisions(Path::new(home))
        } else {
            vec![home.into()]
        };
        for root in roots.into_iter().filter(|root| root.is_dir()) {
            engines.push(Engine {
                kind,
                way: Way::Runtime,
                program: program.into(),
                flags: vec!["--root".into(), root.into()],
            });
        }
    }
    engines
}

fn divisions(home: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(home) else {
        return Vec::new();
    };
    let paths = entries.flatten().map(|entry| entry.path());
    paths.take(NAMESPACES_MAX).collect()
}

/// The configuration of a container, as whoever called the runtime wrote it; it may have been changed since, or be
/// gone.
fn bundle(one: &Listed) -> Option<Bundle> {
    let path = one.bundle()?.join("config.json");
    // Whatever else may be there must not keep us waiting.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = rustix::fs::open(&path, flags, Mode::empty()).ok()?;
    let file = fs::File::from(file);
    let is_file = file.metadata().is_ok_and(|found| found.is_file());
    let read = is_file.then(|| Bundle::read(file))?;
    let read = read.inspect_err(|error| log::debug!("cannot use `{}`: {error}", path.display()));
    read.ok()
}

impl Engine {
    /// Whether a runtime was told to install a filter for one of its containers. Its own state says so, as it
    /// was when the container was made; the bundle may have been changed since.
    fn filter(&self, one: &Listed) -> Option<bool> {
        let [_, root] = self.flags.as_slice() else {
            return None;
        };
        // Runtimes allow no more in an id, but it comes from outside.
        let id = Path::new(one.id()).file_name()?;
        let directory = Path::new(root).join(id);
        let open = |name: &str| fs::File::open(directory.join(name)).ok();
        match self.program.to_str()? {
            "crun" => Some(Bundle::read(open("config.json")?).ok()?.has_filter),
            _ => listed::filter_in_state(open("state.json")?).ok(),
        }
    }

    /// The containers of a runtime.
    fn listed(&self) -> Result<Vec<Listed>, EngineError> {
        let answer = self.ask_engine(&["list", "--format", "json"])?;
        listed::listed(&answer.stdout).map_err(|source| EngineError::BadAnswer {
            subject: "its containers",
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<(Engine, Listed)> {
        let of = |kind, json: &str| {
            let engine = Engine {
                kind,
                way: Way::Runtime,
                program: "runc".into(),
                flags: Vec::new(),
            };
            let listed = listed::listed(json.as_bytes()).unwrap();
            listed.into_iter().map(move |one| (engine.clone(), one))
        };
        let own = of(
            EngineKind::Runc,
            r#"[{"id": "web", "pid": 7, "status": "running"}, {"id": "web-2", "pid": 0, "status": "stopped"}]"#,
        );
        let pods = of(
            EngineKind::Containerd,
            r#"[{"id": "77aa77", "pid": 9, "status": "running", "annotations": {
                "io.kubernetes.cri.container-name": "web", "io.kubernetes.cri.sandbox-name": "shop"}}]"#,
        );
        own.chain(pods).collect()
    }

    fn told(wanted: &str) -> String {
        match choose(wanted, all()) {
            Known::One(found) => format!("{} of {}", found.1.name, found.0.kind().name()),
            Known::Several(names) => format!("several: {}", names.join(", ")),
            Known::Elsewhere(error) => error.to_string(),
            Known::None(similar) => format!("none: {}", similar.join(", ")),
        }
    }

    #[test]
    fn a_bundle_is_read_only_where_it_is_a_file_within_bounds() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.json");
        let one = |bundle: &Path| {
            let json = format!(r#"[{{"id": "web", "bundle": {bundle:?}}}]"#);
            listed::listed(json.as_bytes()).unwrap().remove(0)
        };
        let found = || bundle(&one(folder.path()));
        assert_eq!(found(), None);
        let text = r#"{"process": {"noNewPrivileges": true, "user": {"uid": 5, "gid": 6}}}"#;
        fs::write(&config, text).unwrap();
        let read = found().unwrap();
        assert_eq!(
            (read.no_new_privs, read.user.as_deref()),
            (Some(true), Some("5:6"))
        );
        assert_eq!(bundle(&one(Path::new("here"))), None);
        fs::write(&config, format!("{{\"x\": \"{}\"}}", "x".repeat(5 << 20))).unwrap();
        assert_eq!(found(), None);
        fs::remove_file(&config).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &config,
            rustix::fs::FileType::Fifo,
            Mode::RUSR,
            0,
        )
        .unwrap();
        assert_eq!(found(), None);
    }

    #[test]
    fn one_is_found_several_are_listed_and_else_the_nearest_are_named() {
        for (wanted, expected) in [
            ("web-2", "web-2 of runc"),
            ("shop/web", "shop/web of containerd"),
            ("77aa", "shop/web of containerd"),
            ("web", "several: web of runc, shop/web of containerd"),
            ("wep", "none: web, web-2, shop/web"),
        ] {
            assert_eq!(told(wanted), expected, "{wanted}");
        }
    }
}
