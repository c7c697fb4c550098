//! The state of a container, as its runtime gives it to a hook, and the annotations in its bundle.
//!
//! A runtime is trusted, but what it passes on, annotations above all, comes from whoever asked for the
//! container.

use super::annotation::ANNOTATION;
use rustix::process::Pid;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::PathBuf;

/// The most that is read of either text. Real ones have some 10 kB.
const SIZE_MAX_BYTES: u64 = 4 << 20;

/// What a hook has to know of the container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Its id. Hostile.
    pub id: String,
    /// Its first process, as the hook sees it.
    pub pid: Pid,
    /// The directory of its configuration, if the runtime says so. Hostile.
    pub bundle: Option<PathBuf>,
    /// The value of our annotation, if it is among the state's. Hostile.
    pub annotation: Option<String>,
}

/// Why a container's state says nothing.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It is not there.
    #[error("there is none; a container runtime gives it on standard input")]
    Nothing,
    /// It has no end in sight.
    #[error("it has more than {SIZE_MAX_BYTES} bytes")]
    TooLarge,
    /// It cannot be read.
    #[error("it cannot be read")]
    Read(#[source] io::Error),
    /// It is not what a runtime writes.
    #[error("it is not in the form of the OCI runtime specification")]
    Form(#[source] serde_json::Error),
    /// There is no container to speak of.
    #[error("`id` is empty")]
    NoId,
    /// There is no process.
    #[error("`pid` is {0}, which is no process")]
    NoProcess(i32),
}

/// What is read of a state; what else there is does not matter.
#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct Written {
    id: String,
    #[serde(default)]
    pid: i32,
    bundle: Option<PathBuf>,
    annotations: Option<BTreeMap<String, String>>,
}

impl State {
    /// Reads the first JSON value from there, and no further: a runtime need not close its end.
    ///
    /// # Errors
    ///
    /// [`StateError`] if it is no state of a container that has a process.
    pub fn read(from: impl Read) -> Result<Self, StateError> {
        let written: Written = first_value(from)?;
        if written.id.is_empty() {
            return Err(StateError::NoId);
        }
        let pid = Some(written.pid).filter(|&pid| pid > 0);
        let pid = pid.and_then(Pid::from_raw);
        Ok(Self {
            id: written.id,
            pid: pid.ok_or(StateError::NoProcess(written.pid))?,
            bundle: written.bundle,
            annotation: ours(written.annotations),
        })
    }
}

/// What a container's configuration, the `config.json` of its bundle, says to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// The value of our annotation, if it is among the annotations. Hostile.
    pub annotation: Option<String>,
    /// Whether the runtime is told to install a seccomp filter.
    pub has_filter: bool,
    /// Whether it is told to set no_new_privs; `None` if it is told of no process.
    pub no_new_privs: Option<bool>,
    /// The user that the process is to run as, and its group, if it is not root.
    pub user: Option<String>,
}

impl Bundle {
    /// Reads the first JSON value from there.
    ///
    /// # Errors
    ///
    /// [`StateError`] if it is no configuration.
    pub fn read(from: impl Read) -> Result<Self, StateError> {
        #[derive(Deserialize)]
        #[serde(expecting = "an object")]
        struct Written {
            annotations: Option<BTreeMap<String, String>>,
            linux: Option<Linux>,
            process: Option<Process>,
        }
        #[derive(Deserialize)]
        #[serde(expecting = "an object", rename_all = "camelCase")]
        struct Process {
            #[serde(default)]
            no_new_privileges: bool,
            #[serde(default)]
            user: Option<User>,
        }
        #[derive(Deserialize)]
        #[serde(expecting = "an object")]
        struct User {
            #[serde(default)]
            uid: u32,
            #[serde(default)]
            gid: u32,
        }
        #[derive(Deserialize)]
        #[serde(expecting = "an object")]
        struct Linux {
            seccomp: Option<IgnoredAny>,
        }
        let written: Written = first_value(from)?;
        let process = written.process.as_ref();
        let user = process.and_then(|process| process.user.as_ref());
        Ok(Self {
            annotation: ours(written.annotations),
            has_filter: written.linux.is_some_and(|linux| linux.seccomp.is_some()),
            no_new_privs: process.map(|process| process.no_new_privileges),
            user: user
                .filter(|user| (user.uid, user.gid) != (0, 0))
                .map(|user| format!("{}:{}", user.uid, user.gid)),
        })
    }
}

fn ours(annotations: Option<BTreeMap<String, String>>) -> Option<String> {
    annotations?.remove(ANNOTATION)
}

/// The first JSON value, within the bounds. Its depth is bounded by the parser.
pub(in crate::target) fn first_value<T: DeserializeOwned>(
    from: impl Read,
) -> Result<T, StateError> {
    let mut counted = Counted {
        from: io::BufReader::new(from).take(SIZE_MAX_BYTES),
        bytes: 0,
    };
    let mut parser = serde_json::Deserializer::from_reader(&mut counted);
    T::deserialize(&mut parser).map_err(|error| match error.io_error_kind() {
        Some(_) => StateError::Read(error.into()),
        None if error.is_eof() && counted.bytes == 0 => StateError::Nothing,
        None if error.is_eof() && counted.bytes == SIZE_MAX_BYTES => StateError::TooLarge,
        None => StateError::Form(error),
    })
}

/// Counts what is read, so that an end is told from a bound.
struct Counted<R> {
    from: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.from.read(buffer)?;
        self.bytes += length as u64;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error;

    /// The error with its causes, as a user reads it.
    fn refusal(text: &[u8]) -> String {
        let error = State::read(text).unwrap_err();
        let cause = error.source().map(|cause| format!(": {cause}"));
        format!("{error}{}", cause.unwrap_or_default())
    }

