//! The hook where perf submits events: one program on perf's function, and one that does nothing on each event, so
//! that perf submits it.

use super::attach::{Looking, ProbeError};
use super::hook::Held;
use super::{event, hook};
use aya::programs::fentry::FEntryLinkId;
use aya::programs::links::FdLink;
use aya::programs::{FEntry, ProgramError, TracePoint};
use aya::{Btf, Ebpf};
use seccomp_tracer_ebpf as wire;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// Perf's function.
pub(super) const FUNCTION: &str = "perf_trace_run_bpf_submit";

/// The program on it.
pub(super) const PROGRAM: &str = "submit";

/// The program on each event.
const PASS: &str = "pass";

/// The events, by their index on the wire.
const EVENTS: [&str; wire::submitted::COUNT] = [
    "raw_syscalls:sys_enter",
    "raw_syscalls:sys_exit",
    "task:task_newtask",
    "sched:sched_process_exit",
    "sched:sched_process_exec",
];

/// Ids of the events, as perf knows them.
pub(super) type Ids = [u32; wire::submitted::COUNT];

/// Asks the kernel for the ids.
pub(super) fn ids() -> io::Result<Ids> {
    let mut ids = [0; wire::submitted::COUNT];
    let folder = event::Events::open()?;
    for (id, event) in ids.iter_mut().zip(EVENTS) {
        *id = folder.id(event)?;
    }
    Ok(ids)
}

/// What the program is to look at.
pub(super) fn looks(looking: Looking) -> u32 {
    let calls = wire::looks::CALLS | wire::looks::LEAVING;
    match looking {
        Looking::AtCalls => calls,
        Looking::AtDenials => wire::looks::DENIALS,
        Looking::AtBoth => calls | wire::looks::DENIALS,
    }
}

/// The events that are needed for what happens outside of calls, and those that are calls, in the order in which
/// they are opened.
pub(super) fn events(looking: Looking) -> (&'static [usize], &'static [usize]) {
    use wire::submitted::{ENTER, EXEC, EXIT, NEW_TASK, TASK_EXIT};
    match looking {
        Looking::AtCalls => (&[NEW_TASK, TASK_EXIT, EXEC], &[ENTER]),
        Looking::AtDenials => (&[TASK_EXIT], &[ENTER, EXIT]),
        Looking::AtBoth => (&[NEW_TASK, TASK_EXIT, EXEC], &[ENTER, EXIT]),
    }
}

/// The loaded programs.
pub(super) struct Submitted {
    ids: Ids,
    function: Option<FEntryLinkId>,
    events: Vec<(usize, OwnedFd)>,
}

impl Submitted {
    /// Loads both and puts the one on the function, where it sees nothing of ours yet: only that shows whether the
    /// kernel lets it.
    pub(super) fn load(ebpf: &mut Ebpf, btf: &Btf, ids: Ids) -> Result<Self, ProbeError> {
        let problem = |source| ProbeError::Attach {
            hook: FUNCTION,
            source: hook::without_log(source),
        };
        let program = function(ebpf).map_err(problem)?;
        program.load(FUNCTION, btf).map_err(problem)?;
        let link = program.attach().map_err(problem)?;
        pass(ebpf).and_then(TracePoint::load).map_err(problem)?;
        Ok(Self {
            ids,
            function: Some(link),
            events: Vec::new(),
        })
    }

    /// Lets perf submit an event.
    pub(super) fn open(&mut self, ebpf: &mut Ebpf, which: usize) -> Result<(), ProbeError> {
        let problem = |source| ProbeError::Event {
            tracepoint: EVENTS[which],
            source,
        };
        let program =
            pass(ebpf).and_then(|program| Ok(program.fd()?.as_fd().try_clone_to_owned()?));
        let program = program.map_err(|source| ProbeError::Attach {
            hook: EVENTS[which],
            source,
        })?;
        let link = event::attach(self.ids[which], program.as_fd()).map_err(problem)?;
        self.events.push((which, link));
        Ok(())
    }

    /// Ends it, the last first.
    pub(super) fn close(&mut self, ebpf: &mut Ebpf) -> Result<(), ProbeError> {
        while self.events.pop().is_some() {}
        let Some(link) = self.function.take() else {
            return Ok(());
        };
        let detached = function(ebpf).and_then(|program| program.detach(link));
        detached.map_err(|source| ProbeError::Attach {
            hook: FUNCTION,
            source,
        })
    }

    /// What holds it where it is, the last event last.
    pub(super) fn hold(
        &mut self,
        ebpf: &mut Ebpf,
    ) -> Result<Vec<(&'static str, Held)>, ProbeError> {
        let mut held = Vec::new();
        if let Some(link) = self.function.take() {
            let link = function(ebpf).and_then(|program| program.take_link(link).map(FdLink::from));
            let link = link.map_err(|source| ProbeError::Attach {
                hook: FUNCTION,
                source,
            })?;
            held.push((PROGRAM, Held::Link(link)));
        }
        let events = self.events.drain(..);
        held.extend(events.map(|(which, link)| (EVENTS[which], Held::Event(link))));
        Ok(held)
    }
}

fn function(ebpf: &mut Ebpf) -> Result<&mut FEntry, ProgramError> {
    hook::program(ebpf, PROGRAM).try_into()
}

fn pass(ebpf: &mut Ebpf) -> Result<&mut TracePoint, ProgramError> {
    hook::program(ebpf, PASS).try_into()
}
