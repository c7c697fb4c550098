//! Whether a container starts with the profile.

use super::places::Places;
use super::{Examined, Finding, Matter};
use crate::audit::starts;
use crate::profile::Runtime;

/// Whether nobody starts a container with it.
pub(super) fn finding(examined: &Examined<'_>, places: &Places<'_>) -> Option<Finding> {
    let Examined {
        source,
        circumstances,
        engine,
        starting,
        ..
    } = *examined;
    let who = starts::not_starting(source, circumstances, engine, starting);
    if who.is_empty() {
        return None;
    }
    // What the runtime of nearly everybody refuses as it is written, is to be mended whoever else takes it.
    let refused = who.iter().filter(|one| one.is_refused());
    let is_refused = refused.clone().count() > 0;
    let by_most = refused
        .clone()
        .any(|one| one.release.runtime == Runtime::Runc);
    let none = starting.asked || by_most || who.len() == starting.releases.len();
    let place = match is_refused {
        true => places.asking().or_else(|| places.flags()),
        false => places.default_action(),
    };
    let matter = Matter::NoStart { who, none };
    Some(Finding::new(
        matter,
        place.or_else(|| places.default_action()),
    ))
}
