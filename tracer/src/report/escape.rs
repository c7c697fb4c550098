//! Names that come from other processes are hostile: before they reach a terminal they are escaped.

use std::fmt::Write;
use std::path::Path;

/// The text with every control character, and every character that changes how others are shown, written
/// as an escape. Harmless text comes back as it is.
#[must_use]
pub fn text(hostile: &str) -> String {
    let mut out = String::with_capacity(hostile.len());
    for character in hostile.chars() {
        if is_harmless(character) {
            out.push(character);
        } else {
            let _ = write!(out, "{}", character.escape_unicode());
        }
    }
    out
}

/// The same for a path; bytes that are not UTF-8 are replaced.
#[must_use]
pub fn path(hostile: &Path) -> String {
    text(&hostile.to_string_lossy())
}

/// Not a control character, and not one of the invisible ones that reorder or hide text.
fn is_harmless(character: char) -> bool {
    !character.is_control()
        && !matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_drive_a_terminal_is_written_out() {
        assert_eq!(text("nginx: wörker"), "nginx: wörker");
        assert_eq!(text("\u{1b}[2J\n"), "\\u{1b}[2J\\u{a}");
        assert_eq!(text("a\u{202e}b"), "a\\u{202e}b");
    }
}
