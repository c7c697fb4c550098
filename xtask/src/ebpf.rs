//! Builds the kernel side into the objects that are checked in and embedded, so that nobody else needs their
//! tools, and proves that the checked-in bytes are what the source gives.
//!
//! The bytes must be the same on every machine and in every folder, so everything that could colour them is
//! pinned: compiler, linker, profile, flags, environment, and the paths that debug information holds.

use crate::command::{self, cargo, root};
use crate::talk;
use anyhow::{Context, Result, bail, ensure};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Rebuild the checked-in eBPF objects.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only prove that the checked-in objects are what the source gives.
    #[arg(long)]
    check: bool,
}

/// A program whose object is checked in.
struct Program {
    /// Its name as a target of cargo.
    name: &'static str,
    /// The checked-in object.
    object: &'static str,
}

/// All of them.
const PROGRAMS: &[Program] = &[
    Program {
        name: "seccomp-tracer-ebpf",
        object: "tracer-ebpf/seccomp-tracer.bpf.o",
    },
    Program {
        name: "seccomp-tracer-reference",
        object: "tracer-ebpf/reference.bpf.o",
    },
];

/// The LLVM major version of the pinned compiler, which the linker must share: bitcode crosses from the first to
/// the second, and a linker of another major version fails or, worse, silently writes broken BTF.
const LLVM_MAJOR: &str = "23";

/// The linker's version, which `setup` builds.
pub(crate) const LINKER_VERSION: &str = "0.13.0";

/// The compiler's target: little-endian BPF.
const TARGET: &str = "bpfel-unknown-none";

/// The architecture whose registers the program reads.
const HOST: &str = "x86_64";

/// Where linked programs land, below the target folder.
const LINKED: &str = "bpfel-unknown-none/ebpf";

/// Variables that would change the compiler's work behind our back.
const COLOURING_PREFIXES: &[&str] = &[
    "CARGO_BUILD_",
    "CARGO_PROFILE_",
    "CARGO_TARGET_",
    "RUSTC",
    "RUSTFLAGS",
];

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if arguments.check { check() } else { rebuild() }
}

/// Rebuilds the checked-in objects.
fn rebuild() -> Result<()> {
    for (Program { object, .. }, built) in build()? {
        let path = root().join(object);
        if fs::read(&path).is_ok_and(|present| present == built) {
            talk::say(&format!("`{object}` is up to date, {} bytes", built.len()));
            continue;
        }
        fs::write(&path, &built).with_context(|| format!("cannot write `{object}`"))?;
        talk::say(&format!("`{object}` is written, {} bytes", built.len()));
    }
    Ok(())
}

/// Proves that the checked-in objects are what the source gives.
pub(crate) fn check() -> Result<()> {
    for (Program { object, .. }, built) in build()? {
        let present = fs::read(root().join(object)).with_context(|| {
            format!("cannot read `{object}`\nhint: `cargo xtask ebpf` builds it")
        })?;
        if let Some(difference) = difference(&present, &built) {
            bail!(
                "`{object}` is not what the source gives: {difference}\n\
                 hint: run `cargo xtask ebpf` and commit the result; the one just built is in `target/ebpf`"
            );
        }
        talk::say(&format!(
            "`{object}` is what the source gives, {} bytes",
            built.len()
        ));
    }
    Ok(())
}

/// Lints the programs, which an ordinary build leaves out.
pub(crate) fn lints() -> Result<()> {
    let mut clippy = Tools::find()?.cargo("clippy")?;
    command::run(clippy.args(["--quiet", "--", "--deny", "warnings"]))
}

/// Where the programs are built, apart from everything else.
fn target_folder() -> PathBuf {
    root().join("target/ebpf")
}

/// How two objects differ, if they do.
fn difference(present: &[u8], built: &[u8]) -> Option<String> {
    if present == built {
        return None;
    }
    let first = present
        .iter()
        .zip(built)
        .position(|(one, other)| one != other);
    let first = first.unwrap_or_else(|| present.len().min(built.len()));
    let (here, there) = (present.len(), built.len());
    Some(format!(
        "{here} bytes are checked in, {there} built, the first difference is at byte {first}"
    ))
}

