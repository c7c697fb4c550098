//! A project of Compose, as Compose itself understands it, and the same project where it is watched.
//!
//! The project goes back to Compose as a whole: which files make it up, and what they mean, is not decided twice.

use super::error::{EngineError, Said};
use super::prepare::PrepareError;
use super::{About, Engine};
use crate::report::escape;
use crate::target::cgroup::Hierarchy;
use crate::target::engine_run::{ComposeRun, EngineKind, parent_below};
use crate::target::own_cgroup::{Note, OwnCgroup, fresh_name};
use crate::target::tool::{self, Bounds};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs, io};

/// Bounds of Compose's answers. A project of a thousand services is some hundred kB.
const BOUNDS: Bounds = Bounds {
    bytes: 16 << 20,
    time: Duration::from_secs(60),
};

/// Where Compose looks for a project, in this order, here and in the directories above.
const FILES: [&str; 4] = [
    "compose.yaml",
    "compose.yml",
    "docker-compose.yml",
    "docker-compose.yaml",
];

/// What Compose adds to a file that it found itself, if it lies beside it: the first of these.
const OVERRIDES: [&str; 4] = [
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

/// By what Compose says which service a container is of.
const SERVICE: &str = "com.docker.compose.service";

/// Why a project cannot be recorded.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// The engine, or the cgroup, stands in the way.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// Compose cannot read the project.
    #[error("Compose refused")]
    Refused(#[source] Said),
    /// What it says is no project.
    #[error("Compose's description of the project is not understood")]
    BadAnswer(#[source] serde_json::Error),
    /// There is nothing in it.
    #[error("the project has no services")]
    Nothing,
    /// The name of a service cannot be that of a file.
    #[error("service `{}` cannot be the name of a file", escape::text(.0))]
    Name(String),
    /// The project cannot be kept for Compose.
    #[error("cannot keep the project for Compose")]
    Keep(#[source] io::Error),
}

impl ComposeError {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Prepare(error) => error.hint(),
            Self::Refused(_) => {
                Some("`docker compose config` shows the project, or what is wrong with it".into())
            }
            Self::BadAnswer(_) => {
                Some("`docker compose config --format json` must work: Compose 2".into())
            }
            Self::Nothing | Self::Name(_) | Self::Keep(_) => None,
        }
    }
}

impl From<EngineError> for ComposeError {
    fn from(error: EngineError) -> Self {
        Self::Prepare(error.into())
    }
}

/// What matters of a service. Strings are from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// Its image, if it has a name.
    pub image: Option<String>,
    /// The runtime that it asks for.
    pub runtime: Option<String>,
    /// The parent cgroup that it asks for.
    pub cgroup_parent: Option<String>,
    /// Whether it names a seccomp profile.
    pub names_profile: bool,
}

/// A project.
#[derive(Clone, Debug)]
pub struct Project(Value);

impl Project {
    /// Reads Compose's answer.
    ///
    /// # Errors
    ///
    /// [`ComposeError`] if it is no project with services.
    pub(crate) fn read(json: &[u8]) -> Result<Self, ComposeError> {
        let mut value: Value = serde_json::from_slice(json).map_err(ComposeError::BadAnswer)?;
        let services = value.get_mut("services").and_then(Value::as_object_mut);
        let Some(services) = services.filter(|services| !services.is_empty()) else {
            return Err(ComposeError::Nothing);
        };
        let plain = |name: &str| {
            !name.starts_with('.') && Path::new(name).file_name() == Some(OsStr::new(name))
        };
        if let Some(name) = services.keys().find(|name| !plain(name)) {
            return Err(ComposeError::Name(name.clone()));
        }
        services.retain(|_, service| service.is_object());
        Ok(Self(value))
    }

    fn members(&self) -> impl Iterator<Item = (&String, &Map<String, Value>)> {
        let services = self.0.get("services").and_then(Value::as_object);
        let services = services.into_iter().flatten();
        services.filter_map(|(name, service)| Some((name, service.as_object()?)))
    }

