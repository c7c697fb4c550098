//! Container engines and runtimes as far as recording and applying depend on them. Never a failure: plain
//! commands can be recorded without any.

use super::{Check, FIXED_LIBSECCOMP, MIXES_UP, mixes_up_hint};
use crate::report::escape;
use crate::target::ToolError;
use crate::target::docker::{About, Engine, EngineError};
use crate::target::docker_run::CgroupDriver;
use crate::target::podman::{self, Podman, PodmanError};
use crate::target::runtime::{self, Runtime, RuntimeSeccomp};
use std::error::Error;

/// What was found.
#[derive(Debug)]
pub struct Engines {
    /// Docker's answer.
    pub docker: Result<About, EngineError>,
    /// Podman's answer.
    pub podman: Result<Podman, PodmanError>,
    /// The runtimes that are installed.
    pub runtimes: Vec<Runtime>,
}

impl Engines {
    /// Asks all of them; that can take seconds.
    #[must_use]
    pub fn look() -> Self {
        Self {
            docker: Engine::default().about(),
            podman: podman::about(),
            runtimes: runtime::installed(),
        }
    }
}

/// One check for Docker, one for each other that is installed.
#[must_use]
pub fn engines(engines: &Engines) -> Vec<Check> {
    let mut checks = vec![docker(&engines.docker)];
    checks.extend(podman_check(&engines.podman));
    checks.extend(engines.runtimes.iter().map(runtime_check));
    checks
}

fn docker(answer: &Result<About, EngineError>) -> Check {
    const ID: &str = "docker";
    let about = match answer {
        Ok(about) => about,
        Err(EngineError::Tool(ToolError::NotInstalled { .. })) => {
            return Check::warning(
                ID,
                "not installed",
                "only `record --container` and `record -- docker run` need it",
            );
        }
        Err(error) => {
            let hint = error.hint().unwrap_or_else(|| {
                "`docker version` and `docker info` must work for containers to be recorded".into()
            });
            let mut detail = error.to_string();
            if let Some(cause) = error.source() {
                detail.push_str(": ");
                detail.push_str(&escape::text(&cause.to_string()));
            }
            return Check::warning(ID, detail, hint);
        }
    };
    let version = escape::text(&about.version);
    let Some(driver) = about.cgroup_driver else {
        return Check::warning(
            ID,
            format!("{version}, makes cgroups in an unknown way"),
            "`record -- docker run` needs the cgroup driver `cgroupfs` or `systemd`; \
             `record --container` works as it is",
        );
    };
    if about.seccomp_profile.is_none() {
        return Check::warning(
            ID,
            format!("{version}, without seccomp"),
            "this engine cannot apply profiles",
        );
    }
    let driver = match driver {
        CgroupDriver::Cgroupfs => "cgroupfs",
        CgroupDriver::Systemd => "systemd",
    };
    let runtime = about.runtime().map_or_else(String::new, |(name, version)| {
        let version = version.unwrap_or("of unknown version");
        format!(", {} {}", escape::text(name), escape::text(version))
    });
    Check::ok(ID, format!("{version}, cgroup driver {driver}{runtime}"))
}

fn podman_check(answer: &Result<Podman, PodmanError>) -> Option<Check> {
    const ID: &str = "podman";
    match answer {
        Err(PodmanError::Tool(ToolError::NotInstalled { .. })) => None,
        Err(error) => Some(Check::warning(
            ID,
            error.to_string(),
            "`podman info` must work; its containers are recorded with `record --cgroup`",
        )),
        Ok(podman) => {
            let mut detail = escape::text(&podman.version);
            if let Some(manager) = &podman.cgroup_manager {
                detail.push_str(&format!(", cgroup manager {}", escape::text(manager)));
            }
            if let Some((name, version)) = &podman.runtime {
                detail.push_str(&format!(
                    ", {} {}",
                    escape::text(name),
                    escape::text(version)
                ));
            }
            Some(Check::ok(ID, detail))
        }
    }
}

