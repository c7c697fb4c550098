//! What the README shows is what happens: its sessions are typed again and their output is compared.
//!
//! A fenced block `console` is a session: `$ ` begins a command, the rest is what it says. `…` stands for
//! anything within a line, and alone on a line for any lines. A fenced block `sh` holds the two commands that
//! are run anyway, since `cargo xtask test` does this.

use crate::command::{self, Root, root};
use crate::engine::Engine;
use crate::talk;
use crate::tally::Tally;
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::process::Stdio;

/// Type the README's commands and compare what they say.
#[derive(clap::Args)]
pub(crate) struct Arguments {}

/// Where the sessions take place, below the workspace.
const FOLDER: &str = "target/readme";

/// What `sh` blocks may say, because `cargo xtask test` does it: itself, and the demonstration.
const COVERED: &[&str] = &["cargo xtask demo", "cargo xtask test"];

pub(crate) fn run() -> Result<()> {
    let engine = Engine::ready()?;
    command::run(command::cargo().args(["build", "--release"]))?;
    let mut tally = Tally::default();
    check(&mut tally, &engine)?;
    drop(engine);
    tally.close()
}

/// Counts each block of the README; the product must have been built for release.
pub(crate) fn check(tally: &mut Tally, engine: &Engine) -> Result<()> {
    let text = fs::read_to_string(root().join("README.md")).context("cannot read `README.md`")?;
    let folder = root().join(FOLDER);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove `{FOLDER}`"))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot create `{FOLDER}`"))?;
    for block in blocks(&text) {
        let name = format!("README.md, line {}", block.line);
        match block.language {
            "console" => tally.count(&name, session(&block, engine))?,
            "sh" => tally.count(&name, covered(&block))?,
            _ => {}
        }
    }
    Ok(())
}

/// A fenced block.
#[derive(Debug, PartialEq, Eq)]
struct Block<'text> {
    language: &'text str,
    /// Where it begins.
    line: usize,
    lines: Vec<&'text str>,
}

/// The fenced blocks of a text.
fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut open: Option<Block<'_>> = None;
    for (index, line) in text.lines().enumerate() {
        let fence = line.strip_prefix("```");
        match (open.take(), fence) {
            (Some(block), Some(_)) => blocks.push(block),
            (Some(mut block), None) => {
                block.lines.push(line);
                open = Some(block);
            }
            (None, Some(language)) => {
                open = Some(Block {
                    language,
                    line: index + 1,
                    lines: Vec::new(),
                });
            }
            (None, None) => {}
        }
    }
    blocks
}

/// A command and what the README says that it says.
#[derive(Debug, PartialEq, Eq)]
struct Step<'text> {
    command: &'text str,
    expected: Vec<&'text str>,
}

/// The commands of a session.
fn steps<'text>(lines: &[&'text str]) -> Result<Vec<Step<'text>>> {
    let mut steps: Vec<Step<'_>> = Vec::new();
    for line in lines {
        if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step {
                command,
                expected: Vec::new(),
            });
        } else if let Some(step) = steps.last_mut() {
            step.expected.push(line);
        } else {
            bail!("a session begins with a command, not with `{line}`");
        }
    }
    ensure!(!steps.is_empty(), "a session without a command");
    Ok(steps)
}

/// Types a session in one shell and compares.
fn session(block: &Block<'_>, engine: &Engine) -> Result<()> {
    let steps = steps(&block.lines)?;
    let said = play(&steps, engine)?;
    ensure!(
        said.len() == steps.len(),
        "the session ended after {} of {} commands",
        said.len(),
        steps.len()
    );
    for (step, said) in steps.iter().zip(&said) {
        let said: Vec<&str> = said.lines().collect();
        if !matches(&step.expected, &said) {
            bail!(
                "`{}` says something else\n--- README.md\n{}\n--- really\n{}",
                step.command,
                step.expected.join("\n"),
                said.join("\n")
            );
        }
    }
    Ok(())
}

