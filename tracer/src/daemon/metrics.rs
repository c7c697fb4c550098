//! How the daemon is, in the text form that Prometheus reads. Pure.

use crate::probe::Fill;
use crate::recording::Losses;
use std::fmt::Write;

/// Everything that is measured.
pub(super) struct Metrics {
    /// What is recorded now.
    pub(super) targets: usize,
    /// Distinct calls and argument tuples of these together.
    pub(super) facts: (u64, u64),
    /// What could not be kept.
    pub(super) losses: Losses,
    /// First sightings of scopes that were not known.
    pub(super) strays: u64,
    /// How full the kernel side is.
    pub(super) fill: Fill,
    /// When the newest fact was seen, seconds since 1970; `None` if there is none.
    pub(super) last_new_fact_s: Option<f64>,
    pub(super) tally: Tally,
}

/// What has happened since the daemon started.
#[derive(Clone, Copy, Default)]
pub(super) struct Tally {
    /// Recordings that have ended.
    pub(super) ended: u64,
    /// Targets that were refused because there was no room.
    pub(super) refused: u64,
    /// Files that could not be written.
    pub(super) unwritten: u64,
    /// Recordings that were not to be kept any longer.
    pub(super) removed: u64,
}

/// The media type of the text.
pub(super) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

impl Metrics {
    /// The text.
    pub(super) fn to_text(&self) -> String {
        let mut page = Page::default();
        page.family("build_info", "gauge", "Version of the program.");
        page.sample("build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
        page.family("targets", "gauge", "Targets that are recorded now.");
        page.sample("targets", &[], self.targets);
        page.family("targets_max", "gauge", "Targets that there is room for.");
        page.sample("targets_max", &[], self.fill.scopes_max);
        let help = "Distinct calls and argument tuples of the targets that are recorded now.";
        page.family("facts", "gauge", help);
        page.sample("facts", &[("kind", "calls")], self.facts.0);
        page.sample("facts", &[("kind", "tuples")], self.facts.1);
        let help = "What could not be kept since the kernel side was loaded, by reason.";
        page.family("lost_total", "counter", help);
        for (loss, count) in self.losses.iter() {
            page.sample("lost_total", &[("reason", loss.name())], count);
        }
        page.sample("lost_total", &[("reason", "straySighting")], self.strays);
        let help = "How full the kernel side's maps are, from 0 to 1.";
        page.family("map_fill_ratio", "gauge", help);
        let Fill {
            tuples,
            tuples_max,
            odd_calls,
            odd_calls_max,
            scopes_max,
        } = self.fill;
        let scopes = u32::try_from(self.targets).unwrap_or(u32::MAX);
        for (map, used, room) in [
            ("scopes", scopes, scopes_max),
            ("tuples", tuples, tuples_max),
            ("oddCalls", odd_calls, odd_calls_max),
        ] {
            let ratio = f64::from(used) / f64::from(room.max(1));
            page.sample("map_fill_ratio", &[("map", map)], format!("{ratio:.4}"));
        }
        if let Some(seconds) = self.last_new_fact_s {
            let name = "last_new_fact_timestamp_seconds";
            page.family(name, "gauge", "When the newest fact was seen.");
            page.sample(name, &[], format!("{seconds:.3}"));
        }
        let Tally {
            ended,
            refused,
            unwritten,
            removed,
        } = self.tally;
        for (name, help, count) in [
            (
                "recordings_ended_total",
                "Recordings that have ended.",
                ended,
            ),
            (
                "targets_refused_total",
                "Targets that were refused for lack of room.",
                refused,
            ),
            (
                "unwritten_total",
                "Attempts to write a file that failed.",
                unwritten,
            ),
            (
                "recordings_removed_total",
                "Recordings that were not to be kept any longer.",
                removed,
            ),
        ] {
            page.family(name, "counter", help);
            page.sample(name, &[], count);
        }
        page.0
    }
}

/// The text as it grows. Labels are words of our own, which need no escaping.
#[derive(Default)]
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = write!(
            self.0,
            "# HELP seccomp_tracer_{name} {help}\n# TYPE seccomp_tracer_{name} {kind}\n"
        );
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let labels: Vec<_> = labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{value}\""))
            .collect();
        let labels = match labels.is_empty() {
            true => String::new(),
            false => format!("{{{}}}", labels.join(",")),
        };
        let _ = writeln!(self.0, "seccomp_tracer_{name}{labels} {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::Loss;

    #[test]
    fn the_page_is_as_prometheus_reads_it() {
        let mut losses = Losses::default();
        losses.set(Loss::ScopesFull, 7);
        let metrics = Metrics {
            targets: 2,
            facts: (60, 31),
            losses,
            strays: 1,
            fill: Fill {
                tuples: 32,
                tuples_max: 128,
                odd_calls: 0,
                odd_calls_max: 4096,
                scopes_max: 1000,
            },
            last_new_fact_s: Some(1_764_000_000.25),
            tally: Tally {
                ended: 5,
                refused: 1,
                unwritten: 0,
                removed: 3,
            },
        };
        let text = metrics.to_text();
        let version = env!("CARGO_PKG_VERSION");
        let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            samples,
            [
                &format!("seccomp_tracer_build_info{{version=\"{version}\"}} 1")[..],
                "seccomp_tracer_targets 2",
                "seccomp_tracer_targets_max 1000",
                "seccomp_tracer_facts{kind=\"calls\"} 60",
                "seccomp_tracer_facts{kind=\"tuples\"} 31",
                "seccomp_tracer_lost_total{reason=\"unknownAbi\"} 0",
                "seccomp_tracer_lost_total{reason=\"oddNumberMapFull\"} 0",
                "seccomp_tracer_lost_total{reason=\"mapError\"} 0",
                "seccomp_tracer_lost_total{reason=\"scopesFull\"} 7",
                "seccomp_tracer_lost_total{reason=\"recursion\"} 0",
                "seccomp_tracer_lost_total{reason=\"left\"} 0",
                "seccomp_tracer_lost_total{reason=\"sighting\"} 0",
                "seccomp_tracer_lost_total{reason=\"missedLife\"} 0",
                "seccomp_tracer_lost_total{reason=\"straySighting\"} 1",
                "seccomp_tracer_map_fill_ratio{map=\"scopes\"} 0.0020",
                "seccomp_tracer_map_fill_ratio{map=\"tuples\"} 0.2500",
                "seccomp_tracer_map_fill_ratio{map=\"oddCalls\"} 0.0000",
                "seccomp_tracer_last_new_fact_timestamp_seconds 1764000000.250",
                "seccomp_tracer_recordings_ended_total 5",
                "seccomp_tracer_targets_refused_total 1",
                "seccomp_tracer_unwritten_total 0",
                "seccomp_tracer_recordings_removed_total 3",
            ]
        );
        // Each family is described once, before its samples.
        let described = text.lines().filter(|line| line.starts_with("# TYPE "));
        let names: Vec<_> = described.map(|line| line.split(' ').nth(2)).collect();
        let mut unique = names.clone();
        unique.dedup();
        assert_eq!(names, unique);
        assert_eq!(text.matches("# HELP ").count(), names.len());
    }
}
