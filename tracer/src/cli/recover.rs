//! `record --recover`: what recorders that were killed had begun, finished.

use super::exit::Exit;
use super::failure::Failure;
use super::keeping::{self, KeepArguments};
use super::output::{self, Sink};
use super::plan::Place;
use super::progress::Display;
use super::started::Asking;
use super::watching::{self, LimitArguments};
use crate::probe::{Kept, Resumed, Side};
use crate::recording::{self, FileError, Loss, Recording, WindowEnd};
use crate::recovery::{self, Dead, Papers};
use crate::report::escape;
use crate::session::{self, Context, Ledger, Listening};
use rustix::process::Signal;
use std::io;
use std::path::Path;

/// Why a recording cannot be finished.
#[derive(Debug, thiserror::Error)]
enum NotFinished {
    #[error("what is left of the recording of `{}` cannot be read", escape::text(.label))]
    Checkpoint { label: String, source: io::Error },
    #[error("what is left of the recording of `{}` cannot be read", escape::text(.label))]
    Recording { label: String, source: FileError },
    #[error("it is not known where the recording of `{}` was to go", escape::text(.0))]
    NoOutput(String),
}

/// Finishes everything that there is.
pub(super) fn run(
    keep: &KeepArguments,
    limits: &LimitArguments,
    quiet: bool,
) -> Result<Exit, Failure> {
    let mut listening = watching::listen()?;
    let dead = recovery::dead(&keep.places()).map_err(Failure::environment)?;
    let mut exit = Exit::Done;
    let mut count = 0;
    for dead in dead {
        let Some(papers) = dead.papers.clone() else {
            dead.remove();
            continue;
        };
        count += 1;
        let finished = finish(&dead, &papers, &mut listening, limits, quiet)?;
        let Some(recording) = finished else {
            output::say(&format!(
                "`{}` never started; there is nothing to be recorded",
                escape::text(&papers.label)
            ));
            dead.remove();
            continue;
        };
        deliver(&dead, &papers, &recording, quiet)?;
        if !recording.losses.is_complete() {
            exit = Exit::Incomplete;
        }
        dead.remove();
    }
    if count == 0 && !quiet {
        output::say("no recorder was killed: there is nothing to recover");
    }
    Ok(exit)
}

/// The recording; `None` if its target never started.
fn finish(
    dead: &Dead,
    papers: &Papers,
    listening: &mut Listening,
    limits: &LimitArguments,
    quiet: bool,
) -> Result<Option<Recording>, Failure> {
    let label = || papers.label.clone();
    let read = |text: &str| {
        recording::from_json(text).map_err(|source| {
            let label = label();
            Failure::environment(NotFinished::Recording { label, source })
        })
    };
    if let Some(text) = dead.finished() {
        return read(&text).map(Some);
    }
    let checkpoint = dead.checkpoint().map_err(|source| {
        let label = label();
        Failure::environment(NotFinished::Checkpoint { label, source })
    })?;
    let mut last = read(&checkpoint)?;
    let is_of_this_boot = keeping::boot().is_some_and(|boot| papers.is_of(&boot));
    let kept = Kept::find(dead.pins()).filter(|_| is_of_this_boot);
    if let Some(kept) = kept {
        let mut resumed = Resumed::pick_up(kept).map_err(watching::no_probe)?;
        // In this order: who enters the cgroup meanwhile keeps it from being removed.
        let is_over = papers.awaits_start && !dead.has_client() && dead.close_cgroups();
        if is_over && !resumed.has_started() {
            return Ok(None);
        }
        return resume(dead, papers, last, &mut resumed, listening, limits, quiet).map(Some);
    }
    if let Some(asking) = Asking::begin(&last.target, None) {
        asking.end(&mut last.target);
    }
    // Nobody counted after the last checkpoint.
    last.window.until = WindowEnd::Interrupted;
    last.losses.set(Loss::Unwatched, 1);
    output::say(&format!(
        "warning: `{}` was not watched after {} ms, because there was no bpf file system to pin to",
        escape::text(&papers.label),
        last.window.duration_ms
    ));
    Ok(Some(last))
}

