//! The rules of the audit: stable ids, and what each is about. It knows nothing of any particular profile.

mod table;

use crate::syscall::nearest;
use std::fmt;
use std::str::FromStr;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know.
    Info,
    /// Untidy, or a risk that most profiles take.
    Low,
    /// Something does not do what it seems to do, or may break.
    Medium,
    /// Something is open that should be closed, or breaks.
    High,
}

impl Severity {
    /// Every severity, the lowest first.
    pub const ALL: [Self; 4] = [Self::Info, Self::Low, Self::Medium, Self::High];

    /// Its name, as users write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Severity {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|severity| severity.name() == name)
            .ok_or(())
    }
}

/// A rule, by its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleId {
    /// The filter permits what the base refuses.
    BeyondBase,
    /// Registers that the kernel cuts reach what the base refuses.
    TruncationBypass,
    /// Registers that the kernel cuts reach what the profile itself refuses.
    TruncatedArgument,
    /// A 32-bit multiplexer reaches what is refused or restricted.
    MultiplexedCall,
    /// The filter does something else than the profile says.
    Miscompiled,
    /// No filter can be made of the profile.
    RefusedProfile,
    /// No container starts with the profile.
    CannotStart,
    /// io_uring is permitted.
    IoUringBypass,
    /// What no rule speaks of is not refused.
    WeakDefault,
    /// A known kernel exploit is not stopped.
    ExploitedCall,
    /// The engine takes the profile for something else.
    MisreadDialect,
    /// A key that is nearly one that engines know.
    MistypedKey,
    /// Something that engines ignore or take otherwise.
    IgnoredText,
    /// A name that no ABI has.
    UnknownName,
    /// One argument tested twice in a rule.
    RepeatedArgument,
    /// A rule that never decides.
    UnreachableRule,
    /// A rule that does not decide everything that it speaks of.
    ShadowedRule,
    /// A rule that does what is done by default.
    RedundantRule,
    /// A rule that says what others say.
    DuplicateRule,
    /// A call that every program needs is refused.
    MissingEssential,
    /// An errno from which C libraries do not fall back.
    EnosysNeeded,
    /// Something recorded would be denied.
    WouldDeny,
    /// Recorded, but whether it would be denied is not known.
    Undecided,
    /// The recordings are incomplete.
    LostFacts,
    /// Permitted and not recorded.
    UnusedCall,
    /// A rule with conditions that nothing recorded meets.
    UnusedValue,
    /// A running target's filter permits other calls than the profile.
    InstalledFilter,
    /// A running target's filter refuses in another way than the profile says.
    InstalledAnswer,
    /// A running target's filter refused a call.
    RefusedCall,
    /// An entry of the ignore file is over.
    ExpiredIgnore,
    /// An entry of the ignore file ignores nothing.
    UnusedIgnore,
}

/// What a rule is about, for whoever meets its id in a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Which one.
    pub rule: RuleId,
    /// Its stable id.
    pub id: &'static str,
    /// It in few words.
    pub title: &'static str,
    /// What was found.
    pub what: &'static str,
    /// Why that matters.
    pub why: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
    /// Who decides over it: a capability, a condition of the base, the engine; empty where nobody does.
    pub gate: &'static str,
    /// How severe findings are, unless something about one makes it more or less so.
    pub severity: Severity,
}

impl RuleId {
    /// What it is about.
    #[must_use]
    pub fn rule(self) -> &'static Rule {
        let found = all().iter().find(|rule| rule.rule == self);
        found.expect("a test looks for every rule in the table")
    }

    /// Its stable id.
    #[must_use]
    pub fn id(self) -> &'static str {
        self.rule().id
    }
}

/// Every rule, in a fixed order.
#[must_use]
pub const fn all() -> &'static [Rule] {
    table::RULES
}

/// The rule of that id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Rule> {
    all().iter().find(|rule| rule.id == id)
}

/// Ids that were probably meant by one that no rule has, the nearest first; few.
#[must_use]
pub fn similar_ids(wanted: &str) -> Vec<&'static str> {
    nearest::similar(wanted, all().iter().map(|rule| rule.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_rule_is_in_the_table_once_and_says_what_it_should() {
        let ids: BTreeSet<&str> = all().iter().map(|rule| rule.id).collect();
        assert_eq!(ids.len(), all().len());
        // The table is in the order of the ids, of which the last is known, so none is missing.
        let order: Vec<RuleId> = all().iter().map(|rule| rule.rule).collect();
        assert!(order.is_sorted());
        assert_eq!(order.len(), RuleId::UnusedIgnore as usize + 1);
        for rule in all() {
            assert_eq!(rule.rule.rule(), rule);
            assert_eq!(find(rule.id), Some(rule));
            let letters = |c: char| c.is_ascii_lowercase() || c == '-';
            assert!(rule.id.chars().all(letters), "{}", rule.id);
            assert!(!rule.title.ends_with('.'), "{}", rule.id);
            for text in [rule.what, rule.why, rule.remedy] {
                assert!(
                    text.ends_with('.') && text.len() > 10,
                    "{}: {text}",
                    rule.id
                );
            }
            assert!(
                rule.gate.is_empty() || rule.gate.ends_with('.'),
                "{}",
                rule.id
            );
        }
    }

    #[test]
    fn a_mistyped_id_is_guessed() {
        assert_eq!(similar_ids("beyond-bsae"), ["beyond-base"]);
        assert_eq!(similar_ids("no-such-thing-at-all"), [""; 0]);
    }
}
