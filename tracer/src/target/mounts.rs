//! Which cgroup hierarchies are mounted where, read from the text of `/proc/self/mountinfo`.
//!
//! Pure. It refuses to know whether a mount point can really be reached.
//! The format is in <https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html>.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// Which cgroup implementation a mount belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// One of the old hierarchies, with one or a few controllers.
    V1,
    /// The unified hierarchy.
    V2,
}

/// One mounted cgroup file system that no later mount hides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    /// The implementation.
    pub(super) version: Version,
    /// Which directory of the hierarchy is mounted, as seen from our cgroup namespace: `/` is the root of
    /// that namespace, `/..` lies above it.
    pub(super) root: PathBuf,
    /// Where.
    pub(super) point: PathBuf,
}

/// The cgroup mounts in the text, in its order. Lines that are not understood are passed over: other file
/// systems may write there what they like.
pub(crate) fn cgroups(mountinfo: &[u8]) -> Vec<Mount> {
    let lines = mountinfo.split(|&byte| byte == b'\n');
    let entries: Vec<Entry> = lines.filter_map(entry).collect();
    let visible = entries.iter().filter(|entry| !is_hidden(entry, &entries));
    visible
        .filter_map(|entry| {
            Some(Mount {
                version: entry.version?,
                root: entry.root.clone(),
                point: entry.point.clone(),
            })
        })
        .collect()
}

/// One line.
struct Entry {
    id: u64,
    parent: u64,
    root: PathBuf,
    point: PathBuf,
    /// The implementation, if it is a cgroup file system.
    version: Option<Version>,
}

/// The line as an entry, if it is whole.
fn entry(line: &[u8]) -> Option<Entry> {
    let mut fields = line.split(|&byte| byte == b' ');
    let id = number(fields.next()?)?;
    let parent = number(fields.next()?)?;
    let root = path(fields.nth(1)?);
    let point = path(fields.next()?);
    // After the mount options come any number of optional fields, a single hyphen, and the type.
    let mut rest = fields.skip_while(|&field| field != b"-");
    let version = match rest.nth(1)? {
        b"cgroup" => Some(Version::V1),
        b"cgroup2" => Some(Version::V2),
        _ => None,
    };
    Some(Entry {
        id,
        parent,
        root,
        point,
        version,
    })
}

fn number(field: &[u8]) -> Option<u64> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

/// Whether a path to the mount point ends in another mount. The order of the lines says nothing about that:
/// mounts that were moved out of an initial ramdisk come before the root they are mounted on.
fn is_hidden(entry: &Entry, entries: &[Entry]) -> bool {
    // Upwards from the mount itself: whatever else is mounted on a link of this chain, above the point
    // where the chain goes on, is what a path meets first.
    let mut link = entry;
    let mut goes_on_at: Option<&Path> = None;
    for _ in entries {
        // The root of all mounts names itself as its parent.
        let mut siblings = entries
            .iter()
            .filter(|other| other.parent == link.id && other.id != link.id);
        if siblings.any(|other| match goes_on_at {
            None => other.point == entry.point,
            Some(point) => other.point != point && point.starts_with(&other.point),
        }) {
            return true;
        }
        goes_on_at = Some(&link.point);
        match entries.iter().find(|other| other.id == link.parent) {
            Some(parent) => link = parent,
            None => break,
        }
    }
    false
}

/// A path field: blank, tab, line feed and backslash are written as a backslash and three octal digits.
fn path(field: &[u8]) -> PathBuf {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match (byte, tail.first_chunk().and_then(|digits| octal(*digits))) {
            (b'\\', Some(escaped)) => {
                out.push(escaped);
                rest = &tail[3..];
            }
            _ => out.push(byte),
        }
    }
    Path::new(&OsString::from_vec(out)).to_path_buf()
}

/// The byte that three octal digits mean, if they are three octal digits and mean a byte.
fn octal(digits: [u8; 3]) -> Option<u8> {
    digits.into_iter().try_fold(0_u8, |value, digit| {
        let digit = digit.checked_sub(b'0').filter(|&digit| digit < 8)?;
        value.checked_mul(8)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> Vec<(Version, String, String)> {
        let show = |path: &Path| path.to_str().unwrap().to_owned();
        cgroups(text.as_bytes())
            .iter()
            .map(|mount| (mount.version, show(&mount.root), show(&mount.point)))
            .collect()
    }

    fn mount(version: Version, root: &str, point: &str) -> (Version, String, String) {
        (version, root.to_owned(), point.to_owned())
    }

    #[test]
    fn cgroup_mounts_are_found_among_the_others() {
        let pure = "\
23 28 0:22 / /sys rw,nosuid - sysfs sysfs rw
31 23 0:27 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate
32 23 0:28 / /sys/fs/bpf rw shared:10 master:3 propagate_from:1 - bpf bpf rw,mode=700
";
        assert_eq!(seen(pure), [mount(Version::V2, "/", "/sys/fs/cgroup")]);
        let hybrid = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";
        assert_eq!(
            seen(hybrid),
            [
                mount(Version::V1, "/", "/sys/fs/cgroup/pids"),
                mount(Version::V2, "/", "/sys/fs/cgroup/unified"),
            ]
        );
    }

    #[test]
    fn a_mount_that_another_covers_does_not_count() {
        let covered = "\
31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw
39 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
40 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw
41 23 0:36 / /sys/fs/cgroups rw - cgroup cgroup rw,cpu
";
        assert_eq!(
            seen(covered),
            [
                mount(Version::V2, "/", "/sys/fs/cgroup"),
                mount(Version::V1, "/", "/sys/fs/cgroups"),
            ]
        );
    }

    #[test]
    fn a_root_listed_after_what_is_mounted_on_it_covers_nothing() {
        let moved = "\
22 28 0:21 / /sys rw shared:6 - sysfs sysfs rw
26 22 0:24 / /sys/fs/cgroup rw shared:8 - cgroup2 cgroup2 rw
28 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw
";
        assert_eq!(seen(moved), [mount(Version::V2, "/", "/sys/fs/cgroup")]);
        let ramdisk = "\
1 1 0:2 / / rw - rootfs rootfs rw
24 1 0:24 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw
";
        assert_eq!(seen(ramdisk), [mount(Version::V2, "/", "/sys/fs/cgroup")]);
    }

    #[test]
    fn escapes_are_undone_and_nothing_else_is() {
        let case = |field: &str| path(field.as_bytes()).to_str().map(str::to_owned);
        for (field, means) in [
            (r"/a\040b", "/a b"),
            (r"/a\134040", r"/a\040"),
            (r"/tab\011\012", "/tab\t\n"),
            (r"/short\04", r"/short\04"),
            (r"/not\089octal", r"/not\089octal"),
            (r"/too\777large", r"/too\777large"),
            (r"/end\", r"/end\"),
        ] {
            assert_eq!(case(field).as_deref(), Some(means), "{field}");
        }
    }

    #[test]
    fn lines_that_are_no_mounts_are_passed_over() {
        for line in [
            "",
            "31",
            "31 23 0:27 / /mnt rw - ",
            "31 23 0:27 / /mnt rw cgroup2 cgroup2 rw",
            "x 23 0:27 / /mnt rw - cgroup2 cgroup2 rw",
            "31 23 0:27 / /mnt rw - tmpfs tmpfs rw",
        ] {
            assert_eq!(seen(line), [], "{line}");
        }
    }
}
