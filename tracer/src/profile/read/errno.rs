//! Actions with their errno: a number, or in Podman's dialect a name.

use super::error::{ReadError, unknown};
use super::node::Place;
use super::object::{Fields, Notes, integer};
use crate::profile::model::Action;
use crate::profile::position::Position;
use crate::profile::remark::RemarkKind;
use crate::profile::{errno, words};

/// The two keys for an errno.
pub(super) struct ErrnoKeys {
    pub(super) number: &'static str,
    pub(super) name: &'static str,
}

/// An errno as the file says it.
pub(super) struct Errno {
    key: &'static str,
    position: Position,
    value: u16,
}

/// `EPERM`, what runtimes use when nothing is said.
const EPERM: u16 = 1;

/// Takes the errno of a profile or rule out: Podman's name goes before the number.
pub(super) fn take(
    fields: &mut Fields<'_>,
    keys: &ErrnoKeys,
    place: &Place<'_>,
    notes: &mut Notes,
) -> Result<Option<Errno>, ReadError> {
    let number = match fields.take(keys.number) {
        None => None,
        Some(node) => {
            let wide = integer(&node, &place.key(keys.number), u64::from(u32::MAX))?;
            let value = low(wide);
            if u64::from(value) != wide {
                let kind = RemarkKind::ErrnoCut { found: wide, value };
                notes.add(node.position, &place.key(keys.number), kind);
            }
            let (key, position) = (keys.number, node.position);
            Some(Errno {
                key,
                position,
                value,
            })
        }
    };
    let Some((position, name)) = fields.text(keys.name, place)? else {
        return Ok(number);
    };
    let decimal = || name.parse::<u32>().ok().map(|number| low(number.into()));
    let value = errno::number(&name)
        .or_else(decimal)
        .ok_or_else(|| unknown(position, &place.key(keys.name), "errno", &name))?;
    let others = number.as_ref().map_or(EPERM, |errno| errno.value);
    if others != value {
        let kind = RemarkKind::ErrnoName {
            key: keys.name,
            others,
        };
        notes.add(position, &place.key(keys.name), kind);
    }
    let key = keys.name;
    Ok(Some(Errno {
        key,
        position,
        value,
    }))
}

/// Runtimes keep 16 bits.
fn low(number: u64) -> u16 {
    u16::try_from(number & 0xFFFF).unwrap_or(EPERM)
}

/// The action of a profile or rule, with its errno; an errno that the action does not take is remarked on.
pub(super) fn action(
    key: &'static str,
    (position, word): (Position, &str),
    errno: Option<Errno>,
    place: &Place<'_>,
    notes: &mut Notes,
) -> Result<Action, ReadError> {
    let value = errno.as_ref().map_or(EPERM, |errno| errno.value);
    let action = words::action(word, value)
        .ok_or_else(|| unknown(position, &place.key(key), "action", word))?;
    let takes_one = matches!(action, Action::Errno(_) | Action::Trace(_));
    if let Some(Errno { key, position, .. }) = errno.filter(|_| !takes_one) {
        let action = action.oci_name();
        let kind = RemarkKind::ErrnoUnused { key, action };
        notes.add(position, &place.key(key), kind);
    }
    Ok(action)
}
