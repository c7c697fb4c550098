//! What each container runtime makes of a profile before libseccomp compiles it.
//!
//! runc is described as of 1.0.0 and later, crun as of 1.8, youki as of its sources of April 2026. It knows
//! how they read rules; what libseccomp then does is the meaning's business.

use super::meaning::is_multiplexed;
use super::model::{Action, Condition, Operator, Profile};
use crate::syscall::{Abi, Call};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A container runtime that takes OCI profiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Runtime {
    /// runc, which Docker, containerd and most others use.
    Runc,
    /// runc before 1.1.15.
    OldRunc,
    /// crun, Podman's.
    Crun,
    /// youki.
    Youki,
}

impl Runtime {
    /// Every runtime as its newest release reads profiles, in order.
    pub const ALL: [Self; 3] = [Self::Runc, Self::Crun, Self::Youki];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Runc | Self::OldRunc => "runc",
            Self::Crun => "crun",
            Self::Youki => "youki",
        }
    }

    /// The runtime of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|runtime| runtime.name() == name)
    }

    /// runc answers ENOSYS to numbers above the highest that the profile names on an ABI, whatever its rules
    /// do with that call, before the filter is asked; by ABI, that number as the filter sees it. It does not
    /// when the default lets calls through, and on an ABI on which nothing above 0 is named.
    /// <https://github.com/opencontainers/runc/blob/v1.2.0/libcontainer/seccomp/patchbpf/enosys_linux.go#L288>
    pub(super) fn newest(self, profile: &Profile, abis: &BTreeSet<Abi>) -> BTreeMap<Abi, u32> {
        let open = matches!(
            profile.default_action,
            Action::Allow | Action::Log | Action::Trace(_)
        );
        // Until 1.1.15 it looked at no architecture that the profile does not list, be it the native one.
        let is_looked_at = |abi: &Abi| match self {
            Self::Runc => true,
            Self::OldRunc => profile.abis.contains(abi),
            Self::Crun | Self::Youki => false,
        };
        if open {
            return BTreeMap::new();
        }
        let names = || profile.rules.iter().flat_map(|rule| &rule.names);
        let newest = |abi: Abi| {
            let names = names().filter(|name| !is_multiplexed(abi, name));
            let calls = names.filter_map(|name| Call::named(abi, name));
            let newest = calls.map(Call::filter_number).max()?;
            (newest > 0).then_some((abi, newest))
        };
        let abis = abis.iter().filter(|abi| is_looked_at(abi));
        abis.filter_map(|&abi| newest(abi)).collect()
    }
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The most conditions of a rule that crun looks at; what comes after them is dropped.
const CRUN_CONDITIONS_MAX: usize = 6;

/// The condition lists that a rule comes to: one, or, if an index is used twice, one for each condition,
/// because that is what every runtime makes of it.
pub(super) fn alternatives(
    conditions: &[Condition],
    runtime: Option<Runtime>,
) -> Vec<Vec<Condition>> {
    let mut conditions = conditions.to_vec();
    match runtime {
        Some(Runtime::Crun) => conditions.truncate(CRUN_CONDITIONS_MAX),
        Some(Runtime::Youki) => conditions.iter_mut().for_each(swap_operands),
        Some(Runtime::Runc | Runtime::OldRunc) | None => {}
    }
    let indexes: BTreeSet<u8> = conditions.iter().map(|condition| condition.index).collect();
    if indexes.len() == conditions.len() {
        return vec![conditions];
    }
    conditions
        .into_iter()
        .map(|condition| vec![condition])
        .collect()
}

