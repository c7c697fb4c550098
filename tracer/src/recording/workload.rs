//! What a run is a run of, as far as that is known: repeated runs of it belong together, others do not.

use super::{Run, Runs};
use std::collections::{BTreeMap, BTreeSet};

/// By what runs are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The image, as it was named.
    Image,
    /// The container's name.
    Container,
    /// The program of the command.
    Command,
}

impl Run {
    /// What the run is of, told by this; by what else is known where it is not. Hostile.
    #[must_use]
    pub fn told_by(&self, by: By) -> Option<String> {
        let known = match by {
            By::Image => self.image(),
            By::Container => self.container_name(),
            By::Command => self.program(),
        };
        known.or_else(|| self.workload()).map(str::to_owned)
    }

    /// The workload: the image without its tag, since another version of it is the same workload; else the
    /// container's name, else the program. Arguments and hosts differ from run to run and do not matter.
    #[must_use]
    pub fn workload(&self) -> Option<&str> {
        let repository = self.image().map(without_tag);
        let container = || self.container_name();
        repository.or_else(container).or_else(|| self.program())
    }

    fn image(&self) -> Option<&str> {
        let container = self.target.container.as_ref()?;
        let image = container.image.as_deref();
        image.or(container.image_id.as_deref())
    }

    fn container_name(&self) -> Option<&str> {
        self.target.container.as_ref()?.name.as_deref()
    }

    fn program(&self) -> Option<&str> {
        let word = self.target.command.first()?;
        word.rsplit('/').find(|part| !part.is_empty())
    }
}

/// `registry:5000/web` of `registry:5000/web:1.2@sha256:…`; of a digest alone, that.
fn without_tag(image: &str) -> &str {
    let name = image.split('@').next().unwrap_or(image);
    match name.rsplit_once(':') {
        Some((before, tag)) if !tag.contains('/') && before != "sha256" => before,
        Some(_) | None => name,
    }
}

impl Runs {
    /// The workloads that the runs are of, as far as they are known. Hostile.
    #[must_use]
    pub fn workloads(&self) -> BTreeSet<&str> {
        self.runs().iter().filter_map(Run::workload).collect()
    }

    /// The runs put together, by what they are of; those of which nothing is known are `unknown`. Hostile.
    #[must_use]
    pub fn grouped(&self, by: By) -> BTreeMap<String, BTreeSet<u32>> {
        let mut groups: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
        for (at, run) in (0..).zip(self.runs()) {
            let name = run.told_by(by).unwrap_or_else(|| "unknown".to_owned());
            groups.entry(name).or_default().insert(at);
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::Container;
    use crate::recording::testing::recording;

    #[test]
    fn a_workload_is_its_image_else_its_container_else_its_program() {
        let told = |image: Option<&str>, name: Option<&str>, command: &[&str]| {
            let mut one = recording(&[]);
            one.target.command = command.iter().map(|&word| word.to_owned()).collect();
            let known = image.is_some() || name.is_some();
            one.target.container = known.then(|| Container {
                image: image.map(str::to_owned),
                name: name.map(str::to_owned),
                ..Container::default()
            });
            Runs::from(one)
                .workloads()
                .into_iter()
                .next()
                .map(str::to_owned)
        };
        let table = [
            (
                Some("nginx:1.25"),
                Some("web-1"),
                &["docker", "run"][..],
                Some("nginx"),
            ),
            (
                Some("r:5000/a/web@sha256:00"),
                None,
                &[],
                Some("r:5000/a/web"),
            ),
            (Some("r:5000/a/web"), None, &[], Some("r:5000/a/web")),
            (Some("sha256:0123"), None, &[], Some("sha256:0123")),
            (None, Some("web"), &[], Some("web")),
            (None, None, &["/usr/bin/ls", "-l"], Some("ls")),
            (None, None, &[], None),
        ];
        for (image, name, command, expected) in table {
            let found = told(image, name, command);
            assert_eq!(found.as_deref(), expected, "{image:?} {name:?} {command:?}");
        }
    }
}
