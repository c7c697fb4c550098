//! Linux capabilities by name and number.

use std::collections::BTreeSet;

/// Capability names by number, as of Linux 6.12.
/// <https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/capability.h>
#[rustfmt::skip]
static NAMES: [&str; 41] = [
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
    "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER",
    "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
];

/// A set of capabilities by name (`CAP_…`), ordered by name.
pub type Capabilities = BTreeSet<String>;

/// What Docker grants a container unless told otherwise.
#[must_use]
pub fn docker_default() -> Capabilities {
    [
        "CAP_AUDIT_WRITE",
        "CAP_CHOWN",
        "CAP_DAC_OVERRIDE",
        "CAP_FOWNER",
        "CAP_FSETID",
        "CAP_KILL",
        "CAP_MKNOD",
        "CAP_NET_BIND_SERVICE",
        "CAP_NET_RAW",
        "CAP_SETFCAP",
        "CAP_SETGID",
        "CAP_SETPCAP",
        "CAP_SETUID",
        "CAP_SYS_CHROOT",
    ]
    .map(str::to_owned)
    .into()
}

/// What Podman grants a container unless told otherwise: Docker's without three.
/// <https://github.com/containers/common/blob/v0.50.1/pkg/config/default.go>
#[must_use]
pub fn podman_default() -> Capabilities {
    let mut all = docker_default();
    for name in ["CAP_AUDIT_WRITE", "CAP_MKNOD", "CAP_NET_RAW"] {
        all.remove(name);
    }
    all
}

/// The names of the bits in a capability mask, as in `/proc/PID/status`. Bits without a name are skipped.
#[must_use]
pub fn from_mask(mask: u64) -> Capabilities {
    let named = NAMES
        .iter()
        .enumerate()
        .filter(|&(bit, _)| mask >> bit & 1 == 1);
    named.map(|(_, &name)| name.to_owned()).collect()
}

/// The canonical name for what a user may write: any case, with or without `CAP_`. `None` if unknown.
#[must_use]
pub fn canonical(name: &str) -> Option<&'static str> {
    let upper = name.to_ascii_uppercase();
    let upper = upper.strip_prefix("CAP_").unwrap_or(&upper);
    NAMES
        .iter()
        .copied()
        .find(|known| known.strip_prefix("CAP_") == Some(upper))
}

/// All capabilities, as a privileged container has.
#[must_use]
pub fn all() -> Capabilities {
    NAMES.iter().map(|&name| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dockers_mask_reads_as_its_fourteen() {
        // What `/proc/1/status` shows in a container started by Docker 20.10.
        assert_eq!(from_mask(0xA804_25FB), docker_default());
    }

    #[test]
    fn users_may_write_names_as_docker_takes_them() {
        assert_eq!(canonical("sys_admin"), Some("CAP_SYS_ADMIN"));
        assert_eq!(canonical("CAP_BPF"), Some("CAP_BPF"));
        assert_eq!(canonical("nonsense"), None);
    }
}
