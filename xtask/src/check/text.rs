//! What the texts of the project promise: licences, changelog, links, words, and sizes.

use super::{files, text_of, verdict};
use crate::command::root;
use anyhow::{Context, Result, ensure};
use std::path::Path;

/// The licences are there, name their holder, and are those that the packages name.
pub(super) fn licences() -> Result<()> {
    let holder = "the seccomp-tracer authors";
    for (file, sign) in [
        (
            "LICENSE-MIT",
            "Permission is hereby granted, free of charge",
        ),
        ("LICENSE-APACHE", "Apache License"),
    ] {
        let text = text_of(Path::new(file)).with_context(|| format!("cannot read `{file}`"))?;
        ensure!(text.contains(sign), "`{file}` does not say `{sign}`");
        ensure!(text.contains(holder), "`{file}` does not name {holder}");
    }
    let manifest = text_of(Path::new("Cargo.toml")).context("cannot read `Cargo.toml`")?;
    ensure!(
        manifest.contains("license = \"MIT OR Apache-2.0\""),
        "`Cargo.toml` does not name the two licences"
    );
    Ok(())
}

/// The changelog begins with what is not released, and its releases are dated.
pub(super) fn changelog() -> Result<()> {
    let text = text_of(Path::new("CHANGELOG.md")).context("cannot read `CHANGELOG.md`")?;
    verdict(&changelog_problems(&text))
}

/// The groups of a changelog that Keep a Changelog knows.
const GROUPS: &[&str] = &[
    "Added",
    "Changed",
    "Deprecated",
    "Removed",
    "Fixed",
    "Security",
];

fn changelog_problems(text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let mut lines = text.lines();
    if lines.next() != Some("# Changelog") {
        problems.push("the first line is not `# Changelog`".to_owned());
    }
    let heads: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .collect();
    if heads.first() != Some(&"[Unreleased]") {
        problems.push("the first heading is not `## [Unreleased]`".to_owned());
    }
    for head in heads.iter().skip(1).filter(|head| !is_release(head)) {
        problems.push(format!("`## {head}` is not like `## [1.2.3] - 2026-01-31`"));
    }
    for group in text.lines().filter_map(|line| line.strip_prefix("### ")) {
        if !GROUPS.contains(&group) {
            problems.push(format!("`### {group}` is none of: {}", GROUPS.join(", ")));
        }
    }
    problems
}

/// Whether this is the head of a release: a version and a date.
fn is_release(head: &str) -> bool {
    let numbers = |text: &str, separator, widths: &[usize]| {
        let parts: Vec<&str> = text.split(separator).collect();
        parts.len() == widths.len()
            && parts.iter().zip(widths).all(|(part, width)| {
                !part.is_empty()
                    && part.bytes().all(|byte| byte.is_ascii_digit())
                    && (*width == 0 || part.len() == *width)
            })
    };
    head.strip_prefix('[')
        .and_then(|rest| rest.split_once("] - "))
        .is_some_and(|(version, date)| {
            numbers(version, '.', &[0, 0, 0]) && numbers(date, '-', &[4, 2, 2])
        })
}

/// Links in texts to files of the project lead somewhere.
pub(super) fn links() -> Result<()> {
    let mut problems = Vec::new();
    for file in files()?
        .iter()
        .filter(|file| file.extension().is_some_and(|end| end == "md"))
    {
        let text = text_of(file).with_context(|| format!("cannot read `{}`", file.display()))?;
        let folder = root().join(file.parent().unwrap_or(Path::new("")));
        for target in link_targets(&text) {
            if !folder.join(target).exists() {
                problems.push(format!("{}: `{target}` does not exist", file.display()));
            }
        }
    }
    verdict(&problems)
}

/// The files that a text links to, without anchors; other sites are left out.
fn link_targets(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| {
        let target = rest.split(')').next()?.split('#').next()?;
        let elsewhere =
            target.is_empty() || target.contains("://") || target.starts_with("mailto:");
        (!elsewhere).then_some(target)
    })
}

/// Words that mean unfinished work, a silenced check, or somebody's own machine. Written in halves, so that
/// this file does not have them.
const FORBIDDEN: &[[&str; 2]] = &[
    ["FIX", "ME"],
    ["XX", "X:"],
    ["TO", "DO:"],
    ["todo", "!("],
    ["#[ign", "ore"],
    ["#[all", "ow("],
    ["#![all", "ow("],
    ["../sha", "red"],
    ["/wor", "k/"],
    ["/roo", "t/"],
    ["<<<<", "<<< "],
];

/// No file has a forbidden word.
pub(super) fn words() -> Result<()> {
    let mut problems = Vec::new();
    for file in files()? {
        let text = text_of(&file).unwrap_or_default();
        for (index, line) in text.lines().enumerate() {
            for word in FORBIDDEN.iter().map(|halves| halves.concat()) {
                if line.contains(&word) {
                    problems.push(format!("{}:{}: `{word}`", file.display(), index + 1));
                }
            }
        }
    }
    verdict(&problems)
}

/// The longest that a file of code may be. A file is one thought.
const LINES_MAX: usize = 600;

/// No file of code is too long; tables are no thoughts.
pub(super) fn sizes() -> Result<()> {
    let mut problems = Vec::new();
    for file in files()? {
        let table = file.components().any(|part| part.as_os_str() == "table");
        let code = file.extension().is_some_and(|end| end == "rs") && !table;
        let lines = text_of(&file)
            .filter(|_| code)
            .unwrap_or_default()
            .lines()
            .count();
        if lines > LINES_MAX {
            problems.push(format!(
                "{}: {lines} lines, more than {LINES_MAX}",
                file.display()
            ));
        }
    }
    verdict(&problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changelog_is_judged_by_its_headings() {
        let table: &[(&str, &[&str])] = &[
            (
                "# Changelog\n\n## [Unreleased]\n### Added\n## [0.1.0] - 2026-11-24\n",
                &[],
            ),
            (
                "# Changes\n## [Unreleased]\n",
                &["the first line is not `# Changelog`"],
            ),
            (
                "# Changelog\n## [0.1.0] - 2026-11-24\n",
                &["the first heading is not `## [Unreleased]`"],
            ),
            (
                "# Changelog\n## [Unreleased]\n## 0.1.0\n### News\n",
                &[
                    "`## 0.1.0` is not like `## [1.2.3] - 2026-01-31`",
                    "`### News` is none of: Added, Changed, Deprecated, Removed, Fixed, Security",
                ],
            ),
        ];
        for (text, problems) in table {
            assert_eq!(changelog_problems(text), *problems, "{text}");
        }
    }

    #[test]
    fn a_release_has_a_version_and_a_date() {
        for (head, expected) in [
            ("[1.2.3] - 2026-01-31", true),
            ("[1.2.3]", false),
            ("[1.2] - 2026-01-31", false),
            ("[1.2.x] - 2026-01-31", false),
            ("[1.2.3] - 31.1.2026", false),
            ("[1.2.3] - 26-01-31", false),
        ] {
            assert_eq!(is_release(head), expected, "{head}");
        }
    }

    #[test]
    fn links_to_files_are_found() {
        let text = "[a](b.md) [c](https://example.org) [d](#e) ![f](g.png#h) (i)";
        assert_eq!(link_targets(text).collect::<Vec<_>>(), ["b.md", "g.png"]);
    }
}
