//! Docker's Compose for the tests, from a newer suite of the distribution, unpacked and not installed.
//!
//! The sources, their keys and their caches are the machine's own; only the suite is another one, in a folder of
//! ours, so that nothing of the machine is upgraded by it.

use crate::command::{self, root};
use anyhow::{Context, Result, bail, ensure};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where it lies; the tests look there. To Docker's client it is a folder of settings.
const FOLDER: &str = "target/compose";

/// The suite, and the package.
const SUITE: &str = "trixie";
const PACKAGE: &str = "docker-compose";

/// The plugin inside the package.
const PLUGIN: &str = "usr/libexec/docker/cli-plugins/docker-compose";

/// Gets Compose if it is not there.
pub(crate) fn ready() -> Result<()> {
    let folder = root().join(FOLDER);
    let link = folder.join("cli-plugins/docker-compose");
    if link.is_file() {
        return Ok(());
    }
    let Some(site) = site() else {
        bail!(
            "no Compose for the tests: apt has no source of Debian to get `{PACKAGE}` of {SUITE} from"
        );
    };
    get(&folder, &site, &link).with_context(|| {
        format!("no Compose for the tests: cannot get `{PACKAGE}` of Debian's {SUITE} from {site}")
    })
}

fn get(folder: &Path, site: &str, link: &Path) -> Result<()> {
    let unpacked = folder.join("package");
    for name in ["cli-plugins", "lists/partial", "cache/archives/partial"] {
        let path = folder.join(name);
        fs::create_dir_all(&path).with_context(|| format!("cannot create `{}`", path.display()))?;
    }
    let sources = folder.join("sources.list");
    fs::write(&sources, format!("deb {site} {SUITE} main\n"))
        .context("cannot write the sources")?;
    apt(folder, &["update", "--quiet"])?;
    apt(folder, &["download", "--quiet", PACKAGE])?;
    let file = downloaded(folder)?;
    let mut unpack = Command::new("dpkg");
    unpack.arg("--extract").args([&file, &unpacked]);
    command::read(&mut unpack)?;
    fs::remove_file(&file).with_context(|| format!("cannot remove `{}`", file.display()))?;
    let plugin = unpacked.join(PLUGIN);
    ensure!(plugin.is_file(), "the package has no `{PLUGIN}`");
    let _ = fs::remove_file(link);
    symlink(plugin, link).context("cannot make the plugin's link")
}

/// Runs apt-get with our sources and its own everything else.
fn apt(folder: &Path, words: &[&str]) -> Result<()> {
    let option = |name: &str, value: &Path| {
        let mut word = OsString::from(format!("--option={name}="));
        word.push(value);
        word
    };
    let mut apt = Command::new("apt-get");
    apt.args([
        option("Dir::Etc::SourceList", &folder.join("sources.list")),
        option("Dir::Etc::SourceParts", Path::new("-")),
        option("Dir::State::Lists", &folder.join("lists")),
        option("Dir::Cache", &folder.join("cache")),
        // The folder is not open to the user that fetches otherwise.
        option("APT::Sandbox::User", Path::new("root")),
        option("Acquire::Languages", Path::new("none")),
        option("Acquire::Retries", Path::new("3")),
        option(
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled",
            Path::new("false"),
        ),
    ]);
    command::read(apt.args(words).current_dir(folder)).map(drop)
}

/// Where the machine gets the distribution from.
fn site() -> Option<String> {
    let mut targets = Command::new("apt-get");
    targets.args(["indextargets", "--format", "$(ORIGIN)|$(COMPONENT)|$(SITE)"]);
    let described = command::read(targets.arg("Created-By: Packages")).ok()?;
    first_site(&described)
}

fn first_site(described: &str) -> Option<String> {
    let mut sites = described
        .lines()
        .filter_map(|line| line.strip_prefix("Debian|main|"));
    // Security updates have a site of their own, without this suite.
    let site = sites.find(|site| !site.trim_end_matches('/').ends_with("-security"))?;
    Some(site.to_owned())
}

fn downloaded(folder: &Path) -> Result<PathBuf> {
    let files = fs::read_dir(folder).context("cannot list the folder")?;
    let mut files = files.flatten().map(|entry| entry.path());
    let file = files.find(|path| path.extension().is_some_and(|extension| extension == "deb"));
    file.context("`apt-get download` left no package")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_site_is_the_distributions_own() {
        let described = "Other|main|http://a/x\nDebian|contrib|http://a/debian\n\
                         Debian|main|http://a/debian-security\nDebian|main|http://a/debian\n";
        assert_eq!(first_site(described).as_deref(), Some("http://a/debian"));
        assert_eq!(first_site(""), None);
    }
}
