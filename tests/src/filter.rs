//! The filter that a runtime would build from a profile, by libseccomp, and a small machine that runs it.

use crate::judge::{Entry, Judge, register};
use libseccomp::{
    ScmpAction, ScmpArch, ScmpArgCompare, ScmpCompareOp, ScmpFilterContext, ScmpSyscall,
};
use seccomp_tracer::syscall::{Abi, Call};
use std::collections::BTreeSet;
use std::io::{Read, Seek};

/// A classic BPF program.
pub struct Filter {
    instructions: Vec<Instruction>,
}

#[derive(Clone, Copy)]
struct Instruction {
    code: u16,
    if_true: u8,
    if_false: u8,
    value: u32,
}

impl Filter {
    /// Builds the filter in the way runc does: names that libseccomp does not know are left out, an entry
    /// that uses an index twice becomes several.
    ///
    /// # Panics
    ///
    /// If libseccomp refuses.
    #[must_use]
    pub fn of(profile: &Judge) -> Self {
        Self::compiled(profile, false).expect("libseccomp takes the profile")
    }

    /// The same, as a tree or as a list; `None` if libseccomp refuses a rule.
    ///
    /// # Panics
    ///
    /// If libseccomp refuses anything else.
    #[must_use]
    pub fn compiled(profile: &Judge, as_tree: bool) -> Option<Self> {
        let default = action(&profile.default_action, profile.default_errno);
        let mut context = ScmpFilterContext::new(default).expect("a filter");
        let layout = if as_tree { 2 } else { 1 };
        context.set_ctl_optimize(layout).expect("a layout");
        for abi in &profile.abis {
            context
                .add_arch(architecture(*abi))
                .expect("an architecture");
        }
        for entry in &profile.entries {
            let action = action(&entry.action, entry.errno);
            if action != default {
                add(&mut context, entry, action)?;
            }
        }
        let mut file = tempfile::tempfile().expect("a temporary file");
        context.export_bpf(&file).expect("a compiled filter");
        let mut bytes = Vec::new();
        file.rewind().expect("a file");
        file.read_to_end(&mut bytes).expect("a file");
        Some(Self::read(&bytes))
    }

    /// A program as the kernel would get it.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let instructions = bytes.as_chunks::<8>().0.iter().map(instruction).collect();
        Self { instructions }
    }

    /// What the filter answers: `SECCOMP_RET_*` with its data.
    ///
    /// # Panics
    ///
    /// If the program does something that the kernel would refuse.
    #[must_use]
    pub fn answer(&self, call: Call, arguments: &[u64; 6]) -> u32 {
        let wide = call.abi == Abi::X86_64 || call.abi == Abi::X32;
        let architecture = if wide { 0xc000_003e } else { 0x4000_0003 };
        self.answer_at(architecture, register(call), arguments)
    }

    /// What the filter answers to these registers.
    ///
    /// # Panics
    ///
    /// If the program does something that the kernel would refuse.
    #[must_use]
    pub fn answer_at(&self, architecture: u32, number: u32, arguments: &[u64; 6]) -> u32 {
        let data = data(architecture, number, arguments);
        let mut accumulator = 0_u32;
        let mut at = 0;
        loop {
            let Instruction {
                code,
                if_true,
                if_false,
                value,
            } = self.instructions[at];
            at += 1;
            let mut jump = |holds| at += usize::from(if holds { if_true } else { if_false });
            match code {
                0x20 => accumulator = data[value as usize / 4],
                0x54 => accumulator &= value,
                0x05 => at += value as usize,
                0x15 => jump(accumulator == value),
                0x25 => jump(accumulator > value),
                0x35 => jump(accumulator >= value),
                0x45 => jump(accumulator & value != 0),
                0x06 => return value,
                other => panic!("unknown instruction {other:#x}"),
            }
        }
    }

    /// Whether the call is let through.
    #[must_use]
    pub fn permits(&self, call: Call, arguments: &[u64; 6]) -> bool {
        const ALLOW: u32 = 0x7fff_0000;
        const LOG: u32 = 0x7ffc_0000;
        matches!(self.answer(call, arguments), ALLOW | LOG)
    }
}

/// `struct seccomp_data` in words: number, architecture, instruction pointer, arguments.
fn data(architecture: u32, number: u32, arguments: &[u64; 6]) -> Vec<u32> {
    let mut words = vec![number, architecture, 0, 0];
    for argument in arguments {
        let bytes = argument.to_le_bytes();
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"));
        words.extend([word(0), word(4)]);
    }
    words
}

fn instruction(bytes: &[u8; 8]) -> Instruction {
    Instruction {
        code: u16::from_le_bytes([bytes[0], bytes[1]]),
        if_true: bytes[2],
        if_false: bytes[3],
        value: u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]),
    }
}

