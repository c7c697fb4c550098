//! What profiles refuse when there is more to do than when they were recorded.
//!
//! Each program is recorded in a container at load 1, runs under its profile so many times, and is recorded again
//! at load 5: what that shows and the profile refuses, with and without room for what comes by chance, is the
//! table. It fails where a run fails, and where more than one kind of call is refused. `cargo xtask workloads`
//! runs it.

mod measure;
mod programs;

use anyhow::{Result, ensure};
use measure::{Measured, Place};
use std::io::Write;

/// The most kinds of calls that a profile may refuse a program at the higher load.
const KINDS_MAX: usize = 1;

fn main() -> Result<()> {
    let mut runs = 20;
    let mut only = Vec::new();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--runs" => runs = words.next().unwrap_or_default().parse()?,
            // Cargo says so.
            "--bench" => {}
            name => only.push(name.to_owned()),
        }
    }
    let place = Place::new()?;
    let mut missed = Vec::new();
    let mut out = std::io::stdout();
    for program in programs::ALL {
        if !only.is_empty() && !only.iter().any(|name| name == program.name) {
            continue;
        }
        let measured = match place.measure(program, runs) {
            Ok(measured) => measured,
            // The rows of the others are worth having.
            Err(error) => {
                writeln!(out, "{}: {error:#}", program.name)?;
                missed.push(program.name);
                continue;
            }
        };
        write!(out, "{}", told(program.name, &measured, runs))?;
        out.flush()?;
        if measured.passed < runs
            || measured.refused.len() > KINDS_MAX
            || !measured.reopened.is_empty()
        {
            missed.push(program.name);
        }
    }
    ensure!(missed.is_empty(), "missed by {}", missed.join(", "));
    Ok(())
}

/// A row of the table, and what is behind its figures.
fn told(name: &str, measured: &Measured, runs: u32) -> String {
    let Measured {
        passed,
        under_load,
        before,
        refused,
        added,
        reopened,
    } = measured;
    let list = |names: &std::collections::BTreeSet<String>| {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        if names.is_empty() {
            "-".to_owned()
        } else {
            names.join(" ")
        }
    };
    let load = if *under_load { "works" } else { "fails" };
    format!(
        "{name}: {passed} of {runs} runs; load 5 {load}; kinds refused {} -> {}; calls added {}; ways reopened {}\n  \
         refused before  {}\n  refused after   {}\n  added           {}\n",
        before.len(),
        refused.len(),
        added.len(),
        list(reopened),
        list(before),
        list(refused),
        list(added),
    )
}
