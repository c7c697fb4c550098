//! The proof that a compiled filter is what its profile means.
//!
//! libseccomp compiles the profile, the program is read back, and what it answers is worked out as exact
//! sets of arguments, for every architecture value and every number that it can tell apart. The sets are
//! compared with the profile's [`Meaning`], and with a base that must not be exceeded. Nothing is sampled:
//! the result holds for every call that there can be.

mod budget;
mod cells;
mod code;
mod cost;
mod flow;
mod installed;

pub use cells::NumberError;
pub use code::{Code, CodeError, Data, INSTRUCTIONS_MAX};
pub use cost::{Cost, Steps};
pub use flow::FlowError;
pub use installed::{Deviation, Installed, InstalledError};

use super::compare::{Excess, as_seen_by_kernel};
use super::compiled::{CompileError, Layout, Program};
use super::meaning::Meaning;
use super::model::{Action, Profile};
use super::set::ArgumentSet;
use crate::syscall::{self, Abi, Call, X32_BIT};
use budget::Budget;
use flow::Answers;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// An architecture of which no filter of ours knows anything: it stands for all the others.
const ELSEWHERE: u32 = 0;

/// A call to which the compiled filter answers otherwise than the profile says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Miscompiled {
    /// The call.
    pub call: Call,
    /// Arguments with which it happens.
    pub witness: [u64; 6],
    /// What the profile says.
    pub meant: Action,
    /// What the filter does.
    pub compiled: Action,
    /// In which arrangements of the filter.
    pub layouts: Vec<Layout>,
}

impl fmt::Display for Miscompiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, last] = self.witness;
        write!(
            f,
            "{}({a:#x}, {b:#x}, {c:#x}, {d:#x}, {e:#x}, {last:#x})",
            self.call
        )
    }
}

/// What was proved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// Calls to which the filter answers otherwise than the profile says; empty if it is right.
    pub miscompiled: Vec<Miscompiled>,
    /// Calls with which the filter lets through what the base does not; empty if there is no base.
    pub beyond: Vec<Excess>,
    /// Calls that the profile speaks of and the installed libseccomp cannot, on ABIs other than the native
    /// one: the filter refuses or permits them by default, which is no fault of the compiler.
    pub unknown: BTreeSet<Call>,
    /// The filter in every arrangement.
    pub filters: BTreeMap<Layout, Code>,
}

impl Proof {
    /// Whether the filter is what the profile means and stays within the base.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.miscompiled.is_empty() && self.beyond.is_empty()
    }
}

/// Why nothing can be proved.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// libseccomp refuses the profile, or what it gives is no filter.
    #[error("the profile cannot be compiled")]
    Compile(#[from] CompileError),
    /// The program cannot be followed.
    #[error("the compiled filter cannot be followed")]
    Flow(#[from] FlowError),
    /// The program cannot be followed.
    #[error("the compiled filter cannot be followed")]
    Number(#[from] NumberError),
}

/// Compiles a profile for a host with that native ABI, in every arrangement, and compares the filters with
/// what the profile means and with a base that they must not exceed.
///
/// # Errors
///
/// [`ProofError`] if there is no filter to compare.
pub fn prove(profile: &Profile, native: Abi, base: Option<&Meaning>) -> Result<Proof, ProofError> {
    let meaning = Meaning::of(profile, native);
    let mut program = Program::compile(profile, native)?;
    let mut proof = Proof {
        unknown: program.unknown().clone(),
        ..Proof::default()
    };
    for layout in Layout::ALL {
        let code = program.code(layout)?;
        let question = Question {
            code: &code,
            meaning: &meaning,
            base,
            layout,
        };
        for architecture in architectures() {
            question.examine(architecture, &mut proof)?;
        }
        proof.filters.insert(layout, code);
    }
    proof.beyond.sort();
    proof.beyond.dedup();
    proof.miscompiled.sort();
    Ok(proof)
}

/// Every architecture value that we have names for, and one that stands for the others.
fn architectures() -> BTreeSet<u32> {
    let known = Abi::ALL.into_iter().map(Abi::audit_arch);
    known.chain([ELSEWHERE]).collect()
}

/// One filter, and what it is compared with.
struct Question<'a> {
    code: &'a Code,
    meaning: &'a Meaning,
    base: Option<&'a Meaning>,
    layout: Layout,
}

impl Question<'_> {
    /// Examines one number of every cell that filter, profile and base together can tell apart.
    fn examine(&self, architecture: u32, proof: &mut Proof) -> Result<(), ProofError> {
        let mut numbers = cells::numbers(self.code)?;
        numbers.extend(self.meaning.numbers(architecture));
        numbers.extend(self.base.iter().flat_map(|base| base.numbers(architecture)));
        for number in numbers {
            let call = call(architecture, number);
            let answers = flow::answers(self.code, architecture, number, &mut Budget::unbounded())?;
            if !proof.unknown.contains(&call) {
                let meant = self.meaning.verdicts_at(architecture, number);
                if let Some(found) = difference(call, &meant, &answers, self.layout) {
                    add(&mut proof.miscompiled, found);
                }
            }
            if let Some(base) = self.base {
                let bound = base.permitted_at(architecture, number);
                proof.beyond.extend(excess(call, &bound, &answers));
            }
        }
        Ok(())
    }
}

