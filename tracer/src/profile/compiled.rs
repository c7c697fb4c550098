//! The filter that libseccomp builds from a profile.
//!
//! libseccomp's table of names is as old as the library; calls that it does not know are compiled by the
//! number that our own table has for the native ABI. For other ABIs there is no such way.

mod hazard;

use super::meaning::is_multiplexed;
use super::model::{Action, Condition, Operator, Profile, Rule};
use super::proof::{Code, CodeError};
use super::{runtime, words};
use crate::syscall::{Abi, Call};
use libseccomp::error::SeccompError;
use libseccomp::{
    ScmpAction, ScmpArch, ScmpArgCompare, ScmpCompareOp, ScmpFilterContext, ScmpSyscall,
};
use rustix::fd::OwnedFd;
use rustix::fs::MemfdFlags;
use std::collections::BTreeSet;

/// Why a profile cannot be compiled or loaded.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// libseccomp refuses.
    #[error("libseccomp refuses the profile")]
    Refused(#[source] SeccompError),
    /// libseccomp builds no filter for two byte orders.
    #[error("libseccomp refuses `{name}` beside `{}`: their byte orders differ", .native.oci_name())]
    ByteOrder {
        /// The architecture that the profile lists.
        name: String,
        /// The host's.
        native: Abi,
    },
    /// libseccomp would not come to an end.
    #[error("libseccomp never ends with the rules for `{name}`: two of them go on after the same `{}`", .condition.operator.oci_name())]
    Endless {
        /// The call that they speak of.
        name: String,
        /// After what they go on.
        condition: Condition,
    },
    /// libseccomp would take very long, or for ever.
    #[error("the rules for `{name}` are too many of a kind that libseccomp unfolds")]
    Unfolded {
        /// A call that they speak of.
        name: String,
    },
    /// The kernel would not take it, and libseccomp would take long to say so.
    #[error("there are too many rules for `{name}`")]
    TooMany {
        /// The call that they speak of.
        name: String,
    },
    /// A filter without a listener cannot have the flag.
    #[error("`{0}` needs a listener, and there is none")]
    Flag(String),
    /// libseccomp refuses a rule.
    #[error("libseccomp refuses the rule for `{name}`")]
    Rule {
        /// The call that it speaks of.
        name: String,
        /// Why.
        source: SeccompError,
    },
    /// The program could not be taken out of libseccomp.
    #[error("the compiled filter cannot be read back")]
    Export(#[source] rustix::io::Errno),
    /// It is not a program that we understand.
    #[error("the compiled filter cannot be read back")]
    Code(#[source] CodeError),
    /// The kernel refuses it; without CAP_SYS_ADMIN it wants no_new_privs.
    #[error("the kernel refuses the filter")]
    Load(#[source] SeccompError),
}

/// How libseccomp arranges the calls of a filter. What it answers is meant to be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layout {
    /// One after the other; what crun and youki load, and runc for short profiles.
    List,
    /// A balanced tree by number; what runc from 1.2 loads.
    Tree,
}

impl Layout {
    /// Both.
    pub const ALL: [Self; 2] = [Self::List, Self::Tree];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Tree => "tree",
        }
    }

    /// libseccomp's number for it.
    const fn level(self) -> u32 {
        match self {
            Self::List => 1,
            Self::Tree => 2,
        }
    }
}

/// A filter, ready to be loaded.
#[derive(Debug)]
pub struct Program {
    context: ScmpFilterContext,
    unknown: BTreeSet<Call>,
}

impl Program {
    /// Compiles a profile for a host with that native ABI.
    ///
    /// # Errors
    ///
    /// [`CompileError`] if libseccomp refuses it.
    pub fn compile(profile: &Profile, native: Abi) -> Result<Self, CompileError> {
        hazard::check(profile)?;
        let mut names = profile.other_architectures.iter();
        if let Some(name) = names.find(|name| words::BIG_ENDIAN.contains(&name.as_str())) {
            let name = name.clone();
            return Err(CompileError::ByteOrder { name, native });
        }
        // Numbers can only be given for the ABI that this program itself has.
        let all = profile.abis.iter().copied().chain([native]);
        let all: BTreeSet<Abi> = all.collect();
        let own = |abi: &Abi| architecture(*abi) == ScmpArch::native();
        let (own, others): (Vec<Abi>, Vec<Abi>) = all.into_iter().partition(own);
        let unknown = unknown(profile, &others);
        let contexts = [own, others].into_iter().filter(|abis| !abis.is_empty());
        let mut contexts = contexts.map(|abis| context(profile, &abis));
        let Some(first) = contexts.next() else {
            unreachable!("the native ABI is always there");
        };
        let mut context = first?;
        for other in contexts {
            context.merge(other?).map_err(CompileError::Refused)?;
        }
        Ok(Self { context, unknown })
    }

