//! The second version of the file: any number of runs, one line for each run and for each fact.
//!
//! A fact is a set of columns. `runs` says in which runs it appeared, as ranges of positions in the file's
//! `runs`; the other columns have one value for each of them, in that order. There is one way to write
//! given runs, and reading refuses every other.

use super::columns::{Column, Firsts};
use super::denials::{DenialsObject, denials};
use super::objects::{HostObject, LossesObject, TargetObject, WindowObject, losses, losses_object};
use super::{FileError, SCHEMA_VERSION, check_indexes, parse_call};
use crate::recording::FactKey;
use crate::recording::runs::{Appearance, Appearances, CallRuns, Run, RunSet, Runs, TupleRuns};
use crate::syscall::Call;
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Document<'a> {
    pub(super) schema_version: u64,
    /// Names of programs in first sightings, ascending.
    programs: Vec<String>,
    /// Ascending by start, then id.
    runs: Vec<RunObject>,
    /// Ascending by ABI, number and `filtered`.
    #[serde(borrow)]
    facts: Vec<FactObject<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RunObject {
    id: String,
    tool_version: String,
    host: HostObject,
    target: TargetObject,
    window: WindowObject,
    losses: LossesObject,
    /// Names of threads that left the scope; there if any did.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    left_by: BTreeMap<String, u64>,
    /// There if refused calls were watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    denials: Option<DenialsObject>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FactObject<'a> {
    #[serde(borrow)]
    abi: Cow<'a, str>,
    number: i32,
    /// For people; reading takes the number's word.
    #[serde(rename = "name", borrow, default)]
    _name: Option<Cow<'a, str>>,
    filtered: bool,
    /// First and last position of each range of runs.
    runs: Vec<(u32, u32)>,
    count: Column,
    last_ms: Column,
    /// `[milliseconds from the run's start, pid, position of the program]`, or null where it was lost.
    first: Firsts,
    /// By tracked positions; runs in none of these tracked no argument.
    #[serde(default)]
    arguments: Vec<ArgumentsObject>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ArgumentsObject {
    indexes: Vec<u8>,
    runs: Vec<(u32, u32)>,
    /// The runs that had more tuples than they kept.
    unbounded: Vec<(u32, u32)>,
    seen: Vec<TupleObject>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TupleObject {
    values: Vec<u64>,
    runs: Vec<(u32, u32)>,
    count: Column,
    first: Firsts,
}

/// The runs of a document.
pub(super) fn runs(document: Document<'_>) -> Result<Runs, FileError> {
    let runs: Result<Vec<Run>, FileError> = document.runs.into_iter().map(run).collect();
    let runs = runs?;
    let ids: BTreeSet<&str> = runs.iter().map(|run| run.id.as_str()).collect();
    let ordered = runs.is_sorted_by_key(|run| (&run.window.start, &run.id));
    if runs.is_empty() || ids.len() < runs.len() || !ordered {
        return Err(FileError::Runs);
    }
    if !document.programs.is_sorted_by(|a, b| a < b) {
        return Err(FileError::Programs);
    }
    let mut reader = Reader {
        runs: u32::try_from(runs.len()).map_err(|_| FileError::Runs)?,
        used: vec![false; document.programs.len()],
    };
    let mut facts: BTreeMap<FactKey, CallRuns> = BTreeMap::new();
    for (index, object) in document.facts.into_iter().enumerate() {
        let problem = |problem: String| FileError::Fact { index, problem };
        let (key, value) = reader.fact(object).map_err(problem)?;
        match facts.last_key_value() {
            Some((last, _)) if *last >= key => {
                return Err(problem(format!(
                    "`{}` is there twice or out of order",
                    key.call
                )));
            }
            _ => drop(facts.insert(key, value)),
        }
    }
    if reader.used.contains(&false) {
        return Err(FileError::Programs);
    }
    Ok(Runs {
        runs,
        programs: document.programs,
        facts,
    })
}

fn run(object: RunObject) -> Result<Run, FileError> {
    Ok(Run {
        id: object.id,
        tool_version: object.tool_version,
        host: object.host.into(),
        target: object.target.into(),
        window: object.window.into(),
        losses: losses(object.losses)?.with_left_by(object.left_by),
        denials: object
            .denials
            .map(denials)
            .transpose()
            .map_err(FileError::Denials)?,
    })
}

/// Checks facts against the runs and programs that the file has.
struct Reader {
    runs: u32,
    used: Vec<bool>,
}

impl Reader {
    fn fact(&mut self, object: FactObject<'_>) -> Result<(FactKey, CallRuns), String> {
        let call = parse_call(&object.abi, object.number)?;
        let key = FactKey {
            call,
            filtered: object.filtered,
        };
        let runs = self.set(call, object.runs)?;
        let last_ms = Some(&object.last_ms);
        let appearances = self.appearances(call, &runs, &object.count, last_ms, &object.first)?;
        if object.count.iter().any(|count| count == 0) {
            return Err(format!("`{call}` with a count of 0"));
        }
        let mut arguments = BTreeMap::new();
        let mut tracked_before = BTreeSet::new();
        for group in object.arguments {
            let indexes = group.indexes.clone();
            let tuples = self.tuples(call, group)?;
            let mut made = |run| runs.contains(run) && tracked_before.insert(run);
            if !tuples.tracked.iter().all(&mut made) {
                return Err(format!(
                    "`{call}` with arguments of runs that did not make it"
                ));
            }
            let last: Option<(&Vec<u8>, _)> = arguments.last_key_value();
            if last.is_some_and(|(last, _)| *last >= indexes) {
                return Err(format!(
                    "`{call}` with argument indexes {indexes:?} out of order"
                ));
            }
            arguments.insert(indexes, tuples);
        }
        let facts = CallRuns {
            appearances,
            arguments,
        };
        Ok((key, facts))
    }

    fn tuples(&mut self, call: Call, object: ArgumentsObject) -> Result<TupleRuns, String> {
        let indexes = object.indexes;
        check_indexes(call, &indexes)?;
        let tracked = self.set(call, object.runs)?;
        let unbounded = RunSet::from_ranges(object.unbounded, self.runs)
            .filter(|unbounded| unbounded.iter().all(|run| tracked.contains(run)))
            .ok_or_else(|| format!("`{call}` with unbounded runs that did not track it"))?;
        let mut seen: BTreeMap<Vec<u64>, Appearances> = BTreeMap::new();
        for tuple in object.seen {
            let values = tuple.values;
            if values.len() != indexes.len() {
                return Err(format!(
                    "`{call}` with {} values for {} indexes",
                    values.len(),
                    indexes.len()
                ));
            }
            let runs = self.set(call, tuple.runs)?;
            if !runs.iter().all(|run| tracked.contains(run)) {
                return Err(format!(
                    "`{call}` with values of runs that did not track it"
                ));
            }
            let appearances = self.appearances(call, &runs, &tuple.count, None, &tuple.first)?;
            if seen
                .last_key_value()
                .is_some_and(|(last, _)| *last >= values)
            {
                return Err(format!(
                    "`{call}` with the values {values:?} twice or out of order"
                ));
            }
            seen.insert(values, appearances);
        }
        Ok(TupleRuns {
            tracked,
            unbounded,
            seen,
        })
    }

    fn set(&self, call: Call, ranges: Vec<(u32, u32)>) -> Result<RunSet, String> {
        RunSet::from_ranges(ranges, self.runs)
            .filter(|set| !set.is_empty())
            .ok_or_else(|| format!("`{call}` with runs that are not there"))
    }

    fn appearances(
        &mut self,
        call: Call,
        runs: &RunSet,
        counts: &Column,
        last_ms: Option<&Column>,
        firsts: &Firsts,
    ) -> Result<Appearances, String> {
        let expected = runs.len();
        let fits = counts.len() == expected
            && firsts.len() == expected
            && last_ms.is_none_or(|column| column.len() == expected);
        if !fits {
            return Err(format!("`{call}` with columns of different lengths"));
        }
        let mut last_ms = last_ms.map(Column::iter);
        let mut all = Appearances::default();
        for ((run, count), first) in runs.iter().zip(counts.iter()).zip(firsts.iter()) {
            if let Some(first) = first {
                let used = self.used.get_mut(first.program as usize);
                *used.ok_or_else(|| format!("`{call}` with a program that is not there"))? = true;
            }
            all.push(&Appearance {
                run,
                count,
                last_ms: last_ms.as_mut().and_then(Iterator::next),
                first,
            });
        }
        all.shrink();
        Ok(all)
    }
}

/// Writes runs.
pub(super) fn write(runs: &Runs, out: &mut impl io::Write) -> io::Result<()> {
    write!(
        out,
        "{{\n\"schemaVersion\": {SCHEMA_VERSION},\n\"programs\": "
    )?;
    serde_json::to_writer(&mut *out, &runs.programs)?;
    write!(out, ",\n\"runs\": [")?;
    lines(out, runs.runs.iter().map(run_object))?;
    write!(out, "],\n\"facts\": [")?;
    let facts = runs.facts.iter();
    lines(out, facts.map(|(&key, facts)| FactLine::new(key, facts)))?;
    writeln!(out, "]\n}}")
}

/// Elements of a list, one on a line.
fn lines(
    out: &mut impl io::Write,
    elements: impl Iterator<Item = impl Serialize>,
) -> io::Result<()> {
    for (index, element) in elements.enumerate() {
        out.write_all(if index == 0 { b"\n" } else { b",\n" })?;
        serde_json::to_writer(&mut *out, &element)?;
    }
    out.write_all(b"\n")
}

fn run_object(run: &Run) -> RunObject {
    RunObject {
        id: run.id.clone(),
        tool_version: run.tool_version.clone(),
        host: (&run.host).into(),
        target: (&run.target).into(),
        window: (&run.window).into(),
        losses: losses_object(&run.losses),
        left_by: run.losses.left_by().clone(),
        denials: run.denials.as_ref().map(Into::into),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FactLine<'a> {
    abi: &'static str,
    number: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'static str>,
    filtered: bool,
    runs: RunSet,
    #[serde(serialize_with = "counts")]
    count: &'a Appearances,
    #[serde(serialize_with = "lasts")]
    last_ms: &'a Appearances,
    #[serde(serialize_with = "firsts")]
    first: &'a Appearances,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    arguments: Vec<ArgumentsLine<'a>>,
}

#[derive(Serialize)]
struct ArgumentsLine<'a> {
    indexes: &'a [u8],
    runs: &'a RunSet,
    unbounded: &'a RunSet,
    seen: Vec<TupleLine<'a>>,
}

#[derive(Serialize)]
struct TupleLine<'a> {
    values: &'a [u64],
    runs: RunSet,
    #[serde(serialize_with = "counts")]
    count: &'a Appearances,
    #[serde(serialize_with = "firsts")]
    first: &'a Appearances,
}

impl<'a> FactLine<'a> {
    fn new(key: FactKey, facts: &'a CallRuns) -> Self {
        let arguments = facts.arguments.iter().map(|(indexes, tuples)| {
            let seen = tuples.seen.iter().map(|(values, appearances)| TupleLine {
                values,
                runs: runs_of(appearances),
                count: appearances,
                first: appearances,
            });
            ArgumentsLine {
                indexes,
                runs: &tuples.tracked,
                unbounded: &tuples.unbounded,
                seen: seen.collect(),
            }
        });
        Self {
            abi: key.call.abi.name(),
            number: key.call.number,
            name: key.call.name(),
            filtered: key.filtered,
            runs: runs_of(&facts.appearances),
            count: &facts.appearances,
            last_ms: &facts.appearances,
            first: &facts.appearances,
            arguments: arguments.collect(),
        }
    }
}

fn runs_of(appearances: &Appearances) -> RunSet {
    appearances.iter().map(|one| one.run).collect()
}

impl Serialize for RunSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.ranges())
    }
}

fn counts<S: Serializer>(all: &Appearances, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(all.iter().map(|one| one.count))
}

fn lasts<S: Serializer>(all: &Appearances, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(all.iter().map(|one| one.last_ms.unwrap_or_default()))
}

fn firsts<S: Serializer>(all: &Appearances, serializer: S) -> Result<S::Ok, S::Error> {
    let firsts = all.iter().map(|one| one.first);
    serializer
        .collect_seq(firsts.map(|first| first.map(|first| (first.at_ms, first.pid, first.program))))
}
