//! The flat form of a profile, as an OCI runtime takes it: no conditions on host or capabilities left.

use crate::syscall::Abi;
use std::collections::BTreeSet;

/// What a filter does with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Ends the process.
    KillProcess,
    /// Ends the thread; also written `SCMP_ACT_KILL`.
    KillThread,
    /// Sends `SIGSYS`.
    Trap,
    /// Refuses with this errno.
    Errno(u16),
    /// Asks a tracer, with this message.
    Trace(u16),
    /// Asks a listener.
    Notify,
    /// Lets through and logs.
    Log,
    /// Lets through.
    Allow,
}

impl Action {
    /// Whether the call is made: `Allow` and `Log`.
    #[must_use]
    pub const fn permits(self) -> bool {
        matches!(self, Self::Allow | Self::Log)
    }

    /// What a filter program returns for it, `SECCOMP_RET_*` with its data.
    /// <https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/seccomp.h#L38>
    #[must_use]
    pub const fn return_value(self) -> u32 {
        match self {
            Self::KillProcess => 0x8000_0000,
            Self::KillThread => 0,
            Self::Trap => 0x0003_0000,
            Self::Errno(errno) => 0x0005_0000 | errno as u32,
            Self::Notify => 0x7FC0_0000,
            Self::Trace(message) => 0x7FF0_0000 | message as u32,
            Self::Log => 0x7FFC_0000,
            Self::Allow => 0x7FFF_0000,
        }
    }

    /// What the kernel does when a filter program returns this; it ends the process for what it does not
    /// know.
    #[must_use]
    pub const fn from_return_value(value: u32) -> Self {
        let data = (value & 0xFFFF) as u16;
        match value & 0xFFFF_0000 {
            0 => Self::KillThread,
            0x0003_0000 => Self::Trap,
            0x0005_0000 => Self::Errno(data),
            0x7FC0_0000 => Self::Notify,
            0x7FF0_0000 => Self::Trace(data),
            0x7FFC_0000 => Self::Log,
            0x7FFF_0000 => Self::Allow,
            _ => Self::KillProcess,
        }
    }

    /// The OCI runtime-spec's name, without the errno.
    #[must_use]
    pub const fn oci_name(self) -> &'static str {
        match self {
            Self::KillProcess => "SCMP_ACT_KILL_PROCESS",
            Self::KillThread => "SCMP_ACT_KILL_THREAD",
            Self::Trap => "SCMP_ACT_TRAP",
            Self::Errno(_) => "SCMP_ACT_ERRNO",
            Self::Trace(_) => "SCMP_ACT_TRACE",
            Self::Notify => "SCMP_ACT_NOTIFY",
            Self::Log => "SCMP_ACT_LOG",
            Self::Allow => "SCMP_ACT_ALLOW",
        }
    }
}

/// How a condition compares; unsigned, on the full register of the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operator {
    /// `argument != value`.
    Ne,
    /// `argument < value`.
    Lt,
    /// `argument <= value`.
    Le,
    /// `argument == value`.
    Eq,
    /// `argument >= value`.
    Ge,
    /// `argument > value`.
    Gt,
    /// `argument & value == value_two & value`: `value` is the mask.
    MaskedEq,
}

impl Operator {
    /// Every operator.
    pub const ALL: [Self; 7] = [
        Self::Ne,
        Self::Lt,
        Self::Le,
        Self::Eq,
        Self::Ge,
        Self::Gt,
        Self::MaskedEq,
    ];

    /// The OCI runtime-spec's name.
    #[must_use]
    pub const fn oci_name(self) -> &'static str {
        match self {
            Self::Ne => "SCMP_CMP_NE",
            Self::Lt => "SCMP_CMP_LT",
            Self::Le => "SCMP_CMP_LE",
            Self::Eq => "SCMP_CMP_EQ",
            Self::Ge => "SCMP_CMP_GE",
            Self::Gt => "SCMP_CMP_GT",
            Self::MaskedEq => "SCMP_CMP_MASKED_EQ",
        }
    }
}

/// A test of one argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Condition {
    /// Which argument, 0 to 5.
    pub index: u8,
    /// How it is compared.
    pub operator: Operator,
    /// With what; the mask for [`Operator::MaskedEq`].
    pub value: u64,
    /// The datum for [`Operator::MaskedEq`], 0 otherwise.
    pub value_two: u64,
}

impl Condition {
    /// That the masked bits of an argument have this value; an equality where the mask leaves out none.
    #[must_use]
    pub const fn masked(index: u8, mask: u64, value: u64) -> Self {
        let (operator, value, value_two) = match mask {
            u64::MAX => (Operator::Eq, value, 0),
            _ => (Operator::MaskedEq, mask, value),
        };
        Self {
            index,
            operator,
            value,
            value_two,
        }
    }

    /// Whether it looks at some of the bits only.
    #[must_use]
    pub const fn is_masked(&self) -> bool {
        matches!(self.operator, Operator::MaskedEq)
    }
}

/// An entry of a profile: an action for every call of these names whose arguments meet the conditions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    /// Names of calls; one that an ABI does not have says nothing about that ABI.
    pub names: Vec<String>,
    /// What is done.
    pub action: Action,
    /// All must hold, unless one index appears twice: then runtimes take any of them
    /// (runc `pkg/…/seccomp_linux.go`, `matchCall`). Empty: whatever the arguments.
    pub conditions: Vec<Condition>,
}

/// A resolved profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// What is done with calls that no rule speaks of.
    pub default_action: Action,
    /// The ABIs that the filter knows beside the native one; calls through any other are killed. Only those
    /// that we have tables for.
    pub abis: BTreeSet<Abi>,
    /// Architectures by OCI name that we have no tables for, kept as they are.
    pub other_architectures: Vec<String>,
    /// `SECCOMP_FILTER_FLAG_*`; `None` when the key is absent, which runtimes tell from an empty list.
    pub flags: Option<Vec<String>>,
    /// Socket of the listener for [`Action::Notify`].
    pub listener_path: Option<String>,
    /// Opaque data for that listener.
    pub listener_metadata: Option<String>,
    /// The entries, in order.
    pub rules: Vec<Rule>,
}

impl Profile {
    /// One without rules, flags and listener.
    #[must_use]
    pub fn without_rules(default_action: Action, abis: BTreeSet<Abi>) -> Self {
        Self {
            default_action,
            abis,
            other_architectures: Vec::new(),
            flags: None,
            listener_path: None,
            listener_metadata: None,
            rules: Vec::new(),
        }
    }

    /// The same profile, as far as a machine with that native ABI runs what it is about: the ABIs of other machines
    /// are kept by name only.
    #[must_use]
    pub fn on_host(&self, native: Abi) -> Self {
        let mut here = self.clone();
        here.abis.retain(|abi| abi.runs_on(native));
        let foreign = self.abis.iter().filter(|abi| !abi.runs_on(native));
        let names = foreign.map(|abi| abi.oci_name().to_owned());
        here.other_architectures.extend(names);
        here
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_survives_its_return_value() {
        let actions = [
            Action::KillProcess,
            Action::KillThread,
            Action::Trap,
            Action::Errno(38),
            Action::Trace(7),
            Action::Notify,
            Action::Log,
            Action::Allow,
        ];
        for action in actions {
            assert_eq!(Action::from_return_value(action.return_value()), action);
        }
        assert_eq!(Action::from_return_value(0x1234_0000), Action::KillProcess);
    }
}
