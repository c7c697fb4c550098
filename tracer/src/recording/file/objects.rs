//! The parts of a recording file that every version has: one run without what it did.

use super::FileError;
use crate::recording::{
    Below, Container, Host, Loss, Losses, SeccompState, Target, TargetKind, Window, WindowEnd,
    WindowStart,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct HostObject {
    pub(super) kernel: String,
    pub(super) architecture: String,
    /// Which hook saw the calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) hook: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TargetObject {
    pub(super) kind: KindName,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) command: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cgroup: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) container: Option<ContainerObject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) capabilities: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) no_new_privs: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seccomp: Option<SeccompName>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) clients: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) filtered_at_start: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) exit_code: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) below: Option<BelowObject>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct BelowObject {
    pub(super) confined: u32,
    pub(super) unconfined: u32,
    pub(super) unknown: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ContainerObject {
    pub(super) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) image: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) image_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) engine: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) engine_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) runtime: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) runtime_version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) init: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) user: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct WindowObject {
    pub(super) start: String,
    pub(super) duration_ms: u64,
    pub(super) last_new_fact_ms: u64,
    pub(super) from: StartName,
    pub(super) until: EndName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) lives: Option<u32>,
}

/// An enumeration with one name on disk for each case.
macro_rules! names {
    ($name:ident for $value:ident { $($case:ident),+ }) => {
        #[derive(Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub(super) enum $name { $($case),+ }

        impl From<$value> for $name {
            fn from(value: $value) -> Self {
                match value { $($value::$case => Self::$case),+ }
            }
        }

        impl From<$name> for $value {
            fn from(name: $name) -> Self {
                match name { $($name::$case => Self::$case),+ }
            }
        }
    };
}

names!(KindName for TargetKind { Command, Container, Process, Cgroup });
names!(SeccompName for SeccompState { Unconfined, EngineDefault, Custom, Filtered });
names!(StartName for WindowStart { Exec, Attach });
names!(EndName for WindowEnd { Empty, Duration, Idle, Interrupted, Command });

impl From<&Host> for HostObject {
    fn from(host: &Host) -> Self {
        Self {
            kernel: host.kernel.clone(),
            architecture: host.architecture.clone(),
            hook: host.hook.clone(),
        }
    }
}

impl From<HostObject> for Host {
    fn from(object: HostObject) -> Self {
        Self {
            kernel: object.kernel,
            architecture: object.architecture,
            hook: object.hook,
        }
    }
}

impl From<&Window> for WindowObject {
    fn from(window: &Window) -> Self {
        Self {
            start: window.start.clone(),
            duration_ms: window.duration_ms,
            last_new_fact_ms: window.last_new_fact_ms,
            from: window.from.into(),
            until: window.until.into(),
            lives: window.lives,
        }
    }
}

impl From<WindowObject> for Window {
    fn from(object: WindowObject) -> Self {
        Self {
            start: object.start,
            duration_ms: object.duration_ms,
            last_new_fact_ms: object.last_new_fact_ms,
            from: object.from.into(),
            until: object.until.into(),
            lives: object.lives,
        }
    }
}

impl From<&Target> for TargetObject {
    fn from(target: &Target) -> Self {
        let container = |container: &Container| {
            let Container {
                id,
                name,
                image,
                image_id,
                engine,
                engine_version,
                runtime,
                runtime_version,
                init,
                user,
            } = container.clone();
            ContainerObject {
                id,
                name,
                image,
                image_id,
                engine,
                engine_version,
                runtime,
                runtime_version,
                init,
                user,
            }
        };
        Self {
            kind: target.kind.into(),
            command: target.command.clone(),
            cgroup: target.cgroup.clone(),
            container: target.container.as_ref().map(container),
            capabilities: target
                .capabilities
                .as_ref()
                .map(|set| set.iter().cloned().collect()),
            no_new_privs: target.no_new_privs,
            seccomp: target.seccomp.map(Into::into),
            clients: target.clients.clone(),
            filtered_at_start: target.filtered_at_start,
            exit_code: target.exit_code,
            below: target.below.map(
                |Below {
                     confined,
                     unconfined,
                     unknown,
                 }| BelowObject {
                    confined,
                    unconfined,
                    unknown,
                },
            ),
        }
    }
}

impl From<TargetObject> for Target {
    fn from(object: TargetObject) -> Self {
        let container = |object: ContainerObject| {
            let ContainerObject {
                id,
                name,
                image,
                image_id,
                engine,
                engine_version,
                runtime,
                runtime_version,
                init,
                user,
            } = object;
            Container {
                id,
                name,
                image,
                image_id,
                engine,
                engine_version,
                runtime,
                runtime_version,
                init,
                user,
            }
        };
        Self {
            kind: object.kind.into(),
            command: object.command,
            cgroup: object.cgroup,
            container: object.container.map(container),
            capabilities: object.capabilities.map(|names| names.into_iter().collect()),
            no_new_privs: object.no_new_privs,
            seccomp: object.seccomp.map(Into::into),
            clients: object.clients,
            filtered_at_start: object.filtered_at_start,
            exit_code: object.exit_code,
            below: object.below.map(
                |BelowObject {
                     confined,
                     unconfined,
                     unknown,
                 }| Below {
                    confined,
                    unconfined,
                    unknown,
                },
            ),
        }
    }
}

/// Loss counters by name.
pub(super) type LossesObject = BTreeMap<String, u64>;

pub(super) fn losses_object(losses: &Losses) -> LossesObject {
    let counters = losses.iter();
    // What is new is only there if it happened, so that a recording without it is read by older programs.
    let counters = counters.filter(|&(loss, count)| loss != Loss::Left || count > 0);
    counters
        .map(|(loss, n)| (loss.name().to_owned(), n))
        .collect()
}

pub(super) fn losses(counters: LossesObject) -> Result<Losses, FileError> {
    let mut losses = Losses::default();
    for (name, count) in counters {
        let Some(loss) = Loss::ALL.into_iter().find(|loss| loss.name() == name) else {
            return Err(FileError::UnknownLoss(name));
        };
        losses.set(loss, count);
    }
    Ok(losses)
}
