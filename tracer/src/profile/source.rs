//! A profile as a file says it: with the conditions on host, capabilities and kernel that Docker's dialect
//! has. Plain OCI files are the case without conditions.

use super::model::{Action, Condition};
use super::position::{Position, RulePositions, SourcePositions};
use super::remark::ReadRemark;

/// A profile before it is resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What is done with calls that no rule speaks of.
    pub default_action: Action,
    /// Sub-architectures by host architecture, OCI names; Docker's dialect only.
    pub arch_map: Vec<(String, Vec<String>)>,
    /// Architectures, whatever the host; OCI names.
    pub architectures: Vec<String>,
    /// `SECCOMP_FILTER_FLAG_*`, if the key is there.
    pub flags: Option<Vec<String>>,
    /// Socket of the listener.
    pub listener_path: Option<String>,
    /// Data for that listener.
    pub listener_metadata: Option<String>,
    /// The entries, in order.
    pub rules: Vec<SourceRule>,
    /// The file that it was read from; empty for a profile that was made.
    pub origin: Origin,
}

/// What is known of the file that a profile was read from. It says nothing about what the profile permits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Where things stand in it.
    pub positions: SourcePositions,
    /// What engines silently ignore in it, or read otherwise than it is written; in the file's order.
    pub remarks: Vec<ReadRemark>,
}

/// An entry before it is resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceRule {
    /// Names of calls.
    pub names: Vec<String>,
    /// What is done.
    pub action: Action,
    /// Argument conditions.
    pub conditions: Vec<Condition>,
    /// Why, as the file says.
    pub comment: Option<String>,
    /// Kept only if all of this holds.
    pub includes: Filter,
    /// Dropped if any of this holds.
    pub excludes: Filter,
    /// Where it stands in the file that it was read from.
    pub positions: RulePositions,
}

impl SourceRule {
    /// Where one of its names stands, or the rule itself.
    #[must_use]
    pub fn name_position(&self, index: usize) -> Option<Position> {
        let name = self.positions.names.get(index).copied();
        name.or(self.positions.rule)
    }

    /// Where one of its conditions stands, or the rule itself.
    #[must_use]
    pub fn condition_position(&self, index: usize) -> Option<Position> {
        let condition = self.positions.conditions.get(index).copied();
        condition.or(self.positions.rule)
    }
}

/// When a rule applies. What is empty or absent says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Capabilities (`CAP_…`).
    pub capabilities: Vec<String>,
    /// Host architectures, by Docker's names.
    pub architectures: Vec<String>,
    /// Oldest kernel.
    pub kernel: Option<KernelVersion>,
}

/// A kernel's version, as far as profiles look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KernelVersion {
    /// 6 of 6.1.0.
    pub major: u32,
    /// 1 of 6.1.0.
    pub minor: u32,
}

impl KernelVersion {
    /// Reads the start of what `uname -r` says: `6.1.0-13-amd64` is 6.1. `None` if it starts otherwise.
    #[must_use]
    pub fn from_release(release: &str) -> Option<Self> {
        let number = |text: &str| {
            let end = text
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(text.len());
            text[..end].parse().ok().map(|number| (number, end))
        };
        let (major, end) = number(release)?;
        let (minor, _) = number(release[end..].strip_prefix('.')?)?;
        Some(Self { major, minor })
    }
}

impl Source {
    /// The same profile, as if nothing were known of the file that it was read from.
    #[must_use]
    pub fn without_origin(mut self) -> Self {
        self.origin = Origin::default();
        for rule in &mut self.rules {
            rule.positions = RulePositions::default();
        }
        self
    }

    /// Moves everything to where it is in a text that has the profile's inside.
    pub(super) fn move_positions(&mut self, outside: &dyn Fn(Position) -> Position) {
        let origin = &mut self.origin;
        let places = &mut origin.positions;
        let of_profile = [
            &mut places.profile,
            &mut places.default_action,
            &mut places.architectures,
            &mut places.arch_map,
            &mut places.flags,
            &mut places.listener_path,
            &mut places.rules,
        ];
        let mut all: Vec<&mut Position> = of_profile.into_iter().flatten().collect();
        all.extend(origin.remarks.iter_mut().map(|remark| &mut remark.position));
        for rule in &mut self.rules {
            let places = &mut rule.positions;
            let single = [
                &mut places.rule,
                &mut places.action,
                &mut places.includes,
                &mut places.excludes,
            ];
            all.extend(single.into_iter().flatten());
            all.extend(places.names.iter_mut().chain(&mut places.conditions));
        }
        for position in all {
            *position = outside(*position);
        }
    }

    /// Whether it depends on host, capabilities or kernel.
    #[must_use]
    pub fn is_conditional(&self) -> bool {
        let nothing = Filter::default();
        let conditional = |rule: &SourceRule| rule.includes != nothing || rule.excludes != nothing;
        !self.arch_map.is_empty() || self.rules.iter().any(conditional)
    }
}
