//! A virtual machine with the files of this machine, and what this machine may lack: Debian's kernel, one
//! cgroup hierarchy, and systemd to make the cgroups.
//!
//! Its root is ours, read-only, below a layer in memory: what it writes is gone with it. It needs no
//! virtualisation by the processor, which a machine that is itself virtual seldom has.

mod debian;
mod image;
mod kernel;
pub(crate) mod matrix;
mod small;

use crate::command::{self, Root, root};
use crate::talk;
use crate::tally::Tally;
use anyhow::{Context, Result, bail, ensure};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Run a command in a virtual machine with these files, Debian's kernel, one cgroup hierarchy and systemd; or test other
/// kernels of Debian's.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Tests a kernel of this series, fetched from Debian's suites; repeatable.
    #[arg(long, value_name = "VERSION", conflicts_with_all = ["all", "command"])]
    kernel: Vec<String>,

    /// Tests every kernel that matters, and writes the table in BENCHMARKS.md.
    #[arg(long, conflicts_with = "command")]
    all: bool,

    /// Tests the oldest and the newest kernel that Debian's suites list, with what takes minutes only.
    #[arg(long, conflicts_with_all = ["all", "kernel", "test", "command"])]
    short: bool,

    /// Runs this test only, by its name in the table; repeatable.
    #[arg(long, value_name = "NAME", conflicts_with = "command")]
    test: Vec<String>,

    /// Writes the table, though it is not that of all.
    #[arg(long, requires = "kernel")]
    write: bool,

    /// The command.
    #[arg(required_unless_present_any = ["kernel", "all", "short"], last = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// Where everything of it lies.
pub(super) const FOLDER: &str = "target/vm";

/// What the machine says last, before the exit code.
pub(super) const LAST: &str = "the command in the machine ended with";

/// The longest that a command may take; emulated processors are ten times slower than ours.
const PATIENCE: &str = "30m";

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if arguments.short {
        let mut tally = Tally::default();
        matrix::short(&mut tally)?;
        return tally.close();
    }
    if arguments.all || !arguments.kernel.is_empty() {
        return matrix::run(&matrix::Wanted {
            series: &arguments.kernel,
            all: arguments.all,
            tests: &arguments.test,
            write: arguments.write || arguments.all,
        });
    }
    let Some(machine) = Machine::ready()? else {
        bail!("the machine needs a kernel from Debian's packages, and root");
    };
    let done = machine.execute(&arguments.command, &[])?;
    ensure!(
        done.code == 0,
        "the command ended with exit code {}",
        done.code
    );
    Ok(())
}

/// A machine that can be started.
pub(crate) struct Machine {
    kernel: PathBuf,
    initial: PathBuf,
}

/// What a command in the machine did.
pub(crate) struct Done {
    /// Its exit code.
    pub(crate) code: i32,
    /// What it said.
    pub(crate) text: String,
}

impl Machine {
    /// Gets what it is made of; `None` where Debian's packages are not to be had.
    pub(crate) fn ready() -> Result<Option<Self>> {
        if Root::now() == Root::Absent || command::find("qemu-system-x86_64").is_none() {
            return Ok(None);
        }
        let folder = root().join(FOLDER);
        fs::create_dir_all(&folder).with_context(|| format!("cannot create `{FOLDER}`"))?;
        let Some(kernel) = kernel::ready(&folder)? else {
            return Ok(None);
        };
        let initial = image::initial(&folder, &kernel)?;
        Ok(Some(Self {
            kernel: kernel.program,
            initial,
        }))
    }

    /// Starts it, runs a command in it, with these variables, and stops it.
    pub(crate) fn execute(
        &self,
        command: &[impl AsRef<OsStr>],
        variables: &[(&str, &str)],
    ) -> Result<Done> {
        let script = image::script(command, variables);
        let path = root().join(FOLDER).join(image::SCRIPT);
        fs::write(&path, script).with_context(|| format!("cannot write `{}`", path.display()))?;
        let mut qemu = self.command();
        talk::step(&command::typed(&qemu));
        let (_, text) = command::echo(&mut qemu)?;
        let code = exit_code(&text).with_context(|| {
            let log = root().join(FOLDER).join(image::LOG);
            format!(
                "the machine did not run the command; see `{}`",
                log.display()
            )
        })?;
        Ok(Done { code, text })
    }

    fn command(&self) -> Command {
        let log = root().join(FOLDER).join(image::LOG);
        let share = "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap";
        let mut qemu = Root::now().command("timeout", &[]);
        qemu.args(["--signal=KILL", PATIENCE, "qemu-system-x86_64"])
            .args(["-accel", "tcg,thread=multi", "-cpu", "max"])
            .args(["-smp", "2", "-m", "2048"])
            .arg("-kernel")
            .arg(&self.kernel)
            .arg("-initrd")
            .arg(&self.initial)
            .args(["-append", image::KERNEL_LINE])
            .args(["-display", "none", "-no-reboot", "-nic", "none"])
            .arg("-serial")
            .arg(format!("file:{}", log.display()))
            .args(["-serial", "stdio", "-virtfs", share]);
        qemu
    }
}

/// The exit code that the machine says last.
fn exit_code(text: &str) -> Option<i32> {
    let mut lines = text.lines().rev();
    lines.find_map(|line| line.strip_prefix(LAST)?.trim().parse().ok())
}

/// Words as a shell takes them for one each.
pub(super) fn quoted(words: &[impl AsRef<OsStr>]) -> String {
    let quoted = words.iter().map(|word| {
        let word = word.as_ref().to_string_lossy().replace('\'', r"'\''");
        format!("'{word}'")
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// Runs a program that is needed on the way, in a folder.
pub(super) fn prepare(
    folder: &Path,
    program: &str,
    arguments: &[impl AsRef<OsStr>],
) -> Result<String> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder);
    command::read(&mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_is_what_the_machine_says_last() {
        assert_eq!(exit_code(&format!("a\n{LAST} 0\n")), Some(0));
        assert_eq!(exit_code(&format!("{LAST} 1\n{LAST} 101\n")), Some(101));
        assert_eq!(exit_code("a\n"), None);
    }

    #[test]
    fn words_stay_words() {
        assert_eq!(quoted(&["a b", "it's"]), r"'a b' 'it'\''s'");
    }
}
