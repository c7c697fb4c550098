//! Builds the witnesses: programs whose every call is known because nothing else is linked into them.
//!
//! They are not Cargo targets, because a program without the standard library needs `panic=abort`, static
//! linking and no start files, and Cargo can ask for those only for a whole workspace.

use std::env;
use std::path::PathBuf;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=witness");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));

    let witness = out.join("witness");
    let mut rustc = Command::new(env::var_os("RUSTC").expect("cargo sets RUSTC"));
    rustc.args(["--edition", "2024", "--crate-name", "witness"]);
    rustc.args(["-C", "panic=abort", "-C", "opt-level=1"]);
    rustc.args(["-C", "relocation-model=static"]);
    rustc.args(["-C", "link-arg=-nostdlib", "-C", "link-arg=-static"]);
    rustc.arg("-o").arg(&witness).arg("witness/main.rs");
    build(rustc);
    println!("cargo::rustc-env=WITNESS={}", witness.display());

    // `-nostdlib` is what makes this work without a 32-bit C library.
    let witness32 = out.join("witness32");
    let mut cc = Command::new("cc");
    cc.args(["-m32", "-nostdlib", "-static"]);
    cc.arg("-o").arg(&witness32).arg("witness/witness32.S");
    build(cc);
    println!("cargo::rustc-env=WITNESS32={}", witness32.display());
}

fn build(mut command: Command) {
    let status = command.status();
    let built = status.as_ref().is_ok_and(std::process::ExitStatus::success);
    assert!(built, "{command:?}: {status:?}");
}
