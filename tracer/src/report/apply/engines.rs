//! Command lines of engines' clients, and of our own loader.

use super::words::{line, shell};
use super::{Applier, Offer, plain};
use crate::syscall::capability::{self, Capabilities};
use std::ffi::OsString;

/// What stands for what nobody knows.
const REST: &str = "…";

pub(super) fn docker(offer: &Offer<'_>) -> String {
    client(
        offer,
        Applier::Docker,
        "docker",
        &capability::docker_default(),
    )
}

pub(super) fn podman(offer: &Offer<'_>) -> String {
    client(
        offer,
        Applier::Podman,
        "podman",
        &capability::podman_default(),
    )
}

pub(super) fn nerdctl(offer: &Offer<'_>) -> String {
    client(
        offer,
        Applier::Containerd,
        "nerdctl",
        &capability::docker_default(),
    )
}

/// The line by which what was recorded ran, or one that is made of what is known.
fn client(offer: &Offer<'_>, applier: Applier, name: &str, default: &Capabilities) -> String {
    if let Some(words) = offer.lines.get(&applier) {
        return line(words);
    }
    let path = shell(offer.path);
    let mut words = vec![
        format!("{name} run"),
        format!("--security-opt seccomp={path}"),
    ];
    if offer.no_new_privs() {
        words.push("--security-opt no-new-privileges".to_owned());
    }
    if offer.has_init() {
        words.push("--init".to_owned());
    }
    let (drop, add) = offer.capabilities(default);
    words.extend(drop.iter().map(|name| flag("--cap-drop", plain(name))));
    words.extend(add.iter().map(|name| flag("--cap-add", plain(name))));
    if let Some(user) = &offer.given().user {
        words.push(flag("--user", user));
    }
    words.push(REST.to_owned());
    if let Some(image) = &offer.given().image {
        words.push(shell(image));
        words.push(offer.command.map_or_else(|| REST.to_owned(), line));
    }
    words.retain(|word| !word.is_empty());
    words.join(" ")
}

/// containerd's own client sets no_new_privs unless told otherwise, and grants what Docker does.
/// <https://github.com/containerd/containerd/blob/v1.7.0/oci/spec.go#L138>
pub(super) fn ctr(offer: &Offer<'_>) -> String {
    let path = shell(offer.path);
    let mut words = vec![format!("ctr run --seccomp --seccomp-profile {path}")];
    if offer.given().no_new_privs == Some(false) {
        words.push("--allow-new-privs".to_owned());
    }
    // It knows no word for all.
    let default = capability::docker_default();
    let ours = offer.given().capabilities.as_ref().unwrap_or(&default);
    let (drop, add) = (&default - ours, ours - &default);
    words.extend(drop.iter().map(|name| flag("--cap-drop", name)));
    words.extend(add.iter().map(|name| flag("--cap-add", name)));
    words.push(REST.to_owned());
    if let Some(image) = &offer.given().image {
        words.push(shell(image));
        words.push(REST.to_owned());
    }
    words.join(" ")
}

/// Without a container.
pub(super) fn run(offer: &Offer<'_>) -> String {
    let loader: [OsString; 5] = [
        "seccomp-tracer".into(),
        "run".into(),
        "--profile".into(),
        offer.path.into(),
        "--".into(),
    ];
    let command = offer.command.map_or_else(|| REST.to_owned(), line);
    format!("{} {command}", line(loader))
}

fn flag(name: &str, value: &str) -> String {
    format!("{name} {}", shell(value))
}
