//! What the filter costs, as JSON.

use super::words::{CallObject, names};
use crate::audit::{Cached, FilterCost, FilterSize, HotCall};
use crate::profile::compiled::Layout;
use crate::profile::proof::Steps;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What a filter costs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FilterObject {
    /// By arrangement: `list`, as crun and youki load it, and runc before 1.2; `tree`, as runc from 1.2 and
    /// `run` load it.
    layouts: BTreeMap<&'static str, LayoutObject>,
    /// Per ABI that the profile lists, the native one first.
    abis: Vec<CachedObject>,
    /// The calls that are made most, the most frequent first.
    calls: Vec<HotObject>,
}

/// How large it is.
#[derive(Serialize)]
struct LayoutObject {
    /// Instructions.
    length: usize,
    /// Instructions on the longest way.
    depth: usize,
}

/// For which calls Linux from 5.11 need not run it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CachedObject {
    abi: &'static str,
    /// Permitted calls, for some arguments at least.
    permitted: usize,
    /// Those for which it need not run.
    cached: usize,
    /// The others.
    not_cached: BTreeSet<String>,
}

#[derive(Serialize)]
struct HotObject {
    call: CallObject,
    /// Whether it need not run.
    cached: bool,
    /// Instructions executed where it does, by arrangement.
    executed: BTreeMap<&'static str, StepsObject>,
}

#[derive(Serialize)]
struct StepsObject {
    least: usize,
    most: usize,
}

impl From<&FilterCost> for FilterObject {
    fn from(cost: &FilterCost) -> Self {
        let layout = |(layout, size): (&Layout, &FilterSize)| {
            let FilterSize { length, depth } = *size;
            (layout.name(), LayoutObject { length, depth })
        };
        Self {
            layouts: cost.sizes.iter().map(layout).collect(),
            abis: cost.cached.iter().map(Into::into).collect(),
            calls: cost.hot.iter().map(Into::into).collect(),
        }
    }
}

impl From<&Cached> for CachedObject {
    fn from(cached: &Cached) -> Self {
        Self {
            abi: cached.abi.name(),
            permitted: cached.permitted,
            cached: cached.permitted - cached.run.len(),
            not_cached: names(&cached.run),
        }
    }
}

impl From<&HotCall> for HotObject {
    fn from(hot: &HotCall) -> Self {
        let steps = hot.steps.iter();
        Self {
            call: hot.call.into(),
            cached: hot.cached,
            executed: steps
                .map(|(layout, &Steps { least, most })| {
                    (layout.name(), StepsObject { least, most })
                })
                .collect(),
        }
    }
}
