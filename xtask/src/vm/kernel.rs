//! The machine's kernel, from Debian's package, unpacked and not installed.

use super::prepare;
use anyhow::{Context, Result};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// A kernel.
pub(super) struct Kernel {
    /// What is booted.
    pub(super) program: PathBuf,
    /// Where its modules lie.
    pub(super) modules: PathBuf,
}

/// The package that stands for the newest of the release.
const PACKAGE: &str = "linux-image-amd64";

/// The kernel below that folder, fetched if it is not there; `None` if there is no such package.
pub(super) fn ready(folder: &Path) -> Result<Option<Kernel>> {
    let unpacked = folder.join("kernel");
    if let Some(kernel) = found(&unpacked) {
        return Ok(Some(kernel));
    }
    let described = prepare(folder, "apt-cache", &["depends", PACKAGE].map(OsStr::new));
    let Some(package) = described.ok().as_deref().and_then(package) else {
        return Ok(None);
    };
    prepare(
        folder,
        "apt-get",
        &["download", "--quiet", &package].map(OsStr::new),
    )?;
    let files = fs::read_dir(folder).context("cannot list the folder")?;
    let mut files = files.flatten().map(|entry| entry.path());
    let file = files.find(|path| path.extension() == Some(OsStr::new("deb")));
    let file = file.context("`apt-get download` left no package")?;
    let arguments = [
        OsStr::new("--extract"),
        file.as_os_str(),
        unpacked.as_os_str(),
    ];
    prepare(folder, "dpkg", &arguments)?;
    fs::remove_file(&file).with_context(|| format!("cannot remove `{}`", file.display()))?;
    Ok(found(&unpacked))
}

/// The package with the kernel itself, from what `apt-cache depends` says.
fn package(described: &str) -> Option<String> {
    let mut lines = described.lines().map(str::trim);
    let name = lines.find_map(|line| line.strip_prefix("Depends: "))?;
    name.starts_with("linux-image-").then(|| name.to_owned())
}

fn found(unpacked: &Path) -> Option<Kernel> {
    let only = |folder: PathBuf, start: &str| {
        let entries = fs::read_dir(folder).ok()?.flatten();
        let mut named =
            entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(start));
        named.next().map(|entry| entry.path())
    };
    Some(Kernel {
        program: only(unpacked.join("boot"), "vmlinuz-")?,
        modules: only(unpacked.join("lib/modules"), "")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_is_the_one_that_the_other_depends_on() {
        let described = "linux-image-amd64\n  Depends: linux-image-6.1.0-44-amd64\n";
        assert_eq!(
            package(described).as_deref(),
            Some("linux-image-6.1.0-44-amd64")
        );
        assert_eq!(package("N: Unable to locate package\n"), None);
    }
}
