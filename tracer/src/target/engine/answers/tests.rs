use super::*;

const ID: &str = "42b6cc6a2fab30c20ca9f8bf52e7c46b987ab8f829e796abc6ad761abd568542";

/// As Docker 20.10 describes a running container, shortened.
fn running() -> serde_json::Value {
    serde_json::json!({
        "Id": ID, "Created": "2026-11-24T02:19:19.002112895Z", "Path": "sleep", "Args": ["1000"],
        "State": {"Status": "running", "Running": true, "Paused": false, "Dead": false, "Pid": 557,
                  "ExitCode": 0, "Error": "", "FinishedAt": "0001-01-01T00:00:00Z"},
        "Image": "sha256:bdd4d98bc6ae3e1986a8b1e5d96ada775bd6df2bea5fde714e7eb46352e07f3e",
        "Name": "/web1", "RestartCount": 0, "AppArmorProfile": "", "ExecIDs": null,
        "HostConfig": {"Binds": null, "CapAdd": null, "CapDrop": null, "CgroupnsMode": "host",
                       "PidMode": "", "Privileged": false, "SecurityOpt": null, "Runtime": "runc",
                       "CgroupParent": "", "MemorySwappiness": null},
        "Mounts": [], "Config": {"Hostname": "42b6cc6a2fab", "Cmd": ["sleep", "1000"], "Image": "bb"}
    })
}

fn read(value: &serde_json::Value) -> Result<Inspected, serde_json::Error> {
    inspected(value.to_string().as_bytes())
}

const VERSION: &str = r#"{"Client": {"Version": "28.2.2", "Context": "default"},
    "Server": {"Platform": {"Name": ""}, "Components": [
        {"Name": "Engine", "Version": "20.10.24+dfsg1", "Details": {"ApiVersion": "1.41"}},
        {"Name": "containerd", "Version": "1.6.20~ds1"},
        {"Name": "runc", "Version": "1.1.5+ds1", "Details": {"GitCommit": "1.1.5+ds1-1+deb12u1"}}],
    "Version": "20.10.24+dfsg1", "ApiVersion": "1.41"}}"#;

const INFO: &str = r#"{"ID": "UZPV", "CgroupDriver": "cgroupfs", "CgroupVersion": "1", "Warnings": null,
    "Runtimes": {"runc": {"path": "runc"}}, "DefaultRuntime": "runc",
    "SecurityOptions": ["name=apparmor", "name=seccomp,profile=default"]}"#;

fn engine() -> About {
    about(VERSION.as_bytes(), INFO.as_bytes()).unwrap()
}

#[test]
fn a_container_is_described() {
    let inspected = read(&running()).unwrap();
    assert_eq!(
        inspected,
        Inspected {
            id: ID.into(),
            name: "web1".into(),
            image: Some("bb".into()),
            image_id: Some(
                "sha256:bdd4d98bc6ae3e1986a8b1e5d96ada775bd6df2bea5fde714e7eb46352e07f3e".into()
            ),
            status: "running".into(),
            first: Pid::from_raw(557),
            runtime: Some("runc".into()),
            cgroup_parent: Some(String::new()),
            ..Inspected::default()
        }
    );
    assert_eq!(
        inspected.container(EngineKind::Docker, Some(&engine())),
        Container {
            id: ID.into(),
            name: Some("web1".into()),
            image: Some("bb".into()),
            image_id: inspected.image_id.clone(),
            engine: Some("docker".into()),
            engine_version: Some("20.10.24+dfsg1".into()),
            runtime: Some("runc".into()),
            runtime_version: Some("1.1.5+ds1".into()),
            ..Container::default()
        }
    );
}

#[test]
fn an_engine_is_described() {
    let parts = [
        ("Engine", "20.10.24+dfsg1"),
        ("containerd", "1.6.20~ds1"),
        ("runc", "1.1.5+ds1"),
    ];
    assert_eq!(
        engine(),
        About {
            version: "20.10.24+dfsg1".into(),
            cgroup_driver: Some(CgroupDriver::Cgroupfs),
            default_runtime: Some("runc".into()),
            parts: parts
                .map(|(name, version)| (name.into(), version.into()))
                .into(),
            seccomp_profile: Some("default".into()),
            runtimes: [("runc".into(), "runc".into())].into(),
            ..About::default()
        }
    );
}

