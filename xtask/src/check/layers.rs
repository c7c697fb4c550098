//! The layers of the library only look down, and each edge keeps its tools to itself.

use super::{files, text_of, verdict};
use anyhow::Result;
use std::path::Path;

/// The layers that think, and the modules of the library that each may name.
const LAYERS: &[(&str, &[&str])] = &[
    ("syscall", &["syscall"]),
    ("recording", &["syscall", "recording"]),
    ("profile", &["syscall", "profile"]),
    ("reach", &["syscall", "reach"]),
    ("estimate", &["syscall", "recording", "estimate"]),
    ("minimize", &["syscall", "recording", "profile", "minimize"]),
    (
        "audit",
        &[
            "syscall",
            "recording",
            "estimate",
            "profile",
            "reach",
            "audit",
        ],
    ),
    (
        "report",
        &[
            "syscall",
            "recording",
            "estimate",
            "profile",
            "reach",
            "minimize",
            "audit",
            "report",
        ],
    ),
];

/// Words and the only modules that may have them in their code.
const KEPT: &[(&str, &[&str])] = &[
    ("aya::", &["probe"]),
    ("aya_log::", &["probe"]),
    ("clap::", &["cli"]),
    ("async fn", &["session", "daemon"]),
    ("async move", &["session", "daemon"]),
    (".await", &["session", "daemon"]),
    ("println!", &["cli"]),
    ("process::exit", &["cli"]),
];

/// Words that do something outside, which the layers that think must not have.
const OUTSIDE: &[&str] = &[
    "std::fs",
    "std::net",
    "std::process",
    "std::env",
    "SystemTime",
    "Instant::now",
];

pub(super) fn check() -> Result<()> {
    let mut problems = Vec::new();
    for file in files()? {
        let Ok(inside) = file.strip_prefix("tracer/src") else {
            continue;
        };
        let is_code = file.extension().is_some_and(|extension| extension == "rs");
        if let Some(text) = text_of(&file).filter(|_| is_code) {
            examine(&file, &module(inside), &text, &mut problems);
        }
    }
    verdict(&problems)
}

/// The module of the library that a file belongs to.
fn module(inside: &Path) -> String {
    let first = inside.components().next();
    let first = first.map(|first| first.as_os_str().to_string_lossy().into_owned());
    first.unwrap_or_default().trim_end_matches(".rs").to_owned()
}

/// Finds what the code of one file should not say.
fn examine(file: &Path, module: &str, text: &str, problems: &mut Vec<String>) {
    let layer = LAYERS.iter().find(|(name, _)| *name == module);
    for (number, line) in code(text) {
        let mut object =
            |problem: String| problems.push(format!("{}:{number}: {problem}", file.display()));
        for (word, modules) in KEPT {
            if says(line, word) && !modules.contains(&module) {
                object(format!(
                    "only `{}` may say `{word}`",
                    modules.join("` or `")
                ));
            }
        }
        let Some((_, below)) = layer else { continue };
        for named in named_modules(line).filter(|named| !below.contains(named)) {
            object(format!("`{module}` must not name `{named}`"));
        }
        for word in OUTSIDE.iter().filter(|word| line.contains(**word)) {
            object(format!("`{module}` is pure and must not say `{word}`"));
        }
    }
}

/// Whether a line has the word, and not only the beginning of a longer one.
fn says(line: &str, word: &str) -> bool {
    let goes_on = |c: char| c.is_alphanumeric() || c == '_';
    let is_name = word.ends_with(goes_on);
    let mut after = line.split(word).skip(1);
    after.any(|rest| !(is_name && rest.starts_with(goes_on)))
}

/// The lines of code before the tests, with their numbers. Comments may name anything.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text
        .lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"));
    let numbered = lines.enumerate().map(|(index, line)| (index + 1, line));
    numbered.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// The modules of the library that a line names.
fn named_modules(line: &str) -> impl Iterator<Item = &str> {
    line.split("crate::")
        .skip(1)
        .flat_map(|rest| {
            // `use crate::{audit, profile};` names two.
            let list = rest
                .strip_prefix('{')
                .and_then(|rest| rest.split('}').next());
            let parts: Vec<&str> =
                list.map_or_else(|| vec![rest], |list| list.split(',').collect());
            parts.into_iter().map(|part| {
                let part = part.trim_start();
                let end = part
                    .find(|c: char| !c.is_ascii_lowercase() && c != '_')
                    .unwrap_or(part.len());
                &part[..end]
            })
        })
        .filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_the_modules_after_crate() {
        let named = |line| named_modules(line).collect::<Vec<_>>();
        assert_eq!(named("use crate::audit::{Audit, audit};"), ["audit"]);
        assert_eq!(
            named("use crate::{audit, profile::Profile};"),
            ["audit", "profile"]
        );
        assert_eq!(
            named("fn f(_: crate::report::A, _: crate::cli::B)"),
            ["report", "cli"]
        );
        assert_eq!(named("use crate::Thing;"), [""; 0]);
        assert_eq!(named("let x = 1;"), [""; 0]);
    }

    #[test]
    fn layers_are_objected_to_where_they_look_up_or_outside() {
        let problems = |module: &str, text: &str| {
            let mut problems = Vec::new();
            examine(Path::new("f.rs"), module, text, &mut problems);
            problems
        };
        assert_eq!(problems("profile", "use crate::syscall::Call;\n"), [""; 0]);
        assert_eq!(
            problems(
                "profile",
                "//! See `crate::cli`.\nuse crate::recording::Recording;\n"
            ),
            ["f.rs:2: `profile` must not name `recording`"]
        );
        assert_eq!(
            problems("audit", "use std::fs;"),
            ["f.rs:1: `audit` is pure and must not say `std::fs`"]
        );
        assert_eq!(problems("audit", "#[cfg(test)]\nuse std::fs;"), [""; 0]);
        assert_eq!(problems("target", "use std::fs;"), [""; 0]);
        assert_eq!(
            problems("target", "use aya::Ebpf;"),
            ["f.rs:1: only `probe` may say `aya::`"]
        );
        assert_eq!(problems("probe", "use aya::Ebpf;"), [""; 0]);
        assert_eq!(problems("cli", "papers.awaits_start"), [""; 0]);
        assert_eq!(
            problems("cli", "soon.await?"),
            ["f.rs:1: only `session` or `daemon` may say `.await`"]
        );
    }
}
