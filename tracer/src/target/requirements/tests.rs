use super::*;

/// A machine on which everything is as it should be.
fn good() -> Surroundings {
    Surroundings {
        machine: "x86_64".into(),
        release: "6.1.0-13-amd64".into(),
        capabilities: Some(["CAP_BPF", "CAP_PERFMON"].map(str::to_owned).into()),
        in_user_namespace: false,
        btf: Presence::Readable,
        lockdown: Some("integrity".into()),
        cgroups: Ok(CgroupFacts {
            mode: Mode::Pure,
            point: "/sys/fs/cgroup".into(),
            is_writable: true,
        }),
        seccomp: SeccompSupport::Filters,
        libseccomp: Some(FIXED_LIBSECCOMP),
        has_bpf_files: true,
    }
}

fn with(change: impl Fn(&mut Surroundings)) -> Surroundings {
    let mut surroundings = good();
    change(&mut surroundings);
    surroundings
}

fn capabilities_of(names: &[&str]) -> Option<Capabilities> {
    Some(names.iter().map(|&name| name.to_owned()).collect())
}

#[test]
fn a_good_machine_has_nothing_to_say() {
    let details: Vec<(&str, Verdict, String)> = checks(&good())
        .into_iter()
        .map(|check| (check.id, check.verdict, check.detail))
        .collect();
    let expected = [
        ("architecture", "x86_64"),
        ("kernel", "Linux 6.1.0-13-amd64"),
        ("capabilities", "CAP_BPF and CAP_PERFMON"),
        ("btf", "the kernel shows its types"),
        ("lockdown", "mode `integrity`"),
        ("cgroups", "v2, at `/sys/fs/cgroup`"),
        ("seccomp", "filters"),
        ("libseccomp", "2.6.1"),
        ("bpf-files", "a bpf file system at `/sys/fs/bpf`"),
    ];
    let expected = expected.map(|(id, detail)| (id, Verdict::Ok, detail.to_owned()));
    assert_eq!(details, expected);
    assert_eq!(unmet(checks(&good())), Ok(()));
}

