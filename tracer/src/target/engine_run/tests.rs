use super::*;

fn words(line: &str) -> Vec<OsString> {
    line.split(' ').map(OsString::from).collect()
}

fn run(line: &str) -> EngineRun {
    match recognise(&words(line)) {
        Recognised::Run(run) => run,
        other => panic!("`{line}` is {other:?}"),
    }
}

#[test]
fn only_docker_with_a_verb_that_starts_containers_is_special() {
    let client = |verb: &str| Recognised::ClientOnly {
        kind: EngineKind::Docker,
        verb: verb.into(),
    };
    let podman = |verb: &str| Recognised::ClientOnly {
        kind: EngineKind::Podman,
        verb: verb.into(),
    };
    let unfollowed = |verb: &str| Recognised::Unfollowed {
        kind: EngineKind::Podman,
        verb: verb.into(),
    };
    for (line, expected) in [
        ("nginx -g daemon", Recognised::Program),
        ("./dockerd run x", Recognised::Program),
        ("sh -c docker run x", Recognised::Program),
        ("docker", Recognised::Program),
        ("docker ps", Recognised::Program),
        ("docker --context run ps", Recognised::Program),
        ("docker -H run", Recognised::Program),
        ("docker start -a", client("start")),
        ("podman restart --all", podman("restart")),
        ("podman start --latest", podman("start")),
        ("docker exec -d", client("exec")),
        ("podman exec -l sh", podman("exec")),
        ("docker compose build", client("compose")),
        ("docker-compose logs", client("compose")),
        ("podman compose up", podman("compose")),
        ("docker create x", client("create")),
        ("podman pod ps", podman("pod")),
        (
            "podman --log-level=debug pod start p",
            unfollowed("pod start"),
        ),
        ("sudo podman play kube x.yaml", unfollowed("play kube")),
    ] {
        assert_eq!(recognise(&words(line)), expected, "{line}");
    }
    assert_eq!(recognise(&[]), Recognised::Program);
}

#[test]
fn the_parent_goes_right_behind_run_whatever_comes_before() {
    let parent = Parent {
        value: "/p".into(),
        directory: "p".into(),
    };
    for (line, expected) in [
        ("docker run x", "docker run --cgroup-parent=/p x"),
        (
            "/usr/bin/docker container run --rm x sh",
            "/usr/bin/docker container run --cgroup-parent=/p --rm x sh",
        ),
        (
            "docker --context run run x",
            "docker --context run run --cgroup-parent=/p x",
        ),
        (
            "docker --config=run -Dl debug -Hunix:///run --tls run x",
            "docker --config=run -Dl debug -Hunix:///run --tls run --cgroup-parent=/p x",
        ),
        (
            "docker run --cgroup-parent /a -it --cgroup-parent=/b x",
            "docker run --cgroup-parent=/p -it x",
        ),
        // Values of other flags, and the container's own command, are not ours to read.
        (
            "docker run -e --cgroup-parent=/a --name --cgroup-parent x --cgroup-parent=/b",
            "docker run --cgroup-parent=/p -e --cgroup-parent=/a --name --cgroup-parent x --cgroup-parent=/b",
        ),
        (
            "docker run -- x --cgroup-parent=/b",
            "docker run --cgroup-parent=/p -- x --cgroup-parent=/b",
        ),
        ("docker run", "docker run --cgroup-parent=/p"),
        (
            "docker run --cgroup-parent",
            "docker run --cgroup-parent=/p",
        ),
    ] {
        assert_eq!(run(line).with_parent(&parent), words(expected), "{line}");
    }
}

#[test]
fn flags_with_and_without_values_are_told_apart() {
    // line, image, detached
    for (line, image, detached) in [
        ("docker run x y", Some("x"), false),
        ("docker run -d x", Some("x"), true),
        ("docker run --rm -itd --init x", Some("x"), true),
        ("docker run -e d -p 80:80 x", Some("x"), false),
        ("docker run -ed x", Some("x"), false),
        ("docker run -ite d x", Some("x"), false),
        ("docker run -it=d x", Some("x"), false),
        ("docker run --detach=false x -d", Some("x"), false),
        ("docker run -d --detach=0 x", Some("x"), false),
        ("docker run --detach=true x", Some("x"), true),
        ("docker run --some-new-flag v -d x", Some("x"), true),
        ("docker run --name d --label -d x", Some("x"), false),
        ("docker run -d", None, true),
        ("docker run -", Some("-"), false),
    ] {
        let run = run(line);
        assert_eq!(
            (run.image.as_deref(), run.detached),
            (image.map(OsStr::new), detached),
            "{line}"
        );
    }
}

#[test]
fn the_same_engine_is_asked_as_the_user_names() {
    let run = run("docker -H unix:///x.sock --context c container run -d x");
    assert_eq!(run.client, words("docker -H unix:///x.sock --context c"));
}

