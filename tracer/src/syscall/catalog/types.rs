//! The words of the catalog.

use super::names::Names;

/// The C type of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// `int`, `pid_t`, `clockid_t`.
    Int,
    /// `unsigned int`, `uid_t`, `u32`.
    Uint,
    /// `unsigned short`: `umode_t`.
    Ushort,
    /// `long`, `loff_t`; on 32-bit ABIs the register itself has only 32 bits.
    Long,
    /// `unsigned long`, `size_t`.
    Ulong,
    /// A pointer; what it points to is out of a filter's sight.
    Pointer,
}

impl Type {
    /// Width in bits. The kernel ignores what is above.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Self::Ushort => 16,
            Self::Int | Self::Uint => 32,
            Self::Long | Self::Ulong | Self::Pointer => 64,
        }
    }

    /// Whether values can be negative.
    #[must_use]
    pub const fn is_signed(self) -> bool {
        matches!(self, Self::Int | Self::Long)
    }

    /// The bits of the register that the kernel looks at.
    #[must_use]
    pub const fn mask(self) -> u64 {
        u64::MAX >> (64 - self.bits())
    }
}

/// Where the values of an argument come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stability {
    /// Written in the program's code: another run of the same program has the same values, sooner or later.
    Code,
    /// Written in code, too, but chosen by data, by chance, or by the version of the C library.
    Changing,
    /// Set by code, but all values are worth the same to an attacker, and the call is a hot one.
    Indifferent,
}

/// How much it shields to refuse the values that a program does not use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Little: a tidier profile.
    Low,
    /// Some values open kernel code that has had exploited bugs, or weaken other defences.
    Medium,
    /// The values are gates to large, privileged or often exploited parts of the kernel.
    High,
}

/// What kind of values there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// One of a few; these bits tell them apart, and the others only modify them.
    OneOf(u64),
    /// Independent bits.
    Bits {
        /// Bits that are never worth a rule.
        free: u64,
        /// Bits that are forbidden, if never seen, even where the values are [`Stability::Changing`].
        guarded: u64,
        /// Bits that are forbidden together, if never seen together; 0 when there are none.
        apart: u64,
    },
}

/// A scalar argument that is tracked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Position, 0 to 5.
    pub index: u8,
    /// Name, for people.
    pub name: &'static str,
    /// C type.
    pub kind: Type,
    /// What kind of values there are.
    pub values: Values,
    /// Where they come from.
    pub stability: Stability,
    /// What it is worth to narrow them.
    pub weight: Weight,
    /// Their names.
    pub(super) names: Shown,
}

/// How values are written: a number under a mask, and bits beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shown {
    /// The bits of the number.
    pub(super) part: u64,
    /// Names of the number.
    pub(super) number: Option<&'static Names>,
    /// Names of the other bits.
    pub(super) bits: Option<&'static Names>,
}

impl Argument {
    /// The bits of the register that the kernel looks at.
    #[must_use]
    pub const fn mask(&self) -> u64 {
        self.kind.mask()
    }

    /// One of a few values, each set by code and each a gate.
    pub(super) const fn one_of(
        index: u8,
        name: &'static str,
        kind: Type,
        names: Option<&'static Names>,
    ) -> Self {
        let mask = kind.mask();
        Self {
            index,
            name,
            kind,
            values: Values::OneOf(mask),
            stability: Stability::Code,
            weight: Weight::High,
            names: Shown {
                part: mask,
                number: names,
                bits: None,
            },
        }
    }

    /// Independent bits, set by code.
    pub(super) const fn bits(
        index: u8,
        name: &'static str,
        kind: Type,
        names: &'static Names,
    ) -> Self {
        let values = Values::Bits {
            free: 0,
            guarded: 0,
            apart: 0,
        };
        let names = Shown {
            part: 0,
            number: None,
            bits: Some(names),
        };
        let one = Self::one_of(index, name, kind, None);
        Self {
            values,
            names,
            ..one
        }
    }

    /// Only these bits tell the values apart; the others are modifiers with these names.
    pub(super) const fn modified(self, mask: u64, modifiers: &'static Names) -> Self {
        let names = Shown {
            part: mask,
            bits: Some(modifiers),
            ..self.names
        };
        Self {
            values: Values::OneOf(mask),
            names,
            ..self
        }
    }

    /// All bits tell the values apart; those outside of `part` have these names.
    pub(super) const fn flagged(self, part: u64, bits: &'static Names) -> Self {
        let names = Shown {
            part,
            bits: Some(bits),
            ..self.names
        };
        Self { names, ..self }
    }

    /// These bits are written as a number with these names.
    pub(super) const fn with_number(self, part: u64, number: &'static Names) -> Self {
        let names = Shown {
            part,
            number: Some(number),
            ..self.names
        };
        Self { names, ..self }
    }

    pub(super) const fn with_bits(self, free: u64, guarded: u64, apart: u64) -> Self {
        Self {
            values: Values::Bits {
                free,
                guarded,
                apart,
            },
            ..self
        }
    }

    pub(super) const fn changing(self) -> Self {
        Self {
            stability: Stability::Changing,
            ..self
        }
    }

    pub(super) const fn indifferent(self) -> Self {
        Self {
            stability: Stability::Indifferent,
            ..self
        }
    }

    pub(super) const fn weighs(self, weight: Weight) -> Self {
        Self { weight, ..self }
    }
}
