//! `archMap`: which architectures a filter knows, by host; Docker's and Podman's dialects.

use super::error::{Problem, ReadError, unknown, wrong};
use super::node::{Node, Place};
use super::object::{Fields, Notes};
use crate::profile::position::Position;
use crate::profile::remark::RemarkKind;
use crate::profile::words;

/// Entries by host architecture.
type ArchMap = Vec<(String, Vec<String>)>;

const KEYS: &[&str] = &["architecture", "subArchitectures"];

/// Takes the map out of a profile.
pub(super) fn arch_map(
    fields: &mut Fields<'_>,
    place: &Place<'_>,
    notes: &mut Notes,
) -> Result<(Option<Position>, ArchMap), ReadError> {
    let (position, entries) = fields.list("archMap", place)?;
    let place = place.key("archMap");
    let entries = entries.into_iter().enumerate();
    let entries = entries.map(|(index, node)| entry(node, &place.index(index), notes));
    Ok((position, entries.collect::<Result<_, _>>()?))
}

fn entry(
    node: Node<'_>,
    place: &Place<'_>,
    notes: &mut Notes,
) -> Result<(String, Vec<String>), ReadError> {
    let mut fields = Fields::of(node, place, KEYS, notes)?;
    let Some((position, host)) = fields.text("architecture", place)? else {
        let missing = Problem::Missing("architecture");
        return Err(wrong(fields.position, place, missing));
    };
    if !words::ARCHITECTURES.contains(&&*host) {
        let kind = RemarkKind::NeverHolds(host.clone().into_owned());
        notes.add(position, &place.key("architecture"), kind);
    }
    let others = fields.texts("subArchitectures", place)?;
    let others_place = place.key("subArchitectures");
    for (index, position, name) in others.iter() {
        if !words::ARCHITECTURES.contains(&name) {
            let place = others_place.index(index);
            return Err(unknown(position, &place, "architecture", name));
        }
    }
    Ok((host.into_owned(), others.values))
}
