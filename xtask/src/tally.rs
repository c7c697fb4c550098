//! How many things passed and failed, over checks, tests and commands.

use crate::interrupt;
use crate::talk;
use anyhow::{Result, bail};

/// The count, and the names of what failed.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    passed: usize,
    failed: usize,
    skipped: usize,
    names: Vec<String>,
}

impl Tally {
    /// Counts one thing. Only an interruption stops the counting.
    pub(crate) fn count(&mut self, name: &str, result: Result<()>) -> Result<()> {
        match result {
            Ok(()) => {
                self.passed += 1;
                talk::say(&format!("ok: {name}"));
            }
            Err(error) if interrupt::asked().is_some() => return Err(error),
            Err(error) => {
                self.failed += 1;
                self.names.push(name.to_owned());
                talk::say(&format!("failed: {name}"));
                talk::error(&error);
            }
        }
        Ok(())
    }

    /// Adds what a test program counted.
    pub(crate) fn add(&mut self, passed: usize, failed: usize, skipped: usize) {
        self.passed += passed;
        self.failed += failed;
        self.skipped += skipped;
    }

    /// Says the sum, as the last line; an error if anything failed.
    pub(crate) fn close(self) -> Result<()> {
        let Self {
            passed,
            failed,
            skipped,
            names,
        } = self;
        if !names.is_empty() {
            talk::say(&format!("failed: {}", names.join(", ")));
        }
        let mut sum = format!("{passed} passed, {failed} failed");
        if skipped > 0 {
            sum.push_str(&format!(", {skipped} skipped"));
        }
        talk::print(&sum);
        if failed > 0 {
            bail!("not everything passed");
        }
        Ok(())
    }
}
