//! What the product says of a profile, against filters that libseccomp compiles and a machine of the tests'
//! own runs, and against the kernel itself.
//!
//! Here the product's library is what is tested: its meaning of a profile, and its proof.

mod kernel;
mod random;
mod vectors;

use house_tests::suite::{Needs, Suite};
use seccomp_tracer::profile::{Circumstances, KernelVersion, Profile, read};
use seccomp_tracer::syscall::Abi;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::ExitCode;

fn main() -> ExitCode {
    Suite::from_command_line()
        .tests(Needs::Nothing, vectors::TESTS)
        .tests(Needs::Nothing, random::TESTS)
        .tests(Needs::Nothing, kernel::TESTS)
        .run()
}

/// The product's reading of a profile without conditions on the host.
fn profile(text: &str) -> Profile {
    let circumstances = Circumstances {
        host: Abi::X86_64,
        kernel: KernelVersion { major: 6, minor: 1 },
        capabilities: BTreeSet::new(),
    };
    let source = read::profile(text).expect("a profile");
    source.resolve(&circumstances)
}

/// A condition: position, operator without its prefix, value or mask, datum.
type Condition = (u8, &'static str, u64, u64);

/// A profile with rules for one call.
fn text(
    default: (&str, u16),
    abis: &[&str],
    name: &str,
    rules: &[(&str, u16, Vec<Condition>)],
) -> String {
    let condition = |&(index, operator, value, value_two): &Condition| {
        let op = format!("SCMP_CMP_{operator}");
        let mut condition = json!({"index": index, "op": op, "value": value});
        // Elsewhere it would mean nothing, and a strict reader says so.
        if operator == "MASKED_EQ" {
            condition["valueTwo"] = json!(value_two);
        }
        condition
    };
    let rule = |(action, errno, conditions): &(&str, u16, Vec<Condition>)| {
        let conditions: Vec<Value> = conditions.iter().map(condition).collect();
        with_errno(
            json!({"names": [name], "args": conditions}),
            "errnoRet",
            (action, *errno),
            "action",
        )
    };
    let rules: Vec<Value> = rules.iter().map(rule).collect();
    let architectures: Vec<String> = abis.iter().map(|abi| format!("SCMP_ARCH_{abi}")).collect();
    let profile = json!({"architectures": architectures, "syscalls": rules});
    with_errno(profile, "defaultErrnoRet", default, "defaultAction").to_string()
}

/// Adds an action, with its errno if it takes one.
fn with_errno(mut object: Value, key: &str, (action, errno): (&str, u16), name: &str) -> Value {
    object[name] = json!(format!("SCMP_ACT_{action}"));
    if action == "ERRNO" {
        object[key] = json!(errno);
    }
    object
}
