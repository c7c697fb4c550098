//! `convert`: every form, and what a form cannot say.

use crate::product;
use house_tests::filter::Filter;
use house_tests::run::Run;
use house_tests::tests;
use seccomp_tracer::syscall::{Abi, Call};
use std::fs;

pub(crate) const TESTS: [(&str, fn()); 10] = tests![
    run_has_the_flags_of_the_profile_and_says_who_does_not_answer,
    what_monitors_take_is_exact_or_refused,
    diff_compares_how_filters_are_installed_and_sums_up,
    each_form_is_as_it_should_be,
    what_is_read_again_means_the_same,
    conditions_are_kept_or_resolved,
    what_a_form_cannot_say_is_named,
    a_filter_is_what_the_kernel_takes,
    what_engines_ignore_is_said,
    texts_that_are_no_profile,
];

const SMALL: &str = r#"{"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"],
 "syscalls": [{"names": ["write", "read"], "action": "SCMP_ACT_ALLOW"}]}"#;

/// Rules for a capability and for everybody else, and a condition on an argument.
const CONDITIONAL: &str = r#"{"defaultAction": "SCMP_ACT_ERRNO", "archMap": [{"architecture": "SCMP_ARCH_X86_64"}],
 "syscalls": [{"names": ["bpf"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_BPF"]}},
  {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}],
   "excludes": {"caps": ["CAP_BPF"]}}]}"#;

/// Converts a text from standard input.
fn convert(text: &str, flags: &str) -> Run {
    product().words("convert -").words(flags).stdin(text).run()
}

fn each_form_is_as_it_should_be() {
    let oci = r#"{
  "architectures": [
    "SCMP_ARCH_X86_64"
  ],
  "defaultAction": "SCMP_ACT_ERRNO",
  "defaultErrnoRet": 1,
  "syscalls": [
    {
      "action": "SCMP_ACT_ALLOW",
      "names": [
        "write",
        "read"
      ]
    }
  ]
}
"#;
    let seccompiler = r#"{
  "main": {
    "filter": [
      {
        "syscall": "read"
      },
      {
        "syscall": "write"
      }
    ],
    "match_action": "allow",
    "mismatch_action": {
      "errno": 1
    }
  }
}
"#;
    let table = [
        ("--to oci", oci),
        ("--to docker", oci),
        (
            "--to spo --name web",
            "apiVersion: security-profiles-operator.x-k8s.io/v1\nkind: SeccompProfile\nmetadata:\n  name: web\n\
             spec:\n  defaultAction: SCMP_ACT_ERRNO\n  architectures:\n  - SCMP_ARCH_X86_64\n  syscalls:\n  \
             - action: SCMP_ACT_ALLOW\n    names:\n    - write\n    - read\n",
        ),
        (
            "--to systemd",
            "[Service]\nSystemCallArchitectures=native\nSystemCallErrorNumber=EPERM\n\
             SystemCallFilter=@default\nSystemCallFilter=~@default\nSystemCallFilter=read write\n",
        ),
        ("--to seccompiler", seccompiler),
        ("--to names", "read\nwrite\n"),
    ];
    for (flags, expected) in table {
        convert(SMALL, flags).exits(0).stderr("").stdout(expected);
    }
    let pseudo = convert(SMALL, "--to pfc");
    let text = pseudo.exits(0).stderr("").stdout_text();
    assert!(text.contains("pseudo filter code start"), "{text}");
}

/// Firecracker has other words, and its threads; what x32 would get, or a name that is not there, is refused.
fn what_monitors_take_is_exact_or_refused() {
    let run = convert(SMALL, "--to firecracker");
    let text = run.exits(0).stderr("").stdout_text();
    for word in ["api", "vcpu", "vmm", "default_action", "filter_action"] {
        assert!(text.contains(&format!("\"{word}\"")), "{text}");
    }
    let open = r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mount"], "action": "SCMP_ACT_ERRNO"}]}"#;
    convert(open, "--to firecracker")
        .exits(2)
        .stdout("")
        .stderr_has("Firecracker cannot express that x32 calls are not let through");
    let newer = r#"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["getxattrat"], "action": "SCMP_ACT_ALLOW"}]}"#;
    convert(newer, "--to seccompiler")
        .exits(2)
        .stderr_has("the name `getxattrat`, which its table lacks");
    convert(newer, "--to systemd")
        .exits(0)
        .stderr_has("leaves out: getxattrat\n");
}

