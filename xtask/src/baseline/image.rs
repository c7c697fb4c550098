//! An image with two programs that make next to no calls of their own: one ends, one waits.

use crate::command;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// The image's name.
pub(super) const NAME: &str = "seccomp-tracer-baseline";

/// The program that ends.
pub(super) const END: &str = "/end";

/// The program that waits.
pub(super) const PAUSE: &str = "/pause";

/// The calls that the programs make.
pub(super) const MADE: &[&str] = &["exit_group", "pause", "restart_syscall"];

/// `xor edi, edi; mov eax, 231; syscall`: `exit_group(0)`.
const END_CODE: &[u8] = &[0x31, 0xFF, 0xB8, 231, 0, 0, 0, 0x0F, 0x05];

/// `mov eax, 34; syscall; jmp` to the first: `pause()`, for ever.
const PAUSE_CODE: &[u8] = &[0xB8, 34, 0, 0, 0, 0x0F, 0x05, 0xEB, 0xF7];

/// Where the program lies in memory.
const ADDRESS: u64 = 0x40_0000;

/// Length of the ELF header, and of a program header.
const HEADER: u16 = 64;
const SEGMENT: u16 = 56;

/// Where the image's files are made.
pub(super) const ROOTFS: &str = "rootfs";

/// Makes the image's files.
pub(super) fn make(folder: &Path) -> Result<()> {
    let rootfs = folder.join(ROOTFS);
    // Runtimes mount something there.
    for name in ["dev", "proc"] {
        let folder = rootfs.join(name);
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create `{}`", folder.display()))?;
    }
    for (path, code) in [(END, END_CODE), (PAUSE, PAUSE_CODE)] {
        let file = rootfs.join(path.trim_start_matches('/'));
        fs::create_dir_all(&rootfs)
            .and_then(|()| fs::write(&file, program(code)))
            .and_then(|()| fs::set_permissions(&file, fs::Permissions::from_mode(0o755)))
            .with_context(|| format!("cannot write `{}`", file.display()))?;
    }
    Ok(())
}

/// Takes the image in: `tar -C ROOT -c . | docker import - NAME`.
pub(super) fn import(folder: &Path, mut docker: Command) -> Result<()> {
    let rootfs = folder.join(ROOTFS);
    let mut tar = Command::new("tar");
    tar.arg("-C")
        .arg(&rootfs)
        .args(["-c", "."])
        .stdout(Stdio::piped());
    let mut tar = tar.spawn().context("cannot execute `tar`")?;
    let pipe = tar.stdout.take().context("`tar` has no output")?;
    let imported = command::run(
        docker
            .args(["import", "-", NAME])
            .stdin(pipe)
            .stdout(Stdio::null()),
    );
    let packed = tar.wait().context("cannot wait for `tar`")?;
    imported?;
    ensure!(packed.success(), "`tar` failed: {packed}");
    Ok(())
}

/// A static x86_64 program of one segment, written by hand so that nothing else is in it.
fn program(code: &[u8]) -> Vec<u8> {
    let start = u64::from(HEADER + SEGMENT);
    let length = start + code.len() as u64;
    let mut file = vec![0x7F, b'E', b'L', b'F', 2, 1, 1];
    file.resize(16, 0);
    let halves = |file: &mut Vec<u8>, values: &[u16]| {
        values
            .iter()
            .for_each(|value| file.extend(value.to_le_bytes()));
    };
    let words = |file: &mut Vec<u8>, values: &[u32]| {
        values
            .iter()
            .for_each(|value| file.extend(value.to_le_bytes()));
    };
    let longs = |file: &mut Vec<u8>, values: &[u64]| {
        values
            .iter()
            .for_each(|value| file.extend(value.to_le_bytes()));
    };
    // An executable for x86_64, entered behind the headers.
    halves(&mut file, &[2, 62]);
    words(&mut file, &[1]);
    longs(&mut file, &[ADDRESS + start, u64::from(HEADER), 0]);
    words(&mut file, &[0]);
    halves(&mut file, &[HEADER, SEGMENT, 1, 0, 0, 0]);
    // One segment, to be read and executed.
    words(&mut file, &[1, 5]);
    longs(&mut file, &[0, ADDRESS, ADDRESS, length, length, 0x1000]);
    file.extend(code);
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_its_headers_and_its_code() {
        let file = program(END_CODE);
        assert_eq!(file.len(), usize::from(HEADER + SEGMENT) + END_CODE.len());
        assert_eq!(&file[..4], b"\x7FELF");
        assert_eq!(file[24..32], 0x40_0078_u64.to_le_bytes());
        assert!(file.ends_with(END_CODE));
    }
}
