//! Writes a profile as the settings of a systemd unit.
//!
//! `SystemCallFilter=` first makes a list of what is allowed, to which systemd adds its own `@default`; that
//! is taken out again, and then what the profile allows is put in. Refusals of their own follow behind `~`.
//! A list of what is refused begins with `~` right away. Calls that are newer than the systemd in use are
//! answered with ENOSYS there, as runc does it for calls newer than the profile.
//! <https://github.com/systemd/systemd/blob/v255/src/core/load-fragment.c>

use super::loss::{Inexpressible, Losses, Part};
use super::verdict::{Verdict, is_plain, verdicts};
use crate::profile::errno;
use crate::profile::meaning::is_multiplexed;
use crate::profile::model::{Action, Profile};
use crate::syscall::Abi;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The largest errno that systemd takes.
const ERRNO_MAX: u16 = 4095;

/// The longest line, beside a name that is longer itself.
const COLUMNS: usize = 100;

/// The section of a drop-in.
///
/// # Errors
///
/// [`Inexpressible`] for conditions on arguments, actions other than allowing, an errno, and ending the
/// process, flags, a listener, and architectures on which systemd filters otherwise.
pub fn systemd(profile: &Profile, native: Abi) -> Result<String, Inexpressible> {
    let mut losses = Losses::new("systemd");
    losses.add_installation(profile.flags.as_deref(), profile.listener_path.as_deref());
    let mut text = "[Service]\n".to_owned();
    architectures(profile, native, &mut text, &mut losses);
    let allows = profile.default_action == Action::Allow;
    match (allows, treatment(profile.default_action)) {
        (true, _) => {}
        // Zero would be no errno at all.
        (false, Some(word)) if word != "0" => {
            let _ = writeln!(text, "SystemCallErrorNumber={word}");
        }
        (false, _) => losses.add(Part::DefaultAction(profile.default_action)),
    }
    let (allowed, refused) = sorted(profile, &mut losses);
    let abis = profile.abis.iter().copied().chain([native]);
    for abi in abis.collect::<BTreeSet<Abi>>() {
        // systemd adds rules exactly, which libseccomp refuses for these, and then leaves them out.
        let names = allowed.iter().chain(refused.keys());
        for &name in names.filter(|name| is_multiplexed(abi, name)) {
            let (name, architecture) = (name.to_owned(), abi.oci_name());
            losses.add(Part::Multiplexed { name, architecture });
        }
    }
    if !allows {
        // The first list decides that it is one of what is allowed.
        text.push_str("SystemCallFilter=@default\nSystemCallFilter=~@default\n");
        lines("SystemCallFilter=", &allowed, &mut text);
    }
    let refused: Vec<String> = refused
        .into_iter()
        .map(|(name, treatment)| format!("{name}:{treatment}"))
        .collect();
    let refused: Vec<&str> = refused.iter().map(String::as_str).collect();
    lines("SystemCallFilter=~", &refused, &mut text);
    losses.finish(text)
}

/// The names that are allowed, and those that are refused in a way of their own.
fn sorted<'a>(
    profile: &'a Profile,
    losses: &mut Losses,
) -> (Vec<&'a str>, BTreeMap<&'a str, String>) {
    let (mut allowed, mut refused) = (Vec::new(), BTreeMap::new());
    for (name, verdict) in verdicts(profile) {
        // A unit file gives blanks, signs and percent signs a meaning.
        if !is_plain(name) {
            losses.add(Part::Name(name.to_owned()));
        }
        match verdict {
            Verdict::Always(Action::Allow) => allowed.push(name),
            Verdict::Always(action) => match treatment(action) {
                Some(word) => drop(refused.insert(name, word)),
                None => {
                    let name = name.to_owned();
                    losses.add(Part::Action { name, action });
                }
            },
            Verdict::Depending(alternatives) => losses.add_conditions(name, &alternatives),
        }
    }
    (allowed, refused)
}

/// How systemd writes a refusal, if it can.
fn treatment(action: Action) -> Option<String> {
    match action {
        Action::KillProcess => Some("kill".to_owned()),
        Action::Errno(number) if number <= ERRNO_MAX => {
            let name = errno::name(number).map(ToOwned::to_owned);
            Some(name.unwrap_or_else(|| number.to_string()))
        }
        _ => None,
    }
}

/// Calls of architectures that are not listed end the thread, as everywhere.
fn architectures(profile: &Profile, native: Abi, text: &mut String, losses: &mut Losses) {
    // The native one is in every filter.
    let mut words = vec!["native"];
    let others = profile.abis.iter().filter(|&&abi| abi != native);
    words.extend(others.map(|&abi| word(abi)));
    for name in &profile.other_architectures {
        losses.add(Part::Architecture(name.clone()));
    }
    let _ = writeln!(text, "SystemCallArchitectures={}", words.join(" "));
}

const fn word(abi: Abi) -> &'static str {
    match abi {
        Abi::X86_64 => "x86-64",
        Abi::I386 => "x86",
        Abi::X32 => "x32",
        Abi::Aarch64 => "arm64",
        Abi::Arm => "arm",
    }
}

/// Writes words behind a key, as many to a line as fit; repeated keys add up.
fn lines(key: &str, words: &[&str], text: &mut String) {
    let mut line = key.to_owned();
    for word in words {
        if line.len() > key.len() && line.len() + 1 + word.len() > COLUMNS {
            let _ = writeln!(text, "{line}");
            key.clone_into(&mut line);
        }
        if line.len() > key.len() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if line.len() > key.len() {
        let _ = writeln!(text, "{line}");
    }
}
