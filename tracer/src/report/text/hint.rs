//! What code can do that no recording shows, as text.

use super::quoted;
use crate::audit::hint::{Hint, Unseen};
use crate::reach::Site;
use crate::report::escape;
use crate::report::layout::{self, Align, count, hanging};
use std::collections::{BTreeMap, BTreeSet};

/// Where what is beside a lead begins.
const COLUMN: usize = 16;

/// The most functions of a file that are listed for a call.
const FUNCTIONS_MAX: usize = 3;

/// What nobody should conclude from this.
const LIMITS: &str =
    "that code is there does not mean that it runs; nothing is allowed because of it";

/// What code can do that no recording shows, as text.
#[must_use]
pub fn hint(hint: &Hint) -> String {
    let (permitted, refused): (Vec<&Unseen>, Vec<&Unseen>) =
        hint.unseen.iter().partition(|one| one.permitted);
    let shows = match hint.runs {
        0 => "there is no recording".to_owned(),
        1 => "the recording does not show".to_owned(),
        many => format!("none of {many} recordings shows"),
    };
    let mut out = format!("hint: {}\n", headline(hint, permitted.len(), &shows));
    out.push_str(&section(
        "To exercise next: code makes it, no recording shows it; what known exploits need comes first",
        &permitted,
    ));
    out.push_str(&section(
        "Not recorded either, and the base permits none of it",
        &refused,
    ));
    out.push_str(&unknown(hint));
    out.push_str("\nLooked at\n");
    let files = hint.files.iter().map(|file| quoted(file));
    out.push_str(&line("files", &files.collect::<Vec<_>>().join(", ")));
    let recorded = format!(
        "{} can be made, {} of them were recorded",
        count(hint.reachable, "call"),
        hint.recorded
    );
    out.push_str(&line("calls", &recorded));
    if !hint.unexplained.is_empty() {
        let calls = hint.unexplained.iter().map(ToString::to_string);
        let calls = calls.collect::<Vec<_>>().join(", ");
        let text = format!("recorded, and no code was found that makes them: {calls}");
        out.push_str(&line("", &text));
    }
    out.push_str(&line("limits", LIMITS));
    out
}

fn headline(hint: &Hint, permitted: usize, shows: &str) -> String {
    if hint.runs == 0 {
        return format!("{} can be made, and {shows}", count(hint.reachable, "call"));
    }
    let refused = hint.unseen.len() - permitted;
    let beside = match refused {
        0 => String::new(),
        some => format!("; {some} more are not permitted by the base"),
    };
    format!(
        "{} can be made that {shows}{beside}",
        count(permitted, "call")
    )
}

fn line(lead: &str, text: &str) -> String {
    hanging(&format!("  {lead}"), COLUMN, text)
}

fn section(title: &str, unseen: &[&Unseen]) -> String {
    if unseen.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<String>> = unseen.iter().map(|one| row(one)).collect();
    let table = layout::table(2, &[Align::Left, Align::Right, Align::Left], &rows);
    format!("\n{title}\n{table}")
}

fn row(unseen: &Unseen) -> Vec<String> {
    let cves = match unseen.cves {
        0 => String::new(),
        some => count(some, "CVE"),
    };
    let reason = unseen.restriction;
    let reason = reason.map_or_else(String::new, |reason| format!("; {reason}"));
    let sites = sites(&unseen.sites);
    vec![unseen.call.to_string(), cves, format!("{sites}{reason}")]
}

/// `these, those and 2 more in `file`, …`
fn sites(sites: &BTreeSet<Site>) -> String {
    let mut files: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for site in sites {
        files.entry(&site.file).or_default().push(&site.function);
    }
    let each = files.into_iter().map(|(file, functions)| {
        let shown = functions.iter().take(FUNCTIONS_MAX);
        let shown: Vec<String> = shown.map(|function| escape::text(function)).collect();
        let more = match functions.len() - shown.len() {
            0 => String::new(),
            some => format!(" and {some} more"),
        };
        format!("{}{more} in {}", shown.join(", "), quoted(file))
    });
    each.collect::<Vec<_>>().join(", ")
}

fn unknown(hint: &Hint) -> String {
    let mut out = String::new();
    if !hint.unresolved.is_empty() {
        let text = format!(
            "which calls are made at {}: {}",
            count(hint.unresolved.len(), "place"),
            sites(&hint.unresolved)
        );
        out.push_str(&line("numbers", &text));
    }
    if !hint.loading.is_empty() {
        let files = hint.loading.iter().map(|file| quoted(file));
        let files = files.collect::<Vec<_>>().join(", ");
        let text = format!("what these load by name while they run: {files}");
        out.push_str(&line("loaded", &text));
    }
    for (file, why) in &hint.skipped {
        let text = format!("{}: {}", quoted(file), escape::text(why));
        out.push_str(&line("not read", &text));
    }
    if out.is_empty() {
        return out;
    }
    format!("\nNot known\n{out}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn a_hint_reads_as_it_should() {
        let text = hint(&samples::hint());
        assert_eq!(text, include_str!("../golden/hint.txt"));
    }

    #[test]
    fn without_recordings_and_with_everything_recorded_it_says_so() {
        let nothing = Hint {
            reachable: 9,
            ..Hint::default()
        };
        let first = |hint: &Hint| self::hint(hint).lines().next().map(str::to_owned);
        let said = first(&nothing);
        assert_eq!(
            said.as_deref(),
            Some("hint: 9 calls can be made, and there is no recording")
        );
        let all = Hint {
            runs: 1,
            recorded: 9,
            ..nothing
        };
        assert_eq!(
            first(&all).as_deref(),
            Some("hint: 0 calls can be made that the recording does not show")
        );
    }
}
