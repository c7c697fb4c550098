//! The file that tells Podman and CRI-O when to run a hook.
//! <https://github.com/containers/common/blob/v0.50.1/pkg/hooks/docs/oci-hooks.5.md>

use super::annotation::ANNOTATION;
use serde_json::json;
use std::ffi::OsString;
use std::path::PathBuf;

/// A hook for containers that ask for it by annotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The program: an absolute path.
    pub program: PathBuf,
    /// Its arguments, with the name that it is called by before them.
    pub arguments: Vec<OsString>,
}

/// A word that JSON cannot say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not UTF-8", crate::report::escape::text(&.0.to_string_lossy()))]
pub struct Unwritable(pub OsString);

impl Config {
    /// The file's text. The stage is the one that every runtime knows, with the container's namespaces and
    /// cgroup made and none of its programs started.
    ///
    /// # Errors
    ///
    /// [`Unwritable`] for words that are not UTF-8.
    pub fn to_json(&self) -> Result<String, Unwritable> {
        let word = |word: OsString| word.into_string().map_err(Unwritable);
        let program = word(self.program.clone().into_os_string())?;
        let arguments: Result<Vec<_>, _> = self.arguments.iter().cloned().map(word).collect();
        let key = format!("^{}$", ANNOTATION.replace('.', "\\."));
        let config = json!({
            "version": "1.0.0",
            "hook": {"path": program, "args": arguments?},
            "when": {"annotations": {key: ".*"}},
            "stages": ["prestart"],
        });
        Ok(format!("{config:#}\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;

    #[test]
    fn the_file_says_when_and_what() {
        let config = Config {
            program: "/usr/bin/seccomp-tracer".into(),
            arguments: ["seccomp-tracer", "hook", "run"].map(OsString::from).into(),
        };
        let expected = r#"{
  "hook": {
    "args": [
      "seccomp-tracer",
      "hook",
      "run"
    ],
    "path": "/usr/bin/seccomp-tracer"
  },
  "stages": [
    "prestart"
  ],
  "version": "1.0.0",
  "when": {
    "annotations": {
      "^io\\.containers\\.trace-syscall$": ".*"
    }
  }
}
"#;
        assert_eq!(config.to_json().as_deref(), Ok(expected));
    }

    #[test]
    fn a_path_that_is_no_text_is_refused() {
        let config = Config {
            program: OsString::from_vec(b"/\xff".to_vec()).into(),
            arguments: Vec::new(),
        };
        assert_eq!(
            config.to_json().unwrap_err().to_string(),
            "`/\u{fffd}` is not UTF-8"
        );
    }
}
