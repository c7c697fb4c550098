//! What is attached while workers are timed.

use anyhow::{Context, Result};
use aya::maps::{MapData, RingBuf};
use aya::programs::raw_trace_point::RawTracePointLinkId;
use aya::programs::tp_btf::BtfTracePointLinkId;
use aya::programs::{BtfTracePoint, RawTracePoint};
use aya::{Btf, Ebpf};
use seccomp_tracer::probe::Probe;
use std::os::fd::AsRawFd;
use std::thread;

/// Programs to measure against; `cargo xtask ebpf --check` proves that they are what their source gives.
static OBJECT: &[u8] = aya::include_bytes_aligned!("../../tracer-ebpf/reference.bpf.o");

/// Something that can be attached and detached again and again.
pub(crate) trait Attachment {
    /// Attaches.
    fn start(&mut self) -> Result<()>;
    /// Detaches.
    fn stop(&mut self) -> Result<()>;
}

/// Nothing.
pub(crate) struct Nothing;

impl Attachment for Nothing {
    fn start(&mut self) -> Result<()> {
        Ok(())
    }

    fn stop(&mut self) -> Result<()> {
        Ok(())
    }
}

/// The recorder, watching something.
impl Attachment for Probe {
    fn start(&mut self) -> Result<()> {
        Probe::start(self).context("cannot attach the recorder")
    }

    fn stop(&mut self) -> Result<()> {
        self.detach().context("cannot detach the recorder")
    }
}

/// A reference program, and the BTF tracepoint that it is for.
type Reference = (&'static str, &'static str);

/// Reference programs on BTF tracepoints.
pub(crate) struct Typed {
    ebpf: Ebpf,
    programs: &'static [Reference],
    links: Vec<BtfTracePointLinkId>,
}

impl Typed {
    /// Loads the empty program.
    pub(crate) fn empty() -> Result<Self> {
        Self::load(&[("empty_btf", "sys_enter")])
    }

    /// Loads an empty program for each of the two hooks.
    pub(crate) fn empty_pair() -> Result<Self> {
        Self::load(&[("empty_btf", "sys_enter"), ("empty_return_btf", "sys_exit")])
    }

    /// Loads the program that sends an event per call, and reads them for as long as we live.
    pub(crate) fn event_per_call() -> Result<Self> {
        let mut typed = Self::load(&[("event_per_call", "sys_enter")])?;
        let events = typed.ebpf.take_map("REFERENCE_EVENTS");
        let events = RingBuf::try_from(events.context("no events")?)?;
        thread::spawn(move || swallow(events));
        Ok(typed)
    }

    fn load(programs: &'static [Reference]) -> Result<Self> {
        let mut ebpf = Ebpf::load(OBJECT).context("cannot load the reference programs")?;
        let btf = Btf::from_sys_fs().context("the kernel has no BTF")?;
        for (name, tracepoint) in programs {
            typed(&mut ebpf, name)?.load(tracepoint, &btf)?;
        }
        Ok(Self {
            ebpf,
            programs,
            links: Vec::new(),
        })
    }
}

impl Attachment for Typed {
    fn start(&mut self) -> Result<()> {
        for (name, _) in self.programs {
            self.links.push(typed(&mut self.ebpf, name)?.attach()?);
        }
        Ok(())
    }

    fn stop(&mut self) -> Result<()> {
        for ((name, _), link) in self.programs.iter().zip(self.links.drain(..)) {
            typed(&mut self.ebpf, name)?.detach(link)?;
        }
        Ok(())
    }
}

fn typed<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut BtfTracePoint> {
    let program = ebpf.program_mut(name).context("not in the object")?;
    Ok(program.try_into()?)
}

/// The empty program on the raw tracepoint.
pub(crate) struct Raw {
    ebpf: Ebpf,
    link: Option<RawTracePointLinkId>,
}

impl Raw {
    /// Loads it.
    pub(crate) fn empty() -> Result<Self> {
        let mut ebpf = Ebpf::load(OBJECT).context("cannot load the reference programs")?;
        raw(&mut ebpf)?.load()?;
        Ok(Self { ebpf, link: None })
    }
}

impl Attachment for Raw {
    fn start(&mut self) -> Result<()> {
        self.link = Some(raw(&mut self.ebpf)?.attach("sys_enter")?);
        Ok(())
    }

    fn stop(&mut self) -> Result<()> {
        match self.link.take() {
            Some(link) => Ok(raw(&mut self.ebpf)?.detach(link)?),
            None => Ok(()),
        }
    }
}

fn raw(ebpf: &mut Ebpf) -> Result<&mut RawTracePoint> {
    let program = ebpf.program_mut("empty_raw").context("not in the object")?;
    Ok(program.try_into()?)
}

/// Reads events as a recorder would, and forgets them.
fn swallow(mut events: RingBuf<MapData>) {
    loop {
        let mut ready = libc::pollfd {
            fd: events.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one descriptor, which the map keeps open.
        unsafe { libc::poll(&raw mut ready, 1, -1) };
        while events.next().is_some() {}
    }
}