/// Behind commands that run others, the same is done to the same words.
#[test]
fn a_run_is_found_behind_commands_that_run_others() {
    let parent = Parent {
        value: "/p".into(),
        directory: "p".into(),
    };
    for (line, expected, client) in [
        (
            "env DOCKER_HOST=unix:///d timeout -k 5 1m docker --debug run x env",
            "env DOCKER_HOST=unix:///d timeout -k 5 1m docker --debug run --cgroup-parent=/p x env",
            "env DOCKER_HOST=unix:///d docker --debug",
        ),
        (
            "time -v nice -5 sudo -E /usr/bin/podman run -it x",
            "time -v nice -5 sudo -E /usr/bin/podman run --cgroup-parent=/p -it x",
            "sudo -E /usr/bin/podman",
        ),
    ] {
        let run = run(line);
        assert_eq!(run.with_parent(&parent), words(expected), "{line}");
        assert_eq!(run.client, words(client), "{line}");
        let under = run.with_profile(Path::new("/s.json"));
        let expected = expected.replace("--cgroup-parent=/p", "--security-opt seccomp=/s.json");
        assert_eq!(under, words(&expected), "{line}");
    }
    for line in [
        "sudo -i docker run x",
        "sh -c docker",
        "time -V docker run x",
    ] {
        assert_eq!(recognise(&words(line)), Recognised::Program, "{line}");
    }
}

#[test]
fn what_is_there_already_is_started_and_visited_by_name() {
    let start = |line: &str| match recognise(&words(line)) {
        Recognised::Start(run) => (run.client, run.containers),
        other => panic!("`{line}` is {other:?}"),
    };
    for (line, client, containers) in [
        ("docker start web", "docker", "web"),
        (
            "docker -H h container start -a web --detach-keys k",
            "docker -H h",
            "web",
        ),
        ("timeout 5 docker restart -t 3 web db", "docker", "web db"),
        ("sudo podman start -ai -- -x", "sudo podman", "-x"),
    ] {
        assert_eq!(start(line), (words(client), words(containers)), "{line}");
    }
    let exec = |line: &str| match recognise(&words(line)) {
        Recognised::Exec(run) => (run.kind, run.container, run.detached),
        other => panic!("`{line}` is {other:?}"),
    };
    for (line, kind, container, detached) in [
        (
            "timeout 5 docker exec -it -e A=b web sh -d",
            EngineKind::Docker,
            "web",
            false,
        ),
        (
            "docker exec -du me --workdir / web sh",
            EngineKind::Docker,
            "web",
            true,
        ),
        (
            "podman exec --preserve-fds 3 web sh",
            EngineKind::Podman,
            "web",
            false,
        ),
    ] {
        assert_eq!(exec(line), (kind, container.into(), detached), "{line}");
    }
}

#[test]
fn a_project_of_compose_is_asked_for_and_given_back() {
    let compose = |line: &str| match recognise(&words(line)) {
        Recognised::Compose(run) => run,
        other => panic!("`{line}` is {other:?}"),
    };
    let (file, directory) = (Path::new("/t/c.json"), Path::new("/d"));
    let ours = "--file=/t/c.json --project-directory=/d";
    for (line, question, with_file, verb) in [
        (
            "docker compose up -d web",
            "docker compose --profile * config --format json",
            format!("docker compose {ours} up -d web"),
            ComposeVerb::Up,
        ),
        (
            "sudo docker -H h compose -f a.yaml -p shop --file=b.yaml --profile x run --rm -e A=b web -f sh",
            "sudo docker -H h compose -f a.yaml -p shop --file=b.yaml --profile x --profile * config --format json",
            format!(
                "sudo docker -H h compose {ours} -p shop --profile x run --rm -e A=b web -f sh"
            ),
            ComposeVerb::Run("web".into()),
        ),
        (
            "timeout 9 docker-compose --ansi never restart -t 5 web db",
            "docker-compose --ansi never --profile * config --format json",
            format!("timeout 9 docker-compose {ours} --ansi never restart -t 5 web db"),
            ComposeVerb::Start(words("web db")),
        ),
        (
            "docker compose exec -T -u me --index 1 web ls -d",
            "docker compose --profile * config --format json",
            format!("docker compose {ours} exec -T -u me --index 1 web ls -d"),
            ComposeVerb::Exec {
                service: "web".into(),
                detached: false,
            },
        ),
    ] {
        let run = compose(line);
        assert_eq!(run.question(), words(question), "{line}");
        assert_eq!(run.with_file(file, directory), words(&with_file), "{line}");
        assert_eq!(run.verb, verb, "{line}");
    }
    let run = compose("docker compose -f sub/a.yaml --file b.yaml up");
    assert_eq!(run.directory(), Some(Path::new("sub")));
    assert_eq!(run.files(), ["sub/a.yaml", "b.yaml"]);
    let run = compose("docker compose -f a.yaml --project-directory /p up");
    assert_eq!(run.directory(), Some(Path::new("/p")));
    assert_eq!(
        compose("docker compose -f a.yaml up").directory(),
        Some(Path::new("."))
    );
    assert_eq!(compose("docker compose up").directory(), None);
    let words = compose("docker compose up").containers_question(&["web".into()]);
    assert_eq!(
        words.join(OsStr::new(" ")),
        "docker compose ps --all --quiet web"
    );
}

