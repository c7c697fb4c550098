//! Words as those who read them want them: a shell, YAML, a unit. What comes from outside stays one word, and
//! drives no terminal.

use crate::report::escape;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// A word for a POSIX shell. Bytes that could drive a terminal are written as such.
pub(super) fn shell(word: impl AsRef<OsStr>) -> String {
    let bytes = word.as_ref().as_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+:,@%=".contains(byte);
    let text = word.as_ref().to_str();
    if let Some(text) = text.filter(|text| text.bytes().all(|byte| plain(&byte))) {
        return if text.is_empty() {
            "''".to_owned()
        } else {
            text.to_owned()
        };
    }
    if let Some(text) = text.filter(|text| escape::text(text) == *text) {
        return format!("'{}'", text.replace('\'', r"'\''"));
    }
    let each = bytes.iter().map(|&byte| match byte {
        b'\'' | b'\\' => format!("\\{}", char::from(byte)),
        b' '..=b'~' => char::from(byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    });
    format!("$'{}'", each.collect::<String>())
}

/// Words for a POSIX shell.
#[must_use]
pub fn line(words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> String {
    let words: Vec<String> = words.into_iter().map(shell).collect();
    words.join(" ")
}

/// A string of YAML, which takes those of JSON.
pub(super) fn quoted(text: &str) -> String {
    let json = serde_json::to_string(text).expect("a string");
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        let mut buffer = [0; 4];
        let one: &str = character.encode_utf8(&mut buffer);
        if escape::text(one) == one {
            out.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

/// A word of a command line in a unit: `%` and `$` mean something there.
pub(super) fn unit(word: impl AsRef<OsStr>) -> String {
    let text = word.as_ref().to_string_lossy();
    let text = text.replace('%', "%%").replace('$', "$$");
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:,@%=$".contains(&byte);
    if text.bytes().all(plain) && !text.is_empty() {
        return text;
    }
    quoted(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_a_shell_stay_one_word_and_drive_no_terminal() {
        let table: [(&[u8], &str); 7] = [
            (b"/a/b-1.json", "/a/b-1.json"),
            (b"", "''"),
            (b"/a b/c.json", "'/a b/c.json'"),
            (b"/it's", r"'/it'\''s'"),
            (b"/\x1b[2J'", r"$'/\x1b[2J\''"),
            (b"/\xff", r"$'/\xff'"),
            ("a\u{202e}b".as_bytes(), r"$'a\xe2\x80\xaeb'"),
        ];
        for (bytes, expected) in table {
            assert_eq!(shell(OsStr::from_bytes(bytes)), expected);
        }
        assert_eq!(line(["sh", "-c", "echo $HOME"]), "sh -c 'echo $HOME'");
    }

    #[test]
    fn words_for_a_unit_have_no_specifiers() {
        assert_eq!(unit("/a/%n/$x.json"), "/a/%%n/$$x.json");
        assert_eq!(unit("/a b.json"), "\"/a b.json\"");
        assert_eq!(unit(""), "\"\"");
    }

    #[test]
    fn words_for_yaml_are_strings_whatever_is_in_them() {
        assert_eq!(quoted("1000:1000"), "\"1000:1000\"");
        assert_eq!(quoted("a\"\n\u{202e}"), r#""a\"\n\u202e""#);
    }
}
