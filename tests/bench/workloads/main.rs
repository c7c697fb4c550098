//! What profiles refuse when there is more to do than when they were recorded.
//!
//! Each program is recorded in a container at load 1, runs under its profile so many times, and is recorded again
//! at load 5: what that shows and the profile refuses, with and without room for what comes by chance, is the
//! table. It fails where a run fails, and where more than one kind of call is refused. `cargo xtask workloads`
//! runs it.

mod measure;
mod programs;

use anyhow::{Result, ensure};
use measure::{Measured, Place, list, load};
use std::collections::BTreeSet;
use std::io::Write;

fn main() -> Result<()> {
    let mut runs = 20;
    let mut only = Vec::new();
    let mut page_at = None;
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--runs" => runs = words.next().unwrap_or_default().parse()?,
            "--page" => page_at = words.next(),
            // Cargo says so.
            "--bench" => {}
            name => only.push(name.to_owned()),
        }
    }
    let place = Place::new()?;
    let (mut missed, mut rows) = (Vec::new(), Vec::new());
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
        write!(out, "{}", measured.told(program.name, runs))?;
        out.flush()?;
        if !measured.is_well(runs) {
            missed.push(program.name);
        }
        rows.push((program.name, measured));
    }
    if let Some(path) = page_at {
        std::fs::write(path, page(&rows, runs))?;
    }
    ensure!(missed.is_empty(), "missed by {}", missed.join(", "));
    Ok(())
}

/// The table, with what it says.
fn page(rows: &[(&str, Measured)], runs: u32) -> String {
    let mut page = format!(
        "# What profiles refuse when there is more to do\n\n\
         Each program is recorded in a container at load 1, under Docker's default, runs {runs} times under its profile, \
         and is recorded again at load 5. Counted are the kinds of calls that this showed, that Docker's default permits, \
         and that the profile refuses: without room for what comes by chance, and with it, as `generate` makes it. The calls \
         added are those that there is room for by chance only; a way reopened is one of a known exploit's, and chance \
         has no reason of its own for it.\n\n\
         `cargo xtask workloads --page FILE` measures it again, as root.\n\n\
         | program | runs that work | load 5 | kinds refused before | after | calls added | ways reopened |\n\
         |---|--:|---|---|---|--:|--:|\n"
    );
    for (name, measured) in rows {
        page.push_str(&row(name, measured, runs));
    }
    page
}

fn row(name: &str, measured: &Measured, runs: u32) -> String {
    let kinds = |kinds: &BTreeSet<String>| match kinds.len() {
        0 => "0".to_owned(),
        many => format!("{many}: {}", list(kinds)),
    };
    format!(
        "| {name} | {} of {runs} | {} | {} | {} | {} | {} |\n",
        measured.passed,
        load(measured.under_load),
        kinds(&measured.before),
        kinds(&measured.refused),
        measured.added.len(),
        measured.reopened.len(),
    )
}
