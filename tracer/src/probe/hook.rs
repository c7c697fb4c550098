//! Programs, and the tracepoints that they sit on.
//!
//! Each comes twice: for the typed hook and, where the kernel refuses that, for the raw one.

use super::attach::{Attachment, ProbeError};
use aya::pin::PinError;
use aya::programs::links::FdLink;
use aya::programs::raw_trace_point::RawTracePointLinkId;
use aya::programs::tp_btf::BtfTracePointLinkId;
use aya::programs::{BtfTracePoint, Program, ProgramError, ProgramInfo, RawTracePoint};
use aya::sys::SyscallError;
use aya::{Btf, Ebpf};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// Bytes of an eBPF instruction.
const INSTRUCTION_LEN: u32 = 8;

/// How large a loaded program is, in instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Looked at by the verifier, on every way through the program.
    pub verified: u32,
    /// Left when it had removed what these settings can never reach, and put helpers in place.
    pub translated: u32,
}

/// A program and its tracepoint.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Hook {
    tracepoint: &'static str,
    /// None where the raw one is as good.
    pub(super) typed: Option<&'static str>,
    raw: &'static str,
    /// Whether it can be done without.
    pub(super) optional: bool,
}

/// Counts calls.
pub(super) const COUNT: Hook = Hook {
    tracepoint: "raw_syscalls:sys_enter",
    typed: Some("sys_enter_btf"),
    raw: "sys_enter_raw",
    optional: false,
};

/// Notes that a task is in a call.
pub(super) const INSIDE: Hook = Hook {
    tracepoint: "raw_syscalls:sys_enter",
    typed: Some("inside_btf"),
    raw: "inside_raw",
    optional: false,
};

/// Finds returns without an entry.
pub(super) const RETURN: Hook = Hook {
    tracepoint: "raw_syscalls:sys_exit",
    typed: Some("sys_exit_btf"),
    raw: "sys_exit_raw",
    optional: false,
};

/// Finds tasks that a filter ends alone. It needs a helper that came with Linux 5.15.
pub(super) const TASK_EXIT: Hook = Hook {
    tracepoint: "sched:sched_process_exit",
    typed: Some("task_exit_btf"),
    raw: "task_exit_raw",
    optional: true,
};

/// Notes who is born in a scope, and who is born out of it.
pub(super) const BORN: Hook = Hook {
    tracepoint: "task:task_newtask",
    typed: None,
    raw: "born",
    optional: false,
};

/// The same beside the hook on perf.
pub(super) const BORN_ELSEWHERE: Hook = Hook {
    raw: "born_elsewhere",
    ..BORN
};

/// Notes who is moved into a scope, and who is moved out of it.
pub(super) const MOVED: Hook = Hook {
    tracepoint: "cgroup:cgroup_attach_task",
    typed: None,
    raw: "moved",
    optional: false,
};

/// Forgets who has ended.
pub(super) const ENDED: Hook = Hook {
    tracepoint: "sched:sched_process_exit",
    typed: None,
    raw: "ended",
    optional: false,
};

/// Notes which of the programs that are looked for are executed.
pub(super) const EXECUTES: Hook = Hook {
    tracepoint: "sched:sched_process_exec",
    typed: None,
    raw: "executes",
    optional: false,
};

/// Keeps the paths of cgroups.
pub(super) const MADE: Hook = Hook {
    tracepoint: "cgroup:cgroup_mkdir",
    typed: None,
    raw: "made",
    optional: true,
};

/// Of what a skipped call may be missing in a recording.
pub(super) const RECORDING: [&Hook; 5] = [&COUNT, &BORN, &MOVED, &ENDED, &EXECUTES];

/// Of what a skipped call may miss a refusal, or make one of what was none.
pub(super) const REFUSING: [&Hook; 3] = [&INSIDE, &RETURN, &TASK_EXIT];

