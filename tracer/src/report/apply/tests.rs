use super::*;
use crate::profile::{Action, Condition, Operator, Rule};
use std::collections::BTreeSet;

const ALL: [Applier; 7] = [
    Applier::Docker,
    Applier::Podman,
    Applier::Compose,
    Applier::Kubernetes,
    Applier::Containerd,
    Applier::Systemd,
    Applier::Run,
];

fn profile() -> Profile {
    let rule = |names: &[&str], action, conditions| Rule {
        names: names.iter().map(|&name| name.to_owned()).collect(),
        action,
        conditions,
    };
    let unix = Condition {
        index: 0,
        operator: Operator::MaskedEq,
        value: 0xffff_ffff,
        value_two: 1,
    };
    Profile {
        default_action: Action::Errno(1),
        abis: [crate::syscall::Abi::X86_64].into(),
        other_architectures: vec![],
        flags: None,
        listener_path: None,
        listener_metadata: None,
        rules: vec![
            rule(&["write", "read"], Action::Allow, vec![]),
            rule(&["socket"], Action::Allow, vec![unix]),
            rule(&["clone3"], Action::Errno(38), vec![]),
        ],
    }
}

fn release(name: &str) -> BTreeSet<RuntimeRelease> {
    [RuntimeRelease {
        name: name.to_owned(),
        version: None,
    }]
    .into()
}

/// Of a plain container of Docker's.
fn plain_container() -> Presumes {
    Presumes {
        runtimes: release("runc"),
        no_new_privs: NoNewPrivs::Either,
        init: PresumedInit::Absent,
        from_host: false,
        given: Given {
            engines: ["docker".to_owned()].into(),
            no_new_privs: Some(false),
            init: Some(false),
            capabilities: Some(capability::docker_default()),
            user: None,
            image: Some("web:1".to_owned()),
        },
    }
}

fn capabilities(names: &[&str]) -> Option<Capabilities> {
    Some(names.iter().map(|&name| name.to_owned()).collect())
}

/// Of one that has everything otherwise.
fn special_container() -> Presumes {
    Presumes {
        no_new_privs: NoNewPrivs::Needed,
        init: PresumedInit::Either,
        given: Given {
            engines: ["podman".to_owned()].into(),
            no_new_privs: Some(true),
            init: Some(true),
            capabilities: capabilities(&["CAP_CHOWN", "CAP_NET_ADMIN"]),
            user: Some("1000:100".to_owned()),
            image: Some("it's".to_owned()),
        },
        ..plain_container()
    }
}

fn host() -> Presumes {
    Presumes {
        runtimes: BTreeSet::new(),
        init: PresumedInit::Absent,
        from_host: true,
        given: Given::default(),
        ..plain_container()
    }
}

/// Every form for something of which no command line is known.
fn forms(presumes: &Presumes, command: Option<&[OsString]>) -> String {
    let (profile, lines) = (profile(), BTreeMap::new());
    let offer = Offer {
        path: Path::new("/etc/web.json"),
        profile: &profile,
        presumes,
        lines: &lines,
        command,
    };
    let said = format!("presumes: {}\n", presumed(presumes));
    let own = offer
        .lines()
        .into_iter()
        .map(|line| format!("apply: {line}\n"));
    let all = ALL.map(|applier| offer.apply(applier));
    said + &own.collect::<String>() + "---\n" + &all.join("---\n")
}

#[test]
fn every_applier_is_told_in_its_own_words() {
    let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
    let table = [
        ("plain", forms(&plain_container(), None)),
        (
            "special",
            forms(&special_container(), Some(&words(&["sh", "-c", "a b"]))),
        ),
        ("host", forms(&host(), Some(&words(&["ls", "/"])))),
    ];
    let all = table.map(|(name, text)| format!("=== {name}\n{text}"));
    assert_eq!(all.concat(), include_str!("../golden/apply.txt"));
}

