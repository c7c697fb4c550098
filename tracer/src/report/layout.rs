//! Lines that fit a page: wrapped lists, hanging paragraphs, aligned columns. Knows nothing of what it lays
//! out, and takes text that is already escaped.

/// Columns of a page.
pub(crate) const WIDTH: usize = 100;

/// The most names that a list shows in full; a longer one shows its beginning and how many follow.
const LIST_MAX: usize = 120;

/// How many names of a longer list are shown.
const LIST_SHOWN: usize = 24;

/// The widest that the columns before the last may be; beyond that the last starts on a line of its own.
const LEAD_MAX: usize = 70;

/// How many columns a text takes, one per character.
pub(crate) fn width(text: &str) -> usize {
    text.chars().count()
}

/// The text, filled up to a width.
pub(crate) fn padded(text: &str, to: usize) -> String {
    format!("{text}{:gap$}", "", gap = to.saturating_sub(width(text)))
}

/// A lead, then words beside it, wrapped and aligned under the first. A lead that is wider than `column`
/// stands on a line of its own.
pub(crate) fn hanging(lead: &str, column: usize, words: &str) -> String {
    flow(lead, column, words.split_whitespace())
}

/// The same for words that must not be broken, even if they contain blanks.
fn flow<'a>(lead: &str, column: usize, words: impl IntoIterator<Item = &'a str>) -> String {
    let mut lines = Vec::new();
    let mut line = padded(lead, column);
    let mut empty = true;
    if width(lead) >= column && column > 0 {
        lines.push(lead.to_owned());
        line = padded("", column);
    }
    for word in words {
        if !empty && width(&line) + 1 + width(word) > WIDTH {
            lines.push(line);
            line = padded("", column);
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    lines.push(line);
    let mut out = String::new();
    for line in lines {
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// A lead with a count, then names, wrapped; a long list is cut, and says so.
pub(crate) fn names<I>(lead: &str, column: usize, names: I) -> String
where
    I: IntoIterator,
    I::Item: AsRef<str>,
{
    let mut names: Vec<String> = names
        .into_iter()
        .map(|name| name.as_ref().to_owned())
        .collect();
    let all = names.len();
    let lead = format!("{lead} ({all})");
    if all > LIST_MAX {
        names.truncate(LIST_SHOWN);
        names.push(format!("… and {} more", all - LIST_SHOWN));
    }
    flow(&lead, column, names.iter().map(String::as_str))
}

/// How one column of a table is aligned.
#[derive(Clone, Copy)]
pub(crate) enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Rows as aligned columns, two blanks between them, each line indented. The last column may be empty and
/// may be long: it is wrapped beside the others.
pub(crate) fn table(indent: usize, align: &[Align], rows: &[Vec<String>]) -> String {
    let last = align.len().saturating_sub(1);
    let widths: Vec<usize> = (0..last)
        .map(|at| {
            rows.iter()
                .filter_map(|row| row.get(at))
                .map(|cell| width(cell))
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut out = String::new();
    for row in rows {
        let mut lead = " ".repeat(indent);
        for ((cell, &to), align) in row.iter().zip(&widths).zip(align) {
            lead.push_str(&match align {
                Align::Left => padded(cell, to),
                Align::Right => format!("{:gap$}{cell}", "", gap = to - width(cell)),
            });
            lead.push_str("  ");
        }
        let column = width(&lead);
        // The lead ends with blanks, so it never stands on a line of its own.
        let body = row.get(last).map_or("", String::as_str);
        if column > LEAD_MAX && !body.is_empty() {
            out.push_str(&hanging(lead.trim_end(), 0, ""));
            out.push_str(&hanging("", indent + 4, body));
        } else {
            out.push_str(&hanging(lead.trim_end(), column, body));
        }
    }
    out
}

/// A number with its noun, in the plural unless it is one.
pub(crate) fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// A part of a whole in tenths of a per cent, rounded half up; `None` of nothing.
pub(crate) fn permille(part: usize, whole: usize) -> Option<usize> {
    (whole > 0).then(|| (part * 2000 + whole) / (2 * whole))
}

/// The same as text, as in `96.7 %`; `-` of nothing.
pub(crate) fn percent(part: usize, whole: usize) -> String {
    permille(part, whole).map_or_else(
        || "-".to_owned(),
        |tenths| format!("{}.{} %", tenths / 10, tenths % 10),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_wrap_beside_their_lead() {
        let words = "word ".repeat(25);
        let expected = format!(
            "lead      {}\n          {}\n",
            "word ".repeat(18).trim_end(),
            "word ".repeat(7).trim_end()
        );
        assert_eq!(hanging("lead", 10, &words), expected);
        assert_eq!(hanging("a wide lead", 4, "x"), "a wide lead\n    x\n");
        assert_eq!(hanging("lead", 10, ""), "lead\n");
    }

    #[test]
    fn a_word_wider_than_the_page_is_kept_whole() {
        let word = "x".repeat(150);
        assert_eq!(hanging("l", 4, &word), format!("l   {word}\n"));
    }

    #[test]
    fn a_long_list_says_how_much_is_missing() {
        let many: Vec<String> = (0..121).map(|n| format!("n{n}")).collect();
        let text = names("kept", 2, &many);
        assert!(text.starts_with("kept (121)\n  n0 n1 "), "{text}");
        assert!(text.ends_with("n23\n  … and 97 more\n"), "{text}");
        assert!(!names("kept", 2, &many[..120]).contains('…'));
    }

    #[test]
    fn columns_align() {
        let rows = [
            vec!["abi".to_owned(), "left".to_owned(), String::new()],
            vec!["x86_64".to_owned(), "7".to_owned(), "a note".to_owned()],
        ];
        assert_eq!(
            table(2, &[Align::Left, Align::Right, Align::Left], &rows),
            "  abi     left\n  x86_64     7  a note\n"
        );
    }

    #[test]
    fn wide_rows_continue_below() {
        let wide = "w".repeat(80);
        let rows = [vec![wide.clone(), "a note".to_owned()]];
        let text = table(2, &[Align::Left, Align::Left], &rows);
        assert_eq!(text, format!("  {wide}\n      a note\n"));
    }

    #[test]
    fn per_cent_rounds_half_up() {
        let table = [
            (0, 0, "-"),
            (0, 7, "0.0 %"),
            (1, 3, "33.3 %"),
            (2, 3, "66.7 %"),
            (1, 2000, "0.1 %"),
            (1, 2001, "0.0 %"),
            (88, 88, "100.0 %"),
        ];
        for (part, whole, expected) in table {
            assert_eq!(percent(part, whole), expected, "{part}/{whole}");
        }
    }
}
