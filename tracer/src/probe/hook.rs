//! Programs, and the tracepoints that they sit on.
//!
//! Each comes twice: for the typed hook and, where the kernel refuses that, for the raw one.

use super::attach::{Attachment, ProbeError};
use aya::pin::PinError;
use aya::programs::links::FdLink;
use aya::programs::raw_trace_point::RawTracePointLinkId;
use aya::programs::tp_btf::BtfTracePointLinkId;
use aya::programs::{BtfTracePoint, Program, ProgramError, ProgramInfo, RawTracePoint};
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
    typed: &'static str,
    raw: &'static str,
    /// Whether it can be done without.
    pub(super) optional: bool,
}

/// Counts calls.
pub(super) const COUNT: Hook = Hook {
    tracepoint: "raw_syscalls:sys_enter",
    typed: "sys_enter_btf",
    raw: "sys_enter_raw",
    optional: false,
};

/// Notes that a task is in a call.
pub(super) const INSIDE: Hook = Hook {
    tracepoint: "raw_syscalls:sys_enter",
    typed: "inside_btf",
    raw: "inside_raw",
    optional: false,
};

/// Finds returns without an entry.
pub(super) const RETURN: Hook = Hook {
    tracepoint: "raw_syscalls:sys_exit",
    typed: "sys_exit_btf",
    raw: "sys_exit_raw",
    optional: false,
};

/// Finds tasks that a filter ends alone. It needs a helper that came with Linux 5.15.
pub(super) const TASK_EXIT: Hook = Hook {
    tracepoint: "sched:sched_process_exit",
    typed: "task_exit_btf",
    raw: "task_exit_raw",
    optional: true,
};

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
        if !raw {
            match typed_program(ebpf, hook).and_then(|program| program.load(hook.function(), btf)) {
                Ok(()) => return Ok(loaded(Attachment::BtfTracepoint)),
                Err(error) => {
                    log::debug!(
                        "no tp_btf on {} here, trying raw_tp: {error}",
                        hook.tracepoint
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

    /// Which of the two it is.
    pub(super) fn attachment(&self) -> Attachment {
        self.attachment
    }

    /// Puts it on its tracepoint.
    pub(super) fn attach(&mut self, ebpf: &mut Ebpf) -> Result<(), ProbeError> {
        let hook = self.hook;
        let link = match self.attachment {
            Attachment::BtfTracepoint => typed_program(ebpf, hook)
                .and_then(BtfTracePoint::attach)
                .map(Link::Typed),
            Attachment::RawTracepoint => raw_program(ebpf, hook)
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
            Some(Link::Typed(link)) => {
                typed_program(ebpf, hook).and_then(|program| program.detach(link))
            }
            Some(Link::Raw(link)) => {
                raw_program(ebpf, hook).and_then(|program| program.detach(link))
            }
            None => Ok(()),
        };
        detached.map_err(hook.problem())
    }

    /// The same, giving what holds it there, which is then no longer its own.
    pub(super) fn hold(&mut self, ebpf: &mut Ebpf) -> Result<FdLink, ProbeError> {
        let hook = self.hook;
        let link = match self.attachment {
            Attachment::BtfTracepoint => typed_program(ebpf, hook).and_then(|program| {
                let link = program.attach()?;
                program.take_link(link).map(FdLink::from)
            }),
            Attachment::RawTracepoint => raw_program(ebpf, hook).and_then(|program| {
                let link = program.attach(hook.function())?;
                program.take_link(link).map(FdLink::from)
            }),
        };
        link.map_err(hook.problem())
    }

    /// Pins it.
    pub(super) fn pin(&self, ebpf: &mut Ebpf, path: &Path) -> Result<(), PinError> {
        program(ebpf, self.hook.name(self.attachment)).pin(path)
    }

    /// A descriptor of it.
    pub(super) fn fd(&self, ebpf: &Ebpf) -> Result<OwnedFd, ProbeError> {
        let hook = self.hook;
        let program = ebpf.program(hook.name(self.attachment));
        let fd = program.expect("in the object").fd();
        let fd = fd.and_then(|fd| Ok(fd.as_fd().try_clone_to_owned()?));
        fd.map_err(hook.problem())
    }

    /// How often the kernel skipped the program.
    pub(super) fn recursion_misses(&self, ebpf: &Ebpf) -> u64 {
        let fd = self.info(ebpf).and_then(|info| info.fd().ok());
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

impl Loaded {
    /// How large it is to this kernel; `None` where it does not say.
    pub(super) fn size(&self, ebpf: &Ebpf) -> Option<Size> {
        let info = self.info(ebpf)?;
        Some(Size {
            verified: info.verified_instruction_count()?,
            translated: info.size_translated()? / INSTRUCTION_LEN,
        })
    }

    fn info(&self, ebpf: &Ebpf) -> Option<ProgramInfo> {
        let program = ebpf.program(self.hook.name(self.attachment))?;
        program.info().ok()
    }
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
        kept(self.typed) || kept(self.raw)
    }

    fn name(&self, attachment: Attachment) -> &'static str {
        match attachment {
            Attachment::BtfTracepoint => self.typed,
            Attachment::RawTracepoint => self.raw,
        }
    }

    fn problem(&self) -> impl Fn(ProgramError) -> ProbeError + use<> {
        let tracepoint = self.tracepoint;
        move |source| ProbeError::Attach { tracepoint, source }
    }
}

fn program<'a>(ebpf: &'a mut Ebpf, name: &str) -> &'a mut Program {
    ebpf.program_mut(name).expect("in the object")
}

fn typed_program<'a>(
    ebpf: &'a mut Ebpf,
    hook: &Hook,
) -> Result<&'a mut BtfTracePoint, ProgramError> {
    program(ebpf, hook.typed).try_into()
}

fn raw_program<'a>(ebpf: &'a mut Ebpf, hook: &Hook) -> Result<&'a mut RawTracePoint, ProgramError> {
    program(ebpf, hook.raw).try_into()
}
