//! Targets without a filter of which a process installs one itself: everything that they did counts, and they work
//! under the profile made of it. The oracle is the program, which fails where a call of it is refused.

use crate::product;
use house_tests::cgroup::Cgroup;
use house_tests::facts::{self, counts, named};
use house_tests::run::{Program, Run};
use house_tests::{arguments, tests, witness};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub(crate) const TESTS: [(&str, fn()); 5] = tests![
    a_program_that_boxes_itself_in_works_under_its_profile,
    a_program_that_boxes_a_child_in_works_under_its_profile,
    man_shows_a_page_under_its_profile,
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

    fn generate(&self) {
        let generate = self.product("generate rec.json -o profile.json");
        generate.run().exits(0);
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
    let workshop = Workshop::new();
    workshop.record(command);
    let recording = facts::read(workshop.path("rec.json"));
    assert_eq!(recording.target.filtered_at_start, Some(false));
    let filtered = |wanted| recording.facts.keys().any(|key| key.filtered == wanted);
    assert!(filtered(true) && filtered(false), "nothing was boxed in");
    workshop.generate();
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
    workshop.generate();
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
    workshop.generate();
    fs::write(&path, text).expect("a recording");
    assert_ne!(workshop.run(&command).code(), 0);
    workshop.check().exits(1).stdout_has("fail: ");
}
