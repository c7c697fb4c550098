//! Which machine it was.

use std::fs;

/// The machine, in words.
pub(crate) struct Machine {
    /// Release of the kernel.
    pub(crate) kernel: String,
    /// What the processor calls itself.
    pub(crate) processor: String,
    /// How many CPUs we may use.
    pub(crate) cpus: usize,
}

impl Machine {
    /// This one.
    pub(crate) fn this() -> Self {
        let information = read("/proc/cpuinfo");
        let name = information
            .lines()
            .find_map(|line| line.strip_prefix("model name"));
        let name = name.map(|rest| rest.trim_start_matches([' ', '\t', ':']));
        Self {
            kernel: kernel(),
            processor: name.unwrap_or("an unknown processor").to_owned(),
            cpus: super::worker::cpus().len(),
        }
    }
}

/// The kernel's release.
pub(crate) fn kernel() -> String {
    read("/proc/sys/kernel/osrelease").trim().to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