/// Builds the objects and gives their bytes.
fn build() -> Result<Vec<(&'static Program, Vec<u8>)>> {
    let tools = Tools::find()?;
    command::run(&mut tools.cargo("build")?)?;
    let stripped = PROGRAMS
        .iter()
        .map(|program| Ok((program, strip(&tools, program)?)));
    stripped.collect()
}

/// Removes what only debuggers need from a program that was built, and gives the bytes that are left.
fn strip(tools: &Tools, program: &Program) -> Result<Vec<u8>> {
    let linked = target_folder().join(LINKED).join(program.name);
    let object = linked.with_extension("bpf.o");
    command::run(
        Command::new(&tools.objcopy)
            .arg("--strip-debug")
            .args([&linked, &object]),
    )?;
    let bytes = fs::read(&object).with_context(|| format!("cannot read `{}`", object.display()))?;
    ensure!(
        bytes.windows(5).any(|window| window == b".BTF\0"),
        "the object that was built from `{}` has no BTF",
        program.name
    );
    Ok(bytes)
}

/// What the build needs beside cargo, found and of the right version.
struct Tools {
    linker: PathBuf,
    objcopy: PathBuf,
    /// Where the standard library's sources are, below here.
    sysroot: PathBuf,
}

impl Tools {
    fn find() -> Result<Self> {
        let hint = "hint: `cargo xtask setup` installs it";
        let toolchain = Toolchain::find()?;
        let sysroot = toolchain.sysroot;
        ensure!(
            has_source(&sysroot),
            "the sources of Rust's `core` are not in `{}`\n{hint}",
            sysroot.display()
        );
        let linker = linker_folder().join("bin/bpf-linker");
        let version = linker_version();
        ensure!(
            version.as_deref() == Some(LINKER_VERSION),
            "`bpf-linker` {LINKER_VERSION} is needed, but {} is in `{}`\n{hint}",
            version.as_deref().unwrap_or("none"),
            linker_folder().display()
        );
        let objcopy = sysroot.join(format!("lib/rustlib/{}/bin/rust-objcopy", toolchain.host));
        ensure!(
            objcopy.is_file(),
            "the toolchain has no `{}`\nhint: `rustup toolchain install` mends it",
            objcopy.display()
        );
        Ok(Self {
            linker,
            objcopy,
            sysroot,
        })
    }

    /// A call of cargo about the program, with everything that could colour the result fixed.
    fn cargo(&self, verb: &str) -> Result<Command> {
        let mut command = cargo();
        for (name, _) in std::env::vars_os() {
            let coloured = name.to_str().is_some_and(|name| {
                COLOURING_PREFIXES
                    .iter()
                    .any(|prefix| name.starts_with(prefix))
            });
            if coloured {
                command.env_remove(name);
            }
        }
        command
            .env("CARGO_ENCODED_RUSTFLAGS", self.flags()?)
            // Building `core` for this target needs an unstable flag; the compiler stays the stable one.
            .env("RUSTC_BOOTSTRAP", "1")
            .args([verb, "--locked", "--profile", "ebpf", "--target", TARGET])
            .args(["--package", "seccomp-tracer-ebpf", "--bins"])
            .args([
                "--features",
                "program",
                "-Z",
                "build-std=core",
                "--target-dir",
            ])
            .arg(target_folder());
        Ok(command)
    }

    /// The compiler's flags, in cargo's encoding.
    fn flags(&self) -> Result<OsString> {
        let mut linker = OsString::from("-Clinker=");
        linker.push(&self.linker);
        let mut flags: Vec<OsString> = vec![
            format!("--cfg=bpf_target_arch=\"{HOST}\"").into(),
            linker,
            "-Clink-arg=--btf".into(),
        ];
        for (from, to) in self.renamed_folders()? {
            let mut flag = OsString::from("--remap-path-prefix=");
            flag.push(from);
            flag.push("=");
            flag.push(to);
            flags.push(flag);
        }
        Ok(flags.join("\u{1f}".as_ref()))
    }

