//! How it reads that no container starts.

use crate::audit::starts::{NoStart, Obstacle};
use crate::profile::starts::Phase;
use crate::report::escape;

/// Who starts no container, and why.
pub(super) fn no_start(who: &[NoStart], none: bool) -> String {
    let each: Vec<String> = who.iter().map(one).collect();
    let text = each.join("; ");
    match none {
        true => text,
        false => format!("{text}; others do"),
    }
}

fn one(one: &NoStart) -> String {
    let reasons: Vec<String> = one.obstacles.iter().map(obstacle).collect();
    let release = escape::text(&one.release.to_string());
    format!("{release} starts no container: {}", reasons.join(", "))
}

/// All calls are named: whoever mends the profile needs each of them.
fn obstacle(obstacle: &Obstacle) -> String {
    match obstacle {
        Obstacle::Refused(why) => why.clone(),
        Obstacle::Calls { phase, calls } => {
            let mut names: Vec<&str> = calls.iter().filter_map(|(call, _)| call.name()).collect();
            names.sort_unstable();
            let when = match phase {
                Phase::Late => "refused between filter and exec",
                Phase::Early => {
                    "refused when it changes capabilities and user, which it does under the filter without no_new_privs"
                }
            };
            format!("{when}: {}", names.join(" "))
        }
    }
}