/// What holds a program where it is, for whoever takes it.
pub(super) enum Held {
    Link(FdLink),
    Event(OwnedFd),
}

impl Held {
    /// Pins it.
    pub(super) fn pin(self, path: &Path) -> Result<(), PinError> {
        match self {
            Self::Link(link) => link.pin(path).map(drop),
            Self::Event(link) => super::event::pin(link.as_fd(), path),
        }
    }
}

/// What holds a program at its tracepoint.
enum Link {
    Typed(BtfTracePointLinkId),
    Raw(RawTracePointLinkId),
}

/// A program that the kernel has accepted.
pub(super) struct Loaded {
    hook: &'static Hook,
    attachment: Attachment,
    link: Option<Link>,
}

impl Loaded {
    /// Loads the typed program, or the raw one if that is asked for or the kernel has no other.
    pub(super) fn load(
        ebpf: &mut Ebpf,
        btf: &Btf,
        hook: &'static Hook,
        raw: bool,
    ) -> Result<Self, ProbeError> {
        let loaded = |attachment| Self {
            hook,
            attachment,
            link: None,
        };
        if let (false, Some(typed)) = (raw, hook.typed) {
            match typed_program(ebpf, typed).and_then(|program| program.load(hook.function(), btf))
            {
                Ok(()) => return Ok(loaded(Attachment::BtfTracepoint)),
                Err(error) => {
                    log::debug!(
                        "no tp_btf on {} here, trying raw_tp: {}",
                        hook.tracepoint,
                        without_log(error)
                    );
                }
            }
        }
        raw_program(ebpf, hook)
            .and_then(RawTracePoint::load)
            .map_err(hook.problem())?;
        Ok(loaded(Attachment::RawTracepoint))
    }

    /// Whether it belongs to that hook.
    pub(super) fn is_of(&self, hook: &Hook) -> bool {
        self.hook == hook
    }

    /// The name of its program.
    pub(super) fn name(&self) -> &'static str {
        self.hook.name(self.attachment)
    }

    /// Which of the two it is.
    pub(super) fn attachment(&self) -> Attachment {
        self.attachment
    }

    /// Puts it on its tracepoint.
    pub(super) fn attach(&mut self, ebpf: &mut Ebpf) -> Result<(), ProbeError> {
        let hook = self.hook;
        let link = match self.attachment {
            Attachment::BtfTracepoint => typed_program(ebpf, hook.name(self.attachment))
                .and_then(BtfTracePoint::attach)
                .map(Link::Typed),
            Attachment::RawTracepoint | Attachment::PerfSubmit => raw_program(ebpf, hook)
                .and_then(|program| program.attach(hook.function()))
                .map(Link::Raw),
        };
        self.link = Some(link.map_err(hook.problem())?);
        Ok(())
    }

    /// Takes it off, if it is there.
    pub(super) fn detach(&mut self, ebpf: &mut Ebpf) -> Result<(), ProbeError> {
        let hook = self.hook;
        let detached = match self.link.take() {
            Some(Link::Typed(link)) => typed_program(ebpf, hook.name(self.attachment))
                .and_then(|program| program.detach(link)),
            Some(Link::Raw(link)) => {
                raw_program(ebpf, hook).and_then(|program| program.detach(link))
            }
            None => Ok(()),
        };
        detached.map_err(hook.problem())
    }

    /// The same, giving what holds it there, which is then no longer its own.
    pub(super) fn hold(&mut self, ebpf: &mut Ebpf) -> Result<(&'static str, Held), ProbeError> {
        let hook = self.hook;
        let link =
            match self.attachment {
                Attachment::BtfTracepoint => typed_program(ebpf, hook.name(self.attachment))
                    .and_then(|program| {
                        let link = program.attach()?;
                        program.take_link(link).map(FdLink::from)
                    }),
                Attachment::RawTracepoint | Attachment::PerfSubmit => raw_program(ebpf, hook)
                    .and_then(|program| {
                        let link = program.attach(hook.function())?;
                        program.take_link(link).map(FdLink::from)
                    }),
            };
        let link = link.map_err(hook.problem())?;
        Ok((hook.raw, Held::Link(link)))
    }

    /// How often the kernel skipped the program.
    pub(super) fn recursion_misses(&self, ebpf: &Ebpf) -> u64 {
        let fd = info(ebpf, self.name()).and_then(|info| info.fd().ok());
        fd.map_or(0, |fd| skipped(fd.as_fd()))
    }
}

