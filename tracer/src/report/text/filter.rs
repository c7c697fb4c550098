//! What the filter costs, as text.

use crate::audit::{Cached, FilterCost, HotCall};
use crate::profile::compiled::Layout;
use crate::profile::proof::Steps;
use crate::report::layout::{self, Align, hanging, names};
use std::collections::BTreeSet;

/// Where the second column of free-standing lists begins.
const COLUMN: usize = 20;

/// What the words mean.
const LEGEND: &str = "
  list: as crun and youki load it, and runc before 1.2; tree: as `run` loads it, and runc from 1.2;
  cached: permitted whatever the arguments, so that Linux from 5.11 does not run the filter

";

/// The section of an audit.
pub(super) fn section(cost: &FilterCost) -> String {
    let mut out = String::from("What the filter costs, in instructions\n\n");
    let align = [Align::Left, Align::Right, Align::Right, Align::Left];
    let heads = cost.sizes.keys().map(|layout| layout.name().to_owned());
    let head = std::iter::once(String::new())
        .chain(heads)
        .chain([String::new()]);
    let mut rows = vec![head.collect::<Vec<_>>()];
    let sizes = |what: &str, of: &dyn Fn(Layout) -> usize| {
        let each = cost.sizes.keys().map(|&layout| of(layout).to_string());
        let lead = std::iter::once(what.to_owned());
        lead.chain(each).chain([String::new()]).collect()
    };
    rows.push(sizes("all", &|layout| cost.sizes[&layout].length));
    rows.push(sizes("longest way", &|layout| cost.sizes[&layout].depth));
    rows.extend(cost.hot.iter().map(hot));
    out.push_str(&layout::table(2, &align, &rows));
    out.push_str(LEGEND);
    let mut known = BTreeSet::new();
    for cached in &cost.cached {
        out.push_str(&abi(cached, &mut known));
    }
    out
}

fn hot(hot: &HotCall) -> Vec<String> {
    let note = if hot.cached { "cached" } else { "" };
    let steps = hot.steps.values().map(|&steps| range(steps));
    let lead = std::iter::once(hot.call.label());
    lead.chain(steps).chain([note.to_owned()]).collect()
}

fn range(Steps { least, most }: Steps) -> String {
    if least == most {
        least.to_string()
    } else {
        format!("{least}-{most}")
    }
}

/// What is cached on an ABI, and what is not and has not been said for another.
fn abi(cached: &Cached, known: &mut BTreeSet<String>) -> String {
    let Cached {
        abi,
        permitted,
        run,
    } = cached;
    let lead = format!("  cached on {abi}");
    let sum = format!("{} of {permitted}", permitted - run.len());
    let mut out = hanging(&lead, COLUMN, &sum);
    if run.len() == *permitted {
        return out;
    }
    let labels: BTreeSet<String> = run.iter().map(|call| call.label()).collect();
    let new: Vec<String> = labels.difference(known).cloned().collect();
    if !new.is_empty() {
        let lead = if known.is_empty() {
            "  not cached".to_owned()
        } else {
            format!("  not cached, only on {abi}")
        };
        out.push_str(&names(&lead, COLUMN, &new));
    }
    known.extend(new);
    out
}