    #[test]
    fn a_state_as_runc_writes_it_is_read_and_what_follows_is_left() {
        let text = br#"{"ociVersion": "1.0.2-dev", "id": "c1", "status": "creating", "pid": 4711,
            "bundle": "/run/b", "annotations": {"x": "y", "io.containers.trace-syscall": "of:/o"}} {"#;
        let expected = State {
            id: "c1".to_owned(),
            pid: Pid::from_raw(4711).unwrap(),
            bundle: Some("/run/b".into()),
            annotation: Some("of:/o".to_owned()),
        };
        assert_eq!(State::read(&text[..]).unwrap(), expected);

        let bare = State::read(&br#"{"id": "c1", "pid": 1, "annotations": null}"#[..]).unwrap();
        assert_eq!((bare.bundle, bare.annotation), (None, None));
    }

    #[test]
    fn a_state_that_is_none_is_refused_with_the_reason() {
        let deep = [&br#"{"id": "c", "annotations": "#[..], &[b'['; 100_000]].concat();
        let aside = [&br#"{"id": "c", "pid": 0, "x": "#[..], &[b'['; 100_000]].concat();
        let form = "it is not in the form of the OCI runtime specification: ";
        let table: [(&[u8], &str); 12] = [
            (
                b"",
                "there is none; a container runtime gives it on standard input",
            ),
            (
                b"{\"id\": \"c\"",
                &format!("{form}EOF while parsing an object at line 1 column 10"),
            ),
            (
                b"[]",
                &format!("{form}invalid length 0, expected an object at line 1 column 2"),
            ),
            (
                b"null",
                &format!("{form}invalid type: null, expected an object at line 1 column 4"),
            ),
            (
                b"{\"pid\": 1}",
                &format!("{form}missing field `id` at line 1 column 10"),
            ),
            (b"{\"id\": \"\", \"pid\": 1}", "`id` is empty"),
            (b"{\"id\": \"c\"}", "`pid` is 0, which is no process"),
            (
                b"{\"id\": \"c\", \"pid\": -1}",
                "`pid` is -1, which is no process",
            ),
            (
                b"{\"id\": \"c\", \"pid\": 4294967296}",
                &format!(
                    "{form}invalid value: integer `4294967296`, expected i32 at line 1 column 30"
                ),
            ),
            (
                b"{\"id\": \"c\", \"pid\": 1, \"annotations\": {\"a\": 1}}",
                &format!("{form}invalid type: integer `1`, expected a string at line 1 column 45"),
            ),
            (
                &deep,
                &format!("{form}invalid type: sequence, expected a map at line 1 column 28"),
            ),
            (
                &aside,
                &format!("{form}EOF while parsing a list at line 1 column 100027"),
            ),
        ];
        for (text, expected) in table {
            let shown = String::from_utf8_lossy(&text[..text.len().min(60)]);
            assert_eq!(refusal(text), expected, "{shown}");
        }
    }

    #[test]
    fn a_state_without_end_is_read_to_the_bound_only() {
        let endless = (&b"{\"id\": \""[..]).chain(io::repeat(b'x'));
        assert!(matches!(State::read(endless), Err(StateError::TooLarge)));
        assert!(matches!(
            State::read(io::repeat(b' ')),
            Err(StateError::TooLarge)
        ));
    }

    #[test]
    fn the_bundle_may_have_the_annotation_and_a_filter() {
        let read = |text: &[u8]| Bundle::read(text);
        let bundle = |annotation: Option<&str>, has_filter| Bundle {
            annotation: annotation.map(str::to_owned),
            has_filter,
            no_new_privs: None,
            user: None,
        };
        let text = br#"{"root": {}, "annotations": {"io.containers.trace-syscall": "of:/o"}}"#;
        assert_eq!(read(text).unwrap(), bundle(Some("of:/o"), false));
        for (text, has_filter) in [
            (&b"{}"[..], false),
            (b"{\"linux\": null}", false),
            (b"{\"linux\": {\"seccomp\": null}}", false),
            (
                b"{\"linux\": {\"seccomp\": {\"defaultAction\": \"SCMP_ACT_ERRNO\"}}}",
                true,
            ),
        ] {
            assert_eq!(read(text).unwrap(), bundle(None, has_filter));
        }
        for (process, no_new_privs, user) in [
            ("{}", Some(false), None),
            ("null", None, None),
            (
                r#"{"noNewPrivileges": true, "user": null}"#,
                Some(true),
                None,
            ),
            (
                r#"{"user": {"uid": 0, "gid": 0, "additionalGids": [1]}}"#,
                Some(false),
                None,
            ),
            (r#"{"user": {"uid": 1000}}"#, Some(false), Some("1000:0")),
            (
                r#"{"user": {"gid": 7}, "args": ["x"]}"#,
                Some(false),
                Some("0:7"),
            ),
        ] {
            let text = format!(r#"{{"process": {process}}}"#);
            let expected = Bundle {
                no_new_privs,
                user: user.map(str::to_owned),
                ..bundle(None, false)
            };
            assert_eq!(read(text.as_bytes()).unwrap(), expected, "{text}");
        }
        for process in [
            "7",
            r#"{"noNewPrivileges": "yes"}"#,
            r#"{"user": {"uid": -1}}"#,
        ] {
            assert!(
                read(format!(r#"{{"process": {process}}}"#).as_bytes()).is_err(),
                "{process}"
            );
        }
        assert!(read(b"{\"annotations\": []}").is_err());
        assert!(read(b"{\"linux\": []}").is_err());
    }
}