    /// The calls that the profile speaks of and that this libseccomp cannot: for them the filter does what
    /// it does by default.
    #[must_use]
    pub fn unknown(&self) -> &BTreeSet<Call> {
        &self.unknown
    }

    /// The filter as the kernel would get it.
    ///
    /// # Errors
    ///
    /// [`CompileError`] if libseccomp does not give it, or it is not understood.
    pub fn code(&mut self, layout: Layout) -> Result<Code, CompileError> {
        let bytes = self.bpf(layout)?;
        Code::decode(&bytes).map_err(CompileError::Code)
    }

    /// The filter's bytes as the kernel would get them: classic BPF in this machine's byte order.
    ///
    /// # Errors
    ///
    /// [`CompileError`] if libseccomp does not give it.
    pub fn bpf(&mut self, layout: Layout) -> Result<Vec<u8>, CompileError> {
        self.context
            .set_ctl_optimize(layout.level())
            .map_err(CompileError::Refused)?;
        exported(|memory| self.context.export_bpf(memory))
    }

    /// The filter in libseccomp's pseudo code.
    ///
    /// # Errors
    ///
    /// [`CompileError`] if libseccomp does not give it.
    pub fn pfc(&self) -> Result<String, CompileError> {
        let bytes = exported(|memory| self.context.export_pfc(memory))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Has the filter installed with these flags, `SECCOMP_FILTER_FLAG_*`.
    ///
    /// # Errors
    ///
    /// [`CompileError::Flag`] for one that needs a listener or that nobody knows, [`CompileError::Refused`] if
    /// libseccomp or the kernel does not have it.
    pub fn set_flags(&mut self, flags: &[String]) -> Result<(), CompileError> {
        for flag in flags {
            let set = match flag.as_str() {
                "SECCOMP_FILTER_FLAG_TSYNC" => self.context.set_ctl_tsync(true),
                "SECCOMP_FILTER_FLAG_LOG" => self.context.set_ctl_log(true),
                "SECCOMP_FILTER_FLAG_SPEC_ALLOW" => self.context.set_ctl_ssb(true),
                _ => return Err(CompileError::Flag(flag.clone())),
            };
            set.map_err(CompileError::Refused)?;
        }
        Ok(())
    }

    /// Puts the filter on the calling thread, for good. Sets no_new_privs first if asked to, which a process
    /// without CAP_SYS_ADMIN needs.
    ///
    /// # Errors
    ///
    /// [`CompileError::Load`] if the kernel refuses it.
    pub fn load(mut self, no_new_privs: bool) -> Result<(), CompileError> {
        self.context
            .set_ctl_nnp(no_new_privs)
            .map_err(CompileError::Refused)?;
        // A balanced tree instead of a list; older libraries lack it and build the list.
        let _ = self.context.set_ctl_optimize(Layout::Tree.level());
        self.context.load().map_err(CompileError::Load)
    }
}

/// What libseccomp writes to a descriptor, which is all that it writes to; this one is a piece of memory.
fn exported(
    export: impl FnOnce(&OwnedFd) -> Result<(), SeccompError>,
) -> Result<Vec<u8>, CompileError> {
    let memory = rustix::fs::memfd_create("filter", MemfdFlags::CLOEXEC);
    let memory = memory.map_err(CompileError::Export)?;
    export(&memory).map_err(CompileError::Refused)?;
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let at = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let length = rustix::io::pread(&memory, &mut buffer, at).map_err(CompileError::Export)?;
        match &buffer[..length] {
            [] => return Ok(bytes),
            more => bytes.extend_from_slice(more),
        }
    }
}

/// The calls of a profile that libseccomp cannot express on ABIs that are not this program's.
fn unknown(profile: &Profile, others: &[Abi]) -> BTreeSet<Call> {
    let names: BTreeSet<&String> = profile.rules.iter().flat_map(|rule| &rule.names).collect();
    let calls = others
        .iter()
        .flat_map(|&abi| names.iter().filter_map(move |name| Call::named(abi, name)));
    let known = |call: &Call| {
        let known = call.name().and_then(|name| by_name(name, call.abi));
        // A multiplexed call has a number of libseccomp's own, and the kernel's besides.
        let multiplexed = || {
            call.name()
                .is_some_and(|name| is_multiplexed(call.abi, name))
        };
        known == Some(call.filter_number().cast_signed()) || (known.is_some() && multiplexed())
    };
    calls.filter(|call| !known(call)).collect()
}

