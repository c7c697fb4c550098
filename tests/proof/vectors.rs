//! How rules combine: profiles with what filters of libseccomp 2.5.4 and 2.6.1 answer to calls.

use crate::profile;
use house_tests::filter::Filter;
use house_tests::judge::{Host, Judge};
use seccomp_tracer::profile::compiled::Program;
use seccomp_tracer::profile::{Meaning, proof};
use seccomp_tracer::syscall::{Abi, Call, X32_BIT, abi_of};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeSet;

pub(crate) const TESTS: [(&str, fn()); 1] =
    house_tests::tests![rules_combine_as_libseccomp_combines_them];

#[derive(Deserialize)]
struct Vector {
    title: String,
    profile: Value,
    /// Whether libseccomp takes the rules at all.
    accepted: bool,
    /// Architecture, number, first arguments, and what is answered.
    probes: Vec<(u32, u32, Vec<u64>, u32)>,
}

fn rules_combine_as_libseccomp_combines_them() {
    let vectors: Vec<Vector> =
        serde_json::from_str(include_str!("../data/rules.json")).expect("vectors");
    assert_eq!(vectors.len(), 26);
    for vector in vectors {
        let Vector {
            title,
            profile: json,
            accepted,
            probes,
        } = vector;
        let profile = profile(&json.to_string());
        let compiled = Program::compile(&profile, Abi::X86_64);
        assert_eq!(compiled.is_ok(), accepted, "{title}");
        if !accepted {
            continue;
        }
        let capabilities = BTreeSet::new();
        let host = Host {
            kernel: (6, 1),
            capabilities: &capabilities,
        };
        let filter = Filter::of(&Judge::of(&json.to_string(), &host));
        let meaning = Meaning::of(&profile, Abi::X86_64);
        for (architecture, number, first, expected) in probes {
            let mut arguments = [0; 6];
            arguments[..first.len()].copy_from_slice(&first);
            let ours = meaning.action(call(architecture, number), &arguments);
            assert_eq!(ours.return_value(), expected, "{title}: {number} {first:?}");
            let theirs = filter.answer_at(architecture, number, &arguments);
            assert_eq!(theirs, expected, "{title}: {number} {first:?}");
        }
        let proof = proof::prove(&profile, Abi::X86_64, None).expect("a filter");
        assert_eq!(proof.miscompiled, [], "{title}");
    }
}

fn call(architecture: u32, number: u32) -> Call {
    match abi_of(architecture) {
        Some(Abi::X86_64) if number & X32_BIT != 0 && number != u32::MAX => {
            Call::new(Abi::X32, (number ^ X32_BIT).cast_signed())
        }
        abi => Call::new(abi.expect("a known architecture"), number.cast_signed()),
    }
}
