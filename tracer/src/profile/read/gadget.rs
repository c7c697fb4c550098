//! What Inspektor Gadget's `advise_seccomp` prints: for each container a line `// NAME`, then JSON.
//!
//! It writes down numbers that it has no name for as if they were names; those are left out.

use super::error::ReadError;
use super::node::Place;
use super::object::{Keys, Notes};
use super::source::source;
use super::{FORM, json, with_notes};
use crate::profile::remark::RemarkKind;
use crate::profile::source::{Source, SourceRule};

/// Reads the one profile of such a text.
pub(super) fn profile(text: &str) -> Result<Source, ReadError> {
    let blanked = without_comments(text);
    let node = json::parse(&blanked)?;
    with_notes(Keys::Folded, |notes| {
        let mut source = source(node, &Place::ROOT, &FORM, notes)?;
        for (index, rule) in source.rules.iter_mut().enumerate() {
            drop_invented(rule, index, notes);
        }
        Ok(source)
    })
}

/// Blanks the lines that begin with `//`, so that everything else stays where it is. No line of JSON begins
/// so: strings do not go over lines.
fn without_comments(text: &str) -> String {
    let lines = text.split_inclusive('\n');
    lines
        .map(|line| {
            if line.trim_start().starts_with("//") {
                line.chars()
                    .map(|c| if c == '\n' { c } else { ' ' })
                    .collect()
            } else {
                line.to_owned()
            }
        })
        .collect()
}

/// Leaves out `syscall_1f4` and `unknown_syscall_500`.
fn drop_invented(rule: &mut SourceRule, index: usize, notes: &mut Notes) {
    let invented = |name: &str| {
        let hexadecimal = name.strip_prefix("syscall_");
        let number = name.strip_prefix("unknown_syscall_").or(hexadecimal);
        number.is_some_and(|number| {
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
    };
    let places = (Place::ROOT, "syscalls", "names");
    let rules = places.0.key(places.1);
    let rule_place = rules.index(index);
    let names_place = rule_place.key(places.2);
    let names = rule
        .names
        .drain(..)
        .zip(rule.positions.names.drain(..))
        .enumerate();
    let mut kept = Vec::new();
    for (index, (name, position)) in names {
        if invented(&name) {
            notes.add(
                position,
                &names_place.index(index),
                RemarkKind::InventedName(name),
            );
        } else {
            kept.push((name, position));
        }
    }
    (rule.names, rule.positions.names) = kept.into_iter().unzip();
}