/// The last word on a profile is ours, and what else is given stays.
#[test]
fn the_profile_takes_the_place_of_the_users() {
    let run = run(
        "docker run --security-opt seccomp=unconfined --init -u 7 --security-opt=seccomp:/a --user=8:9 \
         --security-opt no-new-privileges x seccomp=/b --init=false",
    );
    let expected = "docker run --security-opt seccomp=/s.json --init -u 7 --user=8:9 \
                    --security-opt no-new-privileges x seccomp=/b --init=false";
    assert_eq!(run.with_profile(Path::new("/s.json")), words(expected));
    assert_eq!(run.arguments, words("seccomp=/b --init=false"));
    assert_eq!(run.init, Some(true));
    assert_eq!(run.user.as_deref(), Some(OsStr::new("8:9")));
}

#[test]
fn the_users_parent_is_kept_above_ours() {
    use CgroupDriver::{Cgroupfs, Systemd};
    // flags, driver, value, directory
    for (flags, driver, value, directory) in [
        ("", Cgroupfs, "/st-1-0", "st-1-0"),
        (
            "--cgroup-parent=/a/b/ ",
            Cgroupfs,
            "/a/b/st-1-0",
            "a/b/st-1-0",
        ),
        ("--cgroup-parent a ", Cgroupfs, "/a/st-1-0", "a/st-1-0"),
        ("--cgroup-parent=/ ", Cgroupfs, "/st-1-0", "st-1-0"),
        ("--cgroup-parent= ", Cgroupfs, "/st-1-0", "st-1-0"),
        (
            "--cgroup-parent=x --cgroup-parent=y ",
            Cgroupfs,
            "/y/st-1-0",
            "y/st-1-0",
        ),
        ("", Systemd, "st_1_0.slice", "st_1_0.slice"),
        (
            "--cgroup-parent=-.slice ",
            Systemd,
            "st_1_0.slice",
            "st_1_0.slice",
        ),
        (
            "--cgroup-parent=a-b.slice ",
            Systemd,
            "a-b-st_1_0.slice",
            "a.slice/a-b.slice/a-b-st_1_0.slice",
        ),
    ] {
        let expected = Parent {
            value: value.into(),
            directory: directory.into(),
        };
        let run = run(&format!("docker run {flags}x"));
        assert_eq!(run.parent(driver, "st-1-0"), Ok(expected), "{flags}");
    }
    let refused = [
        ("/a", Systemd),
        ("a", Systemd),
        (".slice", Systemd),
        ("a--b.slice", Systemd),
        ("a/b.slice", Systemd),
        ("-a.slice", Systemd),
        ("/a/../b", Cgroupfs),
    ];
    for (given, driver) in refused {
        let run = run(&format!("docker run --cgroup-parent={given} x"));
        let given = given.to_owned();
        assert_eq!(
            run.parent(driver, "st-1-0"),
            Err(BadParent { given, driver })
        );
    }
}

#[test]
fn podman_has_flags_of_its_own() {
    let parent = Parent {
        value: "/p".into(),
        directory: "p".into(),
    };
    for (line, expected, image) in [
        (
            "podman --cgroup-manager cgroupfs --remote run --rm --rootfs /r sh",
            "podman --cgroup-manager cgroupfs --remote run --cgroup-parent=/p --rm --rootfs /r sh",
            "/r",
        ),
        (
            "podman --runtime=runc run --replace --name x --tls-verify=false image run",
            "podman --runtime=runc run --cgroup-parent=/p --replace --name x --tls-verify=false image run",
            "image",
        ),
    ] {
        let run = run(line);
        assert_eq!(run.kind, EngineKind::Podman);
        assert_eq!(run.with_parent(&parent), words(expected), "{line}");
        assert_eq!(run.image.as_deref(), Some(OsStr::new(image)), "{line}");
    }
    // The same words mean other things to the two clients.
    assert_eq!(
        run("docker run --replace x y").image.as_deref(),
        Some(OsStr::new("y"))
    );
    let play = recognise(&words("podman kube play x.yaml"));
    let (kind, verb) = (EngineKind::Podman, "kube play".to_owned());
    assert_eq!(play, Recognised::Unfollowed { kind, verb });
}

#[test]
fn values_of_variables_are_left_out_wherever_they_are() {
    let line = "docker run -e A=secret --env=B=se=cret --env C=secret -eD=secret -ite E=secret -e F --env-file=f -e=G= web -e H=1";
    let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
    let Recognised::Run(run) = recognise(&words) else {
        panic!("no run");
    };
    let (shown, names) = run.without_values();
    let shown: Vec<String> = shown
        .with_profile(Path::new("p.json"))
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    assert_eq!(
        shown.join(" "),
        "docker run --security-opt seccomp=p.json -e A --env=B --env C -eD -ite E -e F --env-file=f -e=G web -e H=1"
    );
    assert_eq!(
        names,
        ["A", "B", "C", "D", "E", "G"].map(str::to_owned).into()
    );
    // What really runs has them.
    assert!(
        run.with_profile(Path::new("p.json"))
            .contains(&"A=secret".into())
    );
}