/// The number that libseccomp has for a name; negative if the ABI lacks the call.
fn by_name(name: &str, abi: Abi) -> Option<i32> {
    ScmpSyscall::from_name_by_arch(name, architecture(abi))
        .ok()
        .map(ScmpSyscall::as_raw_syscall)
}

/// What to call a rule's call in a context for some ABIs; `None` says nothing, as for the runtimes.
fn number(name: &str, abis: &[Abi]) -> Option<ScmpSyscall> {
    let known = ScmpSyscall::from_name(name).ok();
    let mut own = abis
        .iter()
        .filter(|&&abi| architecture(abi) == ScmpArch::native());
    let Some(own) = own.find_map(|&abi| Call::named(abi, name)) else {
        return known;
    };
    // libseccomp may know the name, but not yet on this ABI.
    let number = own.filter_number().cast_signed();
    known
        .filter(|known| known.as_raw_syscall() == number || is_multiplexed(own.abi, name))
        .or_else(|| Some(ScmpSyscall::from(number)))
}

/// A context for some ABIs. libseccomp takes every number as the ABI's for which it was built, so rules by
/// number only fit into a context for that.
fn context(profile: &Profile, abis: &[Abi]) -> Result<ScmpFilterContext, CompileError> {
    let default_action = action(profile.default_action);
    let mut context = ScmpFilterContext::new(default_action).map_err(CompileError::Refused)?;
    for &abi in abis {
        context
            .add_arch(architecture(abi))
            .map_err(CompileError::Refused)?;
    }
    if abis
        .iter()
        .all(|&abi| architecture(abi) != ScmpArch::native())
    {
        context
            .remove_arch(ScmpArch::Native)
            .map_err(CompileError::Refused)?;
    }
    // libseccomp goes through all that it has for a call with each rule, only to drop one that it has.
    let mut known = BTreeSet::new();
    // Runtimes skip rules that repeat the default; libseccomp refuses them.
    for rule in profile
        .rules
        .iter()
        .filter(|rule| rule.action != profile.default_action)
    {
        for name in &rule.names {
            if !known.insert((name, rule.action, &rule.conditions)) {
                continue;
            }
            if let Some(call) = number(name, abis) {
                add(&mut context, rule, call).map_err(|source| CompileError::Rule {
                    name: name.clone(),
                    source,
                })?;
            }
        }
    }
    Ok(context)
}

fn add(
    context: &mut ScmpFilterContext,
    rule: &Rule,
    call: ScmpSyscall,
) -> Result<(), SeccompError> {
    // An index used twice: runtimes make a rule of each condition.
    for conditions in runtime::alternatives(&rule.conditions, None) {
        let comparators: Vec<ScmpArgCompare> = conditions.iter().map(comparator).collect();
        context.add_rule_conditional(action(rule.action), call, &comparators)?;
    }
    Ok(())
}

fn comparator(condition: &Condition) -> ScmpArgCompare {
    let Condition {
        index,
        operator,
        value,
        value_two,
    } = *condition;
    let (operator, datum) = match operator {
        Operator::Ne => (ScmpCompareOp::NotEqual, value),
        Operator::Lt => (ScmpCompareOp::Less, value),
        Operator::Le => (ScmpCompareOp::LessOrEqual, value),
        Operator::Eq => (ScmpCompareOp::Equal, value),
        Operator::Ge => (ScmpCompareOp::GreaterEqual, value),
        Operator::Gt => (ScmpCompareOp::Greater, value),
        Operator::MaskedEq => (ScmpCompareOp::MaskedEqual(value), value_two),
    };
    ScmpArgCompare::new(u32::from(index), operator, datum)
}

fn action(action: Action) -> ScmpAction {
    match action {
        Action::KillProcess => ScmpAction::KillProcess,
        Action::KillThread => ScmpAction::KillThread,
        Action::Trap => ScmpAction::Trap,
        Action::Errno(errno) => ScmpAction::Errno(i32::from(errno)),
        Action::Trace(message) => ScmpAction::Trace(message),
        Action::Notify => ScmpAction::Notify,
        Action::Log => ScmpAction::Log,
        Action::Allow => ScmpAction::Allow,
    }
}

fn architecture(abi: Abi) -> ScmpArch {
    match abi {
        Abi::X86_64 => ScmpArch::X8664,
        Abi::I386 => ScmpArch::X86,
        Abi::X32 => ScmpArch::X32,
        Abi::Aarch64 => ScmpArch::Aarch64,
        Abi::Arm => ScmpArch::Arm,
    }
}
