//! Options as GNU's `getopt_long` reads them, up to the first word that is none.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// What follows an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Nothing.
    None,
    /// A value, in the same word or in the next.
    Needed,
    /// Perhaps a value, in the same word.
    Possible,
}

/// What an option means for the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// It runs all the same.
    Runs,
    /// None is run, or another one, or not on this file system.
    Other,
}

/// An option: its letter, or 0; its long name, or none; what follows; what it means.
pub(super) struct Known(
    pub(super) u8,
    pub(super) &'static str,
    pub(super) Value,
    pub(super) Effect,
);

/// The options of a program.
pub(super) struct Options {
    known: &'static [Known],
    /// Words that look like options and are not read as such, wherever one may stand.
    apart: fn(&[u8]) -> bool,
}

impl Options {
    pub(super) const fn of(known: &'static [Known]) -> Self {
        Self {
            known,
            apart: |_| false,
        }
    }

    pub(super) const fn with(self, apart: fn(&[u8]) -> bool) -> Self {
        Self { apart, ..self }
    }

    /// Where the options from a place on end. `None` if one is not known, lacks its value, or means that it is not
    /// just the command that runs.
    pub(super) fn end(&self, words: &[OsString], from: usize) -> Option<usize> {
        let mut end = from;
        while let Some(word) = words.get(end).map(|word| word.as_bytes()) {
            end += match word {
                b"--" => return Some(end + 1),
                word if (self.apart)(word) => 1,
                [b'-', b'-', long @ ..] => self.long(long)?,
                [b'-', letters @ ..] if !letters.is_empty() => self.letters(letters)?,
                _ => break,
            };
        }
        // The value of the last option may be missing.
        (end <= words.len()).then_some(end)
    }

    /// How many words a long option takes up. It may be shortened as long as no other one begins so.
    fn long(&self, word: &[u8]) -> Option<usize> {
        let equals = word.iter().position(|&byte| byte == b'=');
        let name = &word[..equals.unwrap_or(word.len())];
        let named = self.known.iter().filter(|known| !known.1.is_empty());
        let mut begins = named.filter(|known| known.1.as_bytes().starts_with(name));
        let exact = self.known.iter().find(|known| known.1.as_bytes() == name);
        let Known(_, _, value, effect) = match exact {
            Some(known) if !name.is_empty() => known,
            _ => begins.next().filter(|_| begins.next().is_none())?,
        };
        match (effect, value, equals) {
            (Effect::Other, ..) | (Effect::Runs, Value::None, Some(_)) => None,
            (Effect::Runs, Value::Needed, None) => Some(2),
            (Effect::Runs, _, _) => Some(1),
        }
    }

    /// The same for a cluster of one-letter options.
    fn letters(&self, letters: &[u8]) -> Option<usize> {
        let mut rest = letters;
        while let [letter, tail @ ..] = rest {
            let known = self.known.iter().find(|known| known.0 == *letter)?;
            match (known.3, known.2) {
                (Effect::Other, _) => return None,
                (Effect::Runs, Value::Needed) => return Some(1 + usize::from(tail.is_empty())),
                (Effect::Runs, Value::Possible) => return Some(1),
                (Effect::Runs, Value::None) => rest = tail,
            }
        }
        Some(1)
    }
}