    /// The services by name.
    #[must_use]
    pub fn services(&self) -> BTreeMap<String, Service> {
        let services = self.members().map(|(name, service)| {
            let text = |key: &str| service.get(key)?.as_str().map(str::to_owned);
            let options = service.get("security_opt").and_then(Value::as_array);
            let mut options = options.into_iter().flatten().filter_map(Value::as_str);
            let service = Service {
                image: text("image"),
                runtime: text("runtime"),
                cgroup_parent: text("cgroup_parent"),
                names_profile: options
                    .any(|option| option.starts_with("seccomp=") || option.starts_with("seccomp:")),
            };
            (name.clone(), service)
        });
        services.collect()
    }

    fn change(&mut self, mut change: impl FnMut(&str, &mut Map<String, Value>)) {
        let services = self.0.get_mut("services").and_then(Value::as_object_mut);
        for (name, service) in services.into_iter().flatten() {
            if let Some(service) = service.as_object_mut() {
                change(name, service);
            }
        }
    }

    /// Puts every service below a parent cgroup.
    pub fn place(&mut self, parent: &str) {
        self.change(|_, service| {
            service.insert("cgroup_parent".into(), literal(parent));
        });
    }

    /// Puts services under profiles.
    pub fn confine(&mut self, profiles: &BTreeMap<String, PathBuf>) {
        self.change(|name, service| {
            let Some(profile) = profiles.get(name) else {
                return;
            };
            let options = service.entry("security_opt").or_insert(Value::Null);
            if !options.is_array() {
                *options = Value::Array(Vec::new());
            }
            if let Some(options) = options.as_array_mut() {
                options.push(literal(&format!("seccomp={}", profile.display())));
            }
        });
    }

    /// As Compose reads it.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.to_string()
    }
}

/// A text of which Compose replaces nothing.
fn literal(text: &str) -> Value {
    Value::String(text.replace('$', "$$"))
}

/// A project that is ready to be watched: every cgroup directly below `parent` is a container of it.
#[derive(Debug)]
pub struct PreparedProject {
    /// The engine.
    pub engine: Engine,
    /// What the engine says about itself.
    pub about: About,
    /// The cgroup below which the containers will be.
    pub parent: OwnCgroup,
    /// What to start instead of the user's command line.
    pub command: Vec<OsString>,
    /// The services.
    pub services: BTreeMap<String, Service>,
    /// Where the project is kept for Compose, as long as this value is.
    pub workshop: tempfile::TempDir,
}

impl PreparedProject {
    /// Asks Compose and the engine, makes the parent cgroup, and puts the services below it and under these profiles.
    ///
    /// # Errors
    ///
    /// [`ComposeError`] if that is not possible. Nothing is left behind.
    pub fn new(
        hierarchy: &Hierarchy,
        run: &ComposeRun,
        profiles: &BTreeMap<String, PathBuf>,
        note: Note<'_>,
    ) -> Result<Self, ComposeError> {
        let engine = Engine::of_client(EngineKind::Docker, &run.client);
        let about = engine.about()?;
        let mut project = Project::read(&ask(&run.question(), run.input())?)?;
        let services = project.services();
        for (name, service) in &services {
            about
                .shares_kernel(service.runtime.as_deref(), name)
                .map_err(PrepareError::Engine)?;
        }
        if about.is_rootless {
            return Err(PrepareError::Rootless.into());
        }
        let driver = about.cgroup_driver.ok_or(PrepareError::Driver)?;
        let parent = parent_below(None, driver, &fresh_name()).map_err(PrepareError::Parent)?;
        project.place(&parent.value.to_string_lossy());
        project.confine(profiles);
        // What is in it may be secret; the directory is for us alone.
        let workshop = tempfile::tempdir().map_err(ComposeError::Keep)?;
        let file = workshop.path().join("compose.json");
        fs::write(&file, project.text()).map_err(ComposeError::Keep)?;
        let command = run.with_file(&file, &directory(run));
        let parent = OwnCgroup::create_at(hierarchy, &parent.directory, note)
            .map_err(PrepareError::Cgroup)?;
        Ok(Self {
            engine,
            about,
            parent,
            command,
            services,
            workshop,
        })
    }
}

/// The directory of the project.
fn directory(run: &ComposeRun) -> PathBuf {
    let here = env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    if let Some(directory) = run.directory() {
        return here.join(directory);
    }
    let has_project = |directory: &&Path| FILES.iter().any(|file| directory.join(file).is_file());
    let found = here.ancestors().find(has_project).map(Path::to_owned);
    found.unwrap_or(here)
}

