//! Refusals that nobody minds: calls that libraries make without being asked to and replace by others, answered
//! as a kernel would that does not have them.

use crate::profile::{Action, Meaning, fallback};
use crate::recording::{Answer, DenialKey, Denials, SeccompState};
use crate::syscall::Call;
use std::collections::BTreeSet;

/// `ENOSYS`.
const ENOSYS: u16 = 38;

/// The refusals that are as they should be: the call was answered with `ENOSYS`, and so it is by the base,
/// whatever its arguments. Where the filter is the engine's own default, of whatever release, it is enough that
/// programs are known to do without the call when they are told that it does not exist.
#[must_use]
pub fn by_design(
    denials: &Denials,
    base: &Meaning,
    seccomp: Option<SeccompState>,
) -> BTreeSet<DenialKey> {
    let refusals = denials.refusals().map(|(key, _)| key);
    refusals
        .filter(|&key| is_by_design(key, base, seccomp))
        .collect()
}

/// The same of one refusal.
#[must_use]
pub fn is_by_design(key: DenialKey, base: &Meaning, seccomp: Option<SeccompState>) -> bool {
    if key.answer != Answer::Errno(ENOSYS) {
        return false;
    }
    let of_default = seccomp == Some(SeccompState::EngineDefault) && is_made_unasked(key.call);
    of_default || base.permitted(key.call).is_none() && says_enosys(base, key.call)
}

fn says_enosys(base: &Meaning, call: Call) -> bool {
    let verdicts = base.verdicts(call);
    verdicts
        .iter()
        .all(|(_, action)| *action == Action::Errno(ENOSYS))
}

/// Whether libraries make a call by themselves, and another one where it is answered with `ENOSYS`.
fn is_made_unasked(call: Call) -> bool {
    fallback::unasked().any(|(name, _, _)| Some(name) == call.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{Circumstances, KernelVersion, base};
    use crate::syscall::{Abi, capability};

    #[test]
    fn only_what_the_base_answers_with_enosys_is_by_design() {
        let circumstances = Circumstances {
            host: Abi::X86_64,
            kernel: KernelVersion { major: 6, minor: 1 },
            capabilities: capability::docker_default(),
        };
        let base = Meaning::of(&base::docker().resolve(&circumstances), Abi::X86_64);
        let (default, custom) = (SeccompState::EngineDefault, SeccompState::Custom);
        let (enosys, eperm) = (Answer::Errno(38), Answer::Errno(1));
        let table = [
            ("clone3", enosys, custom, true),
            ("clone3", eperm, custom, false),
            ("clone3", Answer::Signal, default, false),
            // Docker's default of today permits it; one of another day did not.
            ("faccessat2", enosys, default, true),
            ("faccessat2", enosys, custom, false),
            ("faccessat2", eperm, default, false),
            // Refused by the base, but not like this.
            ("mount", enosys, custom, false),
            ("mount", eperm, default, false),
            ("socket", eperm, default, false),
        ];
        for (name, answer, seccomp, expected) in table {
            let call = Call::named(Abi::X86_64, name).unwrap();
            let key = DenialKey { call, answer };
            let found = is_by_design(key, &base, Some(seccomp));
            assert_eq!(found, expected, "{name} {answer}");
        }
    }
}