/// Each case spoils one thing; exactly that check objects, with a hint.
#[test]
fn each_thing_that_is_missing_is_said_with_its_cure() {
    use Verdict::{Failure, Warning};
    type Case = (Surroundings, &'static str, Verdict, &'static str);
    let table: [Case; 16] = [
        (
            with(|s| s.has_bpf_files = false),
            "bpf-files",
            Warning,
            "no bpf file system at `/sys/fs/bpf`: nothing that is recorded can outlive its recorder",
        ),
        (
            with(|s| s.machine = "riscv64".into()),
            "architecture",
            Failure,
            "architecture `riscv64` cannot be recorded yet",
        ),
        (
            with(|s| s.release = "5.10.0-30-amd64".into()),
            "kernel",
            Warning,
            "Linux 5.10.0-30-amd64 counts eBPF maps against RLIMIT_MEMLOCK",
        ),
        (
            with(|s| s.release = "\u{1b}x".into()),
            "kernel",
            Warning,
            "kernel release `\\u{1b}x` has no version that can be read",
        ),
        (
            with(|s| s.capabilities = capabilities_of(&[])),
            "capabilities",
            Failure,
            "missing CAP_BPF and CAP_PERFMON",
        ),
        (
            with(|s| s.capabilities = capabilities_of(&["CAP_BPF"])),
            "capabilities",
            Failure,
            "missing CAP_PERFMON",
        ),
        (
            with(|s| s.in_user_namespace = true),
            "capabilities",
            Failure,
            "our capabilities hold in a user namespace only, and eBPF asks for the host's",
        ),
        (
            with(|s| s.capabilities = None),
            "capabilities",
            Warning,
            "our capabilities cannot be read",
        ),
        (
            with(|s| s.btf = Presence::Missing),
            "btf",
            Failure,
            "the kernel does not show its types: no `/sys/kernel/btf/vmlinux`",
        ),
        (
            with(|s| s.btf = Presence::Unreadable),
            "btf",
            Failure,
            "`/sys/kernel/btf/vmlinux` cannot be read",
        ),
        (
            with(|s| s.lockdown = Some("confidentiality".into())),
            "lockdown",
            Warning,
            "kernel lockdown is in mode `confidentiality`, which keeps eBPF from reading the kernel",
        ),
        (
            with(|s| s.cgroups = Err(("no cgroup v2 hierarchy is mounted".into(), None))),
            "cgroups",
            Failure,
            "no cgroup v2 hierarchy is mounted",
        ),
        (
            with(|s| {
                s.cgroups = Ok(CgroupFacts {
                    mode: Mode::Hybrid,
                    point: "/sys/fs/cgroup/unified".into(),
                    is_writable: false,
                });
            }),
            "cgroups",
            Warning,
            "v2 beside v1, at `/sys/fs/cgroup/unified`, not writable for us",
        ),
        (
            with(|s| s.seccomp = SeccompSupport::None),
            "seccomp",
            Failure,
            "the kernel has no seccomp filters",
        ),
        (
            with(|s| s.seccomp = SeccompSupport::Unknown),
            "seccomp",
            Warning,
            "cannot find out whether the kernel has seccomp filters",
        ),
        (
            with(|s| s.libseccomp = Some(Version::new(2, 5, 4))),
            "libseccomp",
            Warning,
            "2.5.4 can mix up the actions of rules that compare arguments with <, > or !=",
        ),
    ];
    for (surroundings, id, verdict, detail) in table {
        let objections: Vec<Check> = checks(&surroundings)
            .into_iter()
            .filter(|check| check.verdict != Verdict::Ok)
            .collect();
        let found: Vec<_> = objections
            .iter()
            .map(|check| (check.id, check.verdict, check.detail.as_str()))
            .collect();
        assert_eq!(found, [(id, verdict, detail)]);
        assert!(objections[0].hint.is_some(), "{detail}");
        assert_eq!(
            unmet(checks(&surroundings)).is_err(),
            verdict == Failure,
            "{detail}"
        );
    }
}

#[test]
fn an_administrator_and_an_old_kernel_with_rights_will_do() {
    let admin = with(|s| s.capabilities = capabilities_of(&["CAP_SYS_ADMIN"]));
    assert_eq!(
        capabilities(&admin),
        Check::ok("capabilities", "CAP_SYS_ADMIN")
    );
    let old = with(|s| {
        s.release = "5.8.0".into();
        s.capabilities = capabilities_of(&["CAP_SYS_ADMIN", "CAP_SYS_RESOURCE"]);
    });
    assert_eq!(kernel(&old), Check::ok("kernel", "Linux 5.8.0"));
}

#[test]
fn everything_that_is_missing_is_one_error_with_the_first_cure() {
    let bad = with(|s| {
        s.capabilities = capabilities_of(&[]);
        s.btf = Presence::Missing;
        s.libseccomp = Some(Version::new(2, 5, 4));
    });
    let error = unmet(checks(&bad)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot record on this machine: missing CAP_BPF and CAP_PERFMON; the kernel does not show its \
         types: no `/sys/kernel/btf/vmlinux`"
    );
    assert_eq!(error.hint(), capabilities(&bad).hint);
}

/// Whoever may execute a file has what it gives, so nothing is advised that passes by the permissions of files.
#[test]
fn no_hint_gives_rights_over_other_peoples_files() {
    let lacking = with(|s| s.capabilities = capabilities_of(&[]));
    let hints: Vec<String> = checks(&lacking)
        .into_iter()
        .filter_map(|check| check.hint)
        .collect();
    let advised = hints.iter().find(|hint| hint.contains("setcap"));
    let advised = advised.expect("a way without root");
    assert!(
        advised.contains("setcap cap_bpf,cap_perfmon+ep FILE"),
        "{advised}"
    );
    assert!(advised.contains("install -m 0750 -g GROUP"), "{advised}");
    assert!(advised.contains("record --daemon"), "{advised}");
}
