//! One profile for each workload: groups of runs, and what is to be said where runs of several come together.

use super::failure::Failure;
use crate::recording::{By, Runs};
use crate::report::escape;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// How many workloads are named.
const NAMED_MAX: usize = 5;

/// The longest name of a file, without its ending.
const NAME_MAX: usize = 100;

/// What runs are put together.
#[derive(clap::Args)]
pub(super) struct WorkloadArguments {
    /// Write one profile for each image, container name or program, into the directory that -o names.
    #[arg(long, value_name = "WHAT", conflicts_with = "union")]
    by: Option<Group>,
    /// Make one profile for several workloads; it permits to each what any of them needs.
    #[arg(long)]
    union: bool,
}

/// By what runs are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Group {
    /// The image, as it was named.
    Image,
    /// The container's name.
    Container,
    /// The program of the command.
    Command,
}

impl From<Group> for By {
    fn from(group: Group) -> Self {
        match group {
            Group::Image => Self::Image,
            Group::Container => Self::Container,
            Group::Command => Self::Command,
        }
    }
}

/// Why runs cannot be put together.
#[derive(Debug, thiserror::Error)]
enum NotOne {
    #[error("the recordings are of {0} workloads: {1}")]
    Mixed(usize, String),
    #[error("`--by` needs a directory for its profiles")]
    NoDirectory,
    #[error("cannot make the directory `{}`", escape::path(.path))]
    Directory {
        path: PathBuf,
        source: std::io::Error,
    },
}

impl WorkloadArguments {
    /// By what the runs are to be put together, if they are; the directory is there then.
    pub(super) fn by(&self, output: &Path) -> Result<Option<By>, Failure> {
        let Some(group) = self.by else {
            return Ok(None);
        };
        if output == Path::new("-") {
            return Err(Failure::invalid(NotOne::NoDirectory).hint("say with -o which"));
        }
        std::fs::create_dir_all(output).map_err(|source| {
            let path = output.to_owned();
            Failure::invalid(NotOne::Directory { path, source })
        })?;
        Ok(Some(group.into()))
    }

    /// Whether the runs are of one workload, as far as that is known, or are to be put together all the same.
    pub(super) fn check(&self, runs: &Runs) -> Result<(), Failure> {
        let workloads = runs.workloads();
        if workloads.len() < 2 || self.union {
            return Ok(());
        }
        let named = workloads.iter().take(NAMED_MAX);
        let mut named: Vec<String> = named
            .map(|name| format!("`{}`", escape::text(name)))
            .collect();
        if workloads.len() > NAMED_MAX {
            named.push("…".to_owned());
        }
        let error = NotOne::Mixed(workloads.len(), named.join(", "));
        Err(Failure::invalid(error).hint(
            "`--by image -o DIR` (or container, command) writes a profile for each; `--union` makes one for all",
        ))
    }
}

/// The groups with the names of their files.
pub(super) fn files(groups: BTreeMap<String, BTreeSet<u32>>) -> Vec<(String, BTreeSet<u32>)> {
    let mut taken = BTreeSet::new();
    let named = groups.into_iter().map(|(group, runs)| {
        let plain = plain(&group);
        let numbered = (2..).map(|number| format!("{plain}-{number}"));
        let mut names = std::iter::once(plain.clone()).chain(numbered);
        let name = names.find(|name| taken.insert(name.clone()));
        (format!("{}.json", name.unwrap_or(plain)), runs)
    });
    named.collect()
}

/// A name that is one of a file, whatever it was.
fn plain(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let plain = name.chars().map(|c| if is_plain(c) { c } else { '_' });
    let plain: String = plain.take(NAME_MAX).collect();
    match plain.trim_start_matches(['.', '-']) {
        "" => "unknown".to_owned(),
        plain => plain.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_groups_become_names_of_files_and_none_twice() {
        let groups = ["../../etc/x", "a/b:1", "a_b:1", "…", "-"];
        let groups = (0..)
            .zip(groups)
            .map(|(at, name)| (name.to_owned(), [at].into()));
        let names = files(groups.collect());
        let names: Vec<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
        let expected = [
            "unknown.json",
            "_.._etc_x.json",
            "a_b_1.json",
            "a_b_1-2.json",
            "_.json",
        ];
        assert_eq!(names, expected);
    }
}