#[test]
fn a_command_line_that_is_known_is_the_one_that_is_offered() {
    let line = ["docker", "run", "--rm", "-e", "A=b c", "web:1"].map(OsString::from);
    let (profile, presumes) = (profile(), plain_container());
    let offer = Offer {
        path: Path::new("p.json"),
        profile: &profile,
        presumes: &presumes,
        lines: &[(Applier::Docker, line.to_vec())].into(),
        command: None,
    };
    let expected = "docker run --rm -e 'A=b c' web:1";
    assert_eq!(offer.lines(), [expected]);
    assert_eq!(offer.apply(Applier::Docker), format!("{expected}\n"));
    // Another engine's client has other words.
    assert_eq!(
        offer.apply(Applier::Podman),
        "podman run --security-opt seccomp=p.json --cap-add AUDIT_WRITE --cap-add MKNOD --cap-add NET_RAW … \
         web:1 …\n"
    );
}

#[test]
fn whoever_recorded_is_told_first() {
    let profile = profile();
    let of = |engines: &[&str]| {
        let mut presumes = plain_container();
        presumes.given.engines = engines.iter().map(|&name| name.to_owned()).collect();
        presumes.given.image = None;
        presumes.given.capabilities = None;
        let offer = Offer {
            path: Path::new("p.json"),
            profile: &profile,
            presumes: &presumes,
            lines: &BTreeMap::new(),
            command: None,
        };
        offer.lines()
    };
    let docker = "docker run --security-opt seccomp=p.json …";
    let podman = "podman run --security-opt seccomp=p.json …";
    let table: [(&[&str], &[&str]); 7] = [
        (&[], &[docker]),
        (&["docker"], &[docker]),
        (&["podman"], &[podman]),
        (&["podman", "docker"], &[docker, podman]),
        (
            &["containerd"],
            &["nerdctl run --security-opt seccomp=p.json …"],
        ),
        (
            &["cri-o"],
            &["a pod's `securityContext`; `--apply kubernetes` writes it"],
        ),
        (
            &["crun"],
            &["the value of `linux.seccomp` in the container's `config.json`"],
        ),
    ];
    for (engines, expected) in table {
        assert_eq!(of(engines), expected, "{engines:?}");
    }
}

#[test]
fn capabilities_are_said_as_what_differs_from_the_engines_own() {
    let profile = profile();
    let of = |capabilities: Capabilities| {
        let mut presumes = plain_container();
        presumes.given.image = None;
        presumes.given.capabilities = Some(capabilities);
        let offer = Offer {
            path: Path::new("p"),
            profile: &profile,
            presumes: &presumes,
            lines: &BTreeMap::new(),
            command: None,
        };
        let line = offer.lines().concat();
        let flags = line.strip_prefix("docker run --security-opt seccomp=p ");
        flags.expect("a line").to_owned()
    };
    let mut more = capability::docker_default();
    more.insert("CAP_NET_ADMIN".to_owned());
    more.remove("CAP_KILL");
    let table = [
        (capability::docker_default(), "…"),
        (more, "--cap-drop KILL --cap-add NET_ADMIN …"),
        (Capabilities::new(), "--cap-drop ALL …"),
        (
            ["CAP_NET_ADMIN".to_owned(), "CAP_KILL".to_owned()].into(),
            "--cap-drop ALL --cap-add KILL --cap-add NET_ADMIN …",
        ),
        (capability::all(), "--cap-add ALL …"),
    ];
    for (capabilities, expected) in table {
        assert_eq!(of(capabilities), expected);
    }
}

/// The API server refuses the pair.
#[test]
fn a_pod_is_not_told_what_kubernetes_refuses() {
    let profile = profile();
    let mut presumes = special_container();
    presumes.given.capabilities = capabilities(&["CAP_SYS_ADMIN"]);
    presumes.given.user = Some("web".to_owned());
    let offer = Offer {
        path: Path::new("/p.json"),
        profile: &profile,
        presumes: &presumes,
        lines: &BTreeMap::new(),
        command: None,
    };
    let text = offer.apply(Applier::Kubernetes);
    assert!(!text.contains("\n  allowPrivilegeEscalation"), "{text}");
    assert!(text.contains("use `--start any`"), "{text}");
    assert!(text.contains("It ran as \"web\""), "{text}");
}
