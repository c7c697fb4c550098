//! The size of the kernel side, as the kernel counts it: how much each call can cost, in instructions instead of
//! in a time that depends on the machine.

use crate::ways;
use house_tests::tests;
use seccomp_tracer::probe::{Looking, Probe, Scope, Size, Start, Watch};

pub(crate) const TESTS: [(&str, fn()); 1] = tests![the_program_is_as_large_as_it_was];

/// The kernel that the sizes below were read from; others put in other helpers and walk in other ways.
const KERNEL: &str = "6.18.";

/// What may be above and below on that kernel, in per cent. A larger change is meant, and comes with other
/// numbers here.
const TOLERANCE: u32 = 5;

/// What may be above on other kernels.
const ELSEWHERE: u32 = 100;

/// Sizes by start, whether children are scopes, and whether the hook is the raw one; last the shortest way, which is
/// what every call on the host costs at least.
const SIZES: [(Start, u32, bool, Size, usize); 5] = [
    (Start::Now, 0, false, size(23_748, 2_324), 26),
    (Start::FirstExec, 0, false, size(31_833, 2_498), 26),
    (CONTAINER, 1, false, size(29_580, 2_886), 26),
    (Start::Now, 0, true, size(20_572, 2_858), 18),
    (CONTAINER, 1, true, size(33_252, 3_442), 18),
];

/// The start of a container, whose namespaces do not matter here.
const CONTAINER: Start = Start::ContainerExec([1, 2]);

const fn size(verified: u32, translated: u32) -> Size {
    Size {
        verified,
        translated,
    }
}

fn the_program_is_as_large_as_it_was() {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("a kernel");
    let is_same = release.starts_with(KERNEL);
    let mut problems = Vec::new();
    for (start, children_max, raw_tracepoint, expected, shortest) in SIZES {
        let scope = Scope {
            cgroup_id: 1,
            level: 1,
            children_max,
            beside: None,
        };
        let watch = Watch {
            scope,
            start,
            what: Looking::AtCalls,
            raw_tracepoint,
        };
        let probe = Probe::load(&watch).expect("a program that loads");
        let found = probe.size().expect("a kernel that counts");
        if !is_near(found.verified, expected.verified, is_same)
            || !is_near(found.translated, expected.translated, is_same)
        {
            problems.push(format!("{watch:?}: {found:?} instead of {expected:?}"));
        }
        let way = ways::shortest();
        if is_same && way != shortest {
            problems.push(format!(
                "{watch:?}: shortest way {way} instead of {shortest}"
            ));
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

fn is_near(found: u32, expected: u32, is_same: bool) -> bool {
    if is_same {
        found.abs_diff(expected) * 100 <= expected * TOLERANCE
    } else {
        found * 100 <= expected * (100 + ELSEWHERE)
    }
}
