//! What is written is read as the same, or it is not written.

use super::*;
use crate::profile::Meaning;
use crate::profile::proof::{Code, Data};
use crate::profile::{
    Action, Circumstances, Condition, Filter, KernelVersion, Operator, Profile, Rule, Source,
    SourceRule, read, words,
};
use crate::syscall::{Abi, Call, capability};
use ::seccompiler::TargetArch;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

/// What runtimes take by default; without conditions, so it does not matter.
fn circumstances() -> Circumstances {
    Circumstances {
        host: Abi::X86_64,
        kernel: KernelVersion { major: 6, minor: 1 },
        capabilities: capability::docker_default(),
    }
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        Just(Action::KillProcess),
        Just(Action::KillThread),
        Just(Action::Trap),
        any::<u16>().prop_map(Action::Errno),
        any::<u16>().prop_map(Action::Trace),
        Just(Action::Log),
        Just(Action::Allow),
    ]
}

fn condition(largest: u64) -> impl Strategy<Value = Condition> {
    let operator = select(vec![
        Operator::Ne,
        Operator::Lt,
        Operator::Le,
        Operator::Eq,
        Operator::Ge,
        Operator::Gt,
        Operator::MaskedEq,
    ]);
    (0..6_u8, operator, 0..=largest, 0..=largest).prop_map(|(index, operator, value, two)| {
        let value_two = if operator == Operator::MaskedEq {
            two
        } else {
            0
        };
        Condition {
            index,
            operator,
            value,
            value_two,
        }
    })
}

/// Names, nearly all of them plain, some as hostile as files can have them.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[a-z_][a-z0-9_]{0,12}",
        1 => select(vec!["null", "yes", "1", "-", "a b", "#", "'", "\"", "\\", "a: b", "\u{85}", "%n"])
            .prop_map(str::to_owned),
        1 => "\\PC{1,8}",
        1 => ".{1,4}",
    ]
}

fn names() -> impl Strategy<Value = Vec<String>> {
    vec(name(), 1..5).prop_map(|mut names| {
        let mut seen = std::collections::BTreeSet::new();
        names.retain(|name| seen.insert(name.clone()));
        names
    })
}

fn filter() -> impl Strategy<Value = Filter> {
    let kernel =
        (0..=255_u32, 0..=255_u32).prop_map(|(major, minor)| KernelVersion { major, minor });
    (vec(name(), 0..3), vec(name(), 0..3), option::of(kernel)).prop_map(
        |(capabilities, architectures, kernel)| Filter {
            capabilities,
            architectures,
            kernel,
        },
    )
}

fn source_rule() -> impl Strategy<Value = SourceRule> {
    let action = prop_oneof![action(), Just(Action::Notify)];
    let conditions = vec(condition(u64::MAX), 0..4);
    (
        names(),
        action,
        conditions,
        option::of(name()),
        filter(),
        filter(),
    )
        .prop_map(
            |(names, action, conditions, comment, includes, excludes)| SourceRule {
                names,
                action,
                conditions,
                comment,
                includes,
                excludes,
                positions: Default::default(),
            },
        )
}

fn words(all: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    let some = subsequence(all, 0..3);
    some.prop_map(|words| words.into_iter().map(str::to_owned).collect())
}

type Listener = (Option<String>, Option<String>);

/// The data only beside the socket.
fn listener() -> impl Strategy<Value = Listener> {
    option::of((name(), option::of(name())))
        .prop_map(|both| both.map_or((None, None), |(path, data)| (Some(path), data)))
}

fn source() -> impl Strategy<Value = Source> {
    let hosts = (select(words::ARCHITECTURES), words(words::ARCHITECTURES));
    let hosts = vec(
        hosts.prop_map(|(host, others)| (host.to_owned(), others)),
        0..3,
    );
    let flags = option::of(words(words::FLAGS));
    let rules = vec(source_rule(), 0..5);
    (
        action(),
        hosts,
        words(words::ARCHITECTURES),
        flags,
        listener(),
        rules,
    )
        .prop_map(
            |(default_action, arch_map, mut architectures, flags, listener, rules)| {
                if !arch_map.is_empty() {
                    architectures.clear();
                }
                Source {
                    default_action,
                    arch_map,
                    architectures,
                    flags,
                    listener_path: listener.0,
                    listener_metadata: listener.1,
                    rules,
                    origin: Default::default(),
                }
            },
        )
}

/// A flat profile with values up to that.
fn profile(largest: u64) -> impl Strategy<Value = Profile> {
    let rule = (names(), action(), vec(condition(largest), 0..4));
    let rule = rule.prop_map(|(names, action, conditions)| Rule {
        names,
        action,
        conditions,
    });
    let abis = subsequence(Abi::ALL.to_vec(), 0..5);
    let flags = option::of(words(words::FLAGS));
    (action(), abis, flags, listener(), vec(rule, 0..5)).prop_map(
        |(default_action, abis, flags, listener, rules)| Profile {
            default_action,
            abis: abis.into_iter().collect(),
            other_architectures: vec!["SCMP_ARCH_RISCV64".to_owned()],
            flags,
            listener_path: listener.0,
            listener_metadata: listener.1,
            rules,
        },
    )
}