fn runtime_check(runtime: &Runtime) -> Check {
    let version = escape::text(&runtime.version);
    match runtime.seccomp {
        RuntimeSeccomp::Without => Check::warning(
            runtime.name,
            format!("{version}, without seccomp"),
            "this runtime cannot apply profiles",
        ),
        RuntimeSeccomp::Unversioned => Check::ok(runtime.name, version),
        RuntimeSeccomp::With(library) if library < FIXED_LIBSECCOMP => Check::warning(
            runtime.name,
            format!("{version} with libseccomp {library}, which {MIXES_UP}"),
            mixes_up_hint(),
        ),
        RuntimeSeccomp::With(library) => {
            Check::ok(runtime.name, format!("{version} with libseccomp {library}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;
    use crate::target::docker::Said;
    use crate::target::runtime::Version;

    fn about() -> About {
        About {
            version: "20.10.24".into(),
            cgroup_driver: Some(CgroupDriver::Systemd),
            default_runtime: Some("io.containerd.runc.v2".into()),
            parts: [("runc".to_owned(), "1.1.5".to_owned())].into(),
            seccomp_profile: Some("default".into()),
        }
    }

    fn missing(program: &str) -> ToolError {
        let program = program.to_owned();
        ToolError::NotInstalled { program }
    }

    #[test]
    fn docker_is_judged_by_what_it_can_do_for_us() {
        use Verdict::{Ok as Good, Warning};
        let unknown = About {
            cgroup_driver: None,
            ..about()
        };
        let deaf = About {
            seccomp_profile: None,
            ..about()
        };
        let other = About {
            default_runtime: Some("runsc\u{1b}".into()),
            ..about()
        };
        let table: [(Result<About, EngineError>, Verdict, &str); 6] = [
            (
                Ok(about()),
                Good,
                "20.10.24, cgroup driver systemd, runc 1.1.5",
            ),
            (
                Ok(other),
                Good,
                "20.10.24, cgroup driver systemd, runsc\\u{1b} of unknown version",
            ),
            (
                Ok(unknown),
                Warning,
                "20.10.24, makes cgroups in an unknown way",
            ),
            (Ok(deaf), Warning, "20.10.24, without seccomp"),
            (Err(missing("docker").into()), Warning, "not installed"),
            (
                Err(EngineError::Unreachable(Said("no".into()))),
                Warning,
                "cannot reach the container engine: no",
            ),
        ];
        for (answer, verdict, detail) in table {
            let check = docker(&answer);
            assert_eq!((check.verdict, check.detail.as_str()), (verdict, detail));
            assert_eq!(check.hint.is_some(), verdict != Good, "{detail}");
        }
    }

    #[test]
    fn only_what_is_installed_is_mentioned() {
        let none = Engines {
            docker: Ok(about()),
            podman: Err(missing("podman").into()),
            runtimes: Vec::new(),
        };
        assert_eq!(engines(&none).len(), 1);
        let podman = Podman {
            version: "4.3.1".into(),
            cgroup_manager: Some("systemd".into()),
            runtime: Some(("crun".into(), "1.8.1".into())),
        };
        let runtime = |seccomp| Runtime {
            name: "runc",
            version: "1.1.5".into(),
            seccomp,
        };
        let all = Engines {
            docker: Ok(about()),
            podman: Ok(podman),
            runtimes: [
                RuntimeSeccomp::With(Version::new(2, 5, 4)),
                RuntimeSeccomp::With(FIXED_LIBSECCOMP),
                RuntimeSeccomp::Unversioned,
                RuntimeSeccomp::Without,
            ]
            .map(runtime)
            .into(),
        };
        let found: Vec<(Verdict, String)> = engines(&all)
            .into_iter()
            .skip(1)
            .map(|check| (check.verdict, check.detail))
            .collect();
        let expected = [
            (Verdict::Ok, "4.3.1, cgroup manager systemd, crun 1.8.1"),
            (
                Verdict::Warning,
                "1.1.5 with libseccomp 2.5.4, which can mix up the actions of rules that compare \
                 arguments with <, > or !=",
            ),
            (Verdict::Ok, "1.1.5 with libseccomp 2.6.1"),
            (Verdict::Ok, "1.1.5"),
            (Verdict::Warning, "1.1.5, without seccomp"),
        ];
        assert_eq!(
            found,
            expected.map(|(verdict, detail)| (verdict, detail.to_owned()))
        );
    }
}
