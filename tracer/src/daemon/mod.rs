//! The daemon: many containers at once, for as long as the host runs.
//!
//! One recording per container, written at an interval and at the container's end. What the kernel side keeps
//! may be pinned, so that it outlives the daemon; the next one picks it up. Clients reach it through a Unix
//! socket. It refuses to know about profiles: who can make one of a recording is handed in.

mod answers;
mod apart;
mod arrivals;
mod client;
mod clients;
mod core;
mod details;
mod endings;
mod error;
mod filter;
mod follow;
mod http;
mod inspector;
mod keep;
mod listener;
mod lives;
mod metrics;
mod names;
mod notify;
mod parents;
mod passport;
mod policy;
pub mod protocol;
mod resume;
mod scope;
mod serve;
mod store;
mod turned_away;
mod witness;

pub use apart::{Apart, Told};
pub use client::{Client, ClientError};
pub use core::{Daemon, Generate, Generated, Settings};
pub use error::DaemonError;
pub use filter::{Filter, Label};
pub use follow::{Followed, accompany, follow};
pub use keep::{Keep, KeepLimit, NoLimit};
pub use policy::{Grant, Policy, UserGrant};
pub use serve::{Places, serve};

/// What comes from outside and is not of the protocol: requests for metrics, and papers of another daemon.
pub(crate) fn read(bytes: &[u8]) {
    let _ = http::wanted(bytes);
    let text = String::from_utf8_lossy(bytes);
    if let Some(passport) = passport::Passport::from_text(&text, "boot") {
        let again = passport::Passport::from_text(&passport.to_text("boot"), "boot");
        assert_eq!(again, Some(passport));
    }
    let _ = (text.parse::<KeepLimit>(), text.parse::<UserGrant>());
    let _ = text.parse::<Label>();
    let _ = names::stem(&text, &text);
}

/// Where the daemon listens, unless told otherwise.
pub const SOCKET: &str = "/run/seccomp-tracer/daemon.sock";

/// Where it keeps its recordings, unless told otherwise.
pub const STATE: &str = "/var/lib/seccomp-tracer";

/// Where it pins the kernel side, unless told otherwise.
pub const PINS: &str = "/sys/fs/bpf/seccomp-tracer";
