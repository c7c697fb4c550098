//! `daemon`: many containers at once, one recording for each.

mod generate;
mod recorder;

pub(super) use recorder::{DaemonArguments, accompany, no_answer, record};

use super::base::BaseArguments;
use super::closeness::ClosenessArguments;
use super::exit::Exit;
use super::failure::Failure;
use super::output;
use super::plan::Plan;
use super::start::StartArguments;
use super::watching::{self, TargetArguments};
use crate::daemon::{
    self, Daemon, DaemonError, Filter, KeepLimit, Label, Places, Policy, Settings, UserGrant,
};
use crate::probe::{ChildStart, Pins, Room, SCOPES_MAX};
use crate::report::escape;
use crate::session::Listening;
use crate::target::engine::Engine;
use crate::target::engine_run::EngineKind;
use crate::target::{namespace, requirements};
use clap::ValueEnum;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Watch many containers at once, for as long as this host runs, and keep a recording of each.
///
/// Recordings are in the folder `recordings` of the state folder: written at an interval, and for the last time when
/// nobody is left in the container. What the kernel side keeps is pinned, so that it goes on when the daemon is
/// killed or ended; the next one picks it up, and nothing is missed in between. `seccomp-tracer ps` lists what is
/// recorded, and `record --daemon` has something recorded.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Record every child of this cgroup by itself, as of `/docker` or `/system.slice`; several can be given.
    #[arg(long, value_name = "PATH")]
    below: Vec<PathBuf>,
    /// From when on such a child is recorded.
    #[arg(long, value_name = "WHEN", default_value = "container")]
    from: From,
    /// Record this cgroup; several can be given.
    #[arg(long, value_name = "PATH")]
    cgroup: Vec<PathBuf>,
    /// Record this running container, by name or id, through all its lives; several can be given.
    #[arg(long, value_name = "NAME|ID")]
    container: Vec<String>,
    /// Of the containers below, record only those with this label; with all of them, if several are given.
    #[arg(long, value_name = "KEY[=VALUE]", requires = "below")]
    label: Vec<Label>,
    /// Of the containers below, record only those whose image matches this pattern, like `*/nginx:*`; or one of
    /// them, if several are given.
    #[arg(long, value_name = "PATTERN", requires = "below")]
    image: Vec<glob::Pattern>,
    /// How often recordings of what still runs are written.
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = watching::duration_parser())]
    interval: Duration,
    /// Most targets at once [default: as many as there is room for in what is pinned, else 1000]. The kernel side's
    /// memory grows with it: some 30 kB, and 30 kB more for each CPU, per target.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=i64::from(SCOPES_MAX)))]
    max: Option<u32>,
    /// Of recordings that have ended, keep none for longer than a time, like 30d, or no more than a size, like 10GB;
    /// both can be given. The oldest are removed, at the interval [default: keep all].
    #[arg(long, value_name = "AGE|SIZE")]
    keep: Vec<KeepLimit>,
    /// Let this user record cgroups of their own, or all with `:all`; several can be given. Root may record
    /// everything.
    #[arg(long, value_name = "UID[:all]")]
    allow: Vec<UserGrant>,
    /// Where the daemon listens.
    #[arg(long, value_name = "FILE", default_value = daemon::SOCKET)]
    socket: PathBuf,
    /// Where metrics for Prometheus (`/metrics`) and health (`/healthz`) can be asked for: a port on this host, or an
    /// address with a port [default: nowhere].
    #[arg(long, value_name = "[ADDRESS:]PORT", value_parser = address)]
    listen: Option<SocketAddr>,
    /// Where recordings and what else must outlive the daemon are kept.
    #[arg(long, value_name = "FOLDER", default_value = daemon::STATE)]
    state: PathBuf,
    /// Where the kernel side is pinned, in a bpf file system.
    #[arg(long, value_name = "FOLDER", default_value = daemon::PINS)]
    pin: PathBuf,
    /// Pin nothing: what is recorded ends with the daemon.
    #[arg(long, conflicts_with = "pin")]
    no_pin: bool,
    /// Detach and remove what a daemon left pinned, and do nothing else. What had not been written by then is
    /// lost.
    #[arg(long, conflicts_with_all = ["below", "cgroup", "container", "no_pin"])]
    release: bool,
    #[command(flatten)]
    base: BaseArguments,
    #[command(flatten)]
    closeness: ClosenessArguments,
    #[command(flatten)]
    start: StartArguments,
}

