//! Projects of Compose: a file beside their own.

use super::words::{quoted, shell};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The file that puts services of Compose under profiles, beside the files of their project.
#[must_use]
pub fn compose_override(profiles: &BTreeMap<String, PathBuf>) -> String {
    let mut text = "services:\n".to_owned();
    for (service, path) in profiles {
        // Compose replaces what follows a single dollar sign.
        let option = format!("seccomp={}", path.display()).replace('$', "$$");
        let _ = writeln!(
            text,
            "  {}:\n    security_opt:\n      - {}",
            quoted(service),
            quoted(&option)
        );
    }
    text
}

/// The command that runs a project of these files with that file beside them.
#[must_use]
pub fn compose_line(files: &[PathBuf], path: &Path) -> String {
    let files = files.iter().map(PathBuf::as_path).chain([path]);
    let files = files.map(|file| format!("-f {}", shell(file)));
    format!("docker compose {} up", files.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_put_under_profiles_by_a_file_beside_their_own() {
        let profiles = [
            ("db".to_owned(), PathBuf::from("/p/db.json")),
            ("web".to_owned(), PathBuf::from("/p $x/web.json")),
        ];
        let expected = r#"services:
  "db":
    security_opt:
      - "seccomp=/p/db.json"
  "web":
    security_opt:
      - "seccomp=/p $$x/web.json"
"#;
        assert_eq!(compose_override(&profiles.into()), expected);
        assert_eq!(
            compose_line(&["a.yaml".into(), "b c.yaml".into()], Path::new("p/o.yaml")),
            "docker compose -f a.yaml -f 'b c.yaml' -f p/o.yaml up"
        );
    }
}
