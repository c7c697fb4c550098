//! How closely a profile follows what was seen. Names of choices, and what each of them means.

/// How far argument values are narrowed. Each level permits no more than the one before it, as long as the
/// values that it keeps fit into a filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precision {
    /// Argument values play no part: of each call, all that the base permits.
    None,
    /// To what was seen where the base itself looks at the argument.
    Base,
    /// Also where values are set by code and decide what a call does, and whatever opens namespaces.
    #[default]
    Stable,
    /// Every tracked argument but those of which no value is worth more than another.
    All,
}

/// Where the profile must hold; each level permits no less than the one before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Portability {
    /// On this kernel, with this runtime: what was seen.
    Exact,
    /// Also what comes by chance, and what the same program does on an older or newer kernel, host or runtime.
    #[default]
    Kernel,
    /// Also what it does when it is built with another C library, or for another architecture.
    Libc,
}

impl Precision {
    /// Every level, the least precise first.
    pub const ALL: [Self; 4] = [Self::None, Self::Base, Self::Stable, Self::All];
}

impl Portability {
    /// Every level, the narrowest first.
    pub const ALL: [Self; 3] = [Self::Exact, Self::Kernel, Self::Libc];
}
