//! What a recorder keeps for whoever finishes its recording when it dies, and what it finds of others.

use super::output;
use super::plan::Plan;
use crate::probe::{self, Before, Kept, Looking, Resumed, Start};
use crate::recording::{self, Denials, Losses};
use crate::recovery::{self, Dead, Folder, Papers, Places};
use crate::report::escape;
use crate::session::{self, Context, Keeps, Ledger, Seen};
use crate::target::cgroup::{Cgroup, Hierarchy};
use std::io;
use std::path::PathBuf;

/// Where it is kept.
#[derive(Clone, clap::Args)]
pub(super) struct KeepArguments {
    /// Where is kept what `--recover` needs, as long as the recorder lives [default: a folder in /run, or the user's own].
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,
    /// Where the kernel side is pinned meanwhile, in a bpf file system [default: in /sys/fs/bpf].
    #[arg(long, value_name = "FOLDER")]
    pin: Option<PathBuf>,
}

impl KeepArguments {
    /// The places.
    pub(super) fn places(&self) -> Places {
        let usual = Places::default();
        Places {
            state: self.state.clone().unwrap_or(usual.state),
            pins: self.pin.clone().unwrap_or(usual.pins),
        }
    }
}

/// Whether it is said what the dead left that can be finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Talk {
    /// It is.
    OfTheDead,
    /// It is not.
    OfNothing,
}

/// A folder to note in what is made, after what the dead left there is removed as far as it is of no use. Without one,
/// what is recorded does not survive us, which is no reason not to record.
pub(super) fn folder(places: &Places, talk: Talk) -> Option<Folder> {
    match recovery::dead(places) {
        Ok(dead) => sweep(dead, talk),
        Err(error) => log::debug!("{error}"),
    }
    let folder = Folder::make(places);
    if let Err(error) = &folder {
        let cause = std::error::Error::source(error);
        let cause = cause.map_or_else(String::new, |cause| format!(": {cause}"));
        output::say(&format!(
            "warning: {error}{}; if the recorder is killed, its recording is lost",
            escape::text(&cause)
        ));
    }
    folder.ok()
}

/// Removes what is of no use, and says what is.
fn sweep(dead: Vec<Dead>, talk: Talk) {
    let useful = dead.into_iter().filter_map(|dead| {
        if is_useful(&dead) {
            return dead.papers.as_ref().map(|papers| papers.label.clone());
        }
        dead.remove();
        None
    });
    let labels: Vec<String> = useful.collect();
    if let (Some(first), Talk::OfTheDead) = (labels.first(), talk) {
        let others = match labels.len() - 1 {
            0 => String::new(),
            1 => " and one other".to_owned(),
            many => format!(" and {many} others"),
        };
        output::say(&format!(
            "note: a recorder of `{}`{others} was killed; `seccomp-tracer record --recover` finishes the recording",
            escape::text(first)
        ));
    }
}

/// Whether there is something to be finished, or may still come.
fn is_useful(dead: &Dead) -> bool {
    let Some(papers) = &dead.papers else {
        return false;
    };
    if dead.finished().is_some() || dead.has_client() || !papers.awaits_start {
        return true;
    }
    // In this order: who enters the cgroup meanwhile keeps it from being removed.
    !dead.close_cgroups() || has_started(dead)
}

/// Whether the target has started, or cannot be shown not to have.
fn has_started(dead: &Dead) -> bool {
    match Kept::find(dead.pins()).map(Resumed::pick_up) {
        Some(Ok(resumed)) => resumed.has_started(),
        // There is a checkpoint since before it was started.
        _ => true,
    }
}

/// The cgroup that is meant, if it is still there.
pub(super) fn cgroup(papers: &Papers) -> Option<Cgroup> {
    let is_ours = boot().is_some_and(|boot| papers.is_of(&boot));
    let hierarchy = Hierarchy::detect().ok().filter(|_| is_ours);
    let cgroup = hierarchy.and_then(|all| all.named(papers.cgroup.as_ref()).ok());
    cgroup.filter(|cgroup| cgroup.id == papers.cgroup_id)
}

/// Whether there is another cgroup at the path of a container's, as after a restart.
pub(super) fn has_other_life(papers: &Papers) -> bool {
    let hierarchy = Hierarchy::detect().ok().filter(|_| papers.beside);
    let cgroup = hierarchy.and_then(|all| all.named(papers.cgroup.as_ref()).ok());
    cgroup.is_some_and(|cgroup| cgroup.id != papers.cgroup_id)
}

/// The boot that ids and clocks belong to.
pub(super) fn boot() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    id.ok().map(|id| id.trim().to_owned())
}

/// What is kept of a recording that runs.
pub(super) struct Keeping<'a> {
    folder: &'a Folder,
    papers: Papers,
    context: Context,
    denials: bool,
    pins: Option<Kept>,
    is_pinned: bool,
    has_failed: bool,
}

impl<'a> Keeping<'a> {
    /// Begins, before the target can start: from here on there is something to be finished.
    pub(super) fn begin(
        plan: &Plan,
        folder: Option<&'a Folder>,
        context: &Context,
        looking: Looking,
        before: &Before,
    ) -> Option<Self> {
        let folder = folder.filter(|_| plan.keeps)?;
        let mut papers = Papers::new(boot()?, plan.label.clone());
        let cgroup = plan.place.cgroup();
        papers.cgroup_id = cgroup.id;
        papers.cgroup.clone_from(&cgroup.relative);
        papers.awaits_start = plan.start != Start::Now;
        papers.beside = plan.scope.beside.is_some();
        papers.denials = looking != Looking::AtCalls;
        papers.start_ns = context.monotonic_ns;
        papers.monotonic_ns = context.monotonic_ns;
        papers.wall_ns = context.wall_ns.to_string();
        let pins = Kept::pin(folder.pins(), before);
        if let Err(error) = &pins {
            log::debug!("the kernel side is not pinned: {error}");
        }
        let mut keeping = Self {
            folder,
            denials: papers.denials,
            papers,
            context: context.clone(),
            is_pinned: pins.is_ok(),
            pins: pins.ok(),
            has_failed: false,
        };
        let ledger = Ledger::new(context.monotonic_ns);
        let nothing = Seen {
            ledger: &ledger,
            snapshot: &probe::Snapshot::new(),
            end_ns: context.monotonic_ns,
            end: recording::WindowEnd::Interrupted,
        };
        keeping.keep(nothing, Losses::default(), Denials::default());
        Some(keeping)
    }

    /// What the kernel side is kept by.
    pub(super) fn pins(&mut self) -> Option<Kept> {
        self.pins.take()
    }

    /// What is to be kept.
    pub(super) fn keeps(&self) -> Keeps {
        match self.is_pinned {
            true => Keeps::Sightings,
            false => Keeps::Counts,
        }
    }

    /// Keeps what is known by now.
    pub(super) fn keep(&mut self, seen: Seen<'_>, losses: Losses, denials: Denials) {
        self.papers.start_ns = seen.ledger.start_ns();
        let mut recording = session::recording_of(seen, losses, self.context.clone());
        recording.denials = self.denials.then_some(denials);
        let text = recording::to_json(&recording);
        let kept = self.folder.write_checkpoint(&text);
        let kept = kept.and_then(|()| self.folder.write_papers(&self.papers));
        if let Err(error) = kept {
            self.complain(&error);
        }
    }

    /// Says once that it cannot be kept.
    fn complain(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.has_failed, true) {
            output::say(&format!(
                "warning: cannot keep what is known: {error}; if the recorder is killed, some of it is lost"
            ));
        }
    }
}