/// Two files that answer every call alike may still be installed otherwise.
fn diff_compares_how_filters_are_installed_and_sums_up() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let folder = directory.path();
    let write = |name: &str, keys: &str, names: &str| {
        let text = format!(
            r#"{{"defaultAction": "SCMP_ACT_ERRNO", {keys} "syscalls": [{{"names": [{names}], "action": "SCMP_ACT_ALLOW"}}]}}"#
        );
        fs::write(folder.join(name), text).expect("a file");
    };
    write("a.json", "", "\"read\"");
    write(
        "flags.json",
        r#""flags": ["SECCOMP_FILTER_FLAG_LOG"],"#,
        "\"read\"",
    );
    write("listener.json", r#""listenerPath": "/run/s","#, "\"read\"");
    write("b.json", "", "\"write\"");
    let diff = |words: &str| {
        product()
            .in_directory(folder)
            .words(&format!("diff {words}"))
            .run()
    };
    diff("a.json a.json").exits(0);
    diff("a.json flags.json")
        .exits(1)
        .stdout("different: `a.json` and `flags.json`, in 1 setting\n\nflags: nothing / `SECCOMP_FILTER_FLAG_LOG`\n");
    diff("a.json listener.json --format json")
        .exits(1)
        .stdout_has("\"listenerPath\"");
    diff("a.json b.json --summary")
        .exits(1)
        .stdout("from `a.json` to `b.json`: 1 call new, 1 gone, 0 with other values\n  new (1)   write\n  gone (1)  read\n");
}

fn run_has_the_flags_of_the_profile_and_says_who_does_not_answer() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let folder = directory.path();
    let run = |flags: &str, action: &str| {
        let text = format!(
            r#"{{"defaultAction": "SCMP_ACT_ALLOW", "flags": [{flags}], "syscalls": [{{"names": ["getpgrp"], "action": "SCMP_ACT_{action}"}}]}}"#
        );
        fs::write(folder.join("p.json"), text).expect("a file");
        product()
            .in_directory(folder)
            .words("run --profile p.json -- true")
            .run()
    };
    let both = "\"SECCOMP_FILTER_FLAG_LOG\", \"SECCOMP_FILTER_FLAG_SPEC_ALLOW\"";
    let quiet = run(both, "ERRNO");
    quiet.exits(0);
    assert!(!quiet.stderr_text().contains("nobody answers"), "{quiet}");
    run("", "NOTIFY").exits(0).stderr_has(
        "note: the profile has a listener asked about getpgrp, and nobody answers here",
    );
    run("\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"", "ERRNO")
        .exits(125)
        .stderr_has("`SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV` needs a listener, and there is none");
}

/// Whatever form a profile is in, `diff` finds no difference.
fn what_is_read_again_means_the_same() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let folder = directory.path();
    fs::write(folder.join("a.json"), CONDITIONAL).expect("a file");
    for (form, file) in [
        ("oci", "b.json"),
        ("docker", "b.docker.json"),
        ("spo", "b.yaml"),
    ] {
        let here = || product().in_directory(folder);
        let converted = here()
            .words(&format!("convert a.json --to {form} -o {file}"))
            .run();
        converted.exits(0).stdout("");
        let same = here().words(&format!("diff a.json {file}")).run();
        same.exits(0).stderr("");
        let text = fs::read_to_string(folder.join(file)).expect("a file");
        assert_eq!(
            convert(&text, &format!("--to {form} --name a"))
                .exits(0)
                .stdout_text(),
            text
        );
    }
}

fn conditions_are_kept_or_resolved() {
    let note = |count: usize| {
        format!(
            "note: resolved for x86_64, kernel 6.1 and {count} capabilities; --kernel and --caps change that\n"
        )
    };
    let text = convert(CONDITIONAL, "--to docker")
        .exits(0)
        .stderr("")
        .stdout_text();
    assert!(
        text.contains("CAP_BPF") && text.contains("archMap"),
        "{text}"
    );
    let with = convert(CONDITIONAL, "--to names --caps bpf");
    with.exits(0).stderr(&note(1)).stdout("bpf\n");
    let without = convert(CONDITIONAL, "--to oci");
    let text = without.exits(0).stderr(&note(14)).stdout_text();
    assert!(text.contains("socket") && !text.contains("bpf"), "{text}");
}

