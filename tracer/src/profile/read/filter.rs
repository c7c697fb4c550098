//! `includes` and `excludes`: when a rule applies; Docker's and Podman's dialects.

use super::error::{ReadError, unknown};
use super::node::Place;
use super::object::{Fields, Notes, Texts, text};
use crate::profile::position::Position;
use crate::profile::remark::RemarkKind;
use crate::profile::source::{Filter, KernelVersion};
use crate::profile::words;
use crate::syscall::capability;

const KEYS: &[&str] = &["caps", "arches", "minKernel"];

/// A filter and where it stands.
#[derive(Default)]
pub(super) struct PlacedFilter {
    pub(super) position: Option<Position>,
    pub(super) filter: Filter,
}

/// Takes a filter out of a rule.
pub(super) fn filter(
    fields: &mut Fields<'_>,
    key: &'static str,
    place: &Place<'_>,
    notes: &mut Notes,
) -> Result<PlacedFilter, ReadError> {
    let Some(node) = fields.take(key) else {
        return Ok(PlacedFilter::default());
    };
    let place = place.key(key);
    let position = node.position;
    let mut fields = Fields::of(node, &place, KEYS, notes)?;
    let capabilities = fields.texts("caps", &place)?;
    never_holding(&capabilities, &place.key("caps"), notes, |name| {
        capability::canonical(name) == Some(name)
    });
    let architectures = fields.texts("arches", &place)?;
    never_holding(&architectures, &place.key("arches"), notes, |name| {
        words::HOSTS.contains(&name)
    });
    Ok(PlacedFilter {
        position: Some(position),
        filter: Filter {
            capabilities: capabilities.values,
            architectures: architectures.values,
            kernel: min_kernel(&mut fields, &place, notes)?,
        },
    })
}

/// Remarks on words that no engine ever has.
fn never_holding(
    texts: &Texts,
    place: &Place<'_>,
    notes: &mut Notes,
    is_known: impl Fn(&str) -> bool,
) {
    for (index, position, word) in texts.iter() {
        if !is_known(word) {
            let kind = RemarkKind::NeverHolds(word.to_owned());
            notes.add(position, &place.index(index), kind);
        }
    }
}

/// Empty, which every kernel satisfies, or two numbers from 0 to 255, not both zero.
fn min_kernel(
    fields: &mut Fields<'_>,
    place: &Place<'_>,
    notes: &mut Notes,
) -> Result<Option<KernelVersion>, ReadError> {
    let Some(node) = fields.take("minKernel") else {
        return Ok(None);
    };
    let place = place.key("minKernel");
    let position = node.position;
    let text = text(node, &place)?;
    if text.is_empty() {
        notes.add(position, &place, RemarkKind::EveryKernel);
        return Ok(Some(KernelVersion { major: 0, minor: 0 }));
    }
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u8>().ok().filter(|_| digits).map(u32::from)
    };
    let version = text
        .split_once('.')
        .and_then(|(major, minor)| Some((number(major)?, number(minor)?)));
    match version {
        Some((major, minor)) if (major, minor) != (0, 0) => {
            Ok(Some(KernelVersion { major, minor }))
        }
        _ => Err(unknown(position, &place, "kernel version", &text)),
    }
}
