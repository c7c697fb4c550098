//! Container engines and runtimes as far as recording and applying depend on them. Never a failure: plain
//! commands can be recorded without any.

use super::{Check, FIXED_LIBSECCOMP, MIXES_UP, mixes_up_hint};
use crate::report::escape;
use crate::target::ToolError;
use crate::target::engine::{About, Engine, EngineError};
use crate::target::engine_run::EngineKind;
use crate::target::runtime::{self, Runtime, RuntimeSeccomp};
use std::error::Error;

/// What was found.
#[derive(Debug)]
pub struct Engines {
    /// What each engine answered.
    pub answers: Vec<(EngineKind, Result<About, EngineError>)>,
    /// The runtimes that are installed.
    pub runtimes: Vec<Runtime>,
}

impl Engines {
    /// Asks all of them; that can take seconds.
    #[must_use]
    pub fn look() -> Self {
        let answer = |kind| (kind, Engine::of_kind(kind).about());
        Self {
            answers: EngineKind::CLIENTS.map(answer).into(),
            runtimes: runtime::installed(),
        }
    }
}

/// One check for each engine and runtime that is installed, or one that says that there is no engine.
#[must_use]
pub fn engines(engines: &Engines) -> Vec<Check> {
    let answers = engines.answers.iter();
    let mut checks: Vec<Check> = answers
        .filter_map(|(kind, answer)| engine(*kind, answer))
        .collect();
    if checks.is_empty() {
        checks.push(Check::warning(
            "engines",
            "neither Docker nor Podman is installed",
            "only `record --container` and `record -- docker run` need one",
        ));
    }
    checks.extend(engines.runtimes.iter().map(runtime_check));
    checks
}

/// Nothing for an engine that is not installed.
fn engine(kind: EngineKind, answer: &Result<About, EngineError>) -> Option<Check> {
    let id = kind.name();
    Some(match answer {
        Err(EngineError::Tool(ToolError::NotInstalled { .. })) => return None,
        Err(error) => {
            let hint = error.hint().unwrap_or_else(|| {
                format!(
                    "`{id} version` and `{id} info` must work for its containers to be recorded"
                )
            });
            let mut detail = error.to_string();
            if let Some(cause) = error.source() {
                detail.push_str(": ");
                detail.push_str(&escape::text(&cause.to_string()));
            }
            Check::warning(id, detail, hint)
        }
        Ok(about) => described(id, about),
    })
}

fn described(id: &'static str, about: &About) -> Check {
    let version = escape::text(&about.version);
    let Some(driver) = about.cgroup_driver else {
        return Check::warning(
            id,
            format!("{version}, makes cgroups in an unknown way"),
            format!(
                "`record -- {id} run` needs the cgroup driver `cgroupfs` or `systemd`; \
                 `record --container` works as it is"
            ),
        );
    };
    if about.seccomp_profile.is_none() {
        return Check::warning(
            id,
            format!("{version}, without seccomp"),
            "this engine cannot apply profiles",
        );
    }
    let runtime = about.runtime().map_or_else(String::new, |(name, version)| {
        let version = version.unwrap_or("of unknown version");
        format!(", {} {}", escape::text(name), escape::text(version))
    });
    let driver = driver.name();
    Check::ok(id, format!("{version}, cgroup driver {driver}{runtime}"))
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
    use crate::target::engine::Said;
    use crate::target::engine_run::CgroupDriver;
    use crate::target::runtime::Version;

    fn about() -> About {
        About {
            version: "20.10.24".into(),
            cgroup_driver: Some(CgroupDriver::Systemd),
            default_runtime: Some("io.containerd.runc.v2".into()),
            parts: [("runc".to_owned(), "1.1.5".to_owned())].into(),
            seccomp_profile: Some("default".into()),
            ..About::default()
        }
    }

    fn missing(program: &str) -> ToolError {
        let program = program.to_owned();
        ToolError::NotInstalled { program }
    }

    #[test]
    fn an_engine_is_judged_by_what_it_can_do_for_us() {
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
        let table: [(Result<About, EngineError>, Verdict, &str); 5] = [
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
            (
                Err(EngineError::Unreachable(Said("no".into()))),
                Warning,
                "cannot reach the container engine: no",
            ),
        ];
        for (answer, verdict, detail) in table {
            let check = engine(EngineKind::Docker, &answer).expect("it is installed");
            assert_eq!((check.verdict, check.detail.as_str()), (verdict, detail));
            assert_eq!(check.hint.is_some(), verdict != Good, "{detail}");
        }
    }

    #[test]
    fn only_what_is_installed_is_mentioned() {
        let missing = |kind: EngineKind| (kind, Err(missing(kind.name()).into()));
        let none = Engines {
            answers: EngineKind::CLIENTS.map(missing).into(),
            runtimes: Vec::new(),
        };
        let checks = engines(&none);
        let shown: Vec<_> = checks
            .iter()
            .map(|check| (check.id, check.verdict))
            .collect();
        assert_eq!(shown, [("engines", Verdict::Warning)]);
        let runtime = |seccomp| Runtime {
            name: "runc",
            version: "1.1.5".into(),
            seccomp,
        };
        let all = Engines {
            answers: vec![
                (EngineKind::Docker, Ok(about())),
                missing(EngineKind::Podman),
            ],
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
