//! How a profile is put to use: the exact command or snippet, engine by engine, with everything that it
//! presumes.
//!
//! It knows what engines want to be told; it refuses to know whether they are there.

mod engines;
mod manifests;
mod projects;
mod systemd;
mod words;

pub use projects::compose_override;
pub use words::line;

use crate::minimize::{Given, NoNewPrivs, PresumedInit, Presumes, RuntimeRelease};
use crate::profile::Profile;
use crate::syscall::capability::{self, Capabilities};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

/// Something that applies profiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Applier {
    /// `docker run`.
    Docker,
    /// `podman run`.
    Podman,
    /// A Compose file.
    Compose,
    /// A pod of Kubernetes.
    Kubernetes,
    /// `nerdctl` and `ctr`.
    Containerd,
    /// A unit of systemd.
    Systemd,
    /// `seccomp-tracer run`.
    Run,
}

/// A profile that is offered for use.
#[derive(Clone, Copy)]
pub struct Offer<'a> {
    /// Where it is kept.
    pub path: &'a Path,
    /// What it says.
    pub profile: &'a Profile,
    /// What it presumes.
    pub presumes: &'a Presumes,
    /// The command lines that run under it what was recorded, as far as they are known.
    pub lines: &'a BTreeMap<Applier, Vec<OsString>>,
    /// The command of what was recorded: behind the image, of a container.
    pub command: Option<&'a [OsString]>,
}

impl Offer<'_> {
    /// How it is used by whoever started what was recorded, in a line for each of them.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        if self.presumes.is_host() {
            return vec![engines::run(self)];
        }
        let engines = self.presumes.given.engines.iter();
        let mut lines: Vec<String> = engines
            .map(|engine| match engine.as_str() {
                "podman" => engines::podman(self),
                "containerd" => engines::nerdctl(self),
                "cri-o" => "a pod's `securityContext`; `--apply kubernetes` writes it".to_owned(),
                "runc" | "crun" => {
                    "the value of `linux.seccomp` in the container's `config.json`".to_owned()
                }
                _ => engines::docker(self),
            })
            .collect();
        if lines.is_empty() {
            lines.push(engines::docker(self));
        }
        lines
    }

    /// The command or snippet for one of them.
    #[must_use]
    pub fn apply(&self, applier: Applier) -> String {
        match applier {
            Applier::Docker => self.by_engine(&engines::docker(self)),
            Applier::Podman => self.by_engine(&engines::podman(self)),
            Applier::Compose => self.by_engine(manifests::compose(self).trim_end()),
            Applier::Kubernetes => self.by_engine(manifests::kubernetes(self).trim_end()),
            Applier::Containerd => {
                self.by_engine(&[engines::nerdctl(self), engines::ctr(self)].join("\n"))
            }
            Applier::Systemd => systemd::units(self),
            Applier::Run => format!("{}\n", engines::run(self)),
        }
    }

    /// What starts a container. No container starts under a profile that is for a process of the host.
    fn by_engine(&self, text: &str) -> String {
        match self.presumes.is_host() {
            true => format!("# {NO_CONTAINER}\n"),
            false => format!("{text}\n"),
        }
    }

    fn given(&self) -> &Given {
        &self.presumes.given
    }

    /// Whether no_new_privs is to be set: the start needs it, or it was set in every recording.
    fn no_new_privs(&self) -> bool {
        self.presumes.no_new_privs == NoNewPrivs::Needed || self.given().no_new_privs == Some(true)
    }

    fn has_init(&self) -> bool {
        self.given().init == Some(true)
    }

    /// What an engine with that default is told to drop and to add, in the fewest words.
    fn capabilities(&self, default: &Capabilities) -> (Capabilities, Capabilities) {
        let Some(ours) = &self.given().capabilities else {
            return Default::default();
        };
        let all: Capabilities = [ALL.to_owned()].into();
        let (drop, add) = (default - ours, ours - default);
        if *ours == capability::all() {
            (Capabilities::new(), all)
        } else if drop.len() > 1 + (ours.len() - add.len()) {
            (all, ours.clone())
        } else {
            (drop, add)
        }
    }
}

/// What engines call every capability.
const ALL: &str = "ALL";

const NO_CONTAINER: &str = "no container starts under this profile: it is for a process of the host; leave out `--runtime none`";

/// Everything that the start depends on, in a line.
#[must_use]
pub fn presumed(presumes: &Presumes) -> String {
    if presumes.is_host() {
        return "a process of the host; it has no calls of a container's runtime, so no container starts under it"
            .to_owned();
    }
    let mut text = format!("a container started by {}", runtimes(presumes));
    match presumes.no_new_privs {
        NoNewPrivs::Needed => text.push_str(", with no_new_privs"),
        NoNewPrivs::Either => {}
    }
    match presumes.init {
        PresumedInit::Absent => text.push_str(", without an init (`--init`)"),
        PresumedInit::Unknown => {
            text.push_str(", with an init (`--init`) only if it was recorded with one");
        }
        PresumedInit::Either => {}
    }
    text.extend(capabilities(presumes));
    if presumes.no_new_privs == NoNewPrivs::Needed {
        text.push_str("; without no_new_privs it does not start, and `--start any` is for both");
    }
    if presumes.from_host {
        text.push_str("; a process of the host was recorded, and `--runtime none` is for that");
    }
    text
}

fn runtimes(presumes: &Presumes) -> String {
    let called = |release: &RuntimeRelease| match &release.version {
        Some(version) => format!("{} {version}", release.name),
        None => release.name.clone(),
    };
    let all: Vec<String> = presumes.runtimes.iter().map(called).collect();
    crate::report::escape::text(&all.join(" or "))
}

/// Capabilities that are not Docker's: the base was resolved for them.
fn capabilities(presumes: &Presumes) -> Option<String> {
    let ours = presumes.given.capabilities.as_ref()?;
    if *ours == capability::docker_default() || *ours == capability::podman_default() {
        return None;
    }
    let names: Vec<&str> = ours.iter().map(|name| plain(name)).collect();
    Some(match names.len() {
        0 => ", with no capability".to_owned(),
        _ if *ours == capability::all() => ", with all capabilities".to_owned(),
        _ => format!(", with the capabilities {}", names.join(" ")),
    })
}

/// A capability as engines call it.
fn plain(name: &str) -> &str {
    name.strip_prefix("CAP_").unwrap_or(name)
}

#[cfg(test)]
mod tests;
