//! The clock of the kernel side, as it is everywhere on this machine.
//!
//! A time namespace shows its processes another `CLOCK_MONOTONIC`; eBPF programs read the machine's. Times of the two
//! can only be compared after what the namespace adds has been taken away.
//! <https://man7.org/linux/man-pages/man7/time_namespaces.7.html>

use rustix::time::{ClockId, clock_gettime};
use std::sync::OnceLock;

/// What a namespace adds, for those who are born into ours, which is for us as well: we were executed in it.
const OFFSETS: &str = "/proc/self/timens_offsets";

/// `CLOCK_MONOTONIC`, the clock of the kernel side.
#[must_use]
pub fn now_ns() -> u64 {
    static OFFSET: OnceLock<i128> = OnceLock::new();
    // It cannot change once somebody is in the namespace. Kernels without such namespaces have no file.
    let offset = OFFSET.get_or_init(|| {
        let text = std::fs::read_to_string(OFFSETS).unwrap_or_default();
        monotonic_offset(&text).unwrap_or(0)
    });
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(nanoseconds(now.tv_sec, now.tv_nsec) - offset).unwrap_or(0)
}

fn nanoseconds(seconds: i64, rest: i64) -> i128 {
    i128::from(seconds) * 1_000_000_000 + i128::from(rest)
}

/// The line `monotonic SECONDS NANOSECONDS`.
fn monotonic_offset(text: &str) -> Option<i128> {
    let mut words = text
        .lines()
        .map(str::split_whitespace)
        .find_map(|mut words| (words.next() == Some("monotonic")).then_some(words))?;
    let mut number = || words.next()?.parse::<i64>().ok();
    Some(nanoseconds(number()?, number()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_namespace_adds_is_read() {
        let text = "monotonic       -1000         5\nboottime            7         0\n";
        assert_eq!(monotonic_offset(text), Some(-999_999_999_995));
        assert_eq!(monotonic_offset("boottime 1 2\n"), None);
        assert_eq!(monotonic_offset("monotonic x 2\n"), None);
    }
}