/// youki passes the datum of a masked comparison as its mask, and the mask as its datum.
fn swap_operands(condition: &mut Condition) {
    if condition.operator == Operator::MaskedEq {
        std::mem::swap(&mut condition.value, &mut condition.value_two);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{Circumstances, KernelVersion, Meaning, Rule, base};
    use crate::syscall::{self, capability};

    fn docker() -> Profile {
        base::docker().resolve(&Circumstances {
            host: Abi::X86_64,
            kernel: KernelVersion { major: 6, minor: 1 },
            capabilities: capability::docker_default(),
        })
    }

    /// What upstream's default gives under runc and crun, call by call with all arguments zero: how many
    /// calls of an ABI are let through, how many get EPERM, and which get ENOSYS.
    #[test]
    fn dockers_default_answers_as_under_the_runtimes() {
        let new = "file_getattr file_setattr open_tree_attr listns rseq_slice_yield fchroot";
        let table = [
            (Abi::X86_64, Runtime::Runc, 309, 70, format!("clone3 {new}")),
            (Abi::X86_64, Runtime::Crun, 309, 76, "clone3".to_owned()),
            (Abi::I386, Runtime::Runc, 360, 95, format!("clone3 {new}")),
            (Abi::I386, Runtime::Crun, 360, 101, "clone3".to_owned()),
            // x32's own numbers are above the shared ones, so that nothing is beyond them.
            (Abi::X32, Runtime::Runc, 305, 69, "clone3".to_owned()),
            (Abi::X32, Runtime::Crun, 305, 69, "clone3".to_owned()),
        ];
        for (abi, runtime, allowed, refused, unimplemented) in table {
            let meaning = Meaning::under(&docker(), Abi::X86_64, Some(runtime));
            let answers = |action| {
                let calls = syscall::calls(abi);
                calls.filter(move |&call| meaning.action(call, &[0; 6]) == action)
            };
            let all = |action| answers.clone()(action).collect::<Vec<_>>();
            assert_eq!(all(Action::Allow).len(), allowed, "{abi} {runtime}");
            assert_eq!(all(Action::Errno(1)).len(), refused, "{abi} {runtime}");
            let names: BTreeSet<_> = all(Action::Errno(38))
                .into_iter()
                .filter_map(Call::name)
                .collect();
            assert_eq!(names, unimplemented.split(' ').collect(), "{abi} {runtime}");
        }
    }

    fn profile(default_action: Action, names: &[&str]) -> Profile {
        let rule = |name: &&str| Rule {
            names: vec![(*name).to_owned()],
            action: Action::Allow,
            conditions: Vec::new(),
        };
        Profile {
            default_action,
            abis: [Abi::I386].into(),
            rules: names.iter().map(rule).collect(),
            ..docker()
        }
    }

    #[test]
    fn runc_answers_what_is_beyond_a_profile_itself() {
        let newest = |default_action, names: &[&str]| {
            let profile = profile(default_action, names);
            let abis = [Abi::X86_64, Abi::I386].into();
            Runtime::Runc
                .newest(&profile, &abis)
                .into_values()
                .collect::<Vec<_>>()
        };
        let errno = Action::Errno(1);
        // rseq is 334 and 386.
        assert_eq!(newest(errno, &["rseq", "read", "nonsense"]), [334, 386]);
        assert_eq!(newest(Action::KillProcess, &["rseq"]), [334, 386]);
        for open in [Action::Allow, Action::Log, Action::Trace(0)] {
            assert_eq!(newest(open, &["rseq"]), [0; 0]);
        }
        // Only number 0, on one of the two; and sockets are behind a multiplexer on i386.
        assert_eq!(newest(errno, &["read", "socket"]), [41, 3]);
        assert_eq!(newest(errno, &["read"]), [3]);
        let meaning = Meaning::under(&profile(errno, &["rseq"]), Abi::X86_64, Some(Runtime::Runc));
        let answer = |abi, number| meaning.action(Call::new(abi, number), &[0; 6]);
        let table = [
            (Abi::X86_64, 335, Action::Errno(38)),
            (Abi::X86_64, 334, Action::Allow),
            (Abi::X86_64, 333, errno),
            (Abi::I386, -1, Action::Errno(38)),
            // Not in the filter: the stub leaves it alone, and the filter kills. All but -1.
            (Abi::X32, 1000, Action::KillThread),
            (Abi::X86_64, -1, errno),
            (Abi::Aarch64, 1000, Action::KillThread),
        ];
        for (abi, number, expected) in table {
            assert_eq!(answer(abi, number), expected, "{abi} {number}");
        }
    }

    #[test]
    fn each_runtime_reads_conditions_in_its_way() {
        let masked = |index, value, value_two| Condition {
            index,
            operator: Operator::MaskedEq,
            value,
            value_two,
        };
        let one = masked(0, 7, 1);
        let swapped = masked(0, 1, 7);
        let all: Vec<_> = (0..6).map(|index| masked(index, 0, 0)).collect();
        let seven: Vec<_> = all.iter().copied().chain([one]).collect();
        let of = |conditions: &[Condition], runtime| alternatives(conditions, Some(runtime));
        assert_eq!(of(&[one], Runtime::Runc), [vec![one]]);
        assert_eq!(of(&[one], Runtime::Youki), [vec![swapped]]);
        assert_eq!(
            of(&[one, swapped], Runtime::Runc),
            [vec![one], vec![swapped]]
        );
        assert_eq!(of(&seven, Runtime::Crun), std::slice::from_ref(&all));
        assert_eq!(of(&seven, Runtime::Runc).len(), 7);
        // Docker's mask for `clone` becomes 0 with youki, which always holds.
        let namespaces = Meaning::under(&docker(), Abi::X86_64, Some(Runtime::Youki));
        let clone = Call::named(Abi::X86_64, "clone").unwrap();
        assert!(namespaces.permitted(clone).is_all());
    }
}
