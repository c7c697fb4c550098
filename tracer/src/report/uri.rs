//! Paths as URI references, for reports that name files in that way.

use std::fmt::Write;

/// A relative path as a relative reference, an absolute one as a `file` URI.
/// <https://www.rfc-editor.org/rfc/rfc3986#section-2.3>
pub(super) fn of_path(path: &str) -> String {
    let mut path = path;
    while let Some(rest) = path.strip_prefix("./") {
        path = rest.trim_start_matches('/');
    }
    let mut uri = String::new();
    if path.starts_with('/') {
        uri.push_str("file://");
    }
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(byte.into());
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reference_may_not_have_is_encoded() {
        let table = [
            ("web.json", "web.json"),
            ("./ci/web.json", "ci/web.json"),
            (".//web.json", "web.json"),
            ("../web.json", "../web.json"),
            ("/etc/web.json", "file:///etc/web.json"),
            ("a b#c?d:e%.json", "a%20b%23c%3Fd%3Ae%25.json"),
            ("w\u{1b}ö", "w%1B%C3%B6"),
            ("-", "-"),
        ];
        for (path, expected) in table {
            assert_eq!(of_path(path), expected, "{path}");
        }
    }
}
