//! The options of each command that runs another one.

use super::options::Effect::{Other, Runs};
use super::options::Value::{Needed, None, Possible};
use super::options::{Known, Options};

/// `env`. What `-S` splits is text of its own, and is left alone.
pub(super) static ENV: Options = Options::of(&[
    Known(b'a', "argv0", Needed, Runs),
    Known(b'i', "ignore-environment", None, Runs),
    Known(b'0', "null", None, Other),
    Known(b'u', "unset", Needed, Runs),
    Known(b'C', "chdir", Needed, Runs),
    Known(b'S', "split-string", Needed, Other),
    Known(b'v', "debug", None, Runs),
    Known(0, "block-signal", Possible, Runs),
    Known(0, "default-signal", Possible, Runs),
    Known(0, "ignore-signal", Possible, Runs),
    Known(0, "list-signal-handling", None, Runs),
    Known(0, "help", None, Other),
    Known(0, "version", None, Other),
]);

/// `nice`.
pub(super) static NICE: Options = Options::of(&[
    Known(b'n', "adjustment", Needed, Runs),
    Known(0, "help", None, Other),
    Known(0, "version", None, Other),
])
.with(is_adjustment);

/// An old way to write nice's adjustment: `-5`, `--5` and `-+5`.
fn is_adjustment(word: &[u8]) -> bool {
    let rest = match word {
        [b'-', b'-' | b'+', rest @ ..] | [b'-', rest @ ..] => rest,
        _ => return false,
    };
    rest.first().is_some_and(u8::is_ascii_digit)
}

/// GNU `time`.
pub(super) static TIME: Options = Options::of(&[
    Known(b'a', "append", None, Runs),
    Known(b'f', "format", Needed, Runs),
    Known(b'o', "output", Needed, Runs),
    Known(b'p', "portability", None, Runs),
    Known(b'q', "quiet", None, Runs),
    Known(b'v', "verbose", None, Runs),
    Known(b'h', "help", None, Other),
    Known(b'V', "version", None, Other),
]);

/// `timeout`.
pub(super) static TIMEOUT: Options = Options::of(&[
    Known(b'f', "foreground", None, Runs),
    Known(b'k', "kill-after", Needed, Runs),
    Known(b'p', "preserve-status", None, Runs),
    Known(b's', "signal", Needed, Runs),
    Known(b'v', "verbose", None, Runs),
    Known(0, "help", None, Other),
    Known(0, "version", None, Other),
]);

/// `sudo`. With `-i` and `-s` a shell reads the words; with `-h HOST` the command may run elsewhere, and with `-R` on
/// another root.
pub(super) static SUDO: Options = Options::of(&[
    Known(b'A', "askpass", None, Runs),
    Known(b'B', "bell", None, Runs),
    Known(b'b', "background", None, Runs),
    Known(b'C', "close-from", Needed, Runs),
    Known(b'D', "chdir", Needed, Runs),
    Known(b'E', "", None, Runs),
    Known(0, "preserve-env", Possible, Runs),
    Known(b'e', "edit", None, Other),
    Known(b'g', "group", Needed, Runs),
    Known(b'H', "set-home", None, Runs),
    Known(b'h', "help", None, Other),
    Known(0, "host", Needed, Other),
    Known(b'i', "login", None, Other),
    Known(b'K', "remove-timestamp", None, Other),
    Known(b'k', "reset-timestamp", None, Runs),
    Known(b'l', "list", None, Other),
    Known(b'N', "no-update", None, Runs),
    Known(b'n', "non-interactive", None, Runs),
    Known(b'P', "preserve-groups", None, Runs),
    Known(b'p', "prompt", Needed, Runs),
    Known(b'R', "chroot", Needed, Other),
    Known(b'r', "role", Needed, Runs),
    Known(b'S', "stdin", None, Runs),
    Known(b's', "shell", None, Other),
    Known(b'T', "command-timeout", Needed, Runs),
    Known(b't', "type", Needed, Runs),
    Known(b'U', "other-user", Needed, Other),
    Known(b'u', "user", Needed, Runs),
    Known(b'V', "version", None, Other),
    Known(b'v', "validate", None, Other),
]);
