//! What the machine finds when it starts: modules and a script that puts its root together; then systemd, with
//! one service that runs the command.

use super::kernel::Kernel;
use super::{FOLDER, LAST, prepare, quoted};
use crate::command::root;
use anyhow::{Context, Result};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The script that the service runs, beside the others.
pub(super) const SCRIPT: &str = "command.sh";

/// What kernel and systemd say.
pub(super) const LOG: &str = "console.log";

/// The command line of the kernel. Engines that find AppArmor want its parser, too.
pub(super) const KERNEL_LINE: &str =
    "console=ttyS0 panic=-1 quiet apparmor=0 systemd.unit=house.service systemd.show_status=false";

/// What it takes to see our files, in the order in which one needs the other.
const MODULES: [&str; 11] = [
    "drivers/virtio/virtio_ring",
    "drivers/virtio/virtio",
    "drivers/virtio/virtio_pci_modern_dev",
    "drivers/virtio/virtio_pci_legacy_dev",
    "drivers/virtio/virtio_pci",
    "net/9p/9pnet",
    "net/9p/9pnet_virtio",
    "fs/netfs/netfs",
    "fs/fscache/fscache",
    "fs/9p/9p",
    "fs/overlayfs/overlay",
];

/// Services of our own files that a machine for one command does not need.
const NEEDLESS: &str = "systemd-tmpfiles-setup systemd-tmpfiles-setup-dev systemd-sysusers \
    systemd-update-utmp systemd-journal-flush systemd-udevd systemd-udev-trigger systemd-random-seed \
    systemd-sysctl systemd-modules-load systemd-remount-fs systemd-hwdb-update \
    systemd-journal-catalog-update systemd-machine-id-commit systemd-journald ldconfig \
    modprobe@configfs modprobe@dm_mod modprobe@efi_pstore modprobe@fuse modprobe@loop";

/// Makes the first root of the machine.
pub(super) fn initial(folder: &Path, kernel: &Kernel) -> Result<PathBuf> {
    let tree = folder.join("initial");
    for name in ["bin", "modules", "proc", "whole", "below", "above"] {
        fs::create_dir_all(tree.join(name)).context("cannot create a folder")?;
    }
    let copy = |from: &Path, to: PathBuf| {
        fs::copy(from, to).with_context(|| format!("cannot copy `{}`", from.display()))
    };
    copy(Path::new("/bin/busybox"), tree.join("bin/busybox"))?;
    for (place, module) in MODULES.iter().enumerate() {
        let from = kernel.modules.join(format!("kernel/{module}.ko"));
        copy(&from, tree.join(format!("modules/{place:02}.ko")))?;
    }
    let init = tree.join("init");
    fs::write(&init, start()).context("cannot write the first script")?;
    fs::set_permissions(&init, fs::Permissions::from_mode(0o755))
        .context("cannot make it executable")?;
    let pack = "find . | /bin/busybox cpio -o -H newc > ../initial.cpio";
    prepare(&tree, "sh", &["-c", pack].map(OsStr::new))?;
    Ok(folder.join("initial.cpio"))
}

/// The first script: our files below, memory above, and systemd on both.
fn start() -> String {
    let script = root().join(FOLDER).join(SCRIPT);
    let script = quoted(&[script]);
    format!(
        "#!/bin/busybox sh
b=/bin/busybox
fail() {{ $b echo \"$1\"; $b poweroff -f; }}
$b mount -t proc proc /proc
for module in /modules/*.ko; do $b insmod $module || fail \"no $module\"; done
$b mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro host /below || fail 'no files'
$b mount -t tmpfs tmpfs /above
$b mkdir /above/upper /above/work
$b mount -t overlay -o lowerdir=/below,upperdir=/above/upper,workdir=/above/work overlay /whole || fail 'no root'
units=/whole/etc/systemd/system
for unit in {NEEDLESS}; do $b ln -sf /dev/null $units/$unit.service; done
$b ln -sf /dev/null $units/tmp.mount
$b cat > $units/house.service <<'END'
[Unit]
After=dbus.socket basic.target
Requires=dbus.socket
[Service]
Type=oneshot
TimeoutStartSec=infinity
ExecStart=/bin/sh -c \"/bin/sh {script} > /dev/ttyS1 2>&1; echo {LAST} $$? > /dev/ttyS1\"
ExecStopPost=/bin/systemctl poweroff -ff
END
# Our files may be those of a container; the machine is none.
$b rm -f /whole/.dockerenv /whole/run/.containerenv
$b umount /proc
exec $b switch_root /whole /lib/systemd/systemd
"
    )
}

/// The script of the service.
pub(super) fn script(command: &[impl AsRef<OsStr>], variables: &[(&str, &str)]) -> String {
    let folder = quoted(&[root()]);
    let path = std::env::var("PATH").unwrap_or_default();
    let more = [
        ("PATH", path.as_str()),
        ("CONTAINERS_STORAGE_CONF", STORAGE),
    ];
    let exports: String = more
        .iter()
        .chain(variables)
        .map(|(name, value)| format!("export {name}={}\n", quoted(&[value])))
        .collect();
    // Podman asks the package database about itself, file by file: an empty one answers at once.
    format!(
        "cd {folder}
{exports}mount -t tmpfs tmpfs /var/lib/dpkg
mkdir -p /run/house/run /run/house/graph
printf '[storage]\\ndriver = \"vfs\"\\nrunroot = \"/run/house/run\"\\ngraphroot = \"/run/house/graph\"\\n' > {STORAGE}
exec {}
",
        quoted(command)
    )
}

/// Podman's settings: no layers, which do not lie on each other.
const STORAGE: &str = "/run/house/storage.conf";