/// How often the kernel skipped the program because it was already running on that CPU. aya does not
/// offer it; `/proc/self/fdinfo` has it since Linux 5.12.
pub(super) fn skipped(program: BorrowedFd<'_>) -> u64 {
    let path = format!("/proc/self/fdinfo/{}", program.as_raw_fd());
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix("recursion_misses:"));
    value
        .and_then(|value| value.trim().parse().ok())
        .unwrap_or(0)
}

/// How large a program is to this kernel; `None` where it does not say.
pub(super) fn size(ebpf: &Ebpf, program: &str) -> Option<Size> {
    let info = info(ebpf, program)?;
    Some(Size {
        verified: info.verified_instruction_count()?,
        translated: info.size_translated()? / INSTRUCTION_LEN,
    })
}

/// A descriptor of a program.
pub(super) fn fd(ebpf: &Ebpf, name: &'static str) -> Result<OwnedFd, ProbeError> {
    let program = ebpf.program(name).expect("in the object");
    let fd = program
        .fd()
        .and_then(|fd| Ok(fd.as_fd().try_clone_to_owned()?));
    fd.map_err(|source| ProbeError::Attach { hook: name, source })
}

fn info(ebpf: &Ebpf, program: &str) -> Option<ProgramInfo> {
    ebpf.program(program)?.info().ok()
}

impl Hook {
    /// The tracepoint without its group.
    fn function(&self) -> &'static str {
        let (_, function) = self.tracepoint.split_once(':').expect("a group");
        function
    }

    /// Whether the kernel calls one of its programs so.
    pub(super) fn is_called(&self, name: &str) -> bool {
        /// The longest name that the kernel keeps.
        const NAME_MAX: usize = 15;
        let kept = |full: &str| full.get(..NAME_MAX).unwrap_or(full) == name;
        self.typed.is_some_and(kept) || kept(self.raw)
    }

    pub(super) fn name(&self, attachment: Attachment) -> &'static str {
        match attachment {
            Attachment::BtfTracepoint => self.typed.unwrap_or(self.raw),
            Attachment::RawTracepoint | Attachment::PerfSubmit => self.raw,
        }
    }

    fn problem(&self) -> impl Fn(ProgramError) -> ProbeError + use<> {
        let hook = self.tracepoint;
        move |source| ProbeError::Attach {
            hook,
            source: without_log(source),
        }
    }
}

/// What the verifier says goes to the log, which shows it to whoever asks for more.
pub(super) fn without_log(error: ProgramError) -> ProgramError {
    match error {
        ProgramError::LoadError {
            io_error,
            verifier_log,
        } => {
            log::debug!("the kernel's verifier says:\n{verifier_log}");
            ProgramError::SyscallError(SyscallError {
                call: "bpf_prog_load",
                io_error,
            })
        }
        error => error,
    }
}

pub(super) fn program<'a>(ebpf: &'a mut Ebpf, name: &str) -> &'a mut Program {
    ebpf.program_mut(name).expect("in the object")
}

fn typed_program<'a>(
    ebpf: &'a mut Ebpf,
    name: &str,
) -> Result<&'a mut BtfTracePoint, ProgramError> {
    program(ebpf, name).try_into()
}

fn raw_program<'a>(ebpf: &'a mut Ebpf, hook: &Hook) -> Result<&'a mut RawTracePoint, ProgramError> {
    program(ebpf, hook.raw).try_into()
}
