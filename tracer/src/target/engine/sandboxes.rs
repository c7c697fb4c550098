//! Containers of containerd that no runtime on this kernel knows: those of gVisor and Kata Containers, for one.
//!
//! containerd keeps a directory for each container that runs, whoever runs it, with the configuration and the path
//! of the program that looks after it. <https://github.com/containerd/containerd/blob/v2.0.0/core/runtime/v2/bundle.go>

use super::error::EngineError;
use super::kernels::has_own_kernel;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Where those directories are: one for each namespace, and in it one for each container.
const HOME: &str = "/run/containerd/io.containerd.runtime.v2.task";

/// More are not looked at, nor is more read of a file.
const CONTAINERS_MAX: usize = 4096;
const BYTES_MAX: u64 = 4 << 20;

/// Finds a container whose calls are another kernel's.
pub(super) fn find(wanted: &str) -> Option<EngineError> {
    find_below(Path::new(HOME), wanted)
}

fn find_below(home: &Path, wanted: &str) -> Option<EngineError> {
    let namespaces = entries(home).into_iter();
    let bundles = namespaces.flat_map(|namespace| entries(&namespace));
    let mut found = bundles.take(CONTAINERS_MAX).filter_map(|bundle| {
        let shim = read(&bundle.join("shim-binary-path"))?;
        let shim = shim.trim();
        let is_called = is_called(&bundle, wanted);
        (is_called && has_own_kernel(shim)).then(|| EngineError::OwnKernel {
            name: wanted.to_owned(),
            runtime: shim.to_owned(),
        })
    });
    found.next()
}

#[derive(Deserialize)]
struct ConfigObject {
    annotations: Option<BTreeMap<String, String>>,
}

/// By the container's id or its start, or by the name that Kubernetes gives it, as in `pod/name`.
fn is_called(bundle: &Path, wanted: &str) -> bool {
    const ID_MIN: usize = 4;
    let id = bundle.file_name().unwrap_or_default().to_string_lossy();
    if id == wanted || (wanted.len() >= ID_MIN && id.starts_with(wanted)) {
        return true;
    }
    let config = read(&bundle.join("config.json"));
    let config = config.and_then(|text| serde_json::from_str::<ConfigObject>(&text).ok());
    let annotations = config
        .and_then(|config| config.annotations)
        .unwrap_or_default();
    let part = |name: &str| annotations.get(&format!("io.kubernetes.cri.{name}"));
    let parts = ["sandbox-namespace", "sandbox-name", "container-name"].map(part);
    let [Some(namespace), Some(pod), Some(name)] = parts else {
        return false;
    };
    wanted == name
        || wanted == format!("{pod}/{name}")
        || wanted == format!("{namespace}/{pod}/{name}")
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    let file = fs::File::open(path).ok()?;
    file.take(BYTES_MAX).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_of_another_kernel_is_found_by_id_and_name() {
        let home = tempfile::tempdir().unwrap();
        let bundle = |id: &str, shim: &str| {
            let bundle = home.path().join("k8s.io").join(id);
            fs::create_dir_all(&bundle).unwrap();
            fs::write(bundle.join("shim-binary-path"), shim).unwrap();
            let config = r#"{"ociVersion": "1.0.2", "annotations": {"io.kubernetes.cri.container-name": "app",
                "io.kubernetes.cri.sandbox-name": "shop", "io.kubernetes.cri.sandbox-namespace": "prod"}}"#;
            fs::write(bundle.join("config.json"), config).unwrap();
        };
        bundle("77aa77", "/opt/kata/bin/containerd-shim-kata-v2\n");
        bundle("99bb99", "/usr/bin/containerd-shim-runc-v2");
        let told = |wanted| find_below(home.path(), wanted).map(|error| error.to_string());
        for wanted in ["77aa77", "77aa", "app", "shop/app", "prod/shop/app"] {
            let expected = format!(
                "container `{wanted}` runs under `/opt/kata/bin/containerd-shim-kata-v2`, which has a kernel of its own"
            );
            assert_eq!(told(wanted), Some(expected));
        }
        for wanted in ["99bb99", "77", "shop", "other/app", ""] {
            assert_eq!(told(wanted), None, "{wanted}");
        }
        assert!(find_below(Path::new("/nowhere"), "app").is_none());
    }
}
