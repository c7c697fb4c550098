//! Targets without a filter of which a process installs one itself: everything that they did counts, and they work
//! under the profile made of it. The oracle is the program, which fails where a call of it is refused.

use crate::product;
use house_tests::cgroup::Cgroup;
use house_tests::facts::{self, counts, named};
use house_tests::run::{Program, Run};
use house_tests::{arguments, tests, witness};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub(crate) const TESTS: [(&str, fn()); 7] = tests![
    a_program_that_boxes_itself_in_works_under_its_profile,
    a_program_that_boxes_a_child_in_works_under_its_profile,
    man_shows_a_page_under_its_profile,
    a_server_that_boxes_in_its_readers_works_under_its_profile,
    a_browser_that_boxes_in_its_pages_works_under_its_profile,
    what_was_boxed_in_before_it_was_watched_counts_with_the_rest,
    a_profile_without_what_was_done_outside_the_box_does_not_pass,
];

/// A folder with recordings and profiles.
struct Workshop {
    folder: TempDir,
}

impl Workshop {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn product(&self, words: &str) -> Program {
        product().words(words).in_directory(self.folder.path())
    }

    fn record(&self, command: &[&str]) {
        let record = self.product("record -q -o rec.json --").args(command);
        record.run().exits(0);
        let losses = facts::read(self.path("rec.json")).losses;
        assert!(losses.is_complete(), "{losses:?}");
    }

    fn generate(&self, base: &str) {
        let generate = self.product("generate rec.json -o profile.json --base");
        generate.args([base]).run().exits(0);
    }

    fn check(&self) -> Run {
        self.product("check profile.json --recording rec.json")
            .run()
    }

    fn run(&self, command: &[&str]) -> Run {
        let run = self.product("run --profile profile.json --").args(command);
        run.run()
    }
}

/// Records it, and has it work under the profile.
fn works_under_its_profile(command: &[&str]) -> Run {
    works_within(command, "docker", || ())
}

/// The same within a base; what it left behind is cleared away before it runs again.
fn works_within(command: &[&str], base: &str, clear: impl Fn()) -> Run {
    let workshop = Workshop::new();
    workshop.record(command);
    let recording = facts::read(workshop.path("rec.json"));
    assert_eq!(recording.target.filtered_at_start, Some(false));
    let filtered = |wanted| recording.facts.keys().any(|key| key.filtered == wanted);
    assert!(filtered(true) && filtered(false), "nothing was boxed in");
    workshop.generate(base);
    clear();
    let run = workshop.run(command);
    run.exits(0);
    workshop.check().exits(0).stdout_has("pass: ");
    run
}

fn a_program_that_boxes_itself_in_works_under_its_profile() {
    works_under_its_profile(&[witness::PATH, "boxed"]);
}

fn a_program_that_boxes_a_child_in_works_under_its_profile() {
    works_under_its_profile(&[witness::PATH, "boxed-child", "2"]);
}

/// It reads pages as another user, and under a filter.
fn man_shows_a_page_under_its_profile() {
    let folder = tempfile::tempdir_in("/tmp").expect("a temporary directory");
    let page = folder.path().join("page.1");
    fs::write(
        &page,
        ".TH PAGE 1\n.SH NAME\npage \\- shown under a profile\n",
    )
    .expect("a page");
    for path in [folder.path(), &page] {
        let chmod = Program::new("chmod").words("a+rX").args([path]);
        chmod.run().exits(0);
    }
    let page = page.display().to_string();
    let run = works_under_its_profile(&["man", "-P", "cat", "-l", &page]);
    run.stdout_has("shown under a profile");
}

/// It reads what comes before a login in a process of its own, under a filter.
fn a_server_that_boxes_in_its_readers_works_under_its_profile() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let place = folder.path().join("keys");
    let clear = || {
        let _ = fs::remove_dir_all(&place);
        fs::create_dir(&place).expect("a folder");
    };
    clear();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/live/sshd.sh");
    let place = place.display().to_string();
    let run = works_within(&["bash", script, &place], "docker", clear);
    run.stdout("logged in\nlogged in\n");
}

/// It draws pages in processes of their own, in namespaces and under filters; its users have no rights. Docker's
/// default permits none of the namespaces.
fn a_browser_that_boxes_in_its_pages_works_under_its_profile() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let open = PermissionsExt::from_mode(0o777);
    fs::set_permissions(folder.path(), open).expect("a folder");
    let page = folder.path().join("page.html");
    let text =
        "<p id=x></p><script>document.getElementById('x').textContent = 'dra' + 'wn'</script>";
    fs::write(&page, text).expect("a page");
    let data = folder.path().join("data");
    let clear = || {
        let _ = fs::remove_dir_all(&data);
    };
    let home = format!("HOME={}", folder.path().display());
    let data = format!("--user-data-dir={}", data.display());
    let page = format!("file://{}", page.display());
    let command = "setpriv --reuid=65534 --regid=65534 --clear-groups env HOME chromium --headless --disable-gpu \
                   --disable-quic --no-first-run --disable-background-networking --disable-component-update \
                   --disable-sync --dump-dom";
    let command = command.split_whitespace();
    let command = command.map(|word| if word == "HOME" { &home } else { word });
    let command: Vec<&str> = command.chain([data.as_str(), page.as_str()]).collect();
    works_within(&command, "none", clear).stdout_has(">drawn</p>");
}

/// A parent without a filter, and its child under one of its own.
fn what_was_boxed_in_before_it_was_watched_counts_with_the_rest() {
    let workshop = Workshop::new();
    let cgroup = Cgroup::new("boxed");
    let running = cgroup
        .command(&[witness::PATH, "boxed-child", "600"])
        .start();
    cgroup.await_populated();
    let flags = arguments![
        "record",
        "-q",
        "-o",
        workshop.path("rec.json"),
        "--cgroup",
        cgroup.path()
    ];
    product().args(flags).run().exits(0);
    running.finish().exits(0);
    let recording = facts::read(workshop.path("rec.json"));
    assert_eq!(recording.target.filtered_at_start, None);
    let made = counts(&recording);
    for name in ["getuid", "getppid", "sysinfo"] {
        assert!(made.contains_key(&named(name)), "{name}: {made:?}");
    }
    workshop.generate("docker");
    assert_permits(
        &workshop.path("profile.json"),
        &["getuid", "getppid", "sysinfo"],
    );
    workshop.check().exits(0).stdout_has("pass: ");
}

fn assert_permits(profile: &Path, names: &[&str]) {
    let text = fs::read_to_string(profile).expect("a profile");
    for name in names {
        assert!(text.contains(&format!("\"{name}\"")), "{name}: {text}");
    }
}

/// The profile that one would get who took what was done outside the box for a runtime's: the program does not
/// work under it, and `check` says so.
fn a_profile_without_what_was_done_outside_the_box_does_not_pass() {
    let workshop = Workshop::new();
    let command = [witness::PATH, "boxed-child", "2"];
    workshop.record(&command);
    let path = workshop.path("rec.json");
    let text = fs::read_to_string(&path).expect("a recording");
    let other = text.replace("\"filteredAtStart\":false", "\"filteredAtStart\":true");
    assert_ne!(text, other);
    fs::write(&path, other).expect("a recording");
    workshop.generate("docker");
    fs::write(&path, text).expect("a recording");
    assert_ne!(workshop.run(&command).code(), 0);
    workshop.check().exits(1).stdout_has("fail: ");
}
