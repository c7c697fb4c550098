//! Kernels that Debian's suites list, fetched and unpacked, not installed.
//!
//! apt does it, from the mirror that this machine uses, with lists of its own: what is installed here has nothing to do
//! with it.

use super::{FOLDER, prepare};
use crate::command::root;
use crate::talk;
use anyhow::{Context, Result, bail, ensure};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// Suites whose kernels are looked at, from the oldest.
const SUITES: [&str; 6] = [
    "bullseye",
    "bookworm",
    "trixie",
    "trixie-backports",
    "sid",
    "experimental",
];

/// Where they are kept.
const KERNELS: &str = "kernels";

/// A kernel's package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Package {
    /// Major and minor version, then what Debian counts on with.
    version: Vec<u32>,
    /// Where newer kernels are split, the one with the kernel itself.
    is_binary: bool,
    name: String,
}

impl Package {
    /// Reads a package's name; `None` if it is no kernel for ordinary machines.
    fn read(name: &str) -> Option<Self> {
        let binary = name.strip_prefix("linux-binary-");
        let version = binary.or_else(|| name.strip_prefix("linux-image-"))?;
        let version = version.strip_suffix("-amd64")?;
        // Others are called `+deb13-rt`, and the like.
        let (version, build) = version.split_once('+').unwrap_or((version, ""));
        if build.contains('-') {
            return None;
        }
        let numbers = version.split(['.', '-']).map(|number| number.parse().ok());
        let numbers: Vec<u32> = numbers.collect::<Option<_>>()?;
        (numbers.len() >= 3).then(|| Self {
            version: numbers,
            is_binary: binary.is_some(),
            name: name.to_owned(),
        })
    }

    /// Major and minor version.
    pub(crate) fn series(&self) -> String {
        let numbers: Vec<String> = self.version.iter().take(2).map(u32::to_string).collect();
        numbers.join(".")
    }
}

/// The newest kernel of each series, from the oldest.
pub(crate) fn listed() -> Result<Vec<Package>> {
    let folder = lists()?;
    let names = prepare(
        &folder,
        "apt-cache",
        &options(&folder, &["pkgnames", "linux-"]),
    )?;
    let mut kernels: Vec<Package> = names.lines().filter_map(Package::read).collect();
    kernels.sort();
    let mut newest: Vec<Package> = Vec::new();
    for kernel in kernels {
        match newest.last_mut() {
            Some(last) if last.series() == kernel.series() => *last = kernel,
            _ => newest.push(kernel),
        }
    }
    ensure!(!newest.is_empty(), "Debian's suites list no kernel");
    Ok(newest)
}

/// What is booted, fetched if it is not there.
pub(crate) fn fetch(package: &Package) -> Result<PathBuf> {
    let folder = root().join(FOLDER).join(KERNELS).join(&package.name);
    if let Some(kernel) = booted(&folder) {
        return Ok(kernel);
    }
    talk::say(&format!("fetching {}", package.name));
    fs::create_dir_all(&folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
    let apt = lists()?;
    prepare(
        &folder,
        "apt-get",
        &options(&apt, &["download", "--quiet", &package.name]),
    )?;
    let entries = fs::read_dir(&folder).context("cannot list the folder")?;
    let mut files = entries.flatten().map(|entry| entry.path());
    let file = files.find(|path| path.extension() == Some(OsStr::new("deb")));
    let file = file.context("`apt-get download` left no package")?;
    prepare(
        &folder,
        "dpkg",
        &["--extract".as_ref(), file.as_os_str(), folder.as_os_str()],
    )?;
    fs::remove_file(&file).with_context(|| format!("cannot remove `{}`", file.display()))?;
    booted(&folder).with_context(|| format!("`{}` has no kernel", package.name))
}

/// The kernel in an unpacked package.
fn booted(folder: &Path) -> Option<PathBuf> {
    let boot = fs::read_dir(folder.join("boot")).into_iter().flatten();
    let modules = fs::read_dir(folder.join("usr/lib/modules")).into_iter();
    let split = modules
        .flatten()
        .flatten()
        .map(|one| one.path().join("vmlinuz"));
    let whole = boot.flatten().map(|entry| entry.path());
    let is_kernel = |path: &PathBuf| {
        let name = path.file_name().and_then(OsStr::to_str);
        name.is_some_and(|name| name.starts_with("vmlinuz")) && path.is_file()
    };
    whole.chain(split).find(is_kernel)
}

/// The folder with apt's lists, filled if it is empty.
fn lists() -> Result<PathBuf> {
    let folder = root().join(FOLDER).join("apt");
    let lists = folder.join("lists");
    let is_there = fs::read_dir(&lists).is_ok_and(|mut entries| {
        entries.any(|entry| {
            entry.is_ok_and(|entry| entry.file_name().to_string_lossy().contains("_Packages"))
        })
    });
    if is_there {
        return Ok(folder);
    }
    for name in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(folder.join(name)).context("cannot create a folder")?;
    }
    let source = source(&folder)?;
    let lines: String = SUITES
        .iter()
        .map(|suite| source.replace("SUITE", suite) + "\n")
        .collect();
    fs::write(folder.join("sources.list"), lines).context("cannot write apt's sources")?;
    talk::say("fetching what kernels Debian's suites have");
    let updated = prepare(
        &folder,
        "apt-get",
        &options(&folder, &["update", "--quiet"]),
    );
    updated.context("Debian's lists of packages are out of reach")?;
    Ok(folder)
}

