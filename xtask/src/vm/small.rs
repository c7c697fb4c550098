//! The least machine that can record: a kernel without modules, busybox, the product and its tests, in memory.

use super::prepare;
use crate::command::{self, cargo, root};
use crate::test::executable;
use anyhow::{Context, Result};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What is said before the name of a test, and after it has run.
pub(super) const BEGINS: &str = "@@BEGINS";
pub(super) const ENDED: &str = "@@ENDED";

/// Where the tests' program is in the machine.
const TESTS: &str = "/live";

/// Programs that tests execute and that make the calls of their own, not busybox's.
const PROGRAMS: [&str; 13] = [
    "/bin/sh",
    "/bin/cat",
    "/bin/dd",
    "/bin/ln",
    "/bin/ls",
    "/bin/mkdir",
    "/bin/mv",
    "/bin/rm",
    "/bin/rmdir",
    "/bin/sleep",
    "/bin/true",
    "/usr/bin/chrt",
    "/usr/bin/env",
];

/// Makes the root of a machine that runs these tests, one after the other, below that folder.
pub(super) fn initial(folder: &Path, tests: &[&str]) -> Result<PathBuf> {
    let live = built()?;
    let tree = folder.join("small");
    if tree.exists() {
        fs::remove_dir_all(&tree).context("cannot remove an old folder")?;
    }
    for name in ["bin", "dev", "etc", "proc", "root", "run", "sys", "tmp"] {
        fs::create_dir_all(tree.join(name)).context("cannot create a folder")?;
    }
    put(&tree, Path::new("/bin/busybox"), Path::new("/bin/busybox"))?;
    put(&tree, Path::new(&live), Path::new(TESTS))?;
    let debug = root().join("target/debug");
    let product = debug.join("seccomp-tracer-dup");
    put(&tree, &product, &product)?;
    // The tests know by their paths where the witnesses are; which build's they are is written in them only.
    for entry in fs::read_dir(debug.join("build")).context("cannot list what was built")? {
        let out = entry
            .context("cannot list what was built")?
            .path()
            .join("out");
        for witness in ["witness", "witness32"].map(|name| out.join(name)) {
            if witness.is_file() {
                put(&tree, &witness, &witness)?;
            }
        }
    }
    let mut needy = vec![PathBuf::from(&live), product];
    for program in PROGRAMS.map(Path::new) {
        put(&tree, program, program)?;
        needy.push(program.to_owned());
    }
    libraries(&tree, &needy)?;
    fs::write(tree.join("etc/passwd"), USERS).context("cannot write the users")?;
    fs::write(tree.join("etc/group"), "root:x:0:\nnogroup:x:65534:\n")
        .context("cannot write the groups")?;
    let init = tree.join("init");
    fs::write(&init, start(tests)).context("cannot write the first script")?;
    fs::set_permissions(&init, fs::Permissions::from_mode(0o755))
        .context("cannot make it executable")?;
    let pack = "find . | /bin/busybox cpio -o -H newc 2>/dev/null | gzip -1 > ../small.gz";
    prepare(&tree, "sh", &["-c", pack])?;
    Ok(folder.join("small.gz"))
}

const USERS: &str = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n";

/// Builds the tests and the product; gives the tests' program.
fn built() -> Result<String> {
    let mut build = cargo();
    build.args(["test", "--package=house-tests", "--test=live", "--locked"]);
    build.args(["--no-run", "--message-format=json"]);
    executable(&command::read(&mut build)?, "live")
        .context("cargo does not say where the tests are")
}

/// Copies a file into the tree, without what only debuggers need.
fn put(tree: &Path, from: &Path, to: &Path) -> Result<()> {
    let to = tree.join(to.strip_prefix("/").unwrap_or(to));
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).context("cannot create a folder")?;
    }
    fs::copy(from, &to).with_context(|| format!("cannot copy `{}`", from.display()))?;
    // What is no program with symbols stays as it is.
    let _ = prepare(tree, "strip", &["--strip-all".as_ref(), to.as_os_str()]);
    Ok(())
}

/// Copies the libraries that programs need.
fn libraries(tree: &Path, programs: &[PathBuf]) -> Result<()> {
    let words: Vec<&OsStr> = programs.iter().map(|path| path.as_os_str()).collect();
    let needed = prepare(tree, "ldd", &words)?;
    for line in needed.lines().filter(|line| line.starts_with('\t')) {
        let Some(path) = line.split_whitespace().find(|word| word.starts_with('/')) else {
            continue;
        };
        let to = tree.join(path.trim_start_matches('/'));
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).context("cannot create a folder")?;
        }
        fs::copy(path, to).with_context(|| format!("cannot copy `{path}`"))?;
    }
    Ok(())
}

/// The first script: mounts what recording needs, and runs the tests.
fn start(tests: &[&str]) -> String {
    let runs: String = tests
        .iter()
        .map(|test| {
            format!(
                "echo '{BEGINS} {test}'; {TESTS} --exact {test} 2>&1; echo '{ENDED} {test}' $?\n"
            )
        })
        .collect();
    format!(
        "#!/bin/busybox sh
b=/bin/busybox
for one in $($b --list); do [ -e /bin/$one ] || $b ln -s busybox /bin/$one; done
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /run
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
mkdir -p /dev/shm
# Real time that is never taken away from who has it.
echo -1 > /proc/sys/kernel/sched_rt_runtime_us
export PATH=/bin:/usr/bin HOME=/root SECCOMP_TRACER_REQUIRE_LIVE=1 SECCOMP_TRACER_SLOW_MACHINE=1
echo \"@@KERNEL $(uname -r)\"
{runs}poweroff -f
"
    )
}
