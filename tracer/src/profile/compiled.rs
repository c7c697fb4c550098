//! The filter that libseccomp builds from a profile.
//!
//! libseccomp's table of names is as old as the library; calls that it does not know are compiled by the
//! number that our own table has for the native ABI.

use super::model::{Action, Condition, Operator, Profile, Rule};
use crate::syscall::{Abi, Call};
use libseccomp::error::SeccompError;
use libseccomp::{
    ScmpAction, ScmpArch, ScmpArgCompare, ScmpCompareOp, ScmpFilterContext, ScmpSyscall,
};
use rustix::fd::OwnedFd;
use rustix::fs::MemfdFlags;

/// Why a profile cannot be compiled or loaded.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// libseccomp refuses.
    #[error("libseccomp refuses the profile")]
    Refused(#[source] SeccompError),
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
    /// The kernel refuses it; without CAP_SYS_ADMIN it wants no_new_privs.
    #[error("the kernel refuses the filter")]
    Load(#[source] SeccompError),
}

/// A filter, ready to be loaded.
#[derive(Debug)]
pub struct Program(ScmpFilterContext);

impl Program {
    /// Compiles a profile for a host with that native ABI.
    ///
    /// # Errors
    ///
    /// [`CompileError`] if libseccomp refuses it.
    pub fn compile(profile: &Profile, native: Abi) -> Result<Self, CompileError> {
        let mut program = context(profile, &[native], native)?;
        let others: Vec<Abi> = profile
            .abis
            .iter()
            .copied()
            .filter(|&abi| abi != native)
            .collect();
        if !others.is_empty() {
            program
                .merge(context(profile, &others, native)?)
                .map_err(CompileError::Refused)?;
        }
        Ok(Self(program))
    }

    /// The filter as the kernel would get it: classic BPF in this machine's byte order, as a tree.
    ///
    /// # Errors
    ///
    /// [`CompileError`] if libseccomp does not give it.
    pub fn bpf(&mut self) -> Result<Vec<u8>, CompileError> {
        // Older libraries lack the tree and build the list, which answers the same.
        let _ = self.0.set_ctl_optimize(2);
        exported(|memory| self.0.export_bpf(memory))
    }

    /// The filter in libseccomp's pseudo code.
    ///
    /// # Errors
    ///
    /// [`CompileError`] if libseccomp does not give it.
    pub fn pfc(&self) -> Result<String, CompileError> {
        let bytes = exported(|memory| self.0.export_pfc(memory))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Puts the filter on the calling thread, for good. Sets no_new_privs first if asked to, which a process
    /// without CAP_SYS_ADMIN needs.
    ///
    /// # Errors
    ///
    /// [`CompileError::Load`] if the kernel refuses it.
    pub fn load(mut self, no_new_privs: bool) -> Result<(), CompileError> {
        self.0
            .set_ctl_nnp(no_new_privs)
            .map_err(CompileError::Refused)?;
        // A balanced tree instead of a list; older libraries lack it and build the list.
        let _ = self.0.set_ctl_optimize(2);
        self.0.load().map_err(CompileError::Load)
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

/// A context for some ABIs. libseccomp takes every number as the native ABI's, so rules by number only fit
/// into a context for that.
fn context(
    profile: &Profile,
    abis: &[Abi],
    native: Abi,
) -> Result<ScmpFilterContext, CompileError> {
    let default_action = action(profile.default_action);
    let mut context = ScmpFilterContext::new(default_action).map_err(CompileError::Refused)?;
    if !abis.contains(&native) {
        context
            .remove_arch(ScmpArch::Native)
            .map_err(CompileError::Refused)?;
    }
    for &abi in abis {
        context
            .add_arch(architecture(abi))
            .map_err(CompileError::Refused)?;
    }
    // Runtimes skip rules that repeat the default; libseccomp refuses them.
    for rule in profile
        .rules
        .iter()
        .filter(|rule| rule.action != profile.default_action)
    {
        for name in &rule.names {
            let known = ScmpSyscall::from_name(name).ok();
            let own = || Call::named(native, name).filter(|_| abis.contains(&native));
            let call = known.or_else(|| own().map(|call| ScmpSyscall::from(call.number)));
            // A name that nobody has says nothing, as for the runtimes.
            if let Some(call) = call {
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
    let mut indexes: Vec<u8> = rule
        .conditions
        .iter()
        .map(|condition| condition.index)
        .collect();
    indexes.dedup();
    let comparators: Vec<ScmpArgCompare> = rule.conditions.iter().map(comparator).collect();
    if indexes.len() == rule.conditions.len() {
        return context
            .add_rule_conditional(action(rule.action), call, &comparators)
            .map(drop);
    }
    // An index used twice: runtimes make a rule of each condition.
    for comparator in comparators {
        context.add_rule_conditional(action(rule.action), call, &[comparator])?;
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
