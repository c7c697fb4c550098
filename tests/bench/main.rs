//! What recording costs: per call, as ratios within one interleaved run; at its start; beside other tools; and to
//! servers. `cargo xtask bench` runs it as root.
//!
//! `[--rounds N] [--json FILE] [--page FILE] [--peers] [--servers] [--storm MINUTES] [--fleet RUNS]`

mod attachment;
mod filters;
mod fleet;
mod loads;
mod machine;
mod page;
mod peers;
mod places;
mod plan;
mod report;
mod result;
mod rounds;
mod storm;
mod user_side;
mod work;
mod worker;

use anyhow::{Context, Result, bail};
use house_tests::figures::{self, Spread};
use machine::Machine;
use plan::Plan;
use report::Report;
use result::Line;
use rounds::{Rounds, Seat};
use std::fs;
use std::path::PathBuf;
use user_side::UserSide;
use work::Work;
use worker::Task;

/// What the command line asks for.
struct Arguments {
    rounds: usize,
    json: Option<PathBuf>,
    page: Option<PathBuf>,
    peers: bool,
    servers: bool,
    storm_minutes: Option<u64>,
    fleet_runs: Option<u64>,
}

/// Batches of a reading.
const BATCHES: u32 = 12;

/// Rounds with other tools, which take seconds to start, and batches of a reading then: some of them make a call
/// a thousand times slower.
const PEERS: Rounds = Rounds {
    count: 7,
    batches: 3,
};

/// Fewer quiet rounds than this are no evidence.
const QUIET_MIN: usize = 15;

fn main() -> Result<()> {
    if std::env::args().nth(1).as_deref() == Some(worker::WORD) {
        return worker::run();
    }
    let arguments = Arguments::parse()?;
    let first = worker::cpus().first().copied().context("no CPU")?;
    let report = measure(&arguments, first)?;
    let page = page::page(&report);
    if let Some(path) = &arguments.json {
        let text = format!("{:#}\n", report.to_json());
        fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    if let Some(path) = &arguments.page {
        fs::write(path, &page).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    print(&page);
    Ok(())
}

impl Arguments {
    fn parse() -> Result<Self> {
        let mut parsed = Self {
            rounds: 150,
            json: None,
            page: None,
            peers: false,
            servers: false,
            storm_minutes: None,
            fleet_runs: None,
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || {
                words
                    .next()
                    .with_context(|| format!("`{word}` needs a value"))
            };
            match word.as_str() {
                "--rounds" => parsed.rounds = value()?.parse().context("not a number")?,
                "--json" => parsed.json = Some(value()?.into()),
                "--page" => parsed.page = Some(value()?.into()),
                "--peers" => parsed.peers = true,
                "--servers" => parsed.servers = true,
                "--storm" => parsed.storm_minutes = Some(value()?.parse().context("not a number")?),
                "--fleet" => parsed.fleet_runs = Some(value()?.parse().context("not a number")?),
                // Cargo adds it.
                "--bench" => {}
                _ => bail!("unknown word `{word}`"),
            }
        }
        Ok(parsed)
    }
}

fn measure(arguments: &Arguments, own_cpu: usize) -> Result<Report> {
    // First of all: what a process has in memory when it starts another one counts as that one's, too.
    say("start, memory, size");
    let user_side = UserSide::measure()?;
    let storm = arguments.storm_minutes.map(|minutes| {
        storm::measure(minutes, user_side::PRODUCT, |number| {
            say(&format!("{number} storms"));
        })
    });
    let storm = storm.transpose()?;
    let fleet = arguments.fleet_runs.map(|runs| {
        say("a fleet's day");
        fleet::measure(runs, user_side::PRODUCT)
    });
    let fleet = fleet.transpose()?;
    say("places, workers, programs");
    // Everything from here on leaves the last CPU to the workers.
    worker::pin(own_cpu);
    let mut plan = Plan::new()?;
    let rounds = Rounds {
        count: arguments.rounds,
        batches: BATCHES,
    };
    let done = rounds.run(&mut plan.rows, &mut plan.workers, |number| {
        if number % 25 == 0 {
            say(&format!("{number} of {} rounds", rounds.count));
        }
    })?;
    let task = Task {
        work: Work::Untracked,
        pair: false,
    };
    let quiet = rounds::quiet(done, task);
    let control = Spread::of(rounds::control(&quiet, task)).context("no round was quiet")?;
    let noise = if quiet.len() < QUIET_MIN {
        let text = format!("only {} of {} rounds were quiet", quiet.len(), rounds.count);
        Some(text)
    } else {
        figures::noise(&control)
    };
    let lines = result::lines(&plan.rows, &quiet);
    let relations = result::relations(&quiet);
    let peers = if arguments.peers {
        peers(&mut plan)?
    } else {
        Vec::new()
    };
    drop(plan);
    let loads = if arguments.servers {
        loads::measure(arguments.peers, |number| {
            say(&format!("{number} rounds with loads"));
        })?
    } else {
        Vec::new()
    };
    say("filters");
    let filters = filters::measure(arguments.rounds, user_side::PRODUCT)?;
    Ok(Report {
        machine: Machine::this(),
        rounds: rounds.count,
        rounds_quiet: quiet.len(),
        batches: BATCHES,
        control,
        noise,
        lines,
        relations,
        peers,
        loads,
        filters,
        storm,
        fleet,
        user_side,
    })
}

/// Rounds with other tools.
fn peers(plan: &mut Plan) -> Result<Vec<Line>> {
    let target = plan
        .workers
        .get(&Seat::Scope)
        .context("nobody in the scope")?;
    let mut rows = peers::rows(plan.scope.scope(), plan.scope.path(), target)?;
    let rounds = PEERS.run(&mut rows, &mut plan.workers, |number| {
        say(&format!(
            "{number} of {} rounds with other tools",
            PEERS.count
        ));
    })?;
    Ok(result::lines(&rows, &rounds))
}

#[expect(clippy::print_stdout, reason = "this is the result")]
fn print(page: &str) {
    println!("{page}");
}

#[expect(
    clippy::print_stderr,
    reason = "it takes minutes, and says that it goes on"
)]
fn say(what: &str) {
    eprintln!("bench: {what}");
}
