//! What runs show of one call, as text.

use super::quoted;
use crate::audit::Presence;
use crate::audit::history::{History, Made, MadeWith, Moment, Phases, START_UP_MS, Treatment};
use crate::report::escape;
use crate::report::layout::{self, Align, count, hanging};
use crate::report::words;

/// Where the second column begins.
const COLUMN: usize = 16;

/// The most programs and values that are listed.
const LISTED_MAX: usize = 24;

/// What no recording has, so that nobody takes silence for an answer.
const NOT_RECORDED: &str = "whether a process was started by an exec into the running container, and what \
                            pointers point to";

/// What runs show of one call, as text; the profile is called so by the user.
#[must_use]
pub fn history(history: &History, profile: Option<&str>) -> String {
    let name = escape::text(&history.name);
    let mut out = format!("What was recorded of {name}\n\n");
    if history.made.is_empty() {
        let lost = if history.missing > 0 {
            format!(", but {} facts were lost", history.missing)
        } else {
            String::new()
        };
        let runs = count(history.runs, "run");
        out.push_str(&line("made", &format!("never, in {runs}{lost}")));
    }
    for made in &history.made {
        out.push_str(&self::made(made, history.runs));
        out.push('\n');
    }
    for (call, presence) in &history.profile {
        let verdict = match presence {
            Presence::Allowed => "allows it".to_owned(),
            Presence::Blocked(action) => format!("denies it: {}", words::action(*action)),
            Presence::Conditional(when) => format!("allows it {}", words::when(*call, when)),
        };
        let profile = quoted(profile.unwrap_or_default());
        out.push_str(&line(
            "profile",
            &format!("{profile} {verdict} on {}", call.abi),
        ));
    }
    let reasons = if history.reasons.is_empty() {
        "not allowed by what `generate` makes of these recordings".to_owned()
    } else {
        format!("allowed by `generate`: {}", history.reasons.join("; "))
    };
    out.push_str(&line("why", &reasons));
    out.push_str(&line("not recorded", NOT_RECORDED));
    out
}

fn line(lead: &str, text: &str) -> String {
    hanging(&format!("  {lead}"), COLUMN, text)
}

fn made(made: &Made, runs: usize) -> String {
    let filter = if made.filtered {
        "under a filter"
    } else {
        "without a filter"
    };
    let mut text = format!(
        "on {}, {filter}: {} in {} of {}",
        made.call.abi,
        times(made.count),
        made.runs,
        count(runs, "run")
    );
    match made.runs - made.counting {
        0 => {}
        _ if made.counting == 0 => {
            text.push_str(", by the runtime before its filter, so that it does not count");
        }
        some => text.push_str(&format!(
            ", in {some} of them by the runtime before its filter, so that it does not count there"
        )),
    }
    let mut out = line("made", &text);
    out.push_str(&line("when", &phases(&made.phases)));
    out.push_str(&line("first by", &programs(made)));
    if let Some(first) = &made.first {
        out.push_str(&line("first", &moment(first)));
    }
    if let Some(last) = &made.last {
        out.push_str(&line("last", &moment(last)));
    }
    if !made.values.is_empty() {
        out.push_str("  values\n");
        out.push_str(&values(made));
    }
    if made.unbounded > 0 {
        let text = format!("more than are kept, in {}", count(made.unbounded, "run"));
        out.push_str(&line("values", &text));
    }
    out
}

fn times(count: u64) -> String {
    if count == 1 {
        "once".to_owned()
    } else {
        format!("{count} times")
    }
}

fn phases(phases: &Phases) -> String {
    let seconds = START_UP_MS / 1000;
    let parts = [
        (
            phases.runtime,
            "first by the runtime after its filter".to_owned(),
        ),
        (phases.start_up, format!("only in the first {seconds} s")),
        (
            phases.throughout,
            format!("in the first {seconds} s and later"),
        ),
        (phases.later, format!("only after the first {seconds} s")),
        (phases.unknown, "not known".to_owned()),
    ];
    let parts = parts.into_iter().filter(|(runs, _)| *runs > 0);
    let parts = parts.map(|(runs, when)| format!("{when} ({})", count(runs, "run")));
    parts.collect::<Vec<_>>().join(", ")
}

fn programs(made: &Made) -> String {
    let listed = made.programs.iter().take(LISTED_MAX);
    let listed = listed.map(|(name, runs)| format!("{} ({})", quoted(name), count(*runs, "run")));
    let mut listed: Vec<String> = listed.collect();
    if made.programs.len() > LISTED_MAX {
        listed.push(format!("{} more", made.programs.len() - LISTED_MAX));
    }
    if made.programs_lost > 0 {
        listed.push(format!("not known ({})", count(made.programs_lost, "run")));
    }
    listed.join(", ")
}

fn moment(moment: &Moment) -> String {
    let by = moment
        .by
        .as_ref()
        .map_or_else(String::new, |(program, pid)| {
            format!(", by {} (pid {pid})", quoted(program))
        });
    format!(
        "{}.{:03} s after the start of run {} at {}{by}",
        moment.at_ms / 1000,
        moment.at_ms % 1000,
        quoted(&moment.run_id),
        escape::text(&moment.start)
    )
}

fn values(made: &Made) -> String {
    let row = |one: &MadeWith| {
        let treatment = match one.treatment {
            None => String::new(),
            Some(Treatment::Allowed) => "allowed".to_owned(),
            Some(Treatment::Denied(action)) => format!("denied: {}", words::action(action)),
            Some(Treatment::Depends) => "depends on what was not recorded".to_owned(),
        };
        vec![
            words::call_with(made.call, &one.values),
            times(one.count),
            count(one.runs, "run"),
            treatment,
        ]
    };
    let mut rows: Vec<Vec<String>> = made.values.iter().take(LISTED_MAX).map(row).collect();
    if made.values.len() > LISTED_MAX {
        let more = format!("and {} more", made.values.len() - LISTED_MAX);
        rows.push(vec!["…".to_owned(), more, String::new(), String::new()]);
    }
    let align = [Align::Left, Align::Left, Align::Left, Align::Left];
    layout::table(4, &align, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn a_history_reads_as_it_should() {
        let text = history(&samples::history(), Some("p.json"));
        assert_eq!(text, include_str!("../golden/history.txt"));
    }
}