fn what_a_form_cannot_say_is_named() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let output = directory.path().join("names");
    fs::write(&output, "old").expect("a file");
    for (form, called) in [("systemd", "systemd"), ("names", "a list of names")] {
        let flags = format!("--caps none --to {form} -o {}", output.display());
        let run = convert(CONDITIONAL, &flags);
        run.exits(2).stdout("").stderr_has(&format!(
            "error: cannot convert `-` without loss\n  cause: {called} cannot express `socket`: the condition \
             argument 0 == 0x1\n"
        ));
    }
    assert_eq!(fs::read_to_string(&output).expect("a file"), "old");
    convert(SMALL, "--to spo --name Web").exits(2).stdout("").stderr(
        "error: `Web` cannot be the name of an object: lower-case letters, digits, `-` and `.` only, at most \
         253\n\nhint: give one with --name\n",
    );
    let flags = r#"{"defaultAction": "SCMP_ACT_ERRNO", "flags": ["SECCOMP_FILTER_FLAG_LOG"]}"#;
    convert(flags, "--to bpf").exits(2).stdout("").stderr(
        "error: cannot convert `-` without loss\n  cause: a bare filter cannot express the flag \
         SECCOMP_FILTER_FLAG_LOG\n",
    );
}

/// Interpreted, it answers as the profile says.
fn a_filter_is_what_the_kernel_takes() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let output = directory.path().join("filter.bpf");
    let flags = format!("--to bpf -o {}", output.display());
    convert(CONDITIONAL, &flags).exits(0).stdout("");
    let filter = Filter::read(&fs::read(&output).expect("a filter"));
    let permits = |name: &str, first: u64| {
        let call = Call::named(Abi::X86_64, name).expect("a call");
        filter.permits(call, &[first, 0, 0, 0, 0, 0])
    };
    let answers = [
        permits("socket", 1),
        permits("socket", 2),
        permits("bpf", 1),
    ];
    assert_eq!(answers, [true, false, false]);
}

fn what_engines_ignore_is_said() {
    let text = SMALL.replacen('{', "{\"\u{1b}[2J\": 1, ", 1);
    // A control character must be escaped in JSON, and is again on a terminal.
    let text = text.replace('\u{1b}', "\\u001b");
    convert(&text, "--to names")
        .exits(0)
        .stdout("read\nwrite\n")
        .stderr("note: line 1 column 2: engines ignore the key `\\u{1b}[2J`\n");
}

/// Whatever it is, it is refused quickly, with its place, and nothing of it reaches the terminal as it is.
fn texts_that_are_no_profile() {
    let zeroes = product().words("convert /dev/zero --to oci").run();
    zeroes
        .exits(2)
        .stdout("")
        .stderr("error: `/dev/zero` is larger than 16777216 bytes\n");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let deep = "[".repeat(100_000);
    let cases: [(&[u8], &str); 6] = [
        (b"", "line 1 column 1: not JSON: no value\n"),
        (
            b"{\"defaultAction\": \"SCMP_ACT_\xff\"}",
            "invalid utf-8 sequence of 1 bytes from index 28\n",
        ),
        (
            b"{\"defaultAction\": \"\0\"}",
            "line 1 column 19: not JSON: control character (\\u0000-\\u001F) found while parsing a string\n",
        ),
        (
            b"{\"defaultAction\": \"\\u001b[2J\"}",
            "line 1 column 19: defaultAction: unknown action `\\u{1b}[2J`\n",
        ),
        (
            deep.as_bytes(),
            "line 1 column 100000: not JSON: EOF while parsing a list\n",
        ),
        (
            b"kind: &a [*a, *a]",
            "line 1 column 11: not YAML that a profile can be written in: aliases are not taken\n",
        ),
    ];
    for (text, expected) in cases {
        fs::write(directory.path().join("p"), text).expect("a file");
        let program = product().in_directory(directory.path());
        let run = program.words("convert p --to oci").run();
        run.exits(2)
            .stdout("")
            .stderr_has(&format!("\n  cause: {expected}"));
        assert!(
            !run.stderr.contains(&0x1b) && !run.stderr.contains(&0),
            "{run}"
        );
    }
}
