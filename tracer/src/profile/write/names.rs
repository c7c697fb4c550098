//! Writes the names of the calls that a profile permits, one a line: for tools that know nothing else.

use super::loss::{Inexpressible, Losses, Part};
use super::verdict::{Verdict, is_plain, verdicts};
use crate::profile::model::{Action, Profile};
use std::fmt::Write as _;

/// The names, sorted. How the rest is refused is not said, only that it is; nor for which architectures.
///
/// # Errors
///
/// [`Inexpressible`] if something is permitted by default or under conditions, or refused otherwise than by
/// default.
pub fn names(profile: &Profile) -> Result<String, Inexpressible> {
    let mut losses = Losses::new("a list of names");
    if profile.default_action.permits() {
        losses.add(Part::DefaultAction(profile.default_action));
    }
    losses.add_installation(profile.flags.as_deref(), profile.listener_path.as_deref());
    let mut text = String::new();
    for (name, verdict) in verdicts(profile) {
        if !is_plain(name) {
            losses.add(Part::Name(name.to_owned()));
        }
        match verdict {
            Verdict::Always(Action::Allow) => {
                let _ = writeln!(text, "{name}");
            }
            Verdict::Always(action) => {
                let name = name.to_owned();
                losses.add(Part::Action { name, action });
            }
            Verdict::Depending(alternatives) => losses.add_conditions(name, &alternatives),
        }
    }
    losses.finish(text)
}
