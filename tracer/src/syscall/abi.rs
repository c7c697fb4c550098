//! The ABIs through which a task can enter the kernel.

use std::fmt;
use std::str::FromStr;

/// A system call ABI. A call number never travels without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Abi {
    /// 64-bit x86.
    X86_64,
    /// 32-bit x86, also what `int 0x80` from a 64-bit program uses.
    I386,
    /// 64-bit x86 with 32-bit pointers.
    X32,
    /// 64-bit Arm.
    Aarch64,
    /// 32-bit Arm (EABI).
    Arm,
}

/// A name that no ABI has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown ABI `{0}`")]
pub struct UnknownAbi(pub String);

impl Abi {
    /// Every ABI, in order.
    pub const ALL: [Self; 5] = [
        Self::X86_64,
        Self::I386,
        Self::X32,
        Self::Aarch64,
        Self::Arm,
    ];

    /// Our name for it, as in recordings and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::I386 => "i386",
            Self::X32 => "x32",
            Self::Aarch64 => "aarch64",
            Self::Arm => "arm",
        }
    }

    /// The OCI runtime-spec's name for it.
    #[must_use]
    pub const fn oci_name(self) -> &'static str {
        match self {
            Self::X86_64 => "SCMP_ARCH_X86_64",
            Self::I386 => "SCMP_ARCH_X86",
            Self::X32 => "SCMP_ARCH_X32",
            Self::Aarch64 => "SCMP_ARCH_AARCH64",
            Self::Arm => "SCMP_ARCH_ARM",
        }
    }

    /// Whether a machine with that native ABI runs it at all.
    #[must_use]
    pub const fn runs_on(self, native: Self) -> bool {
        self.is_x86() == native.is_x86()
    }

    const fn is_x86(self) -> bool {
        match self {
            Self::X86_64 | Self::I386 | Self::X32 => true,
            Self::Aarch64 | Self::Arm => false,
        }
    }

    /// The ABI of an OCI architecture name, if it is one that we have tables for.
    #[must_use]
    pub fn from_oci_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|abi| abi.oci_name() == name)
    }

    /// `AUDIT_ARCH_*`, as a filter finds it in `seccomp_data.arch`. x86_64 and x32 share one.
    /// <https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/audit.h#L383>
    #[must_use]
    pub const fn audit_arch(self) -> u32 {
        match self {
            Self::X86_64 | Self::X32 => 0xC000_003E,
            Self::I386 => 0x4000_0003,
            Self::Aarch64 => 0xC000_00B7,
            Self::Arm => 0x4000_0028,
        }
    }

    /// Bits of an argument register that libseccomp's filters compare on this ABI.
    #[must_use]
    pub const fn argument_bits(self) -> u8 {
        match self {
            Self::X86_64 | Self::Aarch64 => 64,
            Self::I386 | Self::X32 | Self::Arm => 32,
        }
    }
}

impl fmt::Display for Abi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Abi {
    type Err = UnknownAbi;

    fn from_str(name: &str) -> Result<Self, UnknownAbi> {
        Self::ALL
            .into_iter()
            .find(|abi| abi.name() == name)
            .ok_or_else(|| UnknownAbi(name.to_owned()))
    }
}