#[test]
fn what_is_no_answer_is_refused() {
    let mut short = running();
    short["Id"] = "42b6".into();
    let mut path = running();
    path["Id"] = format!("../{}", &ID[3..]).into();
    let mut shapeless = running();
    shapeless["HostConfig"]["SecurityOpt"] = "seccomp=unconfined".into();
    for bad in [
        short,
        path,
        shapeless,
        serde_json::json!([]),
        serde_json::Value::Null,
    ] {
        assert!(read(&bad).is_err(), "{bad}");
    }
    assert!(inspected(b"").is_err());
    assert!(about(b"{\"Server\": null}", INFO.as_bytes()).is_err());
}

#[test]
fn only_a_running_container_on_our_kernel_has_a_process_to_watch() {
    let case = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut value = running();
        change(&mut value);
        let process = read(&value).unwrap().first_process();
        process
            .map(|pid| pid.as_raw_nonzero().get())
            .map_err(|error| error.to_string())
    };
    let stopped = Err("container `web1` is not running".to_owned());
    assert_eq!(case(&|_| {}), Ok(557));
    assert_eq!(
        case(&|value| value["State"]["Running"] = false.into()),
        stopped
    );
    assert_eq!(case(&|value| value["State"]["Pid"] = 0.into()), stopped);
    assert_eq!(case(&|value| value["State"]["Pid"] = (-1).into()), stopped);
    let own = |runtime: &str| case(&|value| value["HostConfig"]["Runtime"] = runtime.into());
    for runtime in ["runsc", "io.containerd.kata.v2", "kata-qemu"] {
        assert_eq!(
            own(runtime),
            Err(format!(
                "container `web1` runs under `{runtime}`, which has a kernel of its own"
            ))
        );
    }
    assert_eq!(own("crun"), Ok(557));
}

#[test]
fn the_active_profile_follows_from_options_engine_and_kernel() {
    use SeccompState::{Custom, EngineDefault, Filtered, Unconfined};
    let state = |options: &[&str], privileged: bool, profile: Option<&str>, mode| {
        let inspected = Inspected {
            security_options: options.iter().map(|&option| option.to_owned()).collect(),
            is_privileged: privileged,
            ..Inspected::default()
        };
        let about = About {
            seccomp_profile: profile.map(str::to_owned),
            ..About::default()
        };
        inspected.seccomp(Some(&about), mode)
    };
    let default = Some("default");
    let filter = Some(SeccompMode::Filter);
    let table: [(&[&str], bool, Option<&str>, _, _); 14] = [
        (&[], false, default, None, EngineDefault),
        (&[], false, Some("builtin"), filter, EngineDefault),
        (&[], false, Some("/etc/p.json"), filter, Custom),
        (&[], false, Some("unconfined"), None, Unconfined),
        (&[], false, None, None, Unconfined),
        (&[], true, default, None, Unconfined),
        (&["label=disable"], false, default, None, EngineDefault),
        (&["seccomp=unconfined"], false, default, None, Unconfined),
        (&["seccomp:unconfined"], false, default, None, Unconfined),
        (&["seccomp=builtin"], false, Some("/p"), None, EngineDefault),
        // Engines differ in whether it holds.
        (&["seccomp={}"], true, default, None, Filtered),
        (
            &["seccomp={}", "seccomp=builtin"],
            false,
            default,
            None,
            EngineDefault,
        ),
        // The kernel knows better.
        (&[], false, default, Some(SeccompMode::Disabled), Unconfined),
        (&["seccomp=unconfined"], false, default, filter, Filtered),
    ];
    for (options, privileged, profile, mode, expected) in table {
        assert_eq!(
            state(options, privileged, profile, mode),
            expected,
            "{options:?} {privileged} {profile:?} {mode:?}"
        );
    }
    assert_eq!(Inspected::default().seccomp(None, None), Filtered);
}

#[test]
fn what_a_container_started_under_is_what_was_configured_and_not_what_it_has_now() {
    let started = |options: &[&str], privileged, told, mode| {
        let inspected = Inspected {
            security_options: options.iter().map(|&option| option.to_owned()).collect(),
            is_privileged: privileged,
            runtime_filter: told,
            ..Inspected::default()
        };
        let about = About {
            seccomp_profile: Some("default".to_owned()),
            ..About::default()
        };
        inspected.filtered_at_start(Some(&about), mode)
    };
    let filter = Some(SeccompMode::Filter);
    let table: [(&[&str], bool, Option<bool>, _, _); 8] = [
        (&[], false, None, filter, Some(true)),
        (&[], false, None, None, Some(true)),
        // It installed one itself.
        (&["seccomp=unconfined"], false, None, filter, Some(false)),
        (&[], true, None, filter, Some(false)),
        (&["seccomp={}"], true, None, filter, None),
        // One that it has not now, it never had.
        (&[], false, None, Some(SeccompMode::Disabled), Some(false)),
        // The runtime's own state.
        (&[], false, Some(false), filter, Some(false)),
        (&["seccomp={}"], true, Some(true), filter, Some(true)),
    ];
    for (options, privileged, told, mode, expected) in table {
        assert_eq!(
            started(options, privileged, told, mode),
            expected,
            "{options:?} {privileged} {told:?} {mode:?}"
        );
    }
    assert_eq!(Inspected::default().filtered_at_start(None, filter), None);
}

