//! Commands that run another command: `env`, `timeout`, `nice`, `sudo` and `time`, looked through to the one that is
//! meant.
//!
//! Pure. Each one's arguments are read as it reads them itself; whatever is not certain is not looked through, so
//! that nothing is ever taken for a command that is none. Text for a shell is never interpreted.
//! The grammars are those of the GNU coreutils 9, of sudo 1.9 and of GNU time 1.9:
//! <https://www.gnu.org/software/coreutils/manual/html_node/Modified-command-invocation.html>,
//! <https://www.sudo.ws/docs/man/sudo.man/>, <https://www.gnu.org/software/time/>.

mod options;
mod tables;

use options::Options;
use std::ffi::{OsStr, OsString};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// How deep commands are looked through; nobody writes more.
const DEPTH_MAX: usize = 16;

/// The command that is meant, behind those that run it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Behind {
    /// Its place among the words.
    pub at: usize,
    /// The words before it that decide where and as whom it runs: whoever asks what it would be told has to ask
    /// behind the same.
    surroundings: Vec<Range<usize>>,
}

impl Behind {
    /// The words that decide where and as whom it runs.
    #[must_use]
    pub fn surroundings(&self, words: &[OsString]) -> Vec<OsString> {
        let parts = self.surroundings.iter();
        let parts = parts.filter_map(|part| words.get(part.clone()));
        parts.flatten().cloned().collect()
    }
}

/// What a command that runs another one is, beside its options.
struct Wrapper {
    name: &'static str,
    options: &'static Options,
    /// Words before the command, after the options.
    operands: usize,
    /// Whether `NAME=VALUE` may come before the command.
    assigns: bool,
    /// Whether it decides where and as whom the command runs.
    surrounds: bool,
}

const WRAPPERS: [Wrapper; 5] = [
    Wrapper {
        name: "env",
        options: &tables::ENV,
        operands: 0,
        assigns: true,
        surrounds: true,
    },
    Wrapper {
        name: "nice",
        options: &tables::NICE,
        operands: 0,
        assigns: false,
        surrounds: false,
    },
    Wrapper {
        name: "sudo",
        options: &tables::SUDO,
        operands: 0,
        assigns: true,
        surrounds: true,
    },
    Wrapper {
        name: "time",
        options: &tables::TIME,
        operands: 0,
        assigns: false,
        surrounds: false,
    },
    Wrapper {
        name: "timeout",
        options: &tables::TIMEOUT,
        operands: 1,
        assigns: false,
        surrounds: false,
    },
];

/// Looks through the commands that run another one.
#[must_use]
pub fn behind(words: &[OsString]) -> Behind {
    let mut found = Behind::default();
    for _ in 0..DEPTH_MAX {
        let Some(wrapper) = words.get(found.at).and_then(|word| wrapper(word)) else {
            break;
        };
        let Some(next) = wrapper.command(words, found.at) else {
            break;
        };
        if wrapper.surrounds {
            found.surroundings.push(found.at..next);
        }
        found.at = next;
    }
    found
}

fn wrapper(program: &OsStr) -> Option<&'static Wrapper> {
    let name = Path::new(program).file_name()?;
    WRAPPERS.iter().find(|wrapper| name == wrapper.name)
}

impl Wrapper {
    /// Where its command is; `None` if it runs none, or not just this.
    fn command(&self, words: &[OsString], at: usize) -> Option<usize> {
        let mut command = self.options.end(words, at + 1)?;
        // To env a hyphen alone is an option, too, where its options end.
        if self.name == "env" && words.get(command).is_some_and(|word| word == "-") {
            command += 1;
        }
        if self.assigns {
            let is_assignment = |word: &OsString| word.as_bytes().contains(&b'=');
            while words.get(command).is_some_and(is_assignment) {
                command += 1;
            }
        }
        command += self.operands;
        (command < words.len()).then_some(command)
    }
}

#[cfg(test)]
mod tests;
