//! The engine's client, as far as the tests need it.

use crate::run::{Program, Run};
use std::path::Path;
use std::time::{Duration, Instant};

/// Settings of Docker's client with the Compose that `cargo xtask test` gets.
pub const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/compose");

/// A `docker run` command line, in parts.
#[derive(Clone)]
pub struct Docker {
    options: Vec<String>,
    image: String,
    command: Vec<String>,
}

impl Docker {
    /// A container that is gone after it ended, without a network but its own loopback.
    #[must_use]
    pub fn run(image: &str, command: &[&str]) -> Self {
        Self {
            options: ["--rm", "--network", "none"].map(str::to_owned).into(),
            image: image.to_owned(),
            command: command.iter().map(|&word| word.to_owned()).collect(),
        }
    }

    /// One that stays after it ended.
    #[must_use]
    pub fn kept(mut self) -> Self {
        self.options.retain(|option| option != "--rm");
        self
    }

    /// Adds options.
    #[must_use]
    pub fn with(mut self, options: &[&str]) -> Self {
        self.options
            .extend(options.iter().map(|&word| word.to_owned()));
        self
    }

    /// Under a profile of one's own.
    #[must_use]
    pub fn under(self, profile: &Path) -> Self {
        self.with(&["--security-opt", &format!("seccomp={}", profile.display())])
    }

    /// Without any profile.
    #[must_use]
    pub fn unconfined(self) -> Self {
        self.with(&["--security-opt", "seccomp=unconfined"])
    }

    /// So that programs cannot gain rights; the runtime then installs the filter last.
    #[must_use]
    pub fn no_new_privileges(self) -> Self {
        self.with(&["--security-opt", "no-new-privileges"])
    }

    /// As a user would type it.
    #[must_use]
    pub fn command_line(&self) -> Vec<String> {
        let start = ["docker", "run"].map(str::to_owned);
        let words = start.into_iter().chain(self.options.iter().cloned());
        let words = words.chain([self.image.clone()]);
        words.chain(self.command.iter().cloned()).collect()
    }

    /// Runs it.
    #[must_use]
    pub fn go(&self) -> Run {
        let line = self.command_line();
        Program::new(&line[0]).args(&line[1..]).run()
    }
}

/// A name that no other run of the tests uses.
#[must_use]
pub fn container_name(name: &str) -> String {
    format!("house-tests-{name}-{}", std::process::id())
}

/// A container in the background, removed when this value goes away.
pub struct Container {
    /// Its name.
    pub name: String,
}

impl Container {
    /// Starts it.
    #[must_use]
    pub fn start(name: &str, docker: Docker) -> Self {
        let container = Self::expected(name);
        let run = docker.with(&["--detach", "--name", &container.name]).go();
        run.exits(0);
        container
    }

    /// One that somebody else will start under this name.
    #[must_use]
    pub fn expected(name: &str) -> Self {
        let name = container_name(name);
        Self { name }
    }

    /// What the engine says about it, by a template; `None` if it does not know it.
    #[must_use]
    pub fn inspect(&self, template: &str) -> Option<String> {
        let run = Program::new("docker")
            .args(["inspect", "--type", "container", "--format", template])
            .args([&self.name])
            .run();
        (run.code() == 0).then(|| run.stdout_text().trim().to_owned())
    }

    /// Its full id.
    ///
    /// # Panics
    ///
    /// If the engine does not know it.
    #[must_use]
    pub fn id(&self) -> String {
        self.inspect("{{.Id}}").expect("a container")
    }

    /// Tells the engine to do something with it.
    pub fn order(&self, verb: &[&str]) {
        let order = Program::new("docker").args(verb).args([&self.name]);
        order.run().exits(0);
    }

    /// Runs a command in it.
    #[must_use]
    pub fn exec(&self, command: &[&str]) -> Run {
        Program::new("docker")
            .args(["exec", &self.name])
            .args(command)
            .run()
    }

    /// Runs a command in it until it succeeds: for servers, which take a moment to listen.
    ///
    /// # Panics
    ///
    /// If it does not within half a minute.
    pub fn await_success(&self, command: &[&str]) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let run = self.exec(command);
            if run.code() == 0 {
                return;
            }
            assert!(Instant::now() < deadline, "{run}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = Program::new("docker")
            .args(["rm", "--force", &self.name])
            .run();
    }
}