#[test]
fn a_container_is_known_by_its_cgroups_name() {
    let scope = format!("docker-{ID}.scope");
    for (name, expected) in [
        (ID, Some(ID)),
        (scope.as_str(), Some(ID)),
        (&format!("libpod-{ID}"), Some(ID)),
        (&format!("libpod-{ID}.scope"), Some(ID)),
        (&format!("libpod-conmon-{ID}.scope"), None),
        (&ID[1..], None),
        ("init.scope", None),
        ("", None),
    ] {
        assert_eq!(id_in_cgroup_name(name), expected, "{name}");
    }
}

/// As Podman 4.3 describes a container made from a directory, shortened.
#[test]
fn podmans_containers_are_described_too() {
    let said = serde_json::json!({
        "Id": ID, "Name": "t2", "Image": "", "ImageName": "", "OCIRuntime": "/usr/bin/crun",
        "State": {"OciVersion": "1.0.2-dev", "Status": "running", "Running": true, "Pid": 775,
                  "ConmonPid": 763, "CgroupPath": "/libpod_parent/libpod-1"},
        "Config": {"Image": ""}, "EffectiveCaps": ["CAP_CHOWN"],
        "HostConfig": {"SecurityOpt": [], "Privileged": false, "Runtime": "oci", "CapAdd": []}
    });
    let podman = About {
        version: "4.3.1".into(),
        default_runtime: Some("crun".into()),
        parts: [("crun".into(), "1.8.1".into())].into(),
        ..About::default()
    };
    let inspected = read(&said).unwrap();
    assert_eq!(
        inspected.first_process().unwrap(),
        Pid::from_raw(775).unwrap()
    );
    let list = serde_json::json!([said]);
    assert_eq!(read(&list).unwrap(), inspected);
    assert!(read(&serde_json::json!([])).is_err());
    assert!(read(&serde_json::json!([said, said])).is_err());
    assert_eq!(
        inspected.container(EngineKind::Podman, Some(&podman)),
        Container {
            id: ID.into(),
            name: Some("t2".into()),
            image: None,
            image_id: None,
            engine: Some("podman".into()),
            engine_version: Some("4.3.1".into()),
            runtime: Some("crun".into()),
            runtime_version: Some("1.8.1".into()),
            ..Container::default()
        }
    );
}

#[test]
fn how_a_container_starts_is_described() {
    let mut value = running();
    value["HostConfig"]["Init"] = true.into();
    value["Config"]["User"] = "1000:1000".into();
    let inspected = read(&value).unwrap();
    assert_eq!(inspected.has_init, Some(true));
    assert_eq!(inspected.user.as_deref(), Some("1000:1000"));
    let container = inspected.container(EngineKind::Docker, None);
    assert_eq!(container.init, Some(true));
    assert_eq!(container.user.as_deref(), Some("1000:1000"));
}

#[test]
fn who_set_no_new_privs_is_told_from_who_has_it() {
    let table: [(&[&str], Option<bool>, Option<bool>); 9] = [
        (&["no-new-privileges"], Some(true), Some(true)),
        (&["no-new-privileges=true"], None, Some(true)),
        (&["no-new-privileges:true"], Some(true), Some(true)),
        (&["no-new-privileges:false"], Some(true), Some(false)),
        (
            &["no-new-privileges", "no-new-privileges=false"],
            None,
            Some(false),
        ),
        // The program's own doing, or the engine's default: nobody knows.
        (&["seccomp=unconfined"], Some(true), None),
        (&[], None, None),
        (&[], Some(false), Some(false)),
        // Whatever is configured, it was not set.
        (&["no-new-privileges"], Some(false), Some(false)),
    ];
    for (options, now, expected) in table {
        let mut value = running();
        value["HostConfig"]["SecurityOpt"] = options.to_vec().into();
        let inspected = read(&value).unwrap();
        assert_eq!(inspected.no_new_privs(now), expected, "{options:?} {now:?}");
    }
}
