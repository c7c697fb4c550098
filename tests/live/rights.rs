//! What a user without rights can reach through the two ways to record without root: nobody else's files.

use house_tests::cgroup::Cgroup;
use house_tests::daemon::Place;
use house_tests::run::{Program, Run};
use house_tests::{arguments, facts, product as product_path, tests, witness};
use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;

pub(crate) const TESTS: [(&str, fn()); 4] = tests![
    a_group_that_may_record_reaches_no_foreign_file,
    rights_beyond_watching_are_given_back,
    who_the_daemon_records_for_reaches_no_foreign_file,
    root_without_cap_sys_admin_runs_under_a_profile,
];

fn small() -> Vec<u8> {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/data/small.rec.json");
    fs::read(data).expect("a stored recording")
}

const NOBODY: u32 = 65534;
const OTHER: u32 = 65533;

/// A folder of everybody, with things of root's in it.
struct Ground {
    folder: tempfile::TempDir,
}

impl Ground {
    fn new() -> Self {
        let ground = Self {
            folder: tempfile::tempdir().expect("a temporary directory"),
        };
        let mode = |name: &str, mode| {
            let set = fs::set_permissions(ground.path(name), Permissions::from_mode(mode));
            set.expect("permissions");
        };
        mode("", 0o755);
        for (name, bits) in [("own", 0o777), ("foreign", 0o755), ("closed", 0o700)] {
            fs::create_dir(ground.path(name)).expect("a directory");
            mode(name, bits);
        }
        let small = small();
        for name in ["foreign/rec.json", "closed/rec.json", "own/rec.json"] {
            fs::write(ground.path(name), &small).expect("a file");
        }
        mode("foreign/rec.json", 0o600);
        mode("own/rec.json", 0o644);
        ground
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A copy of the product with these capabilities, for one group.
    fn install(&self, capabilities: &str) -> String {
        let copy = self.path("product").display().to_string();
        let install = ["-m", "0750", "-g", "65534", product_path!(), &copy];
        Program::new("install").args(install).run().exits(0);
        let set = Program::new("setcap").args([capabilities, &copy]).run();
        set.exits(0);
        copy
    }

    /// Every try to write or read what is not the caller's, with these words before the verb's own.
    fn tries(&self) -> Vec<Vec<OsString>> {
        let own = self.path("own/rec.json");
        let mut tries = Vec::new();
        for target in ["foreign/new.json", "foreign/rec.json", "closed/new.json"] {
            let target = self.path(target);
            tries.push(arguments!["merge", own, "-o", target].to_vec());
            tries.push(arguments!["generate", own, "-o", target].to_vec());
        }
        for source in ["foreign/rec.json", "closed/rec.json"] {
            tries.push(arguments!["generate", self.path(source)].to_vec());
            tries.push(arguments!["merge", self.path(source), "-o", "-"].to_vec());
            let profile = self.path(source);
            tries.push(arguments!["run", "--profile", profile, "--", "true"].to_vec());
        }
        for directory in ["foreign/hooks", "closed"] {
            let directory = self.path(directory);
            tries.push(arguments!["hook", "install", "--dir", directory].to_vec());
        }
        tries
    }

    /// What there is, with what is in it.
    fn look(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        for folder in ["foreign", "closed"] {
            for entry in fs::read_dir(self.path(folder)).expect("a folder") {
                let path = entry.expect("an entry").path();
                found.push((path.clone(), fs::read(path).expect("a file")));
            }
        }
        found.sort();
        found
    }

    /// Expects that none of this succeeds, and that nothing has changed.
    fn is_safe_from(&self, program: impl Fn() -> Program) {
        let before = self.look();
        for words in self.tries() {
            let run = program().args(&words).as_nobody().run();
            refused(&run);
        }
        assert_eq!(self.look(), before);
    }
}

#[track_caller]
fn refused(run: &Run) {
    assert!(![0, 1].contains(&run.code()), "{run}");
    run.stdout("").stderr_has("Permission denied (os error 13)");
}

fn a_group_that_may_record_reaches_no_foreign_file() {
    let ground = Ground::new();
    let copy = ground.install("cap_bpf,cap_perfmon+ep");
    let cgroup = Cgroup::new("group");
    let record = |output: &str| {
        let output = ground.path(output);
        let words = arguments!["record", "--cgroup", cgroup.path(), "-o", output];
        Program::product(&copy).args(words).as_nobody()
    };
    // It is of use …
    let running = cgroup.command(&[witness::PATH, "ticks", "100"]).start();
    cgroup.await_populated();
    record("own/new.json")
        .run()
        .exits(0)
        .stderr_has(" 0 lost\n");
    running.finish().exits(0);
    let recording = facts::read(ground.path("own/new.json"));
    assert!(!recording.facts.is_empty());
    // … and of no more than that.
    for output in ["foreign/new.json", "foreign/rec.json", "closed/new.json"] {
        refused(&record(output).run());
    }
    ground.is_safe_from(|| Program::product(&copy));
    // Whoever is not in the group cannot even start it.
    let other = Program::new("sh").args(["-c", &format!("{copy} --version")]);
    other.as_user(OTHER).run().exits(126).stdout("");
}

/// However somebody has set it up against all advice.
fn rights_beyond_watching_are_given_back() {
    let ground = Ground::new();
    let everything = "cap_bpf,cap_perfmon,cap_dac_override,cap_dac_read_search,cap_fowner,cap_chown,cap_setuid,\
                      cap_sys_admin,cap_sys_ptrace+ep";
    let copy = ground.install(everything);
    ground.is_safe_from(|| Program::product(&copy));
    // A program that everybody runs as its owner.
    for mode in [0o4755, 0o2755] {
        let copy = ground.install("cap_bpf+ep");
        chown(&copy, Some(0), Some(0)).expect("an owner");
        fs::set_permissions(&copy, Permissions::from_mode(mode)).expect("permissions");
        let target = ground.path("foreign/new.json");
        let words = arguments!["merge", ground.path("own/rec.json"), "-o", target];
        let run = Program::product(&copy).args(words).as_nobody().run();
        run.exits(3)
            .stderr_has("error: this program runs with another user's or group's rights")
            .stderr_has("\nhint: remove the bits");
        assert!(!target.exists());
    }
}

fn who_the_daemon_records_for_reaches_no_foreign_file() {
    let ground = Ground::new();
    let place = Place::new(product_path!());
    let cgroup = Cgroup::new("allowed");
    chown(cgroup.path(), Some(NOBODY), None).expect("a cgroup");
    let _daemon = place.start(&["--allow", "65534"]);
    fs::set_permissions(place.path(""), Permissions::from_mode(0o755)).expect("a folder");
    let copy = ground.path("product");
    Program::new("cp")
        .args([product_path!().as_ref(), copy.as_os_str()])
        .run()
        .exits(0);
    let copy = copy.display().to_string();
    let mut socket = OsString::from("--daemon=");
    socket.push(place.socket());
    let record = |output: &str| {
        let output = ground.path(output);
        let words = arguments!["record", socket, "--cgroup", cgroup.path(), "-o", output];
        Program::product(&copy).args(words).as_nobody()
    };
    let running = cgroup.command(&[witness::PATH, "ticks", "100"]).start();
    cgroup.await_populated();
    for output in ["foreign/new.json", "foreign/rec.json", "closed/new.json"] {
        refused(&record(output).run());
    }
    record("own/new.json")
        .run()
        .exits(0)
        .stderr_has(" 0 lost\n");
    running.finish().exits(0);
    ground.is_safe_from(|| Program::product(&copy));
    // What the daemon keeps is not for others to read.
    for folder in ["state", "state/recordings"] {
        let list = Program::new("ls").args([place.path(folder)]).as_nobody();
        list.run().exits(2).stdout("");
    }
}

/// As in a container that nobody gave more to.
fn root_without_cap_sys_admin_runs_under_a_profile() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let profile = folder.path().join("profile.json");
    fs::write(
        &profile,
        r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["getppid"], "action": "SCMP_ACT_ERRNO"}]}"#,
    )
    .expect("a file");
    let run = |flags: &[&str]| {
        let run = Program::product(product_path!()).args(["run"]).args(flags);
        let run = run.args(arguments![
            "--profile",
            profile,
            "--",
            "grep",
            "NoNewPrivs",
            "/proc/self/status"
        ]);
        run.as_root_with("+chown,+setuid").run()
    };
    run(&[]).exits(0).stdout("NoNewPrivs:\t1\n").stderr_has(
        "note: without CAP_SYS_ADMIN a filter needs no_new_privs, which is set for the command",
    );
    // Who asked for it knows.
    run(&["--no-new-privileges"])
        .exits(0)
        .stdout("NoNewPrivs:\t1\n")
        .stderr("");
}