/// What each command of a session says, on either stream.
fn play(steps: &[Step<'_>], engine: &Engine) -> Result<Vec<String>> {
    // A line of its own ends what a command says; no command says this.
    const MARK: &str = "\u{1e}end";
    let script: String = steps
        .iter()
        .map(|step| format!("{}\nprintf '{MARK}\\n'\n", step.command))
        .collect();
    let folder = root().join(FOLDER);
    fs::write(folder.join("session.sh"), script).context("cannot write the session")?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let product = root().join("target/release");
    let path = std::env::join_paths(std::iter::once(product).chain(std::env::split_paths(&path)))?;
    let path = path.to_string_lossy();
    let mut variables = vec![("PATH", &*path)];
    let engine = engine.variables();
    variables.extend(engine.iter().map(|(name, value)| (*name, &**value)));
    // The README is written for root, who records.
    let mut shell = Root::now().command("sh", &variables);
    shell
        .args(["-c", "exec sh session.sh 2>&1"])
        .current_dir(&folder)
        .stdin(Stdio::null());
    let (_, text) = command::hear(&mut shell)?;
    let mut parts: Vec<String> = text
        .split(&format!("{MARK}\n"))
        .map(str::to_owned)
        .collect();
    if let Some(rest) = parts.pop().filter(|rest| !rest.is_empty()) {
        talk::say(&format!("the session ended with: {rest}"));
    }
    Ok(parts)
}

/// Whether lines are as expected; a line `…` stands for any lines.
fn matches(expected: &[&str], said: &[&str]) -> bool {
    match (expected, said) {
        ([], said) => said.is_empty(),
        (["…", rest @ ..], _) => (0..=said.len()).any(|skipped| matches(rest, &said[skipped..])),
        ([line, rest @ ..], [first, others @ ..]) => {
            line_matches(line, first) && matches(rest, others)
        }
        (_, []) => false,
    }
}

/// Whether a line is as expected; `…` stands for anything.
fn line_matches(expected: &str, said: &str) -> bool {
    let mut parts = expected.split('…');
    let Some(mut rest) = said.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some(position) = rest.find(part) else {
            return false;
        };
        rest = &rest[position + part.len()..];
    }
    rest.ends_with(last)
}

/// An `sh` block holds only what is run anyway.
fn covered(block: &Block<'_>) -> Result<()> {
    for line in &block.lines {
        let command = line.split('#').next().unwrap_or_default().trim_end();
        ensure!(
            COVERED.contains(&command),
            "`{command}` is not run by anything; show it in a `console` block"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_taken_apart() {
        let text = "# T\n```console\n$ a b\nsaid\n\n$ c\n```\n```sh\nd\n```\n";
        let blocks = blocks(text);
        assert_eq!(
            blocks,
            [
                Block {
                    language: "console",
                    line: 2,
                    lines: vec!["$ a b", "said", "", "$ c"]
                },
                Block {
                    language: "sh",
                    line: 8,
                    lines: vec!["d"]
                },
            ]
        );
        assert_eq!(
            steps(&blocks[0].lines).unwrap(),
            [
                Step {
                    command: "a b",
                    expected: vec!["said", ""]
                },
                Step {
                    command: "c",
                    expected: vec![]
                },
            ]
        );
        assert!(steps(&["said"]).is_err());
        assert!(covered(&blocks[1]).is_err());
        assert!(
            covered(&Block {
                lines: vec!["cargo xtask test   # all of it"],
                ..blocks[1]
            })
            .is_ok()
        );
    }

    #[test]
    fn an_ellipsis_stands_for_anything_and_nothing_else_does() {
        let table: &[(&[&str], &[&str], bool)] = &[
            (&[], &[], true),
            (&[], &["a"], false),
            (&["a"], &["a"], true),
            (&["a"], &["b"], false),
            (&["a"], &[], false),
            (&["…"], &[], true),
            (&["…"], &["a", "b"], true),
            (&["a", "…", "c"], &["a", "b", "b", "c"], true),
            (&["a", "…", "c"], &["a", "b"], false),
            (&["took … ms"], &["took 12 ms"], true),
            (&["took … ms"], &["took 12 s"], false),
            (&["… calls, … lost"], &["41 calls, 0 lost"], true),
            (&["… calls, 0 lost"], &["41 calls, 10 lost"], false),
            (&["a…a"], &["a"], false),
        ];
        for (expected, said, holds) in table {
            assert_eq!(matches(expected, said), *holds, "{expected:?} {said:?}");
        }
    }
}
