//! What the filter that libseccomp makes of a profile costs the calls of a program.

use super::surface;
use super::types::Evidence;
use crate::profile::Meaning;
use crate::profile::compiled::Layout;
use crate::profile::proof::{Code, Steps};
use crate::syscall::{self, Abi, Call};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// What a filter costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterCost {
    /// How large it is in every arrangement.
    pub sizes: BTreeMap<Layout, FilterSize>,
    /// For which calls the kernel need not run it, per ABI that the profile lists, the native one first.
    pub cached: Vec<Cached>,
    /// What it costs the calls that are made most, the most frequent first.
    pub hot: Vec<HotCall>,
}

/// The size of a filter in one arrangement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterSize {
    /// Instructions.
    pub length: usize,
    /// Instructions on the longest way through it.
    pub depth: usize,
}

/// For which permitted calls of an ABI the kernel need not run the filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cached {
    /// The ABI.
    pub abi: Abi,
    /// How many permitted calls there are, for some arguments at least.
    pub permitted: usize,
    /// Those of them for which it runs each time.
    pub run: BTreeSet<Call>,
}

/// What the filter costs one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HotCall {
    /// The call.
    pub call: Call,
    /// Whether the kernel need not run the filter for it.
    pub cached: bool,
    /// How many instructions run where it does, in every arrangement.
    pub steps: BTreeMap<Layout, Steps>,
}

/// How many calls are looked at one by one.
const HOT_MAX: usize = 10;

/// What servers call most, where no recording says what this one does.
const USUAL: [&str; 12] = [
    "read",
    "write",
    "futex",
    "epoll_wait",
    "epoll_pwait",
    "recvfrom",
    "sendto",
    "recvmsg",
    "sendmsg",
    "close",
    "openat",
    "newfstatat",
];

/// The permitted calls that are made most: by recordings if there are any.
pub(super) fn hot(native: Abi, meaning: &Meaning, evidence: Option<&Evidence>) -> Vec<Call> {
    let mut calls: Vec<Call> = match evidence {
        Some(evidence) => {
            let mut used: Vec<_> = evidence.used.iter().collect();
            used.sort_by_key(|used| (Reverse(used.count), used.call));
            used.into_iter().map(|used| used.call).collect()
        }
        None => {
            let named = USUAL.iter().filter_map(|name| Call::named(native, name));
            named
                .filter(|&call| !meaning.permitted(call).is_none())
                .collect()
        }
    };
    calls.truncate(HOT_MAX);
    calls
}

impl FilterCost {
    /// Of a filter in all its arrangements; `None` if there is none.
    pub(super) fn of(
        filters: &BTreeMap<Layout, Code>,
        native: Abi,
        meaning: &Meaning,
        hot: Vec<Call>,
    ) -> Option<Self> {
        if filters.is_empty() {
            return None;
        }
        let size = |code: &Code| FilterSize {
            length: code.length(),
            depth: code.depth(),
        };
        let sizes = filters.iter().map(|(&layout, code)| (layout, size(code)));
        let abis = surface::abis(native, meaning, meaning).into_iter();
        let listed = abis.filter(|abi| meaning.abis().contains(abi));
        Some(Self {
            sizes: sizes.collect(),
            cached: listed.map(|abi| cached(filters, meaning, abi)).collect(),
            hot: hot
                .into_iter()
                .map(|call| hot_call(filters, call))
                .collect(),
        })
    }
}

fn cached(filters: &BTreeMap<Layout, Code>, meaning: &Meaning, abi: Abi) -> Cached {
    let permitted = syscall::calls(abi).filter(|&call| !meaning.permitted(call).is_none());
    let permitted: BTreeSet<Call> = permitted.collect();
    Cached {
        abi,
        permitted: permitted.len(),
        run: permitted
            .into_iter()
            .filter(|&call| !is_cached(filters, call))
            .collect(),
    }
}

fn is_cached(filters: &BTreeMap<Layout, Code>, call: Call) -> bool {
    filters.values().all(|code| code.cost(call).cached)
}

fn hot_call(filters: &BTreeMap<Layout, Code>, call: Call) -> HotCall {
    let steps = filters
        .iter()
        .map(|(&layout, code)| (layout, code.cost(call).steps));
    HotCall {
        call,
        cached: is_cached(filters, call),
        steps: steps.collect(),
    }
}
