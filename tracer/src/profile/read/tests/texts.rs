//! Texts that are no profile at all, or too much of one.

use super::{refusal, with};
use crate::profile::read::{SIZE_MAX_BYTES, profile};

#[test]
fn texts_that_are_no_json_are_refused_where_they_go_wrong() {
    let table = [
        ("", "line 1 column 1: not JSON: no value"),
        (
            "{",
            "line 1 column 1: not JSON: EOF while parsing an object",
        ),
        (
            "{\n\n  \"a\": 1,\n}",
            "line 4 column 1: not JSON: key must be a string",
        ),
        ("{\"é\": tru}", "line 1 column 10: not JSON: expected ident"),
        ("{} x", "line 1 column 4: not JSON: expected value"),
        ("{}{}", "2 profiles in one file; split it"),
        (
            "{'a': 1}",
            "line 1 column 2: not JSON: key must be a string",
        ),
        ("{/**/}", "line 1 column 2: not JSON: key must be a string"),
        ("{\"a\": 01}", "line 1 column 8: not JSON: invalid number"),
        (
            "{\"a\": 0x1}",
            "line 1 column 8: not JSON: expected `,` or `}`",
        ),
        (
            "{\"a\": \"\0\"}",
            "line 1 column 7: not JSON: control character (\\u0000-\\u001F) found while parsing a string",
        ),
        (
            "{\"a\": \"\\ud800\"}",
            "line 1 column 8: not JSON: Invalid unicode escape sequence. 'd800 (unpaired high surrogate)' is not a valid UTF8 character",
        ),
        (
            "hello",
            "neither a profile nor a manifest of kind SeccompProfile",
        ),
    ];
    for (text, expected) in table {
        assert_eq!(refusal(text), expected, "{text}");
    }
}

#[test]
fn deep_large_and_truncated_texts_are_refused() {
    for opening in ["[", "{\"a\":", "[{\"a\":"] {
        let error = refusal(&opening.repeat(1_000_000 / opening.len()));
        assert!(error.contains("EOF") || error.contains("nest"), "{error}");
    }
    let deep = format!(r#"{{"x": {}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert!(refusal(&deep).contains("nest"), "{}", refusal(&deep));
    let wide = format!("[{}0]", "0,".repeat(1_000_001));
    assert_eq!(refusal(&wide), "more than 1000000 values");
    let long = " ".repeat(SIZE_MAX_BYTES + 1);
    assert_eq!(refusal(&long), "larger than 16777216 bytes");
    let rules = vec![r#"{"names":["a"],"action":"SCMP_ACT_ALLOW"}"#; 20_001].join(",");
    assert!(refusal(&with(&rules)).ends_with("more than 20000 rules"));
    // Nothing shorter than the whole is a profile, and no cut makes the reader fall over.
    let text = include_str!("../../../../../profiles/docker.json");
    let ends = (0..text.trim_end().len()).step_by(53);
    for end in ends.filter(|&end| text.is_char_boundary(end)) {
        assert!(profile(&text[..end]).is_err(), "{end}");
    }
}
