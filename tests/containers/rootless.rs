//! Podman without root's rights: its containers are recorded by a daemon, for a user whom its policy admits.

use crate::podman::rootfs;
use house_tests::daemon::Place;
use house_tests::facts::{counts_where, named};
use house_tests::run::{Program, Run};
use house_tests::{cgroup, facts, tests};
use seccomp_tracer::recording::WindowStart;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

pub(crate) const TESTS: [(&str, fn()); 1] =
    tests![a_user_without_rights_has_a_container_recorded_by_the_daemon];

/// Nobody on the machine, with no range of subordinate ids.
const USER: u32 = 54_321;

/// A home, a cgroup and a name for the user, seen by nobody else, in a hierarchy of version 2 only: without one,
/// Podman makes no cgroup without root's rights.
const PREPARATION: &str = r#"
mount --make-rshared /
mount -t cgroup2 none /sys/fs/cgroup
cgroup=/sys/fs/cgroup/house-rootless-$USER_ID
mkdir -p $cgroup/own
chown -R $USER_ID:$USER_ID $cgroup
echo $$ > $cgroup/own/cgroup.procs
cd "$FOLDER"
cp /etc/passwd passwd; echo "house-rootless:x:$USER_ID:$USER_ID::$FOLDER/home:/bin/sh" >> passwd
cp /etc/group group; echo "house-rootless:x:$USER_ID:" >> group
: > none
for name in passwd group; do mount --bind $name /etc/$name; done
for name in subuid subgid; do test -e /etc/$name && mount --bind none /etc/$name; done
export HOME="$FOLDER/home" XDG_RUNTIME_DIR="$FOLDER/run"
"#;

/// What the user does. The daemon's answer is written beside.
const SCRIPT: &str = r#"
podman="podman --cgroup-manager=cgroupfs --runtime=runc"
$podman run --detach --name rootless --network=none --pids-limit=-1 --ulimit=nofile=20000:20000 \
    --ulimit=nproc=1000:1000 --rootfs "$ROOTFS" /bin/sh -c 'while ls / > /dev/null; do sleep 0.05; done'
"$PRODUCT" record --for 1s -o never.json --container rootless 2> alone; echo $? > alone.code
"$PRODUCT" record --for 1s -o never.json -- podman run x 2> typed; echo $? > typed.code
"$PRODUCT" record --daemon="$SOCKET" --for 1s -o recording.json --container rootless 2> with; echo $? > with.code
"$PRODUCT" record --daemon="$SOCKET.none" -o never.json --container rootless 2> absent; echo $? > absent.code
$podman rm --force --time 0 rootless
kill $(cat "$XDG_RUNTIME_DIR/libpod/tmp/pause.pid")
"#;

/// The script, as the user.
fn as_user(folder: &Path, place: &Place, rootfs: &Path) -> Run {
    let product = folder.join("product");
    let copy = Program::new("cp").args([Path::new(house_tests::product!()), &product]);
    copy.run().exits(0);
    let id = USER.to_string();
    let setpriv = Program::new("setpriv").args([
        "--reuid",
        &id,
        "--regid",
        &id,
        "--clear-groups",
        "sh",
        "-c",
        SCRIPT,
    ]);
    let setpriv = setpriv.after(PREPARATION).in_directory(folder);
    setpriv
        .env("USER_ID", &id)
        .env("FOLDER", folder)
        .env("PRODUCT", &product)
        .env("ROOTFS", rootfs)
        .env("SOCKET", place.socket())
        .run()
}

/// Open to the user.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary directory");
    for name in ["", "home", "run"] {
        let path = folder.path().join(name);
        fs::create_dir_all(&path).expect("a directory");
        std::os::unix::fs::chown(&path, Some(USER), Some(USER)).expect("an owner");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("permissions");
    }
    folder
}

/// Removes a cgroup as soon as those that were ended are gone.
fn await_removal(cgroup: &Path) {
    const PATIENCE: u32 = 1000;
    let removed = (0..PATIENCE).any(|_| {
        let removed = fs::remove_dir(cgroup).is_ok();
        if !removed {
            thread::sleep(Duration::from_millis(20));
        }
        removed
    });
    assert!(removed, "{} has processes", cgroup.display());
}

fn a_user_without_rights_has_a_container_recorded_by_the_daemon() {
    let rootfs = rootfs();
    let open = fs::Permissions::from_mode(0o755);
    fs::set_permissions(rootfs.directory(), open.clone()).expect("permissions");
    let chown = Program::new("chown").args(["-R", &format!("{USER}:{USER}")]);
    chown.args([rootfs.directory()]).run().exits(0);
    let place = Place::new(house_tests::product!());
    fs::set_permissions(place.path(""), open).expect("permissions");
    let _daemon = place.start(&["--allow", &USER.to_string()]);
    let folder = folder();
    let run = as_user(folder.path(), &place, rootfs.directory());
    let cgroup = cgroup::mount().join(format!("house-rootless-{USER}"));
    for cgroup in [cgroup.join("own"), cgroup] {
        await_removal(&cgroup);
    }
    run.exits(0);
    let said = |name: &str| {
        let text = fs::read_to_string(folder.path().join(name));
        text.unwrap_or_else(|error| panic!("{name}: {error}: {run}"))
    };
    assert_eq!(said("with.code"), "0\n", "{}", said("with"));
    let recording = facts::read(folder.path().join("recording.json"));
    assert_eq!(recording.window.from, WindowStart::Attach);
    let container = recording.target.container.as_ref().expect("a container");
    assert_eq!(container.engine.as_deref(), Some("podman"));
    assert_eq!(container.name.as_deref(), Some("rootless"));
    let seen = counts_where(&recording, true);
    assert!(seen.contains_key(&named("execve")), "{seen:?}");

    // Where it cannot be done so, the commands that work are said.
    let daemon = format!("`seccomp-tracer daemon --allow {USER}`");
    for (name, command) in [
        (
            "alone",
            "`seccomp-tracer record --daemon --container rootless`",
        ),
        ("typed", "`seccomp-tracer record --daemon --container NAME`"),
        ("absent", ""),
    ] {
        assert_eq!(said(&format!("{name}.code")), "3\n", "{}", said(name));
        let text = said(name);
        assert!(text.contains(&daemon) && text.contains(command), "{text}");
    }
    assert!(!folder.path().join("never.json").exists());
}
