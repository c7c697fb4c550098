//! What a program does in one run and not in another: calls that come by chance, calls that give no more power
//! than others, and options of sockets that only tune.
//!
//! Our own file on it, and nothing of what is done with it.

use super::fallback::NamedValues;
use crate::syscall::{Call, catalog};
use serde::Deserialize;
use std::sync::LazyLock;

/// Everything that is known.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chance {
    #[serde(rename = "comment")]
    _comment: String,
    /// Calls that are made sooner or later by who makes others.
    pub chance: Vec<Companions>,
    /// Calls that give no more power than others.
    pub equals: Vec<Companions>,
    /// Options of sockets that only tune.
    pub tuning: Vec<Tuning>,
}

/// Calls that go with others.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Companions {
    /// Calls with which they go, each by itself.
    pub when: Vec<String>,
    /// Only where one of these was seen with one of these values.
    #[serde(default)]
    pub given: NamedValues,
    /// Only where all of these were seen, too.
    #[serde(default)]
    pub with: Vec<String>,
    /// What goes with them.
    pub then: Vec<String>,
    /// Values that `then` needs.
    #[serde(default)]
    pub arguments: NamedValues,
    /// Why.
    pub reason: String,
    /// Known exploits make `then` and not `when`: why it is permitted nevertheless.
    pub despite: Option<String>,
}

/// Options of a level.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tuning {
    /// Calls with which they go, each by itself.
    pub when: Vec<String>,
    /// Calls that take them.
    pub calls: Vec<String>,
    /// The level, by name.
    pub level: String,
    /// The options, by name; an ABI has only some of them.
    pub options: Vec<String>,
    /// Why they are permitted.
    pub reason: String,
}

static CHANCE: LazyLock<Chance> = LazyLock::new(|| {
    let text = include_str!("../../../profiles/chance.json");
    serde_json::from_str(text).expect("our own file; a test reads it")
});

/// Everything that is known.
#[must_use]
pub fn known() -> &'static Chance {
    &CHANCE
}

impl Companions {
    /// The one of the calls with which they go that has that name.
    #[must_use]
    pub fn of(&self, name: &str) -> Option<&str> {
        let mut when = self.when.iter().map(String::as_str);
        when.find(|when| *when == name)
    }
}

impl Tuning {
    /// The options that a call takes, as values of its tracked arguments by position.
    pub fn values(&self, call: Call) -> impl Iterator<Item = Vec<(u8, u64)>> {
        let names = self.options.iter();
        names.filter_map(move |option| catalog::socket_option(call, &self.level, option))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::fallback::check_values;
    use crate::syscall::{Abi, is_known_name};

    #[test]
    fn our_own_file_is_about_real_calls_and_values() {
        for one in known().chance.iter().chain(&known().equals) {
            for name in one.when.iter().chain(&one.with).chain(&one.then) {
                assert!(is_known_name(name), "{name}");
            }
            check_values(&one.when, &one.given);
            check_values(&one.then, &one.arguments);
            let reasons = [Some(&one.reason), one.despite.as_ref()];
            for reason in reasons.into_iter().flatten() {
                assert!(reason.len() > 10, "{:?}", one.then);
            }
        }
        for one in &known().tuning {
            assert!(one.reason.len() > 10, "{}", one.level);
            for name in one.when.iter().chain(&one.calls) {
                assert!(is_known_name(name), "{name}");
            }
            for option in &one.options {
                let abis = Abi::ALL.into_iter();
                let calls = abis.filter_map(|abi| Call::named(abi, &one.calls[0]));
                let mut found =
                    calls.filter_map(|call| catalog::socket_option(call, &one.level, option));
                assert!(found.next().is_some(), "{option}");
            }
        }
    }
}
