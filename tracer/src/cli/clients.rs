//! Recordings in which a client of a container engine was executed: what it had started is not in them.

use super::exit::Exit;
use super::failure::Failure;
use crate::report::escape;
use std::collections::BTreeSet;

/// Whether a client is what is meant.
#[derive(Clone, Copy, Default, clap::Args)]
pub(super) struct ClientArguments {
    /// Make a profile although a client like docker or kubectl was executed: it is the client itself that is meant,
    /// not what it had started elsewhere.
    #[arg(long)]
    pub(super) client: bool,
}

/// The profile would be the client's.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{}` was executed, and what it had started elsewhere is not in the recording",
    escape::text(.0)
)]
struct NotMeant(String);

impl ClientArguments {
    /// Whether a profile may be made where these clients were executed.
    pub(super) fn check(self, clients: &BTreeSet<String>) -> Result<(), Failure> {
        match clients.first().filter(|_| !self.client) {
            None => Ok(()),
            Some(client) => {
                let error = NotMeant(client.clone());
                let hint = format!(
                    "{} records what it starts; if `{}` itself is meant, say --client",
                    instead(client),
                    escape::text(client)
                );
                Err(Failure::new(Exit::Incomplete, error).hint(hint))
            }
        }
    }
}

/// What is to be said of clients that were executed.
pub(super) fn warnings(clients: &BTreeSet<String>) -> Vec<String> {
    let each = clients.iter().map(|client| {
        let name = escape::text(client);
        let instead = instead(client);
        format!(
            "`{name}` was executed, and what it had started elsewhere is not in the recording; {instead} records that"
        )
    });
    each.collect()
}

/// The command that records what a client has started.
fn instead(client: &str) -> &'static str {
    match client {
        "docker-compose" | "podman-compose" => "`seccomp-tracer record -- docker compose up`",
        "podman" | "podman-remote" | "buildah" => "`seccomp-tracer record -- podman run …`",
        "nerdctl" | "ctr" => "`seccomp-tracer record --container ID`",
        "crictl" | "kubectl" => "`seccomp-tracer record --container NAMESPACE/POD/NAME`",
        "systemd-run" => "`seccomp-tracer record --unit UNIT`",
        "machinectl" | "systemd-nspawn" => "`seccomp-tracer record --cgroup PATH`",
        _ => "`seccomp-tracer record -- docker run …`",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_refused_unless_it_is_meant() {
        let clients = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let check = |client, names: &[&str]| ClientArguments { client }.check(&clients(names));
        assert!(check(false, &[]).is_ok() && check(true, &["docker"]).is_ok());
        let failure = check(false, &["kubectl", "podman"]).unwrap_err();
        assert_eq!(failure.exit, Exit::Incomplete);
        assert_eq!(
            failure.error.to_string(),
            "`kubectl` was executed, and what it had started elsewhere is not in the recording"
        );
        assert_eq!(
            failure.hint.as_deref(),
            Some(
                "`seccomp-tracer record --container NAMESPACE/POD/NAME` records what it starts; if `kubectl` itself \
                 is meant, say --client"
            )
        );
        assert_eq!(warnings(&clients(&["x\u{1b}"])).len(), 1);
        assert!(warnings(&clients(&["x\u{1b}"]))[0].starts_with("`x\\u{1b}` was executed"));
    }
}