/// The call that a filter sees as that number.
fn call(architecture: u32, number: u32) -> Call {
    let signed = number.cast_signed();
    match syscall::abi_of(architecture) {
        Some(Abi::X86_64) if number & X32_BIT != 0 && signed > 0 => {
            Call::new(Abi::X32, (number ^ X32_BIT).cast_signed())
        }
        // What is said about a call of an unknown architecture is the same for all of them.
        abi => Call::new(abi.unwrap_or(Abi::X86_64), signed),
    }
}

/// The first difference between what is meant and what is answered.
fn difference(
    call: Call,
    meant: &[(ArgumentSet, Action)],
    answers: &Answers,
    layout: Layout,
) -> Option<Miscompiled> {
    let same = |(set, action): &(ArgumentSet, Action)| answers.get(action) == Some(set);
    if meant.len() == answers.len() && meant.iter().all(same) {
        return None;
    }
    let pairs = meant.iter().flat_map(|meant| {
        let others = answers.iter().filter(|(action, _)| **action != meant.1);
        others.map(move |answer| (meant, answer))
    });
    let mut differences = pairs.filter_map(|((meant_set, meant), (answered, answered_set))| {
        let witness = meant_set.intersection(answered_set).witness()?;
        Some(Miscompiled {
            call,
            witness,
            meant: *meant,
            compiled: *answered,
            layouts: vec![layout],
        })
    });
    // What is let through against the profile is worse than what is not.
    let all: Vec<_> = differences.by_ref().collect();
    let opens = |one: &Miscompiled| one.compiled.permits() && !one.meant.permits();
    let worst = all.iter().position(opens).unwrap_or(0);
    all.into_iter().nth(worst)
}

/// Adds a difference, or the layout to one that is known from another.
fn add(known: &mut Vec<Miscompiled>, found: Miscompiled) {
    let same = |one: &&mut Miscompiled| {
        let key = |one: &Miscompiled| (one.call, one.witness, one.meant, one.compiled);
        key(one) == key(&found)
    };
    match known.iter_mut().find(same) {
        Some(one) => one.layouts.extend(found.layouts),
        None => known.push(found),
    }
}

/// What the filter lets through and the base does not, in either view.
fn excess(call: Call, bound: &ArgumentSet, answers: &Answers) -> Option<Excess> {
    if bound.is_all() {
        return None;
    }
    let permitting = answers.iter().filter(|(action, _)| action.permits());
    let permitted = permitting.fold(ArgumentSet::none(), |all, (_, set)| all.union(set));
    if permitted.is_none() {
        return None;
    }
    let found = |bound: &ArgumentSet, only_in_kernel_view| {
        let witness = permitted.difference(bound).witness()?;
        Some(Excess {
            call,
            witness,
            only_in_kernel_view,
        })
    };
    found(bound, false).or_else(|| found(&as_seen_by_kernel(call, bound), true))
}

#[cfg(test)]
mod tests;