/// Watches on until nobody is left.
fn resume(
    dead: &Dead,
    papers: &Papers,
    last: Recording,
    resumed: &mut Resumed,
    listening: &mut Listening,
    limits: &LimitArguments,
    quiet: bool,
) -> Result<Recording, Failure> {
    let asking = Asking::begin(&last.target, keeping::cgroup(papers));
    let last_new_ms = last.window.last_new_fact_ms;
    let mut ledger = Ledger::resumed(papers.start_ns, last_new_ms, &last.facts);
    ledger.resume_left(last.losses.left_by());
    if let Some(denials) = &last.denials {
        ledger.resume_denials(&denials.seen);
    }
    if papers.beside {
        ledger.begin();
    }
    let mut display = Display::recording(&papers.label, quiet);
    let place = keeping::cgroup(papers).map(Place::Foreign);
    let place = Left {
        dead,
        papers,
        place,
    };
    let limits = limits.limits();
    let over = session::resume(listening, resumed, ledger, &place, limits, &mut display);
    output::clear_line();
    let over = over.map_err(watching::no_session)?;
    let ended = over.ended.first().expect("one target");
    let mut losses = resumed.losses().map_err(watching::no_probe)?;
    // Which of the others are its later lives, nobody has found out.
    losses.set(Loss::MissedLife, u64::from(keeping::has_other_life(papers)));
    let mut target = last.target;
    let configured = asking.map(|asking| asking.end(&mut target));
    let context = Context {
        run_id: last.run_id,
        host: last.host,
        target,
        // What the engine had said of it before is in the target.
        configured: configured.unwrap_or_default(),
        lives: None,
        monotonic_ns: papers.monotonic_ns,
        wall_ns: papers.wall_ns.parse().unwrap_or(0),
        from: last.window.from,
    };
    let denials = papers.denials.then(|| session::denials(ended));
    Ok(session::recording(ended, losses, denials, context))
}

/// What another recorder watched. What that started is not ours to end.
struct Left<'a> {
    dead: &'a Dead,
    papers: &'a Papers,
    place: Option<Place>,
}

impl session::Target for Left<'_> {
    fn is_populated(&self) -> bool {
        let place = self.place.as_ref();
        self.dead.has_client() || place.is_some_and(session::Target::is_populated)
    }

    fn is_own(&self, cgroup_id: u64) -> bool {
        !self.papers.beside || cgroup_id == self.papers.cgroup_id
    }

    fn signal(&self, _which: Signal) {}

    fn kill(&self) {}

    fn programs(&self, of: Option<u32>) -> Vec<String> {
        let place = self.place.as_ref();
        place.map_or_else(Vec::new, |place| place.programs(of))
    }
}

/// Puts the recording where it was to go, or aside.
fn deliver(
    dead: &Dead,
    papers: &Papers,
    recording: &Recording,
    quiet: bool,
) -> Result<(), Failure> {
    let text = recording::to_json(recording);
    let written = match dead.output() {
        Some(output) if output.file_name().is_some_and(|name| name != "-") => {
            write(&output, &text).map(|()| output)
        }
        _ => Err(Failure::environment(NotFinished::NoOutput(
            papers.label.clone(),
        ))),
    };
    let path = match written {
        Ok(path) => path,
        Err(failure) => {
            let aside = dead.put_aside(&text);
            let Ok(aside) = aside else {
                return Err(failure);
            };
            output::failure(&failure);
            aside
        }
    };
    if !quiet {
        let missing = recording.losses.missing();
        output::say(&format!(
            "wrote {}: {} calls, {missing} lost",
            escape::path(&path),
            recording.facts.len()
        ));
    }
    Ok(())
}

fn write(output: &Path, text: &str) -> Result<(), Failure> {
    Sink::open_file(output)?.write(text)
}
