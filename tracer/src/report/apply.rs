//! How a profile is put to use: the exact command or snippet, engine by engine.
//!
//! It knows what engines want to be told; it refuses to know whether they are there.

use crate::profile::{Action, Profile};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

/// Something that applies profiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Applier {
    /// `docker run`.
    Docker,
    /// `podman run`.
    Podman,
    /// A Compose file.
    Compose,
    /// A pod of Kubernetes.
    Kubernetes,
    /// `nerdctl` and `ctr`.
    Containerd,
    /// A unit of systemd.
    Systemd,
}

/// The one line that is said after each product.
#[must_use]
pub fn line(path: &Path) -> String {
    format!("docker run --security-opt seccomp={} …", shell(path))
}

/// The command or snippet for a profile that is kept at that path.
#[must_use]
pub fn apply(applier: Applier, path: &Path, profile: &Profile) -> String {
    match applier {
        Applier::Docker => format!("{}\n", line(path)),
        Applier::Podman => format!("podman run --security-opt seccomp={} …\n", shell(path)),
        Applier::Compose => format!(
            "services:\n  NAME:\n    security_opt:\n      - {}\n",
            quoted(&format!("seccomp={}", path.display()))
        ),
        Applier::Kubernetes => kubernetes(path),
        Applier::Containerd => format!(
            "nerdctl run --security-opt seccomp={0} …\nctr run --seccomp --seccomp-profile {0} …\n",
            shell(path)
        ),
        Applier::Systemd => systemd(path, profile),
    }
}

/// The kubelet looks below a folder of its own, on every node.
/// <https://kubernetes.io/docs/tutorials/security/seccomp/>
fn kubernetes(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    let on_node = Path::new("/var/lib/kubelet/seccomp/profiles").join(name);
    let local = Path::new("profiles").join(name);
    format!(
        "# On every node: install -D -m 644 {} {}\n\
         securityContext:\n  seccompProfile:\n    type: Localhost\n    localhostProfile: {}\n",
        shell(path),
        shell(&on_node),
        quoted(&local.to_string_lossy())
    )
}

/// systemd knows names only, so the exact way is to start the program under the profile.
fn systemd(path: &Path, profile: &Profile) -> String {
    let mut out = format!(
        "# Exactly the profile:\n[Service]\nExecStart=seccomp-tracer run --profile {} -- PROGRAM …\n\n\
         # Or by systemd itself, which knows names and no arguments:\n[Service]\n",
        unit_word(path)
    );
    let names = |conditional: bool| -> BTreeSet<&str> {
        let rules = profile.rules.iter();
        let permitted = rules.filter(|rule| rule.action.permits());
        let chosen = permitted.filter(|rule| rule.conditions.is_empty() != conditional);
        chosen
            .flat_map(|rule| rule.names.iter().map(String::as_str))
            .collect()
    };
    let (always, sometimes) = (names(false), names(true));
    if let Action::Errno(errno) = profile.default_action {
        let _ = writeln!(out, "SystemCallErrorNumber={errno}");
    }
    // The first line makes it a list of what is allowed, to which systemd adds a set of its own.
    out.push_str("SystemCallFilter=@default\nSystemCallFilter=~@default\n");
    for name in &always {
        let _ = writeln!(out, "SystemCallFilter={name}");
    }
    for name in sometimes.difference(&always) {
        let _ = writeln!(
            out,
            "# `{name}` looks at arguments in the profile; this line allows it with any.\n\
             SystemCallFilter={name}"
        );
    }
    out
}

/// A path as a word for a POSIX shell. Bytes that could drive a terminal are written as such.
fn shell(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let bytes = path.as_os_str().as_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+:,@%=".contains(byte);
    if bytes.iter().all(plain) && !bytes.is_empty() {
        return path.display().to_string();
    }
    let text = path
        .to_str()
        .filter(|text| !text.chars().any(char::is_control));
    if let Some(text) = text {
        return format!("'{}'", text.replace('\'', r"'\''"));
    }
    let each = bytes.iter().map(|&byte| match byte {
        b'\'' | b'\\' => format!("\\{}", char::from(byte)),
        b' '..=b'~' => char::from(byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    });
    format!("$'{}'", each.collect::<String>())
}

/// A string of YAML, which takes those of JSON.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string")
}

/// A word of a command line in a unit: `%` and `$` mean something there.
fn unit_word(path: &Path) -> String {
    let text = path.to_string_lossy();
    let text = text.replace('%', "%%").replace('$', "$$");
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:,@%=$".contains(&byte);
    if text.bytes().all(plain) {
        return text;
    }
    quoted(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{Condition, Operator, Rule};
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    const ALL: [Applier; 6] = [
        Applier::Docker,
        Applier::Podman,
        Applier::Compose,
        Applier::Kubernetes,
        Applier::Containerd,
        Applier::Systemd,
    ];

    fn profile() -> Profile {
        let rule = |names: &[&str], action, conditions| Rule {
            names: names.iter().map(|&name| name.to_owned()).collect(),
            action,
            conditions,
        };
        let unix = Condition {
            index: 0,
            operator: Operator::MaskedEq,
            value: 0xffff_ffff,
            value_two: 1,
        };
        Profile {
            default_action: Action::Errno(1),
            abis: [crate::syscall::Abi::X86_64].into(),
            other_architectures: vec![],
            flags: None,
            listener_path: None,
            listener_metadata: None,
            rules: vec![
                rule(&["write", "read"], Action::Allow, vec![]),
                rule(&["socket"], Action::Allow, vec![unix]),
                rule(&["clone3"], Action::Errno(38), vec![]),
            ],
        }
    }

    #[test]
    fn every_applier_is_told_in_its_own_words() {
        let path = Path::new("/etc/web.json");
        let all = ALL.map(|applier| apply(applier, path, &profile()));
        assert_eq!(all.join("---\n"), include_str!("golden/apply.txt"));
    }

    #[test]
    fn words_for_a_shell_stay_one_word_and_drive_no_terminal() {
        let table: [(&[u8], &str); 5] = [
            (b"/a/b-1.json", "/a/b-1.json"),
            (b"/a b/c.json", "'/a b/c.json'"),
            (b"/it's", r"'/it'\''s'"),
            (b"/\x1b[2J'", r"$'/\x1b[2J\''"),
            (b"/\xff", r"$'/\xff'"),
        ];
        for (bytes, expected) in table {
            assert_eq!(shell(Path::new(OsStr::from_bytes(bytes))), expected);
        }
    }

    #[test]
    fn words_for_a_unit_have_no_specifiers() {
        assert_eq!(unit_word(Path::new("/a/%n/$x.json")), "/a/%%n/$$x.json");
        assert_eq!(unit_word(Path::new("/a b")), "\"/a b\"");
    }
}
