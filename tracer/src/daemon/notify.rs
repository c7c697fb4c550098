//! Tells the service manager that started us how it stands, if there is one.

use std::env;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Says that clients can come now.
pub(super) fn ready() -> io::Result<()> {
    say("READY=1")
}

/// Says that the end has begun.
pub(super) fn stopping() -> io::Result<()> {
    say("STOPPING=1")
}

/// One datagram to the socket that `NOTIFY_SOCKET` names, as `sd_notify(3)` describes.
fn say(state: &str) -> io::Result<()> {
    let Some(name) = env::var_os("NOTIFY_SOCKET") else {
        return Ok(());
    };
    let address = match name.as_encoded_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(&name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.send_to_addr(state.as_bytes(), &address).map(drop)
}
