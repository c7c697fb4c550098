//! The filters that a task really has, against what a profile means.
//!
//! Filters add up: the kernel asks all of them and does what the strictest says. What comes out of that is
//! worked out as exact sets of arguments for every number that filters and profile can tell apart, on the ABIs
//! that the kernel has calls of. How filters are taken from a task is not its business.

use super::budget::Budget;
use super::call;
use super::cells::{self, NumberError};
use super::code::{Code, CodeError};
use super::flow::{self, Answers, FlowError, add};
use crate::profile::set::ArgumentSet;
use crate::profile::{Action, Meaning};
use crate::syscall::{self, Abi, Call};
use std::collections::{BTreeMap, BTreeSet};

/// The filters of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed(Vec<Code>);

/// Why filters cannot be compared with anything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InstalledError {
    /// They are not programs that we understand.
    #[error("the installed filter is not understood")]
    Code(#[from] CodeError),
    /// A program cannot be followed.
    #[error("the installed filter cannot be followed")]
    Flow(#[from] FlowError),
    /// A program cannot be followed.
    #[error("the installed filter cannot be followed")]
    Number(#[from] NumberError),
}

/// A call to which the filters answer otherwise than the profile says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deviation {
    /// The call; one number without a name stands for all that fare alike.
    pub call: Call,
    /// What the profile says.
    pub meant: Action,
    /// What the filters do.
    pub installed: Action,
    /// Arguments with which it is so.
    pub witness: [u64; 6],
    /// Whether it is so whatever the arguments.
    pub whole: bool,
}

impl Installed {
    /// Reads filters, in the order in which they were installed.
    ///
    /// # Errors
    ///
    /// [`InstalledError::Code`] if one is no program that is understood.
    pub fn decode(programs: &[Vec<u8>]) -> Result<Self, InstalledError> {
        let filters = programs.iter().map(|program| Code::decode(program));
        Ok(Self(filters.collect::<Result<_, _>>()?))
    }

    /// How many instructions each filter has, in the order in which they were installed.
    #[must_use]
    pub fn lengths(&self) -> Vec<usize> {
        self.0.iter().map(Code::length).collect()
    }

    /// Where the filters answer otherwise than a profile says, on a kernel with that native ABI; in order of
    /// call.
    ///
    /// # Errors
    ///
    /// [`InstalledError`] if a filter cannot be followed.
    pub fn deviations(
        &self,
        meaning: &Meaning,
        native: Abi,
    ) -> Result<Vec<Deviation>, InstalledError> {
        let mut budget = Budget::of_a_task();
        let mut filters = self.0.clone();
        // The same once more changes nothing, and programs that install filters often repeat them.
        filters.dedup();
        let mut found = BTreeSet::new();
        let mut nameless = BTreeSet::new();
        for (architecture, abis) in architectures(native) {
            let mut numbers = meaning.numbers(architecture);
            // A stretch of numbers that fare alike may have many calls in it, and each is worth its name.
            let calls = abis.into_iter().flat_map(syscall::calls);
            numbers.extend(calls.map(Call::filter_number));
            for filter in &filters {
                numbers.extend(cells::numbers(filter)?);
            }
            for number in numbers {
                let call = call(architecture, number);
                let answers = answers(&filters, architecture, number, &mut budget)?;
                let meant = meaning.verdicts_at(architecture, number);
                for one in differences(call, &meant, &answers, &mut budget)? {
                    let key = (call.abi, one.meant, one.installed);
                    if call.name().is_some() || nameless.insert(key) {
                        found.insert(one);
                    }
                }
            }
        }
        Ok(found.into_iter().collect())
    }
}

/// What becomes of a call.
fn answers(
    filters: &[Code],
    architecture: u32,
    number: u32,
    budget: &mut Budget,
) -> Result<Answers, FlowError> {
    let mut all = Answers::from([(Action::Allow, ArgumentSet::all())]);
    for filter in filters {
        let newer = flow::answers(filter, architecture, number, budget)?;
        all = strictest(&all, &newer, budget)?;
    }
    Ok(all)
}

/// The architecture values of calls that a kernel gets, with the ABIs that each is for.
fn architectures(native: Abi) -> BTreeMap<u32, Vec<Abi>> {
    let abis: &[Abi] = match native {
        Abi::Aarch64 | Abi::Arm => &[Abi::Aarch64, Abi::Arm],
        Abi::X86_64 | Abi::I386 | Abi::X32 => &[Abi::X86_64, Abi::X32, Abi::I386],
    };
    let mut architectures: BTreeMap<u32, Vec<Abi>> = BTreeMap::new();
    for &abi in abis {
        architectures.entry(abi.audit_arch()).or_default().push(abi);
    }
    architectures
}

/// What two filters come to. Of answers that are equally strict, such as two errnos, the newer filter's counts.
/// <https://github.com/torvalds/linux/blob/v6.12/kernel/seccomp.c#L406>
fn strictest(older: &Answers, newer: &Answers, budget: &mut Budget) -> Result<Answers, FlowError> {
    let mut all = Answers::new();
    for (&old, old_set) in older {
        for (&new, new_set) in newer {
            let both = budget.intersection(old_set, new_set)?;
            let action = if strictness(old) < strictness(new) {
                old
            } else {
                new
            };
            if !both.is_none() {
                add(&mut all, action, both, budget)?;
            }
        }
    }
    Ok(all)
}

/// The kernel's order of actions, the strictest first.
/// <https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/seccomp.h#L37>
const fn strictness(action: Action) -> u8 {
    match action {
        Action::KillProcess => 0,
        Action::KillThread => 1,
        Action::Trap => 2,
        Action::Errno(_) => 3,
        Action::Notify => 4,
        Action::Trace(_) => 5,
        Action::Log => 6,
        Action::Allow => 7,
    }
}

/// The differences at one call, one for each pair of answers.
fn differences(
    call: Call,
    meant: &[(ArgumentSet, Action)],
    answers: &Answers,
    budget: &mut Budget,
) -> Result<Vec<Deviation>, FlowError> {
    let mut pairs: BTreeMap<(Action, Action), ArgumentSet> = BTreeMap::new();
    for (meant_set, meant) in meant {
        for (installed, set) in answers {
            if meant == installed {
                continue;
            }
            let both = budget.intersection(meant_set, set)?;
            if !both.is_none() {
                add(&mut pairs, (*meant, *installed), both, budget)?;
            }
        }
    }
    let each = pairs.into_iter().filter_map(|((meant, installed), set)| {
        Some(Deviation {
            call,
            meant,
            installed,
            witness: set.witness()?,
            whole: set.is_all(),
        })
    });
    Ok(each.collect())
}

#[cfg(test)]
mod tests {
    use super::super::code::tests::{Raw, bytes};
    use super::*;
    use crate::profile::compiled::{Layout, Program};
    use crate::profile::{Circumstances, KernelVersion, Profile, Runtime, base, read};
    use crate::syscall::capability;

    const X86_64: u32 = 0xC000_003E;

    fn circumstances() -> Circumstances {
        Circumstances {
            host: Abi::X86_64,
            kernel: KernelVersion { major: 6, minor: 1 },
            capabilities: capability::docker_default(),
        }
    }

    fn profile(text: &str) -> Profile {
        read::profile(text).unwrap().resolve(&circumstances())
    }

    fn compiled(profile: &Profile, layout: Layout) -> Vec<u8> {
        let mut program = Program::compile(profile, Abi::X86_64).unwrap();
        program.bpf(layout).unwrap()
    }

    fn named(name: &str) -> Call {
        Call::named(Abi::X86_64, name).unwrap()
    }

    /// A filter that answers one number so, and lets the rest through.
    fn answering(number: u32, value: u32) -> Vec<u8> {
        let program: [Raw; 6] = [
            (0x20, 0, 0, 4),
            (0x15, 0, 3, X86_64),
            (0x20, 0, 0, 0),
            (0x15, 0, 1, number),
            (0x06, 0, 0, value),
            (0x06, 0, 0, 0x7FFF_0000),
        ];
        bytes(&program)
    }

    /// Apart from the calls for which libseccomp has no number.
    #[test]
    fn a_profile_that_is_installed_deviates_in_nothing() {
        let docker = base::docker().resolve(&circumstances());
        let meaning = Meaning::of(&docker, Abi::X86_64);
        let mut program = Program::compile(&docker, Abi::X86_64).unwrap();
        for layout in Layout::ALL {
            let installed = Installed::decode(&[program.bpf(layout).unwrap()]).unwrap();
            let found = installed.deviations(&meaning, Abi::X86_64).unwrap();
            let calls = found.into_iter().map(|one| one.call);
            assert_eq!(calls.collect::<BTreeSet<_>>(), *program.unknown());
        }
    }

    #[test]
    fn what_differs_has_a_witness_both_ways() {
        let text = |family: u32, call: &str| {
            format!(
                r#"{{"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [
                    {{"names": ["read", "{call}"], "action": "SCMP_ACT_ALLOW"}},
                    {{"names": ["socket"], "action": "SCMP_ACT_ALLOW",
                      "args": [{{"index": 0, "value": {family}, "op": "SCMP_CMP_EQ"}}]}}]}}"#
            )
        };
        let file = profile(&text(2, "write"));
        let other = profile(&text(10, "mount"));
        let installed = Installed::decode(&[compiled(&other, Layout::Tree)]).unwrap();
        let meaning = Meaning::of(&file, Abi::X86_64);
        let (allow, eperm) = (Action::Allow, Action::Errno(1));
        let one = |name, meant, installed, family, whole| Deviation {
            call: named(name),
            meant,
            installed,
            witness: [family, 0, 0, 0, 0, 0],
            whole,
        };
        assert_eq!(
            installed.deviations(&meaning, Abi::X86_64).unwrap(),
            [
                one("write", allow, eperm, 0, true),
                one("socket", eperm, allow, 10, false),
                one("socket", allow, eperm, 2, false),
                one("mount", eperm, allow, 0, true),
            ]
        );
    }

    #[test]
    fn of_several_filters_the_strictest_answers() {
        let meaning = Meaning::unconfined();
        let found = |programs: &[(u32, u32)]| {
            let programs: Vec<_> = programs
                .iter()
                .map(|&(number, value)| answering(number, value))
                .collect();
            let installed = Installed::decode(&programs).unwrap();
            let found = installed.deviations(&meaning, Abi::X86_64).unwrap();
            let found = found.into_iter().map(|one| (one.call, one.installed));
            found.collect::<Vec<_>>()
        };
        let errno = |errno: u32| 0x0005_0000 | errno;
        let getpid = |action| vec![(named("getpid"), action)];
        // In the order in which they were installed.
        let table: [(&[(u32, u32)], _); 7] = [
            (&[], vec![]),
            (&[(39, errno(1)), (39, errno(2))], getpid(Action::Errno(2))),
            (&[(39, errno(2)), (39, errno(1))], getpid(Action::Errno(1))),
            (&[(39, 0), (39, errno(1))], getpid(Action::KillThread)),
            (
                &[(39, 0x7FC0_0000), (39, 0x7FF0_0000)],
                getpid(Action::Notify),
            ),
            (&[(39, 0x8000_0000), (39, 0)], getpid(Action::KillProcess)),
            (
                &[(39, errno(1)), (1, 0x0003_0000)],
                vec![
                    (named("write"), Action::Trap),
                    (named("getpid"), Action::Errno(1)),
                ],
            ),
        ];
        for (programs, expected) in table {
            assert_eq!(found(programs), expected, "{programs:x?}");
        }
    }

    /// A filter that lets through what has the same bits in two arguments, which no small diagram tells.
    #[test]
    fn a_filter_that_cannot_be_followed_is_refused_and_not_followed() {
        const BITS: u32 = 32;
        let mut program: Vec<Raw> = Vec::new();
        for bit in 0..BITS {
            let (mask, first, second) = (1 << bit, 16, 24);
            program.extend([
                (0x20, 0, 0, first),
                (0x45, 3, 0, mask),
                (0x20, 0, 0, second),
                (0x45, 0, 3, mask),
                (0x06, 0, 0, 0),
                (0x20, 0, 0, second),
                (0x45, 0, 2, mask),
                (0x05, 0, 0, 0),
                (0x05, 0, 0, 1),
                (0x06, 0, 0, 0),
            ]);
        }
        program.push((0x06, 0, 0, 0x7FFF_0000));
        let installed = Installed::decode(&[bytes(&program)]).unwrap();
        let found = installed.deviations(&Meaning::unconfined(), Abi::X86_64);
        assert_eq!(found, Err(InstalledError::Flow(FlowError::Entangled)));
    }

    #[test]
    fn every_call_is_told_by_its_name_and_the_other_numbers_once() {
        // Everything from 330 on is ended, x32 as well.
        let program: [Raw; 6] = [
            (0x20, 0, 0, 4),
            (0x15, 0, 2, X86_64),
            (0x20, 0, 0, 0),
            (0x35, 1, 0, 330),
            (0x06, 0, 0, 0x7FFF_0000),
            (0x06, 0, 0, 0x8000_0000),
        ];
        let installed = Installed::decode(&[bytes(&program)]).unwrap();
        let found = installed.deviations(&Meaning::unconfined(), Abi::X86_64);
        let found: BTreeSet<Call> = found.unwrap().iter().map(|one| one.call).collect();
        let late = syscall::calls(Abi::X86_64).filter(|call| call.number >= 330);
        let named: BTreeSet<Call> = late.chain(syscall::calls(Abi::X32)).collect();
        assert!(named.is_subset(&found));
        let others: Vec<Call> = found.difference(&named).copied().collect();
        assert_eq!(others.len(), 1, "{others:?}");
    }

    #[test]
    fn what_a_runtime_should_have_answered_itself_is_missed() {
        let file = profile(
            r#"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
                {"names": ["read"], "action": "SCMP_ACT_ALLOW"}, {"names": ["rseq"], "action": "SCMP_ACT_ALLOW"}]}"#,
        );
        let plain = Installed::decode(&[compiled(&file, Layout::List)]).unwrap();
        let runc = Meaning::under(&file, Abi::X86_64, Some(Runtime::Runc));
        let found = plain.deviations(&runc, Abi::X86_64).unwrap();
        let named = found.iter().filter(|one| one.call.name().is_some());
        // runc would have answered ENOSYS to what is newer than `rseq`.
        let late = syscall::calls(Abi::X86_64).filter(|call| call.number > 334);
        let expected = late.map(|call| Deviation {
            call,
            meant: Action::Errno(38),
            installed: Action::Errno(1),
            witness: [0; 6],
            whole: true,
        });
        assert!(named.eq(&expected.collect::<Vec<_>>()));
    }
}
