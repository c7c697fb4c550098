//! Projects of Compose: a file beside their own.

use super::words::quoted;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

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
    }
}
