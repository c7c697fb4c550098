//! Docker's own socket, for what cannot wait for its client: containers that are gone within a second.
//!
//! HTTP of the first version, so that answers come as they are and end with the connection. Only sockets of this host
//! are spoken to: containers of others are not here.

use super::answers::{self, Inspected};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The most bytes of an answer's head.
const HEAD_MAX_BYTES: u64 = 16 << 10;

/// The most bytes of the description of one container, or of one event.
const BODY_MAX_BYTES: u64 = 4 << 20;

/// The socket of an engine.
#[derive(Clone, Debug)]
pub struct Socket(PathBuf);

/// What happened to a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineEvent {
    /// The engine's word for it: `create`, `start`, `die`, `destroy`, …
    pub action: String,
    /// The container's full id.
    pub id: String,
    /// When, in nanoseconds since 1970.
    pub time_ns: u64,
    /// What the engine says of the container with it. Hostile.
    pub attributes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct EventObject {
    #[serde(rename = "Action")]
    action: String,
    #[serde(rename = "Actor")]
    actor: ActorObject,
    #[serde(rename = "timeNano", default)]
    time_ns: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ActorObject {
    #[serde(rename = "ID")]
    id: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

/// Reads one event.
pub(crate) fn event(line: &[u8]) -> Option<EngineEvent> {
    let object: EventObject = serde_json::from_slice(line).ok()?;
    let id = object.actor.id;
    answers::is_id(&id).then_some(EngineEvent {
        action: object.action,
        id,
        time_ns: object.time_ns,
        attributes: object.actor.attributes,
    })
}

/// The status of an answer, from its first line.
pub(crate) fn status(line: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split_ascii_whitespace();
    let is_http = words.next()?.starts_with("HTTP/1.");
    words.next()?.parse().ok().filter(|_| is_http)
}

impl Socket {
    /// The socket behind an endpoint like `unix:///var/run/docker.sock`.
    #[must_use]
    pub fn of_endpoint(endpoint: &str) -> Option<Self> {
        let path = endpoint.strip_prefix("unix://")?;
        Some(Self(path.into())).filter(|socket| socket.0.is_absolute())
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Describes a container, whatever its state; `None` if there is none with this id.
    ///
    /// # Errors
    ///
    /// If the engine does not answer as it should.
    pub fn inspect(&self, id: &str) -> io::Result<Option<Inspected>> {
        let (status, body) = self.get(&format!("/containers/{id}/json"), Some(PATIENCE))?;
        match status {
            200 => {
                let mut text = Vec::new();
                body.take(BODY_MAX_BYTES).read_to_end(&mut text)?;
                let inspected = answers::inspected(&text).map_err(io::Error::other)?;
                Ok(Some(inspected).filter(|inspected| inspected.id == id))
            }
            404 => Ok(None),
            status => Err(io::Error::other(format!("the engine answered {status}"))),
        }
    }

    /// What happens to containers from a moment on, in seconds since 1970, until the engine ends.
    ///
    /// # Errors
    ///
    /// If the engine does not answer as it should.
    pub fn events(&self, since_s: u64) -> io::Result<impl Iterator<Item = EngineEvent> + use<>> {
        // {"type":["container"]}
        let path =
            format!("/events?since={since_s}&filters=%7B%22type%22%3A%5B%22container%22%5D%7D");
        let (status, mut body) = self.get(&path, None)?;
        if status != 200 {
            return Err(io::Error::other(format!("the engine answered {status}")));
        }
        Ok(std::iter::from_fn(move || {
            loop {
                let mut line = Vec::new();
                let read = (&mut body)
                    .take(BODY_MAX_BYTES)
                    .read_until(b'\n', &mut line);
                if !line.ends_with(b"\n") || read.is_err() {
                    return None;
                }
                if let Some(event) = event(&line) {
                    return Some(event);
                }
            }
        }))
    }

    /// Asks, and gives the answer's status and body.
    fn get(
        &self,
        path: &str,
        patience: Option<Duration>,
    ) -> io::Result<(u16, BufReader<UnixStream>)> {
        let mut stream = UnixStream::connect(&self.0)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_read_timeout(patience)?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n")?;
        let mut stream = BufReader::new(stream);
        let mut head = (&mut stream).take(HEAD_MAX_BYTES);
        let mut line = Vec::new();
        head.read_until(b'\n', &mut line)?;
        let bad = || io::Error::from(io::ErrorKind::InvalidData);
        let status = status(&line).ok_or_else(bad)?;
        while line != b"\r\n" {
            line.clear();
            if head.read_until(b'\n', &mut line)? == 0 {
                return Err(bad());
            }
        }
        Ok((status, stream))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn an_event_is_read_as_the_engine_writes_it() {
        let line = format!(
            r#"{{"status":"start","id":"{ID}","from":"nginx","Type":"container","Action":"start",
            "Actor":{{"ID":"{ID}","Attributes":{{"image":"nginx","name":"web","app":"x"}}}},
            "scope":"local","time":1764000000,"timeNano":1764000000123456789}}"#
        );
        let found = event(line.as_bytes()).unwrap();
        assert_eq!((&*found.action, &*found.id), ("start", ID));
        assert_eq!(found.time_ns, 1_764_000_000_123_456_789);
        assert_eq!(found.attributes["name"], "web");
        let short = line.replace(ID, "../x");
        for bad in ["", "{}", "[]", "\u{0}", &short] {
            assert_eq!(event(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn a_status_is_that_of_http() {
        assert_eq!(status(b"HTTP/1.0 200 OK\r\n"), Some(200));
        assert_eq!(status(b"HTTP/1.1 404 Not Found\r\n"), Some(404));
        for bad in [
            &b""[..],
            b"HTTP/1.0",
            b"SSH-2.0 200",
            b"HTTP/1.0 -1",
            b"\xff",
        ] {
            assert_eq!(status(bad), None);
        }
    }

    #[test]
    fn only_a_socket_of_this_host_is_one() {
        let of = |endpoint| Socket::of_endpoint(endpoint).map(|socket| socket.0);
        assert_eq!(of("unix:///run/d.sock"), Some("/run/d.sock".into()));
        for other in ["tcp://1.2.3.4:2375", "ssh://host", "unix://d.sock", ""] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn an_answer_ends_with_the_connection_and_nonsense_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let described = format!(
            "HTTP/1.0 200 OK\r\nX: y\r\n\r\n{{\"Id\":\"{ID}\",\"State\":{{}},\"Name\":\"/web\"}}"
        );
        let answers = [
            described,
            "HTTP/1.0 404 Not Found\r\n\r\n".to_owned(),
            "HTTP/1.0 500 No\r\n\r\n".to_owned(),
            "nonsense\r\n\r\n".to_owned(),
            "HTTP/1.0 200 OK\r\n".to_owned(),
        ];
        let speaking = std::thread::spawn(move || {
            for answer in answers {
                let (stream, _) = listener.accept().unwrap();
                let mut stream = BufReader::new(stream);
                let mut line = String::new();
                // What is not read would make the connection end with an error.
                while line != "\r\n" {
                    line.clear();
                    stream.read_line(&mut line).unwrap();
                }
                stream.get_mut().write_all(answer.as_bytes()).unwrap();
            }
        });
        let socket = Socket(path);
        let name = |found: Option<Inspected>| found.map(|found| found.name);
        assert_eq!(name(socket.inspect(ID).unwrap()).as_deref(), Some("web"));
        assert_eq!(name(socket.inspect(ID).unwrap()), None);
        for _ in 0..3 {
            assert!(socket.inspect(ID).is_err());
        }
        speaking.join().unwrap();
    }
}
