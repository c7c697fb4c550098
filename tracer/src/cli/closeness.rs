//! How closely `generate` follows the recordings: the options, and what they mean to the minimizer.

use crate::minimize::{Portability, Precision};

/// How closely the profile follows the recordings.
#[derive(Clone, Copy, Default, clap::Args)]
pub(super) struct ClosenessArguments {
    /// How far argument values are narrowed to those seen.
    ///
    /// Of values out of a few, those seen are permitted, of flags, the bits seen. A call with more than 64
    /// values, or fewer if all of them would not fit into a filter, is narrowed by its first argument only,
    /// or by the bits that all values of that have in common. 32-bit programs can go around rules for
    /// sockets; where that matters, it is said.
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t)]
    args: Level,
    /// Where else the profile must hold.
    ///
    /// What that adds is named by `--explain`, and never more than the base permits.
    #[arg(long, value_name = "WHERE", value_enum, default_value_t)]
    portability: Place,
}

/// How far argument values are narrowed.
#[derive(Clone, Copy, Default, clap::ValueEnum)]
enum Level {
    /// Of each call, all that the base permits.
    None,
    /// Only where the base itself looks at the argument.
    Base,
    /// Also where values are set by code and decide what the call does: families and options of sockets,
    /// requests of ioctl, options of prctl, commands of bpf, namespaces of clone and the like.
    #[default]
    Stable,
    /// Every argument that is recorded, also flags of files and memory, signals, and commands of fcntl and
    /// futex.
    All,
}

/// Where the profile must hold.
#[derive(Clone, Copy, Default, clap::ValueEnum)]
enum Place {
    /// Here: what was seen.
    Exact,
    /// Also on other kernels and hosts, where the same program falls back to other calls, and in runs in which
    /// chance or load make it take others that give no more power.
    #[default]
    Kernel,
    /// Also with other C libraries and on other architectures.
    Libc,
}

impl ClosenessArguments {
    pub(super) fn precision(&self) -> Precision {
        match self.args {
            Level::None => Precision::None,
            Level::Base => Precision::Base,
            Level::Stable => Precision::Stable,
            Level::All => Precision::All,
        }
    }

    pub(super) fn portability(&self) -> Portability {
        match self.portability {
            Place::Exact => Portability::Exact,
            Place::Kernel => Portability::Kernel,
            Place::Libc => Portability::Libc,
        }
    }
}