/// The project's own files as another command line can name them: as this one does, or the environment, or where
/// Compose finds them. `None` if they are somewhere else.
#[must_use]
pub fn files(run: &ComposeRun) -> Option<Vec<PathBuf>> {
    let given = run.files();
    if !given.is_empty() {
        return Some(given.iter().map(PathBuf::from).collect());
    }
    let named = env::var_os("COMPOSE_FILE").filter(|files| !files.is_empty());
    if let Some(named) = named {
        // Whoever separates them otherwise has to name them.
        let is_usual = env::var_os("COMPOSE_PATH_SEPARATOR").is_none();
        return is_usual.then(|| env::split_paths(&named).collect());
    }
    let directory = directory(run);
    let first = |names: [&'static str; 4]| {
        names
            .into_iter()
            .find(|name| directory.join(name).is_file())
    };
    let file = first(FILES)?;
    let is_here = env::current_dir().is_ok_and(|here| here == directory);
    let path = |name: &str| match is_here {
        true => PathBuf::from(name),
        false => directory.join(name),
    };
    let files = [Some(file), first(OVERRIDES)].into_iter().flatten();
    Some(files.map(path).collect())
}

/// The full ids of the containers that there are of services.
///
/// # Errors
///
/// [`ComposeError`] if Compose does not say.
pub fn containers(run: &ComposeRun, services: &[OsString]) -> Result<Vec<String>, ComposeError> {
    let answer = ask(&run.containers_question(services), run.input())?;
    let text = String::from_utf8_lossy(&answer).into_owned();
    Ok(text.split_whitespace().map(str::to_owned).collect())
}

/// The service that a container is of.
#[must_use]
pub fn service(labels: &BTreeMap<String, String>) -> Option<&str> {
    labels.get(SERVICE).map(String::as_str)
}

fn ask(words: &[OsString], input: Option<&str>) -> Result<Vec<u8>, ComposeError> {
    let (program, arguments) = words.split_first().ok_or(ComposeError::Nothing)?;
    let answer = tool::ask_of(program, arguments, input, BOUNDS).map_err(EngineError::from)?;
    if answer.status.success() {
        return Ok(answer.stdout);
    }
    let last = answer.talk.lines().next_back().unwrap_or_default();
    Err(ComposeError::Refused(Said(last.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROJECT: &str = r#"{"name": "shop", "services": {
        "web": {"image": "nginx", "command": ["sh", "-c", "echo $$HOME"], "security_opt": ["no-new-privileges"]},
        "db": {"build": {"context": "/db"}, "runtime": "runsc", "cgroup_parent": "/x",
               "security_opt": ["seccomp=unconfined"]}}}"#;

    #[test]
    fn a_project_is_changed_where_it_is_watched_and_nowhere_else() {
        let mut project = Project::read(PROJECT.as_bytes()).unwrap();
        let before: Value = serde_json::from_str(PROJECT).unwrap();
        let services = project.services();
        let web = Service {
            image: Some("nginx".into()),
            ..Service::default()
        };
        let db = Service {
            runtime: Some("runsc".into()),
            cgroup_parent: Some("/x".into()),
            names_profile: true,
            ..Service::default()
        };
        assert_eq!(services, [("web".into(), web), ("db".into(), db)].into());
        project.place("/p");
        project.confine(
            &[
                ("web".into(), "/a$b/web.json".into()),
                ("none".into(), "/n".into()),
            ]
            .into(),
        );
        let mut expected = before;
        for name in ["web", "db"] {
            expected["services"][name]["cgroup_parent"] = "/p".into();
        }
        expected["services"]["web"]["security_opt"] =
            serde_json::json!(["no-new-privileges", "seccomp=/a$$b/web.json"]);
        let after: Value = serde_json::from_str(&project.text()).unwrap();
        assert_eq!(after, expected);
    }

    #[test]
    fn what_is_no_project_is_refused() {
        for (text, expected) in [
            ("", "Compose's description of the project is not understood"),
            ("{}", "the project has no services"),
            (r#"{"services": {}}"#, "the project has no services"),
            (
                r#"{"services": {"../x": {}}}"#,
                "service `../x` cannot be the name of a file",
            ),
            (
                r#"{"services": {".": {}}}"#,
                "service `.` cannot be the name of a file",
            ),
        ] {
            let error = Project::read(text.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), expected, "{text}");
        }
    }
}
