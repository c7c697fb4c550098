//! How sure one can be, as text: no number without what it rests on.

use super::quoted;
use crate::audit::Values;
use crate::estimate::{
    Behaviour, Caution, Incidence, Own, RUNS_ENOUGH, RUNS_MIN, Settling, Sureness,
};
use crate::report::layout::{self, Align, count, hanging, percent};
use crate::report::words;

/// What the numbers always rest on.
const PRECONDITION: &str = "this holds for runs like these, on the same kernel, C library, image and load; \
                            what no run exercises, no number sees; it is about false denials, not about \
                            attackers";

/// The most runs that are listed with what they alone did.
const OWN_MAX: usize = 20;

/// The most behaviours that are listed of one run.
const BEHAVIOURS_MAX: usize = 12;

/// How sure one can be, in a line or two, for the end of a summary.
#[must_use]
pub fn sureness_in_brief(sureness: &Sureness) -> Vec<String> {
    if let Some(why) = nothing_sayable(sureness) {
        return vec![format!("how sure: {why}")];
    }
    let mut text = format!("how sure: {}", expected(sureness));
    if let Some(rough) = rough(&sureness.cautions) {
        text.push_str(&format!(" ({rough})"));
    }
    vec![
        text,
        format!("  {}", PRECONDITION.split("; ").next().unwrap_or_default()),
    ]
}

/// The section of an audit.
pub(super) fn section(sureness: &Sureness) -> String {
    let lead = "How sure:";
    let claim = nothing_sayable(sureness).unwrap_or_else(|| expected(sureness));
    let mut out = hanging(lead, layout::width(lead) + 1, &claim);
    out.push('\n');
    if sureness.runs > 1 {
        out.push_str(&numbers(sureness));
    }
    for caution in &sureness.cautions {
        out.push_str(&hanging("  caution", 20, &self::caution(*caution)));
    }
    if sureness.runs > 1 {
        out.push_str(&hanging("  rests on", 20, PRECONDITION));
    }
    if !sureness.own.is_empty() {
        out.push_str("\n  done by one run alone\n");
        out.push_str(&own(&sureness.own));
    }
    out
}

/// Why nothing can be said about the next run, if so.
fn nothing_sayable(sureness: &Sureness) -> Option<String> {
    if sureness.expected_new().is_some() {
        return None;
    }
    Some(match sureness.cautions.first() {
        Some(Caution::Lost) => "nothing can be said, as facts were lost".to_owned(),
        _ => match &sureness.only {
            Some(settling) => format!(
                "one run says nothing about the next; {}",
                self::settling(settling)
            ),
            None => format!(
                "{} say nothing about the next; from {RUNS_MIN} on there is an estimate",
                count(sureness.runs, "run")
            ),
        },
    })
}

fn settling(settling: &Settling) -> String {
    let seconds = |ms: u64| format!("{}.{} s", ms / 1000, ms % 1000 / 100);
    format!(
        "its last new fact came {} after its start, and it was watched for {}",
        seconds(settling.last_new_ms),
        seconds(settling.duration_ms)
    )
}

fn expected(sureness: &Sureness) -> String {
    let all = &sureness.behaviours;
    if all.appeared_in(1) == 0 {
        return format!(
            "none of {} did anything that no other did; with 95 % confidence, at most {} of runs bring \
             something new",
            count(sureness.runs, "run"),
            share(all.share_at_most())
        );
    }
    let what = if sureness.calls == *all {
        "new calls"
    } else {
        "new calls or argument values"
    };
    format!(
        "{} {what} are to be expected in the next run, with 95 % confidence at most {}; {} of {} did something \
         that no other did",
        number(all.expected_new()),
        number(all.expected_at_most()),
        all.with_own(),
        count(sureness.runs, "run"),
    )
}

fn numbers(sureness: &Sureness) -> String {
    let mut rows = vec![
        ["", "calls", "calls and values"]
            .map(str::to_owned)
            .to_vec(),
    ];
    let mut row = |what: &str, value: &dyn Fn(&Incidence) -> String| {
        let values = [value(&sureness.calls), value(&sureness.behaviours)];
        let [calls, behaviours] = values;
        rows.push(vec![what.to_owned(), calls, behaviours]);
    };
    row("seen", &|one| one.behaviours().to_string());
    row("seen in one run only", &|one| {
        one.appeared_in(1).to_string()
    });
    row("seen in two runs only", &|one| {
        one.appeared_in(2).to_string()
    });
    if sureness.expected_new().is_some() {
        row("expected new in the next run", &|one| {
            number(one.expected_new())
        });
        row("expected new, at most (95 %)", &|one| {
            number(one.expected_at_most())
        });
        row("there are at least (Chao2)", &|one| number(one.at_least()));
    }
    row("runs with something of their own", &|one| {
        format!(
            "{} ({})",
            one.with_own(),
            percent(one.with_own(), one.runs())
        )
    });
    row("of runs to come, at most (95 %)", &|one| {
        share(one.share_at_most())
    });
    let align = [Align::Left, Align::Right, Align::Right];
    let mut out = layout::table(2, &align, &rows);
    let curve = sureness.behaviours.curve();
    let points = curve
        .iter()
        .map(|(runs, shown)| format!("{runs}: {}", number(*shown)));
    let points: Vec<String> = points.collect();
    out.push('\n');
    out.push_str(&hanging("  shown by n runs", 20, &points.join(", ")));
    out
}