    /// The folders whose names would reach the BTF line information, and what they are called there.
    fn renamed_folders(&self) -> Result<Vec<(PathBuf, &'static str)>> {
        // The sources of the dependencies must be unpacked before their folders can be listed.
        command::run(cargo().args(["fetch", "--locked", "--quiet"]))?;
        let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
        let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
        let sources = home
            .context("there is no home folder")?
            .join("registry/src");
        // One folder per registry, named after its address, which is another behind a mirror.
        let registries = fs::read_dir(&sources)
            .with_context(|| format!("cannot read `{}`", sources.display()))?
            .map(|entry| Ok((entry?.path(), "/registry")))
            .collect::<Result<Vec<_>>>()?;
        let mut folders = registries;
        folders.push((self.sysroot.join("lib/rustlib/src/rust"), "/rust"));
        folders.push((root().to_owned(), "/seccomp-tracer"));
        folders.sort();
        Ok(folders)
    }
}

/// The pinned Rust toolchain, whose own LLVM compiles and links the programs.
pub(crate) struct Toolchain {
    /// Where it is.
    pub(crate) sysroot: PathBuf,
    /// The target triple that it runs on.
    host: String,
    /// The name of its library of LLVM, as the linker's `-l` takes it.
    pub(crate) llvm: String,
}

impl Toolchain {
    pub(crate) fn find() -> Result<Self> {
        let said = command::read(Command::new("rustc").arg("-vV").current_dir(root()))?;
        let line = |name: &str| {
            let value = said.lines().find_map(|line| line.strip_prefix(name));
            value.with_context(|| format!("`rustc -vV` has no line `{name}`"))
        };
        let (llvm, host) = (line("LLVM version: ")?, line("host: ")?.to_owned());
        ensure!(
            llvm.split('.').next() == Some(LLVM_MAJOR),
            "rustc's LLVM is {llvm}, but `bpf-linker` is built on LLVM {LLVM_MAJOR}\n\
             hint: use the toolchain that `rust-toolchain.toml` names"
        );
        let sysroot = sysroot()?;
        let llvm = library(&sysroot)?;
        Ok(Self {
            sysroot,
            host,
            llvm,
        })
    }

    /// What the linker's build needs to find LLVM: the feature that names its version.
    pub(crate) fn feature() -> String {
        format!("llvm-{LLVM_MAJOR}")
    }
}

/// The name of the toolchain's library of LLVM: `libNAME.so` in its `lib`.
fn library(sysroot: &Path) -> Result<String> {
    let folder = sysroot.join("lib");
    let entries =
        fs::read_dir(&folder).with_context(|| format!("cannot read `{}`", folder.display()))?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names = names.filter_map(|name| {
        let name = name.strip_prefix("lib")?.strip_suffix(".so")?;
        name.starts_with("LLVM").then(|| name.to_owned())
    });
    let prefix = format!("LLVM-{LLVM_MAJOR}");
    names
        .find(|name| name.starts_with(&prefix))
        .with_context(|| {
            format!(
                "the toolchain in `{}` has no library of LLVM {LLVM_MAJOR}\n\
             hint: install it with rustup; distributions link theirs otherwise",
                sysroot.display()
            )
        })
}

/// The toolchain's folder.
fn sysroot() -> Result<PathBuf> {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "sysroot"]).current_dir(root());
    Ok(command::read(&mut rustc)?.into())
}

/// Whether the toolchain has the sources of `core`.
fn has_source(sysroot: &Path) -> bool {
    sysroot
        .join("lib/rustlib/src/rust/library/core/src/lib.rs")
        .is_file()
}

/// Whether `core` cannot be built because its sources are not there.
pub(crate) fn source_missing() -> bool {
    !sysroot().is_ok_and(|sysroot| has_source(&sysroot))
}

/// Whether the linker is not there, or is another version.
pub(crate) fn linker_missing() -> bool {
    linker_version().as_deref() != Some(LINKER_VERSION)
}

/// Where the linker is installed: in the toolchain whose LLVM it uses, so that neither is taken for another's.
pub(crate) fn linker_folder() -> PathBuf {
    sysroot().unwrap_or_default().join("bpf-linker")
}

/// The version of the installed linker.
fn linker_version() -> Option<String> {
    let program = linker_folder().join("bin/bpf-linker");
    let said = command::read(Command::new(program).arg("--version")).ok()?;
    Some(said.strip_prefix("bpf-linker ")?.to_owned())
}
