//! Finding the file that a command name means, before the watching starts: the search must not show up as
//! calls of the command.

use crate::report::escape;
use rustix::fs::{Access, access};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Where the C library searches when there is no `PATH`.
/// <https://man7.org/linux/man-pages/man3/exec.3.html>
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// Why a command cannot be started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExecutableError {
    /// There is no such file; exit code 127.
    #[error("command `{}` not found", escape::path(.0))]
    NotFound(PathBuf),
    /// There is a file, but we may not execute it; exit code 126.
    #[error("`{}` cannot be executed", escape::path(.0))]
    NotExecutable(PathBuf),
}

impl ExecutableError {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotFound(name) if name.components().count() == 1 => {
                "check the spelling and `PATH`; what follows `--` is a program and its arguments, \
                 not a shell line (for that: `-- sh -c 'LINE'`)"
                    .into()
            }
            Self::NotFound(_) => return None,
            Self::NotExecutable(path) if path.is_dir() => "it is a directory".into(),
            Self::NotExecutable(path) => {
                format!("`chmod +x {}` makes a file executable", escape::path(path))
            }
        })
    }
}

/// The file that `execvp` would execute for this name. `search` is the value of `PATH`.
///
/// # Errors
///
/// [`ExecutableError`] if there is none.
pub fn resolve(name: &OsStr, search: Option<&OsStr>) -> Result<PathBuf, ExecutableError> {
    let path = Path::new(name);
    if name.is_empty() {
        return Err(ExecutableError::NotFound(path.to_owned()));
    }
    if name.as_bytes().contains(&b'/') {
        return judge(path);
    }
    let search = search.unwrap_or(OsStr::new(DEFAULT_PATH));
    let mut refused = None;
    // An empty entry is the current directory; so is what `split_paths` gives for it when joined.
    for directory in std::env::split_paths(search) {
        let candidate = if directory.as_os_str().is_empty() {
            Path::new(".").join(path)
        } else {
            directory.join(path)
        };
        match judge(&candidate) {
            Ok(found) => return Ok(found),
            // The search goes on, but if it finds nothing better this is what is reported.
            Err(ExecutableError::NotExecutable(path)) => refused = refused.or(Some(path)),
            Err(ExecutableError::NotFound(_)) => {}
        }
    }
    Err(match refused {
        Some(path) => ExecutableError::NotExecutable(path),
        None => ExecutableError::NotFound(path.to_owned()),
    })
}

fn judge(path: &Path) -> Result<PathBuf, ExecutableError> {
    match path.metadata() {
        Ok(metadata) if metadata.is_file() && access(path, Access::EXEC_OK).is_ok() => {
            Ok(path.to_owned())
        }
        // Not even allowed to look: it may be there.
        Err(error) if error.kind() != std::io::ErrorKind::PermissionDenied => {
            Err(ExecutableError::NotFound(path.to_owned()))
        }
        _ => Err(ExecutableError::NotExecutable(path.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn file(path: &Path, mode: u32) {
        fs::write(path, "#!/bin/sh\n").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_name_is_searched_as_execvp_does() {
        let top = tempfile::tempdir().unwrap();
        let at = |name: &str| top.path().join(name);
        fs::create_dir_all(at("one/tool")).unwrap();
        fs::create_dir(at("two")).unwrap();
        fs::create_dir(at("three")).unwrap();
        file(&at("two/tool"), 0o644);
        file(&at("two/plain"), 0o644);
        file(&at("three/tool"), 0o755);
        let search = std::env::join_paths([at("one"), at("none"), at("two"), at("three")]).unwrap();
        let find = |name: &str| resolve(OsStr::new(name), Some(&search));
        assert_eq!(find("tool"), Ok(at("three/tool")));
        assert_eq!(
            find("plain"),
            Err(ExecutableError::NotExecutable(at("two/plain")))
        );
        for missing in ["missing", "", "two/tool"] {
            assert_eq!(
                find(missing),
                Err(ExecutableError::NotFound(missing.into())),
                "{missing}"
            );
        }
        for directory in [at("one"), at("two/plain")] {
            let error = find(directory.to_str().unwrap()).unwrap_err();
            assert_eq!(error, ExecutableError::NotExecutable(directory));
        }
        assert_eq!(find("/bin/sh"), Ok("/bin/sh".into()));
        assert_eq!(
            resolve(OsStr::new("sh"), None),
            Ok("/bin/sh".into()),
            "without PATH"
        );
    }
}
