//! The result as a page of Markdown, which is also what the command prints.

use super::filters;
use super::fleet;
use super::loads::Throughput;
use super::machine::Machine;
use super::report::Report;
use super::result::{Line, Relation};
use super::rounds::{EMPTY, NOTHING};
use super::storm;
use super::user_side::UserSide;
use house_tests::figures::Spread;
use std::fmt::Write;

/// The whole page.
pub(crate) fn page(report: &Report) -> String {
    let mut page = String::from("# Benchmarks\n\n");
    page.push_str(&preface(report));
    page.push_str("\n## A call\n\n");
    page.push_str(CALLS);
    page.push_str(&lines(&report.lines));
    page.push_str("\n## Scale\n\n");
    page.push_str(SCALE);
    page.push_str(&relations(&report.relations));
    if !report.peers.is_empty() {
        page.push_str("\n## Other tools\n\n");
        page.push_str(PEERS);
        page.push_str(&lines(&report.peers));
    }
    if !report.loads.is_empty() {
        page.push_str("\n## Loads\n\n");
        page.push_str(LOADS);
        page.push_str(&throughputs(&report.loads));
    }
    page.push_str("\n## Filters\n\n");
    page.push_str(&filters::page(&report.filters));
    if let Some(storm) = &report.storm {
        page.push_str("\n## Storm\n\n");
        page.push_str(&storm::page(storm));
    }
    if let Some(fleet) = &report.fleet {
        page.push_str("\n## Fleet\n\n");
        page.push_str(&fleet::page(fleet));
    }
    page.push_str("\n## Beside the calls\n\n");
    page.push_str(&user_side(&report.user_side));
    page
}

const CALLS: &str = "\
What is attached adds so many nanoseconds to a call, and so many times what an empty program on the same hook \
(`tp_btf/sys_enter`) adds. Attaching anything there sends every task on the host through the kernel's slow \
entry, which is most of what the empty program costs. The last ratio is that of whole calls.\n\n";

const SCALE: &str = "\
How many times as much the first adds to a call as the second does, each in units of what the empty program adds.\n\n";

/// How far apart the quartiles of the empty program's own throughput may be where a hundredth is asked about.
const SERVERS_WIDTH_MAX: f64 = 0.06;

const PEERS: &str = "\
Public tools, started from outside in rounds of their own, all of which count, with ours beside them.\n\n";

const LOADS: &str = "\
Throughput of servers on one CPU, with their client on another, of a compiler, and of a shell that makes \
processes, in units of their throughput with the empty program attached.\n\n";

fn preface(report: &Report) -> String {
    let Machine {
        kernel,
        processor,
        cpus,
    } = &report.machine;
    let verdict = match &report.noise {
        None => "The machine was quiet enough to judge.".to_owned(),
        Some(why) => format!("**The machine was too noisy to judge**: {why}."),
    };
    format!(
        "Written by `cargo xtask bench` on Linux {kernel}, {processor}, {cpus} CPUs. {verdict}\n\n\
         Every figure compares readings of one round, in which each row is attached once, in an order that \
         changes from round to round. A reading is the fastest of {} short batches of calls by a process pinned \
         to one CPU. Figures are medians over {} rounds, with quartiles in brackets; {} more rounds were left \
         out because the bare call was disturbed in them, by another tracer for example. The empty program \
         against itself: {}.\n",
        report.batches,
        report.rounds_quiet,
        report.rounds - report.rounds_quiet,
        ratio(&report.control),
    )
}

fn lines(lines: &[Line]) -> String {
    let mut table = String::from(
        "| attached | who calls | calls | added ns | × empty program | aim | whole call |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for Line { cell, figures, aim } in lines {
        let (name, seat, task) = cell;
        // What the others are measured against is in their ratios.
        if NOTHING.contains(name) || *name == EMPTY[1] {
            continue;
        }
        let who = if task.pair {
            format!("{}, on two CPUs", seat.words())
        } else {
            seat.words().to_owned()
        };
        let _ = writeln!(
            table,
            "| {name} | {who} | {} | {} | {} | {} | {:.2} |",
            task.work.words(),
            nanoseconds(&figures.added_ns),
            ratio(&figures.added_ratio),
            aim.map_or(String::new(), |aim| judged(figures.added_ratio.median, aim)),
            figures.whole_ratio.median,
        );
    }
    table
}

fn relations(relations: &[Relation]) -> String {
    let mut table = String::from("| | ratio | aim |\n|---|---|---|\n");
    for Relation {
        words,
        ratio: found,
        aim,
    } in relations
    {
        let judged = judged(found.median, *aim);
        let _ = writeln!(table, "| {words} | {} | {judged} |", ratio(found));
    }
    table
}

fn throughputs(loads: &[Throughput]) -> String {
    let mut table =
        String::from("| attached | load | × empty program | aim |\n|---|---|---|---|\n");
    for load in loads.iter().filter(|load| load.attached != EMPTY[1]) {
        let control = |other: &&Throughput| other.load == load.load && other.attached == EMPTY[0];
        let control = loads.iter().find(control).map(|control| control.ratio);
        let noisy = control.is_none_or(|control| control.width() > SERVERS_WIDTH_MAX);
        let aim = load.aim.map_or(String::new(), |aim| {
            let reached = match load.ratio.median >= aim {
                _ if noisy => "too noisy to judge",
                true => "reached",
                false => "missed",
            };
            format!("≥ {aim:.2}, {reached}")
        });
        let _ = writeln!(
            table,
            "| {} | {} | {} | {aim} |",
            load.attached,
            load.load,
            ratio(&load.ratio)
        );
    }
    table
}

fn user_side(side: &UserSide) -> String {
    let mut table = String::from("| | |\n|---|---|\n");
    let mut line = |what: &str, value: String| {
        let _ = writeln!(table, "| {what} | {value} |");
    };
    line(
        "start to attached, one scope",
        milliseconds(&side.attached_ms),
    );
    line(
        "start to attached, room for 1,000 scopes",
        milliseconds(&side.attached_1000_ms),
    );
    line(
        "`--version`, from start to end",
        milliseconds(&side.cold_ms),
    );
    line("`/bin/true`", milliseconds(&side.true_ms));
    line(
        "`record -- /bin/true`, from start to end",
        milliseconds(&side.record_true_ms),
    );
    let peak = side.record_true_peak_kib.median / 1024.0;
    line("its peak memory", format!("{peak:.1} MiB"));
    line("program", format!("{} KiB", side.product_bytes / 1024));
    line(
        "eBPF object in it",
        format!("{} KiB", side.object_bytes / 1024),
    );
    for (what, size) in [("BTF", side.typed), ("raw", side.raw)] {
        if let Some(size) = size {
            let what = format!("instructions on the {what} tracepoint");
            let value = format!("{} verified, {} loaded", size.verified, size.translated);
            line(&what, value);
        }
    }
    table
}

fn judged(found: f64, aim: f64) -> String {
    let word = if found <= aim { "reached" } else { "missed" };
    format!("≤ {aim:.2}, {word}")
}

fn nanoseconds(spread: &Spread) -> String {
    let Spread {
        lower,
        median,
        upper,
    } = spread;
    format!("{median:.0} [{lower:.0}, {upper:.0}]")
}

fn milliseconds(spread: &Spread) -> String {
    let Spread {
        lower,
        median,
        upper,
    } = spread;
    format!("{median:.1} ms [{lower:.1}, {upper:.1}]")
}

fn ratio(spread: &Spread) -> String {
    let Spread {
        lower,
        median,
        upper,
    } = spread;
    format!("{median:.2} [{lower:.2}, {upper:.2}]")
}
