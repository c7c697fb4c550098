//! What is written into a Compose file and into a pod.

use super::words::{quoted, shell};
use super::{ALL, Offer, plain};
use crate::syscall::capability::{self, Capabilities};
use std::fmt::Write as _;
use std::path::Path;

/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md>
pub(super) fn compose(offer: &Offer<'_>) -> String {
    let mut out = "services:\n  NAME:\n".to_owned();
    let given = offer.given();
    let mut say = |line: String| {
        let _ = writeln!(out, "    {line}");
    };
    if let Some(image) = &given.image {
        say(format!("image: {}", quoted(image)));
    }
    if offer.has_init() {
        say("init: true".to_owned());
    }
    if let Some(user) = &given.user {
        say(format!("user: {}", quoted(user)));
    }
    let default = capability::docker_default();
    let (drop, add) = offer.capabilities(&default);
    for (key, list) in [("cap_drop", drop), ("cap_add", add)] {
        if !list.is_empty() {
            say(format!("{key}: {}", names(&list)));
        }
    }
    say("security_opt:".to_owned());
    let path = offer.path.display();
    say(format!("  - {}", quoted(&format!("seccomp={path}"))));
    if offer.no_new_privs() {
        say(format!("  - {}", quoted("no-new-privileges:true")));
    }
    out
}

/// The kubelet looks below a folder of its own, on every node.
/// <https://kubernetes.io/docs/tutorials/security/seccomp/>
pub(super) fn kubernetes(offer: &Offer<'_>) -> String {
    let path = offer.path;
    let name = path.file_name().unwrap_or(path.as_os_str());
    let on_node = Path::new("/var/lib/kubelet/seccomp/profiles").join(name);
    let local = Path::new("profiles").join(name);
    let mut out = format!(
        "# On every node: install -D -m 644 {} {}\n\
         securityContext:\n  seccompProfile:\n    type: Localhost\n    localhostProfile: {}\n",
        shell(path),
        shell(&on_node),
        quoted(&local.to_string_lossy())
    );
    let mut say = |line: &str| {
        let _ = writeln!(out, "  {line}");
    };
    let default = capability::docker_default();
    let ours = offer.given().capabilities.as_ref();
    let is_admin = ours.is_some_and(|ours| ours.contains("CAP_SYS_ADMIN"));
    match (offer.no_new_privs(), is_admin) {
        (true, false) => say("allowPrivilegeEscalation: false"),
        // The API server refuses the two together.
        // <https://github.com/kubernetes/kubernetes/blob/v1.31.0/pkg/apis/core/validation/validation.go#L7470>
        (true, true) => say(
            "# Kubernetes sets no no_new_privs beside SYS_ADMIN, and the profile may not start without: use \
             `--start any`",
        ),
        (false, _) => {}
    }
    // What runtimes grant by themselves differs there, so all is said where it is not the usual.
    if let Some(ours) = ours.filter(|ours| **ours != default) {
        say("capabilities:");
        say(&format!("  drop: {}", names(&all())));
        if *ours == capability::all() {
            say(&format!("  add: {}", names(&all())));
        } else if !ours.is_empty() {
            say(&format!("  add: {}", names(ours)));
        }
    }
    if let Some(user) = &offer.given().user {
        for line in run_as(user) {
            say(&line);
        }
    }
    out
}

/// A pod takes numbers only.
fn run_as(user: &str) -> Vec<String> {
    let (user, group) = match user.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (user, None),
    };
    let number = |text: &str| text.parse::<u32>().ok();
    let mut lines = Vec::new();
    match number(user) {
        Some(user) => lines.push(format!("runAsUser: {user}")),
        None => lines.push(format!(
            "# It ran as {}; say its number in `runAsUser`.",
            quoted(user)
        )),
    }
    if let Some(group) = group.and_then(number) {
        lines.push(format!("runAsGroup: {group}"));
    }
    lines
}

fn all() -> Capabilities {
    [ALL.to_owned()].into()
}

/// A list of YAML.
fn names(list: &Capabilities) -> String {
    let names: Vec<String> = list.iter().map(|name| quoted(plain(name))).collect();
    format!("[{}]", names.join(", "))
}
