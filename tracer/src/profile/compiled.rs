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