/// A line for apt about the mirror of Debian that this machine uses, with a place for the suite.
fn source(folder: &Path) -> Result<String> {
    /// Where Debian's own keys are, if they are not everybody's.
    const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
    let format = ["indextargets", "--format", "$(ORIGIN) $(REPO_URI)"];
    let targets = prepare(folder, "apt-get", &format)?;
    let debian = targets.lines().find_map(|line| {
        let uri = line.strip_prefix("Debian ")?.trim().trim_end_matches('/');
        // Not the one with security updates only.
        uri.ends_with("/debian").then_some(uri)
    });
    let Some(uri) = debian else {
        bail!("apt knows no mirror of Debian here");
    };
    let signed = match Path::new(KEYS).exists() {
        true => format!("[signed-by={KEYS}] "),
        false => String::new(),
    };
    Ok(format!("deb {signed}{uri} SUITE main"))
}

/// apt's settings: nothing of this machine's but its proxy and keys, and nothing but packages.
fn options<'a>(folder: &Path, words: &[&'a str]) -> Vec<std::ffi::OsString> {
    let place = folder.display();
    let settings = [
        format!("Dir::Etc::sourcelist={place}/sources.list"),
        "Dir::Etc::sourceparts=-".to_owned(),
        format!("Dir::State::lists={place}/lists"),
        "Dir::State::status=/dev/null".to_owned(),
        format!("Dir::Cache={place}/cache"),
        "Acquire::Languages=none".to_owned(),
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".to_owned(),
        "APT::Architecture=amd64".to_owned(),
        "APT::Sandbox::User=root".to_owned(),
    ];
    let settings = settings
        .into_iter()
        .flat_map(|one| ["-o".into(), one.into()]);
    let words = words.iter().map(|&word: &&'a str| word.into());
    settings.chain(words).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_read_from_names_and_ordered() {
        let read = |name| Package::read(name).map(|package| package.series());
        assert_eq!(read("linux-image-5.10.0-32-amd64").as_deref(), Some("5.10"));
        assert_eq!(
            read("linux-binary-7.3.4+deb13-amd64").as_deref(),
            Some("7.3")
        );
        for other in [
            "linux-image-amd64",
            "linux-image-6.1.0-50-cloud-amd64",
            "linux-binary-7.3.4+deb13-rt-amd64",
            "linux-image-6.1.0-50-amd64-unsigned",
            "linux-image-6.1.0-50-arm64",
            "linux-headers-6.1.0-50-amd64",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
        let older = Package::read("linux-image-6.1.0-9-amd64");
        assert!(older < Package::read("linux-image-6.1.0-50-amd64"));
        assert!(older < Package::read("linux-image-6.12.1+deb13-amd64"));
        let split = Package::read("linux-image-7.3.4+deb13-amd64");
        assert!(split < Package::read("linux-binary-7.3.4+deb13-amd64"));
    }
}
