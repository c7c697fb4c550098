//! Profiles inside other files, and files that are none.

use super::refusal;
use crate::profile::read::{Inside, profile, profile_named, profiles};
use crate::profile::{Action, Operator, Position};

fn names(text: &str) -> Vec<String> {
    let found = profiles(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    found.into_iter().map(|Inside { name, .. }| name).collect()
}

const PLAIN: &str = r#"{"defaultAction": "SCMP_ACT_LOG", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ERRNO"}]}"#;

#[test]
fn what_runtimes_and_engines_write_of_a_container_is_read() {
    let quoted = serde_json::to_string(&format!("seccomp={PLAIN}")).unwrap();
    let table = [
        format!(r#"{{"ociVersion": "1.0.2", "linux": {{"seccomp": {PLAIN}}}}}"#),
        format!(r#"{{"ID": "x", "Spec": {{"linux": {{"seccomp": {PLAIN}}}}}}}"#),
        format!(r#"{{"info": {{"runtimeSpec": {{"linux": {{"seccomp": {PLAIN}}}}}}}}}"#),
        format!(
            r#"[{{"Name": "/web", "HostConfig": {{"SecurityOpt": ["label=disable", {quoted}]}}}}]"#
        ),
        format!("# as YAML\n{PLAIN}"),
    ];
    for text in table {
        let source = profile(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(source.default_action, Action::Log, "{text}");
        assert_eq!(source.rules[0].names, ["read"], "{text}");
    }
    let inspected = |options: &str| {
        refusal(&format!(
            r#"[{{"Name": "/web", "HostConfig": {{"SecurityOpt": {options}}}}}]"#
        ))
    };
    let unconfined = "the container runs without any filter: there is no profile in it";
    let default = "the container has its engine's own profile, which is not in the file";
    for (options, expected) in [
        (r#"["seccomp=unconfined"]"#, unconfined),
        (r#"["apparmor=x"]"#, default),
        (
            r#"["seccomp=/etc/x.json"]"#,
            "it names the file `/etc/x.json`, which is not read: paths inside an input are never followed",
        ),
        (
            r#"["seccomp={}"]"#,
            "the profile is empty: engines would run the container without any filter",
        ),
    ] {
        let error = inspected(options);
        assert!(error.ends_with(expected), "{error}");
    }
    let none = refusal(r#"{"ociVersion": "1.0.2", "linux": {}}"#);
    assert_eq!(none, format!("line 1 column 34: linux: {unconfined}"));
}

#[test]
fn kubernetes_objects_are_read_with_all_that_is_in_them() {
    let operators = |name: &str, version: &str| {
        format!(
            "apiVersion: security-profiles-operator.x-k8s.io/{version}\nkind: SeccompProfile\nmetadata: \
             {{name: {name}}}\nspec:\n  defaultAction: SCMP_ACT_ERRNO\n"
        )
    };
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: seccomp\ndata:\n  note.txt: hello\n  app.json: |\n    \
               {\"defaultAction\":\"SCMP_ACT_ERRNO\",\n     \"syscalls\":[{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\"}]}\n";
    let list = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: security-profiles-operator.x-k8s.io/v1beta1\n  kind: \
                SeccompProfile\n  metadata: {name: a}\n  spec: {defaultAction: SCMP_ACT_LOG}\n";
    let kubescapes = "apiVersion: spdx.softwarecomposition.kubescape.io/v1beta1\nkind: SeccompProfile\nspec:\n  containers:\n  \
                      - name: web\n    path: x\n    spec: {defaultAction: SCMP_ACT_ERRNO}\n  initContainers:\n  - name: setup\n    \
                      spec: {defaultAction: SCMP_ACT_LOG}\n";
    let two = [operators("a", "v1"), operators("b", "v1alpha1")].join("---\n");
    let table: [(&str, &[&str]); 5] = [
        (map, &["seccomp/app.json"]),
        (list, &["a"]),
        (kubescapes, &["web", "setup"]),
        (&two, &["a", "b"]),
        (&operators("a", "v1alpha1"), &["a"]),
    ];
    for (text, expected) in table {
        assert_eq!(names(text), expected, "{text}");
    }
    // Places are the file's.
    let source = profile(map).unwrap();
    let at = |line, column| Some(Position { line, column });
    assert_eq!(source.origin.positions.default_action, at(8, 22));
    assert_eq!(source.rules[0].positions.action, at(9, 45));
    // One of several is chosen by its name, or its last part.
    assert_eq!(refusal(&two), "2 profiles in one file: `a`, `b`");
    assert!(profile_named(&two, Some("b")).is_ok());
    assert!(profile_named(map, Some("app.json")).is_ok());
    let error = profile_named(&two, Some("c")).unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), error.hint().is_some()),
        ("no profile `c` in it", true)
    );
    let pod = "apiVersion: v1\nkind: Pod\nspec:\n  securityContext:\n    seccompProfile: {type: Localhost, localhostProfile: p.json}\n";
    let error = refusal(pod);
    assert!(error.contains("it names the file `p.json`"), "{error}");
}

#[test]
fn what_is_no_profile_is_named_as_what_it_is() {
    let table = [
        (
            "{{- if .Values.seccomp }}\ndefaultAction: x\n{{- end }}",
            "a template",
        ),
        (
            r#"{"defaultAction": "{{ .Values.action }}", "syscalls": []}"#,
            "a template",
        ),
        (
            r#"{"schemaVersion": 1, "runId": "r", "facts": []}"#,
            "a recording",
        ),
        (
            "# x\n[Service]\nSystemCallFilter=@system-service\n",
            "a unit of systemd's",
        ),
        (
            "\u{feff}{\"defaultAction\": \"SCMP_ACT_LOG\"}",
            "a byte order mark",
        ),
        ("read: 1\nwrite: 1\nopenat: 1\n", "a policy of minijail's"),
        (
            "#include <tunables/global>\nprofile x {\n}\n",
            "a profile of AppArmor's",
        ),
        (
            "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: x}\n",
            "a policy of Tetragon's",
        ),
        ("- rule: shell\n  desc: x\n", "a policy of Falco's"),
    ];
    for (text, expected) in table {
        let error = profile(text).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}: {text}");
        assert!(error.hint().is_some(), "{text}");
    }
}

#[test]
fn firecrackers_filters_are_read_exactly_or_refused() {
    let filter = |default: &str, rules: &str| {
        format!(
            r#"{{"vmm": {{"default_action": {default}, "filter_action": "allow", "filter": [{rules}]}}}}"#
        )
    };
    let argument = |width: &str, op: &str| {
        format!(
            r#"{{"syscall": "ioctl", "args": [{{"index": 1, "type": "{width}", "op": {op}, "val": 5}}]}}"#
        )
    };
    let trap = "\"trap\"";
    let text = filter(
        trap,
        &format!(
            r#"{{"syscall": "read"}}, {}, {}"#,
            argument("dword", "\"eq\""),
            argument("qword", "\"ne\"")
        ),
    );
    let source = profile(&text).unwrap();
    assert_eq!(source.default_action, Action::Trap);
    let conditions = source.rules.iter().flat_map(|rule| &rule.conditions);
    let told: Vec<_> = conditions
        .map(|one| (one.operator, one.value, one.value_two))
        .collect();
    assert_eq!(
        told,
        [(Operator::MaskedEq, 0xFFFF_FFFF, 5), (Operator::Ne, 5, 0)]
    );
    assert_eq!(names(&text), ["vmm"]);
    let seccompilers = text
        .replace("default_action", "mismatch_action")
        .replace("filter_action", "match_action");
    assert_eq!(
        profile(&seccompilers).unwrap().without_origin(),
        source.without_origin()
    );
    for (text, expected) in [
        (
            filter(trap, &argument("dword", "\"gt\"")),
            "cannot compare half a register",
        ),
        (filter("\"log\"", ""), "lets x32 calls through"),
        (
            filter(
                trap,
                r#"{"syscall": "read", "args": [{"index": 9, "type": "dword", "op": "eq", "val": 5}]}"#,
            ),
            "is not an integer from 0 to 5",
        ),
        (filter("\"x\"", ""), "unknown action `x`"),
    ] {
        let error = refusal(&text);
        assert!(error.contains(expected), "{error}");
    }
}
