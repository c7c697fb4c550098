//! A unit: systemd knows names only, so the exact way is to start the program under the profile.

use super::Offer;
use super::words::unit;
use crate::profile::Action;
use std::collections::BTreeSet;
use std::fmt::Write as _;

pub(super) fn units(offer: &Offer<'_>) -> String {
    let presumes = offer.presumes;
    let mut out = String::new();
    if !presumes.is_host() {
        out.push_str(
            "# It has the calls of a container's runtime, too; `--runtime none` leaves them out.\n",
        );
    }
    let command = match offer.command {
        Some(words) if presumes.from_host => words.iter().map(unit).collect::<Vec<_>>().join(" "),
        Some(_) | None => "PROGRAM …".to_owned(),
    };
    let rights = rights(offer);
    // Who lacks CAP_SYS_ADMIN may load a filter only so.
    let early = match rights.is_empty() || may_load(offer) {
        true => "",
        false => " --no-new-privileges",
    };
    let _ = write!(
        out,
        "# Exactly the profile:\n[Service]\n{rights}ExecStart=seccomp-tracer run{early} --profile {} -- {command}\n\n\
         # Or by systemd itself, which knows names and no arguments:\n[Service]\n{rights}",
        unit(offer.path)
    );
    let profile = offer.profile;
    let names = |conditional: bool| -> BTreeSet<&str> {
        let rules = profile.rules.iter();
        let permitted = rules.filter(|rule| rule.action.permits());
        let chosen = permitted.filter(|rule| rule.conditions.is_empty() != conditional);
        chosen
            .flat_map(|rule| rule.names.iter().map(String::as_str))
            .collect()
    };
    let (always, sometimes) = (names(false), names(true));
    if let Action::Errno(errno) = profile.default_action {
        let _ = writeln!(out, "SystemCallErrorNumber={errno}");
    }
    // The first line makes it a list of what is allowed, to which systemd adds a set of its own.
    out.push_str("SystemCallFilter=@default\nSystemCallFilter=~@default\n");
    for name in &always {
        let _ = writeln!(out, "SystemCallFilter={name}");
    }
    for name in sometimes.difference(&always) {
        let _ = writeln!(
            out,
            "# `{name}` looks at arguments in the profile; this line allows it with any.\n\
             SystemCallFilter={name}"
        );
    }
    out
}

/// Whether what has these rights may load a filter as it is.
fn may_load(offer: &Offer<'_>) -> bool {
    let given = offer.given();
    let capabilities = given.capabilities.as_ref();
    let is_admin = capabilities.is_none_or(|all| all.contains("CAP_SYS_ADMIN"));
    is_admin && given.user.is_none()
}

/// The rights that what was recorded had.
fn rights(offer: &Offer<'_>) -> String {
    let given = offer.given();
    let mut out = String::new();
    if let Some(user) = &given.user {
        let (user, group) = user.split_once(':').unwrap_or((user, ""));
        let _ = writeln!(out, "User={}", unit(user));
        if !group.is_empty() {
            let _ = writeln!(out, "Group={}", unit(group));
        }
    }
    if offer.no_new_privs() {
        out.push_str("NoNewPrivileges=yes\n");
    }
    if let Some(capabilities) = &given.capabilities {
        let names: Vec<&str> = capabilities.iter().map(String::as_str).collect();
        let _ = writeln!(out, "CapabilityBoundingSet={}", names.join(" "));
    }
    out
}