fn add(context: &mut ScmpFilterContext, entry: &Entry, action: ScmpAction) -> Option<()> {
    let comparisons: Vec<ScmpArgCompare> = entry
        .conditions
        .iter()
        .map(|condition| {
            let (operator, datum) = match condition.operator.as_str() {
                "SCMP_CMP_NE" => (ScmpCompareOp::NotEqual, condition.value),
                "SCMP_CMP_LT" => (ScmpCompareOp::Less, condition.value),
                "SCMP_CMP_LE" => (ScmpCompareOp::LessOrEqual, condition.value),
                "SCMP_CMP_EQ" => (ScmpCompareOp::Equal, condition.value),
                "SCMP_CMP_GE" => (ScmpCompareOp::GreaterEqual, condition.value),
                "SCMP_CMP_GT" => (ScmpCompareOp::Greater, condition.value),
                _ => (
                    ScmpCompareOp::MaskedEqual(condition.value),
                    condition.value_two,
                ),
            };
            ScmpArgCompare::new(condition.index, operator, datum)
        })
        .collect();
    let indexes: BTreeSet<u32> = entry.conditions.iter().map(|one| one.index).collect();
    for name in &entry.names {
        let Ok(call) = ScmpSyscall::from_name(name) else {
            continue;
        };
        if comparisons.is_empty() {
            context.add_rule(action, call).ok()?;
        } else if indexes.len() < comparisons.len() {
            for one in &comparisons {
                context.add_rule_conditional(action, call, &[*one]).ok()?;
            }
        } else {
            context
                .add_rule_conditional(action, call, &comparisons)
                .ok()?;
        }
    }
    Some(())
}

fn architecture(abi: Abi) -> ScmpArch {
    match abi {
        Abi::I386 => ScmpArch::X86,
        Abi::X32 => ScmpArch::X32,
        _ => ScmpArch::X8664,
    }
}

fn action(name: &str, errno: Option<u16>) -> ScmpAction {
    match name {
        "SCMP_ACT_ALLOW" => ScmpAction::Allow,
        "SCMP_ACT_LOG" => ScmpAction::Log,
        "SCMP_ACT_ERRNO" => ScmpAction::Errno(i32::from(errno.unwrap_or(1))),
        "SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD" => ScmpAction::KillThread,
        "SCMP_ACT_KILL_PROCESS" => ScmpAction::KillProcess,
        "SCMP_ACT_TRAP" => ScmpAction::Trap,
        other => panic!("unknown action {other}"),
    }
}

/// Every way in which the filter of a profile lets through what the filter of another denies.
#[must_use]
pub fn excesses(profile: &Judge, base: &Judge) -> Vec<String> {
    let filters = [Filter::of(profile), Filter::of(base)];
    let mut found = Vec::new();
    for abi in [Abi::X86_64, Abi::I386, Abi::X32] {
        for call in crate::judge::numbers(abi) {
            let name = call.name().unwrap_or("");
            for arguments in crate::judge::worlds(profile, base, name) {
                let [profile, base] = filters.each_ref().map(|one| one.permits(call, &arguments));
                if profile && !base {
                    found.push(format!("{call}{arguments:x?}"));
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::Host;

    #[test]
    fn the_filter_answers_as_the_profile_says() {
        let text = r#"{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38,
          "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"], "syscalls": [
          {"names": ["getppid"], "action": "SCMP_ACT_ALLOW"},
          {"names": ["personality"], "action": "SCMP_ACT_ALLOW",
           "args": [{"index": 0, "value": 4294967295, "valueTwo": 8, "op": "SCMP_CMP_MASKED_EQ"}]}]}"#;
        let capabilities = BTreeSet::new();
        let host = Host {
            kernel: (6, 1),
            capabilities: &capabilities,
        };
        let judge = Judge::of(text, &host);
        let filter = Filter::of(&judge);
        let answer = |abi, name, first| {
            let call = Call::named(abi, name).unwrap();
            let arguments = [first, 0, 0, 0, 0, 0];
            assert_eq!(
                filter.permits(call, &arguments),
                judge.permits(call, &arguments)
            );
            filter.answer(call, &arguments)
        };
        const ALLOW: u32 = 0x7fff_0000;
        const ENOSYS: u32 = 0x0005_0000 | 38;
        assert_eq!(answer(Abi::X86_64, "getppid", 0), ALLOW);
        assert_eq!(answer(Abi::I386, "getppid", 0), ALLOW);
        assert_eq!(answer(Abi::X86_64, "semget", 0), ENOSYS);
        assert_eq!(answer(Abi::X86_64, "personality", 0x1_0000_0008), ALLOW);
        assert_eq!(answer(Abi::X86_64, "personality", 9), ENOSYS);
        // An ABI that the filter does not know: the thread is killed.
        assert_eq!(answer(Abi::X32, "getppid", 0), 0);
    }
}