fn read_again(text: &str) -> Source {
    let read = read::profile(text);
    read.unwrap_or_else(|error| panic!("{error}\n{text}"))
        .without_origin()
}

/// A profile for x86_64 alone with one action beside the default, over calls that it has.
fn of_one_action() -> impl Strategy<Value = Profile> {
    let names = vec(
        select(vec!["read", "socket", "ioctl", "clone", "nosuchcall"]),
        1..3,
    );
    let names = names.prop_map(|names| names.into_iter().map(str::to_owned).collect());
    let small = condition(3).prop_map(|mut condition| {
        condition.index %= 3;
        condition
    });
    let conditions = vec(prop_oneof![small, condition(u64::MAX)], 0..3);
    let rules = vec((names, conditions), 0..5);
    let actions = (action(), action()).prop_filter("one action", |(one, other)| one != other);
    (actions, rules).prop_map(|((default_action, action), rules)| Profile {
        default_action,
        abis: [Abi::X86_64].into(),
        other_architectures: Vec::new(),
        flags: None,
        listener_path: None,
        listener_metadata: None,
        rules: rules
            .into_iter()
            .map(|(names, conditions)| Rule {
                names,
                action,
                conditions,
            })
            .collect(),
    })
}

/// The filter that seccompiler builds from a text.
fn compiled(text: &str) -> Code {
    let filters = ::seccompiler::compile_from_json(text.as_bytes(), TargetArch::x86_64);
    let filters = filters.unwrap_or_else(|error| panic!("{error}\n{text}"));
    let bytes = filters["main"].iter().flat_map(|instruction| {
        let [code0, code1] = instruction.code.to_ne_bytes();
        let [k0, k1, k2, k3] = instruction.k.to_ne_bytes();
        [code0, code1, instruction.jt, instruction.jf, k0, k1, k2, k3]
    });
    Code::decode(&bytes.collect::<Vec<u8>>()).unwrap()
}

/// Values on both sides of everything that a profile compares with.
fn corners(profile: &Profile) -> Vec<u64> {
    let conditions = profile.rules.iter().flat_map(|rule| &rule.conditions);
    let constants = conditions.flat_map(|one| [one.value, one.value_two]);
    let near = constants.flat_map(|value| [value.wrapping_sub(1), value, value.wrapping_add(1)]);
    let mut corners: Vec<u64> = near.chain([0, u64::MAX]).collect();
    corners.sort_unstable();
    corners.dedup();
    corners
}

proptest! {
    #[test]
    fn seccompiler_builds_a_filter_that_means_the_same(profile in of_one_action()) {
        let text = match seccompiler(&profile, Abi::X86_64) {
            Ok(text) => text,
            Err(refused) => {
                prop_assert!(profile.default_action.permits(), "{}", refused);
                return Ok(());
            }
        };
        let code = compiled(&text);
        let meaning = Meaning::of(&profile, Abi::X86_64);
        let corners = corners(&profile);
        for name in ["read", "socket", "ioctl", "clone", "write"] {
            let call = Call::named(Abi::X86_64, name).unwrap();
            for (shift, _) in corners.iter().enumerate() {
                let value = |index: usize| corners[(shift * (index + 1) + index) % corners.len()];
                let arguments = std::array::from_fn(value);
                let data = Data {
                    architecture: Abi::X86_64.audit_arch(),
                    number: call.filter_number(),
                    arguments,
                };
                prop_assert_eq!(code.answer(&data), meaning.action(call, &arguments), "{} {:?}", call, arguments);
            }
        }
    }

    #[test]
    fn dockers_dialect_is_read_as_it_was_written(source in source()) {
        prop_assert_eq!(read_again(&docker(&source).unwrap()), source);
    }

    #[test]
    fn plain_files_are_read_as_they_were_written(profile in profile(u64::MAX)) {
        let again = read_again(&oci(&profile));
        prop_assert!(!again.is_conditional());
        prop_assert_eq!(again.resolve(&circumstances()), profile);
    }

    #[test]
    fn manifests_are_read_as_they_were_written_or_not_written(profile in profile(i64::MAX as u64)) {
        match spo(&profile, "x") {
            Ok(text) => prop_assert_eq!(read_again(&text).resolve(&circumstances()), profile),
            Err(refused) => {
                let default = matches!(profile.default_action, Action::Errno(_) | Action::Trace(_));
                let listener = profile.listener_path.is_some_and(|path| path.contains('/'));
                prop_assert!(default || listener, "{}", refused);
            }
        }
    }

    #[test]
    fn values_that_a_manifest_cannot_hold_are_refused(profile in profile(u64::MAX)) {
        let mut profile = profile;
        profile.default_action = Action::Errno(1);
        profile.listener_path = None;
        profile.listener_metadata = None;
        let mut conditions = profile.rules.iter().flat_map(|rule| &rule.conditions);
        let large = conditions.any(|one| one.value.max(one.value_two) > i64::MAX as u64);
        prop_assert_eq!(spo(&profile, "x").is_err(), large);
    }
}