fn own(own: &[Own]) -> String {
    let rows = own.iter().take(OWN_MAX).map(|one| {
        let shown = one.behaviours.iter().take(BEHAVIOURS_MAX).map(behaviour);
        let mut shown: Vec<String> = shown.collect();
        if one.behaviours.len() > BEHAVIOURS_MAX {
            shown.push(format!(
                "and {} more",
                one.behaviours.len() - BEHAVIOURS_MAX
            ));
        }
        vec![quoted(&one.run_id), shown.join(", ")]
    });
    let mut rows: Vec<Vec<String>> = rows.collect();
    if own.len() > OWN_MAX {
        let more = count(own.len() - OWN_MAX, "run");
        rows.push(vec!["…".to_owned(), format!("and {more} more")]);
    }
    layout::table(4, &[Align::Left, Align::Left], &rows)
}

fn behaviour(behaviour: &Behaviour) -> String {
    let values: Values = behaviour.values.iter().copied().collect();
    words::call_with(behaviour.call, &values)
}

fn rough(cautions: &[Caution]) -> Option<String> {
    let weak = |caution: &&Caution| !matches!(caution, Caution::Attached(_) | Caution::Void(_));
    cautions
        .iter()
        .find(weak)
        .map(|caution| self::caution(*caution))
}

fn caution(caution: Caution) -> String {
    match caution {
        Caution::Lost => "facts were lost, which voids every estimate".to_owned(),
        Caution::OneRun => "one run is no sample; record more and merge them".to_owned(),
        Caution::TooFewRuns => format!("fewer than {RUNS_MIN} runs"),
        Caution::FewRuns => format!("fewer than {RUNS_ENOUGH} runs, so the numbers are rough"),
        Caution::Kernels(kernels) => format!("the runs were made on {kernels} different kernels"),
        Caution::Targets(targets) => {
            format!("the runs were made of {targets} different images or commands")
        }
        Caution::Attached(runs) => {
            format!("the start of {} was not seen", count(runs, "run"))
        }
        Caution::Void(runs) => {
            let runs = count(runs, "run");
            format!("{runs} never started, did nothing or failed, and did not count")
        }
    }
}

/// Two decimals, and never `0.00` for something.
fn number(value: f64) -> String {
    if value > 0.0 && value < 0.005 {
        "<0.01".to_owned()
    } else {
        format!("{value:.2}")
    }
}

fn share(value: f64) -> String {
    format!("{:.1} %", value * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn briefly_there_is_a_number_and_what_it_rests_on_or_why_there_is_none() {
        let brief = |change: &dyn Fn(&mut Sureness)| {
            let mut sureness = samples::sureness();
            change(&mut sureness);
            sureness_in_brief(&sureness).join("\n")
        };
        let rests =
            "\n  this holds for runs like these, on the same kernel, C library, image and load";
        assert_eq!(
            brief(&|_| {}),
            format!(
                "how sure: 0.59 new calls or argument values are to be expected in the next run, with 95 % \
                 confidence at most 1.41; 3 of 12 runs did something that no other did (the runs were made on 2 different kernels){rests}"
            )
        );
        assert_eq!(
            brief(&|sureness| {
                sureness.calls = Incidence::new(29, [(29, 4)].into(), 0);
                sureness.behaviours = sureness.calls.clone();
                sureness.runs = 29;
                sureness.cautions.clear();
            }),
            format!(
                "how sure: none of 29 runs did anything that no other did; with 95 % confidence, at most \
                 9.8 % of runs bring something new{rests}"
            )
        );
        assert_eq!(
            brief(&|sureness| sureness.cautions = vec![Caution::Lost, Caution::FewRuns]),
            "how sure: nothing can be said, as facts were lost"
        );
        assert_eq!(
            brief(&|sureness| {
                sureness.runs = 2;
                sureness.cautions = vec![Caution::TooFewRuns];
            }),
            "how sure: 2 runs say nothing about the next; from 3 on there is an estimate"
        );
        assert_eq!(
            brief(&|sureness| {
                sureness.runs = 1;
                sureness.cautions = vec![Caution::OneRun];
                sureness.only = Some(Settling {
                    last_new_ms: 12_340,
                    duration_ms: 600_000,
                });
            }),
            "how sure: one run says nothing about the next; its last new fact came 12.3 s after its start, \
             and it was watched for 600.0 s"
        );
    }

    #[test]
    fn small_is_not_nothing() {
        let table = [
            (0.0, "0.00"),
            (0.0001, "<0.01"),
            (0.005, "0.01"),
            (1.234, "1.23"),
        ];
        for (value, expected) in table {
            assert_eq!(number(value), expected);
        }
    }
}
