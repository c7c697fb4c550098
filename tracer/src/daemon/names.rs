//! Names of files, made of names that others chose. Pure.

/// The most bytes that a file's name takes from a target's name.
const NAME_MAX: usize = 80;

/// The digits of a run's id that make a file's name unique.
const ID_LEN: usize = 8;

/// The name of a run's file without its ending: what the target is called, with everything strange replaced, and
/// the beginning of the run's id.
pub(super) fn stem(target: &str, run_id: &str) -> String {
    let name: String = target.chars().map(plain).take(NAME_MAX).collect();
    let name = name.trim_start_matches(['.', '-']);
    let id: String = run_id
        .chars()
        .filter(char::is_ascii_hexdigit)
        .take(ID_LEN)
        .collect();
    match name {
        "" => id,
        name => format!("{name}-{id}"),
    }
}

/// A character that no file system and no shell minds.
fn plain(character: char) -> char {
    if character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | '_') {
        character
    } else {
        '_'
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_stays_readable() {
        let id = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
        let table = [
            ("web-1", "web-1-0a1b2c3d"),
            ("../../etc/passwd", "_.._etc_passwd-0a1b2c3d"),
            ("-rf", "rf-0a1b2c3d"),
            ("wörker\u{1b}[", "w_rker__-0a1b2c3d"),
            ("", "0a1b2c3d"),
            ("...", "0a1b2c3d"),
        ];
        for (name, expected) in table {
            assert_eq!(stem(name, id), expected);
        }
    }

    proptest! {
        #[test]
        fn a_name_is_a_file_in_the_folder(name in any::<String>()) {
            let stem = stem(&name, "0a1b2c3d");
            prop_assert!(stem.len() <= NAME_MAX + 1 + ID_LEN);
            prop_assert!(stem.chars().all(|c| plain(c) == c) && !stem.starts_with('.'));
        }
    }
}
