//! The program's own log: warnings of every part, the kernel side's included, as lines on stderr.
//!
//! Words of other libraries are for their developers and are left out.

use super::output;
use crate::report::escape;
use log::{Level, LevelFilter, Log, Metadata, Record};

/// Begins to show messages.
pub(super) fn show(verbose: bool) {
    // Only the first logger counts, and there is no other.
    let _ = log::set_logger(&Messages);
    log::set_max_level(if verbose {
        LevelFilter::Debug
    } else {
        LevelFilter::Warn
    });
}

struct Messages;

impl Log for Messages {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level() && is_ours(metadata.target())
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            output::say(&line(record));
        }
    }

    fn flush(&self) {}
}

/// Our two crates; the kernel side's messages carry the name of its program.
fn is_ours(target: &str) -> bool {
    let first = target.split("::").next().unwrap_or_default();
    first.starts_with("seccomp_tracer")
}

/// `warning: no room for …`
fn line(record: &Record<'_>) -> String {
    let level = match record.level() {
        Level::Error => "error",
        Level::Warn => "warning",
        Level::Info => "note",
        Level::Debug | Level::Trace => "debug",
    };
    format!("{level}: {}", escape::text(&record.args().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hostile_in_a_message_is_escaped() {
        let record = |level| {
            line(
                &Record::builder()
                    .level(level)
                    .args(format_args!("a \x1b[2J b"))
                    .build(),
            )
        };
        assert_eq!(record(Level::Warn), "warning: a \\u{1b}[2J b");
        assert_eq!(record(Level::Debug), "debug: a \\u{1b}[2J b");
        assert!(is_ours("seccomp_tracer_ebpf::program") && is_ours("seccomp_tracer::probe"));
        assert!(!is_ours("aya::bpf") && !is_ours(""));
    }
}
