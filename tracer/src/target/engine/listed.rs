//! Containers as an OCI runtime lists them, read from the JSON of `runc list` and `crun list`.
//!
//! Pure. A runtime knows ids only; what people call a container is in the annotations that engines leave.

use super::answers::Inspected;
use crate::target::engine_run::EngineKind;
use crate::target::oci_hook::{StateError, first_value};
use rustix::process::Pid;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A container of a runtime. Strings are hostile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Listed {
    id: String,
    #[serde(default)]
    pid: i32,
    #[serde(default)]
    status: String,
    bundle: Option<PathBuf>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

/// The keys under which engines say what a container is called: the container, its pod, the pod's namespace.
/// <https://github.com/containerd/containerd/blob/v2.0.0/internal/cri/annotations/annotations.go>,
/// <https://github.com/cri-o/cri-o/blob/v1.31.0/pkg/annotations/annotations.go>
const NAMES: [[&str; 3]; 3] = [
    [
        "io.kubernetes.cri.container-name",
        "io.kubernetes.cri.sandbox-name",
        "io.kubernetes.cri.sandbox-namespace",
    ],
    [
        "io.kubernetes.container.name",
        "io.kubernetes.pod.name",
        "io.kubernetes.pod.namespace",
    ],
    ["nerdctl/name", "", ""],
];

/// The keys under which engines say whether a container is one, or what holds a pod together.
const TYPES: [&str; 2] = [
    "io.kubernetes.cri.container-type",
    "io.kubernetes.cri-o.ContainerType",
];

/// Fewer characters than this are no start of an id.
const START_MIN: usize = 4;

/// Whether runc was told to install a filter, from the state that it keeps of a container.
/// <https://github.com/opencontainers/runc/blob/v1.2.0/libcontainer/configs/config.go>
pub(super) fn filter_in_state(from: impl Read) -> Result<bool, StateError> {
    #[derive(Deserialize)]
    #[serde(expecting = "an object")]
    struct Written {
        config: Config,
    }
    #[derive(Deserialize)]
    #[serde(expecting = "an object")]
    struct Config {
        seccomp: Option<IgnoredAny>,
    }
    let written: Written = first_value(from)?;
    Ok(written.config.seccomp.is_some())
}

/// Reads a runtime's list; both write nothing that is a list when they have none.
pub(crate) fn listed(json: &[u8]) -> Result<Vec<Listed>, serde_json::Error> {
    let all: Option<Vec<Listed>> = serde_json::from_slice(json)?;
    Ok(all.unwrap_or_default())
}

impl Listed {
    /// Its id.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Where its configuration is, if the runtime says so.
    pub(super) fn bundle(&self) -> Option<&Path> {
        self.bundle.as_deref().filter(|path| path.is_absolute())
    }

    /// Whose it is, if the runtime's state lies where that kind has it.
    pub(crate) fn kind(&self, home: EngineKind) -> EngineKind {
        let keys = self.annotations.iter().flat_map(BTreeMap::keys);
        let mut keys = keys.map(String::as_str);
        if keys
            .clone()
            .any(|key| key.starts_with("io.kubernetes.cri-o."))
        {
            EngineKind::CriO
        } else if keys.any(|key| key == "io.container.manager" || key.starts_with("io.podman.")) {
            EngineKind::Podman
        } else {
            home
        }
    }

    /// What people call it: `NAMESPACE/POD/CONTAINER`, or a name, or the runtime's id.
    pub(crate) fn name(&self) -> String {
        let parts = NAMES.iter().find_map(|keys| {
            let [container, pod, namespace] = keys.map(|key| self.annotation(key));
            let parts = [namespace, pod, Some(container?)];
            Some(parts.into_iter().flatten().collect::<Vec<_>>().join("/"))
        });
        parts.unwrap_or_else(|| self.id.clone())
    }

    /// Whether that is its id, a start of it, its name, or the last parts of that.
    pub(crate) fn is_called(&self, wanted: &str) -> bool {
        if wanted.is_empty() || self.holds_a_pod() {
            return false;
        }
        let name = self.name();
        let is_end = name
            .strip_suffix(wanted)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('/'));
        is_end || self.id == wanted || (wanted.len() >= START_MIN && self.id.starts_with(wanted))
    }

    /// What is known of it.
    pub(crate) fn inspected(&self, runtime: &str) -> Inspected {
        let lives = self.status == "running" && self.pid > 0;
        Inspected {
            id: self.id.clone(),
            name: self.name(),
            status: self.status.clone(),
            first: lives.then(|| Pid::from_raw(self.pid)).flatten(),
            runtime: Some(runtime.to_owned()),
            ..Inspected::default()
        }
    }

    /// Whether it is there for the namespaces of a pod only, and runs nothing of the user's.
    pub(crate) fn holds_a_pod(&self) -> bool {
        let types = TYPES.iter().filter_map(|key| self.annotation(key));
        types.into_iter().any(|kind| kind == "sandbox")
    }

    fn annotation(&self, key: &str) -> Option<&str> {
        let value = self.annotations.as_ref()?.get(key)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "5d3f0cf4e7d9a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f607182930";

    fn one(more: &str) -> Listed {
        let json = format!(
            r#"[{{"ociVersion": "1.0.2-dev", "id": "{ID}", "pid": 41, "status": "running",
                "bundle": "/b", "created": "2026-01-01T00:00:00Z", "owner": "root"{more}}}]"#
        );
        let [one] = listed(json.as_bytes()).unwrap().try_into().unwrap();
        one
    }

    fn annotated(pairs: &[(&str, &str)]) -> Listed {
        let pairs: Vec<String> = pairs
            .iter()
            .map(|(key, value)| format!("{key:?}: {value:?}"))
            .collect();
        one(&format!(r#", "annotations": {{{}}}"#, pairs.join(",")))
    }

    #[test]
    fn the_state_of_a_container_says_whether_it_has_a_filter() {
        let said = |text: &str| filter_in_state(text.as_bytes()).ok();
        let filter = r#"{"id": "a", "config": {"rootfs": "/", "seccomp": {"default_action": 2}}}"#;
        assert_eq!(said(filter), Some(true));
        assert_eq!(said(r#"{"config": {"seccomp": null}}"#), Some(false));
        assert_eq!(said(r#"{"config": {}}"#), Some(false));
        for bad in ["", "{}", "[]", r#"{"config": 1}"#] {
            assert_eq!(said(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_list_is_read_as_runtimes_write_it() {
        for empty in ["null", "[]", "[\n\n]"] {
            assert_eq!(listed(empty.as_bytes()).unwrap(), []);
        }
        for wrong in [
            "",
            "{}",
            "[{}]",
            r#"[{"id": 7}]"#,
            r#"[{"id": "a", "pid": "b"}]"#,
        ] {
            assert!(listed(wrong.as_bytes()).is_err(), "{wrong}");
        }
        let found = one("").inspected("runc");
        assert_eq!(found.first_process().unwrap(), Pid::from_raw(41).unwrap());
        let stopped = Listed {
            status: "stopped".into(),
            ..one("")
        };
        assert!(stopped.inspected("runc").first_process().is_err());
    }

    #[test]
    fn a_container_is_whose_its_annotations_say() {
        let home = EngineKind::Runc;
        for (key, expected) in [
            ("io.kubernetes.cri-o.ContainerType", EngineKind::CriO),
            ("io.container.manager", EngineKind::Podman),
            ("org.example", EngineKind::Runc),
        ] {
            assert_eq!(annotated(&[(key, "x")]).kind(home), expected, "{key}");
        }
        assert_eq!(one("").kind(EngineKind::Containerd), EngineKind::Containerd);
        assert_eq!(one(r#", "annotations": null"#).kind(home), home);
    }

    #[test]
    fn a_container_is_found_by_what_people_and_engines_call_it() {
        let pod = annotated(&[
            ("io.kubernetes.cri.container-name", "web"),
            ("io.kubernetes.cri.sandbox-name", "shop-1"),
            ("io.kubernetes.cri.sandbox-namespace", "prod"),
            ("io.kubernetes.cri.container-type", "container"),
        ]);
        assert_eq!(pod.name(), "prod/shop-1/web");
        for (wanted, expected) in [
            ("web", true),
            ("shop-1/web", true),
            ("prod/shop-1/web", true),
            ("op-1/web", false),
            ("b", false),
            ("", false),
            (&ID[..4], true),
            (&ID[..3], false),
            (ID, true),
        ] {
            assert_eq!(pod.is_called(wanted), expected, "{wanted}");
        }
        let pause = annotated(&[("io.kubernetes.cri.container-type", "sandbox")]);
        assert!(!pause.is_called(ID));
        assert_eq!(annotated(&[("nerdctl/name", "db")]).name(), "db");
        assert_eq!(one("").name(), ID);
    }
}
