//! Real loads: throughput with a recorder, in units of the throughput with the empty program.

mod batches;
mod servers;

use crate::attachment::{Attachment, Typed};
use crate::peers;
use crate::places::Place;
use crate::plan::{OURS, recorder};
use crate::rounds::{EMPTY, order};
use crate::worker;
use anyhow::{Context, Result};
use house_tests::figures::Spread;
use seccomp_tracer::target::cgroup::Hierarchy;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// What a server gave.
pub(crate) struct Throughput {
    /// What was attached.
    pub(crate) attached: &'static str,
    /// What ran.
    pub(crate) load: &'static str,
    /// In units of the throughput with the empty program.
    pub(crate) ratio: Spread,
    /// How much it is to be at least.
    pub(crate) aim: Option<f64>,
}

/// Rounds; a reading takes a second or two.
const ROUNDS: usize = 15;

/// What the recorder is to leave.
const AIM: f64 = 0.98;

/// Something that can be done again and again in the watched scope.
trait Load {
    /// Names it.
    fn name(&self) -> &'static str;

    /// Does it once: how much of it a second.
    fn rate(&self) -> Result<f64>;
}

/// What is attached in turn.
struct Rival {
    name: &'static str,
    attachment: Box<dyn Attachment>,
    aim: Option<f64>,
    /// In every how many-th round.
    every: usize,
}

/// Tools take seconds to start, so that they are there only now and then.
const TOOLS_EVERY: usize = 3;

/// Measures them, with public tools as well if they are wanted and installed.
pub(crate) fn measure(
    with_tools: bool,
    mut progress: impl FnMut(usize),
) -> Result<Vec<Throughput>> {
    let hierarchy = Hierarchy::detect().context("no cgroup v2 hierarchy")?;
    let place = Place::new(&hierarchy)?;
    let mut rivals = rivals(&place, with_tools)?;
    let loads: [Box<dyn Load>; 4] = [
        Box::new(servers::nginx(&place)?),
        Box::new(servers::redis(&place)?),
        Box::new(batches::compile(&place)?),
        Box::new(batches::forks(&place)?),
    ];
    // What was not measured is no number, and no figure comes of it.
    let mut rates = vec![vec![vec![f64::NAN; rivals.len()]; ROUNDS]; loads.len()];
    for round in 0..ROUNDS {
        for at in order(rivals.len(), round) {
            let rival = &mut rivals[at];
            if round % rival.every > 0 {
                continue;
            }
            rival.attachment.start()?;
            for (load, rates) in loads.iter().zip(&mut rates) {
                rates[round][at] = load.rate()?;
            }
            rival.attachment.stop()?;
        }
        progress(round + 1);
    }
    let mut found = Vec::new();
    for (load, rates) in loads.iter().zip(&rates) {
        for (at, rival) in rivals.iter().enumerate() {
            let ratio = rates
                .iter()
                .map(|rates| rates[at] / f64::midpoint(rates[0], rates[1]));
            found.push(Throughput {
                attached: rival.name,
                load: load.name(),
                ratio: Spread::of(ratio).context("nothing was measured")?,
                aim: rival.aim,
            });
        }
    }
    Ok(found)
}

/// The empty program, twice, ours, and tools that watch the whole host.
fn rivals(place: &Place, with_tools: bool) -> Result<Vec<Rival>> {
    let rival = |name, attachment: Box<dyn Attachment>, aim, every| Rival {
        name,
        attachment,
        aim,
        every,
    };
    let mut all = vec![
        rival(EMPTY[0], Box::new(Typed::empty()?), None, 1),
        rival(EMPTY[1], Box::new(Typed::empty()?), None, 1),
        rival(
            OURS,
            Box::new(recorder(place.scope(), false)?),
            Some(AIM),
            1,
        ),
    ];
    if with_tools {
        for (name, tool) in peers::of_the_host(place.path()) {
            all.push(rival(name, Box::new(tool), None, TOOLS_EVERY));
        }
    }
    Ok(all)
}

/// A command line, pinned to a CPU.
fn command(words: &[String], cpu: usize) -> Command {
    let (program, words) = words.split_first().expect("a command line has words");
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::null());
    // SAFETY: one call of the kernel, which is allowed between fork and exec.
    unsafe {
        command.pre_exec(move || {
            worker::pin(cpu);
            Ok(())
        });
    }
    command
}
