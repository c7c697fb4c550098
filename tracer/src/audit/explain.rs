//! What a word of a report means: a rule of the audit, a call, or a CVE.

use super::exploits::{self, Exploit};
use super::rules::{self, Rule};
use super::types::Presence;
use super::{Base, surface};
use crate::profile::{blocked, fallback, floor, multiplexed_calls};
use crate::syscall::catalog::{self, Argument};
use crate::syscall::{self, Abi, Call};
use std::collections::BTreeMap;

/// What a word means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Explanation {
    /// A rule.
    Rule(&'static Rule),
    /// A call.
    Call(Box<CallExplanation>),
    /// A CVE, and the exploits that need the same.
    Cve {
        /// Its id.
        id: &'static str,
        /// What it needs.
        exploit: &'static Exploit,
    },
}

/// What there is to know of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallExplanation {
    /// Its name.
    pub name: String,
    /// Its number on each ABI that has it; empty for one of ABIs that we have no table for.
    pub numbers: BTreeMap<Abi, i32>,
    /// The names of its arguments in the kernel's prototype; empty where that is not known.
    pub prototype: Vec<&'static str>,
    /// The arguments that decide what it does.
    pub arguments: &'static [Argument],
    /// The call of i386 that does it too, and by which first argument.
    pub multiplexed: Option<(&'static str, u64)>,
    /// What the base does with it; `None` without a base.
    pub base: Option<BaseAnswer>,
    /// Why Docker's default refuses or restricts it, if it does.
    pub reason: Option<&'static str>,
    /// Why every profile needs it, if it does.
    pub essential: Option<&'static str>,
    /// What C libraries use instead if it is answered with `ENOSYS`, and who makes it.
    pub falls_back: Vec<(&'static str, &'static str)>,
    /// The calls instead of which it is used if they are answered with `ENOSYS`.
    pub stands_in_for: Vec<&'static str>,
    /// The known exploits that need it.
    pub exploits: Vec<&'static Exploit>,
}

/// What a base does with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseAnswer {
    /// How the user named the base. Hostile.
    pub name: String,
    /// By ABI.
    pub presence: BTreeMap<Abi, Presence>,
    /// Capabilities each of which alone makes the base allow it, or more of it.
    pub unlock: Vec<String>,
}

/// A word that means nothing here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no rule, call or known CVE has this name")]
pub struct Unexplained {
    /// What was perhaps meant.
    pub similar: Vec<&'static str>,
}

/// What a word means. The base, with the name that the user gave it, says what becomes of a call.
///
/// # Errors
///
/// [`Unexplained`] if it means nothing.
pub fn explain(word: &str, base: Option<(&str, &Base)>) -> Result<Explanation, Unexplained> {
    if let Some(rule) = rules::find(word) {
        return Ok(Explanation::Rule(rule));
    }
    if syscall::is_known_name(word) || syscall::is_known_elsewhere(word) {
        return Ok(Explanation::Call(Box::new(call(word, base))));
    }
    let upper = word.to_ascii_uppercase();
    let mut exploits = exploits::known().iter();
    let cve = exploits.find_map(|exploit| {
        let (id, _) = exploit.cves.get_key_value(&upper)?;
        Some(Explanation::Cve { id, exploit })
    });
    cve.ok_or_else(|| {
        let mut similar = rules::similar_ids(word);
        similar.extend(syscall::similar_names(word));
        Unexplained { similar }
    })
}