/// From when on the child of a parent is recorded.
#[derive(Clone, Copy, ValueEnum)]
enum From {
    /// From the start of a container's own program.
    Container,
    /// From its first exec.
    Exec,
    /// At once.
    Now,
}

pub(super) fn run(arguments: Arguments) -> Result<Exit, Failure> {
    if arguments.release {
        return release(&arguments);
    }
    // Before anything is made that a signal would leave behind.
    let listening = Listening::start().map_err(watching::no_session)?;
    requirements::met().map_err(watching::unmet)?;
    raise_file_limit();
    let Arguments {
        below,
        from,
        cgroup,
        container,
        label,
        image,
        interval,
        max,
        keep,
        allow,
        socket,
        listen,
        state,
        pin,
        no_pin,
        release: _,
        base,
        closeness,
        start,
    } = arguments;
    let mut containers = Vec::new();
    for name in container {
        let plan = Plan::of(&TargetArguments::of_container(name, None))?;
        containers.extend(plan.target.cgroup.map(PathBuf::from));
    }
    let settings = Settings {
        state,
        pins: (!no_pin).then_some(pin),
        room: Room {
            scopes: max.unwrap_or(SCOPES_MAX),
            host_mount_namespaces: host_mount_namespaces(),
        },
        is_room_meant: max.is_some(),
        parents: below,
        child_start: match from {
            From::Container => ChildStart::ContainerExec,
            From::Exec => ChildStart::FirstExec,
            From::Now => ChildStart::Now,
        },
        filter: Filter {
            images: image,
            labels: label,
        },
        cgroups: cgroup,
        containers,
        interval,
        keep: keep.into_iter().collect(),
        policy: Policy::new(allow.iter().map(|&UserGrant(user, grant)| (user, grant))),
    };
    let mut daemon = Daemon::start(settings).map_err(no_daemon)?;
    let generate = generate::with(base, closeness, start);
    let places = Places {
        socket,
        metrics: listen,
    };
    let ready = |daemon: &Daemon| {
        output::say(&format!(
            "listening at {}, recording {} targets",
            escape::path(&places.socket),
            daemon.len()
        ));
    };
    daemon::serve(listening, &mut daemon, &places, generate, ready).map_err(no_daemon)?;
    if !no_pin {
        output::say(
            "recording goes on; start the daemon again, or end it with `seccomp-tracer daemon --release`",
        );
    }
    Ok(Exit::Done)
}

/// An address to listen at; a port alone is on the loopback.
fn address(text: &str) -> Result<SocketAddr, NoAddress> {
    let port = text
        .parse()
        .map(|port: u16| (Ipv4Addr::LOCALHOST, port).into());
    port.or_else(|_| text.parse()).map_err(|_| NoAddress)
}

/// Text that is no address.
#[derive(Debug, thiserror::Error)]
#[error("not a port, like 9120, or an address with a port, like 10.0.0.1:9120 or [::1]:9120")]
struct NoAddress;

/// Removes what is pinned.
fn release(arguments: &Arguments) -> Result<Exit, Failure> {
    let pins = Pins::open(&arguments.pin).map_err(|error| no_daemon(error.into()))?;
    let was_there = pins.release().map_err(|error| no_daemon(error.into()))?;
    output::say(if was_there {
        "released: nothing is recorded any more"
    } else {
        "nothing was pinned"
    });
    Ok(Exit::Done)
}

fn no_daemon(error: DaemonError) -> Failure {
    let hint = error.hint();
    Failure::environment(error).hint_if(hint)
}

/// The host's mount namespace and, where it has one of its own, Docker's.
fn host_mount_namespaces() -> [u32; 2] {
    let host = namespace::host().or_else(namespace::own);
    let engine = namespace::engine(&Engine::of_kind(EngineKind::Docker));
    [host, engine].map(Option::unwrap_or_default)
}

/// Each target keeps a file open.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let current = maximum;
    // If it stays as it is, opening says what is wrong, if anything is.
    let _ = setrlimit(Resource::Nofile, Rlimit { current, maximum });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_on_the_loopback() {
        let read = |text: &str| address(text).map(|address| address.to_string()).ok();
        assert_eq!(read("9120").as_deref(), Some("127.0.0.1:9120"));
        assert_eq!(read("0.0.0.0:80").as_deref(), Some("0.0.0.0:80"));
        assert_eq!(read("[::1]:80").as_deref(), Some("[::1]:80"));
        for bad in ["", "host:80", ":80", "70000", "1.2.3.4"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
