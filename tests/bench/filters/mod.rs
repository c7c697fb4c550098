//! What filters cost a call: the instructions that run, and the time that they add, for the same calls under
//! several profiles, in the forms in which runtimes load them.

mod installed;
mod profiles;
mod table;

pub(crate) use table::{json, page};

use crate::rounds::order;
use crate::work::Work;
use crate::worker::{Task, Worker};
use anyhow::{Context, Result};
use house_tests::figures::Spread;
use profiles::{DOCKER, Named};
use seccomp_tracer::profile::compiled::{Layout, Program};
use seccomp_tracer::profile::proof::{Code, Data};
use seccomp_tracer::syscall::{Abi, Call};
use std::fs;

/// A filter.
struct Filter {
    profile: &'static str,
    /// Who loads it so.
    form: String,
    bytes: Vec<u8>,
    code: Code,
}

/// What was found of a filter.
pub(crate) struct Found {
    profile: &'static str,
    form: String,
    /// Instructions.
    length: usize,
    /// Instructions on the longest way.
    depth: usize,
    calls: Vec<FoundCall>,
}

/// What a filter costs some work.
struct FoundCall {
    work: Work,
    /// Instructions that run for a call in the mean, were the kernel to run all of them.
    executed: f64,
    /// Of how many of its calls the kernel runs none.
    cached: usize,
    /// Nanoseconds that the filter adds to a call.
    added_ns: Spread,
    /// The whole call in units of the same under Docker's default in the same form.
    to_docker: Spread,
}

/// Batches of a reading, and those before that do not count.
const BATCHES: u32 = 12;
const WARMING: u32 = 2;

/// Measures all filters in interleaved rounds.
pub(crate) fn measure(rounds: usize, product: &str) -> Result<Vec<Found>> {
    let filters = filters(product)?;
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let mut workers = vec![Worker::start_under(None)?];
    for (number, filter) in filters.iter().enumerate() {
        let path = folder.path().join(number.to_string());
        fs::write(&path, &filter.bytes).context("cannot write a filter")?;
        workers.push(Worker::start_under(Some(&path))?);
    }
    let mut times = vec![vec![[0.0; Work::FILTERED.len()]; workers.len()]; rounds];
    for (round, times) in times.iter_mut().enumerate() {
        for at in order(workers.len(), round) {
            for (work, ns) in Work::FILTERED.into_iter().zip(&mut times[at]) {
                let task = Task { work, pair: false };
                workers[at].time_ns(task, WARMING)?;
                *ns = workers[at].time_ns(task, BATCHES)?;
            }
        }
    }
    let found = |(at, filter): (usize, &Filter)| {
        let same = |other: &Filter| other.profile == DOCKER && other.form == filter.form;
        let docker = filters.iter().position(same).context("no such form")?;
        let calls = Work::FILTERED.into_iter().enumerate().map(|(index, work)| {
            let each = |of: &dyn Fn(&Vec<[f64; Work::FILTERED.len()]>) -> f64| {
                Spread::of(times.iter().map(of)).context("nothing was measured")
            };
            // The worker without a filter comes first.
            let added = each(&|row| row[at + 1][index] - row[0][index])?;
            let to_docker = each(&|row| row[at + 1][index] / row[docker + 1][index])?;
            Ok(filter.found(work, added, to_docker))
        });
        Ok(Found {
            profile: filter.profile,
            form: filter.form.clone(),
            length: filter.code.length(),
            depth: filter.code.depth(),
            calls: calls.collect::<Result<_>>()?,
        })
    };
    filters.iter().enumerate().map(found).collect()
}

/// Every profile in every form: as a list, which crun and youki load; as the product's `run` loads it; and as
/// runc does, if there is one.
fn filters(product: &str) -> Result<Vec<Filter>> {
    let mut all = Vec::new();
    for Named { name, profile } in profiles::all(product)? {
        let mut program = Program::compile(&profile, Abi::X86_64).context("no filter")?;
        let mut forms = vec![("list".to_owned(), program.bpf(Layout::List)?)];
        if let Some((version, bytes)) = installed::by_runc(&profile)? {
            forms.push((format!("runc {version}"), bytes));
        }
        forms.push(("`run`".to_owned(), installed::by_run(product, &profile)?));
        for (form, bytes) in forms {
            let code = Code::decode(&bytes).with_context(|| format!("the filter of {form}"))?;
            all.push(Filter {
                profile: name,
                form,
                bytes,
                code,
            });
        }
    }
    Ok(all)
}

impl Filter {
    fn found(&self, work: Work, added_ns: Spread, to_docker: Spread) -> FoundCall {
        let calls = work.calls();
        let executed = calls.iter().map(|&(number, [a, b, c, d])| {
            let data = Data {
                architecture: Abi::X86_64.audit_arch(),
                number,
                arguments: [a, b, c, d, 0, 0],
            };
            u32::try_from(self.code.executed(&data)).map_or(f64::NAN, f64::from)
        });
        let cached = |number: u32| {
            let call = Call::new(Abi::X86_64, number.cast_signed());
            self.code.cost(call).cached
        };
        let number = u32::try_from(calls.len()).map_or(f64::NAN, f64::from);
        FoundCall {
            work,
            executed: executed.sum::<f64>() / number,
            cached: calls.iter().filter(|&&(number, _)| cached(number)).count(),
            added_ns,
            to_docker,
        }
    }
}