fn call(name: &str, base: Option<(&str, &Base)>) -> CallExplanation {
    let abis = Abi::ALL.into_iter();
    let calls: Vec<Call> = abis.filter_map(|abi| Call::named(abi, name)).collect();
    let first = calls.first().copied();
    let prototype = first.and_then(catalog::prototype).unwrap_or_default();
    let falls_back = fallback::unasked().filter(|&(call, _, _)| call == name);
    let stands_in = fallback::unasked().filter(|(_, one, _)| {
        let mut instead = Abi::ALL.into_iter().filter_map(|abi| one.instead(abi));
        instead.any(|(_, instead)| instead == name)
    });
    let mut multiplexed = multiplexed_calls().filter(|(_, _, known)| *known == name);
    CallExplanation {
        name: name.to_owned(),
        numbers: calls.iter().map(|call| (call.abi, call.number)).collect(),
        prototype: prototype.iter().map(|&(_, name)| name).collect(),
        arguments: catalog::tracked(name),
        multiplexed: multiplexed.next().map(|(name, number, _)| (name, number)),
        base: base.map(|(called, base)| answer(name, called, base)),
        reason: blocked::reason(name),
        essential: floor::reason(name),
        falls_back: falls_back
            .filter_map(|(_, one, reason)| Some((one.then.first()?.as_str(), reason)))
            .collect(),
        stands_in_for: stands_in.map(|(call, _, _)| call).collect(),
        exploits: exploits::known()
            .iter()
            .filter(|exploit| exploit.calls().contains(name))
            .collect(),
    }
}

fn answer(name: &str, called: &str, base: &Base) -> BaseAnswer {
    let native = base.circumstances.host;
    let others = base.meaning.abis().iter().copied();
    let mut abis = std::iter::once(native).chain(others);
    let call = abis.find_map(|abi| Call::named(abi, name));
    BaseAnswer {
        name: called.to_owned(),
        presence: surface::presence_by_abi(&base.meaning, name),
        unlock: call.map_or_else(Vec::new, |call| base.unlocked_by(call)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{Action, Circumstances, KernelVersion, base};
    use crate::syscall::capability;

    fn docker() -> Base {
        let circumstances = Circumstances {
            host: Abi::X86_64,
            kernel: KernelVersion { major: 6, minor: 1 },
            capabilities: capability::docker_default(),
        };
        Base::new(base::docker().clone(), circumstances)
    }

    fn call(name: &str) -> CallExplanation {
        match explain(name, Some(("docker", &docker()))) {
            Ok(Explanation::Call(call)) => *call,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_word_is_a_rule_a_call_or_a_cve() {
        let rule = rules::find("beyond-base").unwrap();
        assert_eq!(explain("beyond-base", None), Ok(Explanation::Rule(rule)));
        let Ok(Explanation::Cve { id, exploit }) = explain("cve-2016-0728", None) else {
            panic!("a known CVE");
        };
        assert_eq!(
            (id, exploit.title.as_str()),
            ("CVE-2016-0728", "kernel keyrings")
        );
        let similar = |word| explain(word, None).unwrap_err().similar;
        assert_eq!(similar("beyond-bass"), ["beyond-base"]);
        assert_eq!(similar("opeen"), ["open"]);
        assert_eq!(similar("CVE-1999-0001"), [""; 0]);
        assert_eq!(similar(""), [""; 0]);
    }

    #[test]
    fn a_call_is_told_with_numbers_base_and_exploits() {
        let bpf = call("bpf");
        let numbers = [
            (Abi::X86_64, 321),
            (Abi::I386, 357),
            (Abi::X32, 321),
            (Abi::Aarch64, 280),
            (Abi::Arm, 386),
        ];
        assert_eq!(bpf.numbers, numbers.into());
        let base = bpf.base.unwrap();
        assert_eq!(
            base.presence[&Abi::X86_64],
            Presence::Blocked(Action::Errno(1))
        );
        assert_eq!(base.unlock, ["CAP_BPF", "CAP_SYS_ADMIN"]);
        assert_eq!(bpf.prototype.len(), 3);
        assert_eq!(bpf.arguments[0].name, "cmd");
        assert_eq!(bpf.exploits.len(), 1);
        assert!(bpf.reason.is_some() && bpf.essential.is_none());

        assert_eq!(call("socket").multiplexed, Some(("socketcall", 1)));
        assert!(call("exit_group").essential.is_some());
        assert_eq!(call("clone3").falls_back[0].0, "clone");
        assert_eq!(call("newfstatat").stands_in_for, ["statx"]);
        let elsewhere = call("riscv_hwprobe");
        assert!(elsewhere.numbers.is_empty() && elsewhere.base.unwrap().presence.is_empty());
    }
}
