//! The reader's tests, and the helpers that they share.

mod accepted;
mod inside;
mod manifests;
mod refused;
mod texts;

use super::profile;

/// A profile with one rule.
fn with(rule: &str) -> String {
    format!(r#"{{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{rule}]}}"#)
}

/// A profile with one rule with one condition.
fn with_condition(condition: &str) -> String {
    with(&format!(
        r#"{{"names": ["a"], "action": "SCMP_ACT_ALLOW", "args": [{condition}]}}"#
    ))
}

/// Takes the mark out of a text and says where it was.
fn marked(text: &str) -> (String, String) {
    let Some(offset) = text.find('§') else {
        return (text.to_owned(), String::new());
    };
    let before = &text[..offset];
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    (
        text.replacen('§', "", 1),
        format!("line {line} column {column}: "),
    )
}

/// The mark stands where the error is.
#[track_caller]
fn is_refused(text: &str, expected: &str) {
    let (text, place) = marked(text);
    assert_eq!(refusal(&text), format!("{place}{expected}"));
}

#[track_caller]
fn refusal(text: &str) -> String {
    match profile(text) {
        Ok(source) => panic!("{text}: {source:?}"),
        Err(error) => error.to_string(),
    }
}

/// The marks stand where the remarks are.
#[track_caller]
fn has_remarks(text: &str, expected: &str) {
    let (mut text, mut shown) = (text.to_owned(), Vec::new());
    for remark in expected.split(" / ").filter(|remark| !remark.is_empty()) {
        let (rest, place) = marked(&text);
        shown.push(format!("{place}{remark}"));
        text = rest;
    }
    assert_eq!(remarks(&text), shown, "{text}");
}

#[track_caller]
fn remarks(text: &str) -> Vec<String> {
    let source = profile(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let remarks = source.origin.remarks.iter();
    remarks.map(ToString::to_string).collect()
}
