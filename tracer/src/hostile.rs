//! Every reader of what others write, each as a function of bytes that must neither crash, nor hang, nor take
//! more memory than a small multiple of its input.
//!
//! It exists for the fuzz targets and for the test that feeds the readers their kept corpus. It refuses to be
//! of use to anything else, so it is not documented as a part of the library.

use crate::audit;
use crate::daemon;
use crate::daemon::protocol::{answer_line, read_answer, read_request, request_line};
use crate::probe::{self, offsets};
use crate::profile::proof::Installed;
use crate::profile::{Circumstances, KernelVersion, Meaning, Source, read, write};
use crate::reach::{self, Module, Role};
use crate::recording;
use crate::syscall::{Abi, capability};
use crate::target::engine::{answers, id_in_cgroup_name, listed, podman, socket};
use crate::target::engine_run::{self, CgroupDriver, EngineKind, Recognised};
use crate::target::oci_hook::{Annotation, Bundle, State};
use crate::target::{cgroup, mounts, process, runtime, unit, workload};
use std::ffi::{OsStr, OsString};
use std::hint::black_box;
use std::path::Path;

/// A reader's name, which is also its corpus's, and what feeds it.
pub type Reader = (&'static str, fn(&[u8]));

/// The readers.
pub static READERS: &[Reader] = &[
    ("profile", profile),
    ("recording", recording),
    ("engine", engine),
    ("hook", hook),
    ("surroundings", surroundings),
    ("btf", btf),
    ("elf", elf),
    ("protocol", protocol),
    ("daemon", daemon),
    ("events", events),
    ("ignore", ignore),
    ("code", code),
    ("command", command),
    ("unit", unit),
    ("script", script),
    ("status", status),
];

/// A profile, in any dialect. What is read can be resolved, written, and read again as the same; forms that
/// cannot say it refuse.
pub fn profile(bytes: &[u8]) {
    let Ok(source) = std::str::from_utf8(bytes).map(read::profile) else {
        return;
    };
    let Ok(source) = source else { return };
    let again = write::docker(&source).map(|text| read::profile(&text));
    let again = again.map(|again| again.map(Source::without_origin));
    assert_eq!(again, Ok(Ok(source.clone().without_origin())));
    for (host, capabilities) in [
        (Abi::X86_64, capability::docker_default()),
        (Abi::Aarch64, capability::all()),
    ] {
        let kernel = KernelVersion { major: 6, minor: 1 };
        let circumstances = Circumstances {
            host,
            kernel,
            capabilities,
        };
        let resolved = source.resolve(&circumstances);
        let again =
            read::profile(&write::oci(&resolved)).map(|again| again.resolve(&circumstances));
        assert_eq!(again.as_ref(), Ok(&resolved));
        if let Ok(text) = write::spo(&resolved, "x") {
            // Rules that are the same but for names that are there twice.
            let again = read::profile(&text).map(|again| again.rules.len());
            let rules = resolved.rules.iter();
            let rules = rules.filter(|rule| !rule.names.is_empty()).count();
            assert_eq!(again, Ok(rules));
        }
        done(write::systemd(&resolved, host));
        done(write::seccompiler(&resolved, host));
        done(write::names(&resolved));
    }
}

/// A recording file. What is read is written as it was read.
pub fn recording(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(recording) = recording::from_json(text) {
        let text = recording::to_json(&recording);
        let again = recording::from_json(&text).expect("our own recording is read");
        assert_eq!(text, recording::to_json(&again));
    }
}

/// What engines and runtimes answer.
pub fn engine(bytes: &[u8]) {
    if let Ok(inspected) = answers::inspected(bytes) {
        let about = answers::about(bytes, bytes).ok();
        done(inspected.first_process());
        done(inspected.container(EngineKind::Docker, about.as_ref()));
        done(inspected.seccomp(about.as_ref(), None));
        done(inspected.filtered_at_start(about.as_ref(), None));
    }
    done(answers::about(bytes, bytes));
    done(podman::about(bytes));
    if let Ok(all) = listed::listed(bytes) {
        for one in all {
            done((one.kind(EngineKind::Runc), one.name(), one.is_called("web")));
            done(one.inspected("runc"));
        }
    }
    done((socket::event(bytes), socket::status(bytes)));
    let text = String::from_utf8_lossy(bytes);
    for name in ["runc", "crun", "youki"] {
        done(runtime::read(name, &text));
    }
}

/// What a runtime gives to a hook.
pub fn hook(bytes: &[u8]) {
    if let Ok(state) = State::read(bytes) {
        done(state.annotation.as_deref().map(Annotation::parse));
    }
    done(Bundle::read(bytes));
    done(Annotation::parse(&String::from_utf8_lossy(bytes)));
}

/// What the kernel says of mounts and cgroups, with names that anybody may have chosen.
pub fn surroundings(bytes: &[u8]) {
    done(cgroup::choose(mounts::cgroups(bytes), |_| true));
    if let Some(path) = cgroup::unified(bytes) {
        done(cgroup::without_deleted_mark(path));
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let id = id_in_cgroup_name(&name).unwrap_or("x");
        done(cgroup::up_to_id(path, id));
    }
    let text = String::from_utf8_lossy(bytes);
    done(KernelVersion::from_release(&text));
    done(cgroup::up_to_id(Path::new(&*text), ""));
}

/// The kernel's types.
pub fn btf(bytes: &[u8]) {
    done(offsets::find(bytes));
}

/// A file with code, in every part that it can play.
pub fn elf(bytes: &[u8]) {
    for role in [Role::Program, Role::Loader, Role::Library, Role::Plugin] {
        let module = Module::read(String::new(), bytes.to_vec(), role);
        done(module.map(|module| reach::reach(&[module])));
    }
}

/// What a client says to the daemon, and the daemon to a client. What is understood comes back as it was.
pub fn protocol(bytes: &[u8]) {
    if let Ok(request) = read_request(bytes) {
        let again = read_request(request_line(&request).as_bytes());
        assert_eq!(again, Ok(request));
    }
    if let Ok(answer) = read_answer(bytes) {
        let line = answer_line(&answer);
        assert_eq!(line.matches('\n').count(), 1);
        assert_eq!(read_answer(line.as_bytes()), Ok(answer));
    }
}

/// What else the daemon reads: requests for metrics, and papers that another daemon left.
pub fn daemon(bytes: &[u8]) {
    daemon::read(bytes);
}

/// What the kernel side reports.
pub fn events(bytes: &[u8]) {
    probe::read(bytes);
}

/// A list of findings that are to be ignored.
pub fn ignore(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        done(audit::ignore::read(text));
    }
}

/// A filter of a process, as the kernel gives it: what is read can be judged, or is refused.
pub fn code(bytes: &[u8]) {
    let (first, second) = bytes.split_at(bytes.len() / 16 * 8);
    for programs in [vec![bytes.to_vec()], vec![first.to_vec(), second.to_vec()]] {
        if let Ok(installed) = Installed::decode(&programs) {
            done(installed.lengths());
            done(installed.deviations(&Meaning::unconfined(), Abi::X86_64));
        }
    }
}

/// A command line, by words.
pub fn command(bytes: &[u8]) {
    use std::os::unix::ffi::OsStrExt;
    let words = bytes.split(|&byte| byte == 0);
    let words: Vec<OsString> = words
        .map(|word| OsStr::from_bytes(word).to_owned())
        .collect();
    if let Recognised::Run(run) = engine_run::recognise(&words) {
        for driver in [CgroupDriver::Cgroupfs, CgroupDriver::Systemd] {
            if let Ok(parent) = run.parent(driver, "fresh") {
                let again = engine_run::recognise(&run.with_parent(&parent));
                assert!(matches!(again, Recognised::Run(_)));
            }
        }
    }
}

/// What systemd says of a unit, and what may be the name of one.
pub fn unit(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    done(unit::shown(&text));
    done(unit::full_name(&text));
}

/// The first line of a script.
pub fn script(bytes: &[u8]) {
    done(workload::script(bytes));
}

/// What the kernel says of a process, with a name that it gave itself.
pub fn status(bytes: &[u8]) {
    done(process::read(bytes));
}

/// What was read is of no use here, but must not be optimised away.
fn done<T>(value: T) {
    drop(black_box(value));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syscall::Call;
    use std::fs;
    use std::path::PathBuf;

    /// How many changed copies of each kept input are fed.
    const CHANGES: usize = 200;

    /// Random numbers that are the same each time: splitmix64.
    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: usize) -> usize {
            self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut mixed = self.0;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            mixed ^= mixed >> 31;
            usize::try_from(mixed % (limit.max(1) as u64)).unwrap()
        }
    }

    /// A copy in which a few bytes are others, missing, or there twice.
    fn changed(bytes: &[u8], random: &mut Random) -> Vec<u8> {
        const BYTES: &[u8] = b"\0\n \"'{}[],:-/\\&*!#%0159eE.xnul\x7f\x80\xC3\xFF";
        let mut copy = bytes.to_vec();
        for _ in 0..=random.below(3) {
            let at = random.below(copy.len());
            match random.below(4) {
                0 if !copy.is_empty() => copy[at] = BYTES[random.below(BYTES.len())],
                1 => copy.insert(at, BYTES[random.below(BYTES.len())]),
                2 => drop(copy.drain(at..(at + random.below(9)).min(copy.len()))),
                _ => {
                    let end = (at + random.below(64)).min(copy.len());
                    let part = copy[at..end].to_vec();
                    let to = random.below(copy.len());
                    copy.splice(to..to, part);
                }
            }
        }
        copy
    }

    /// Each input of the corpus, each of its beginnings, and changed copies: none may make a reader panic.
    #[test]
    fn no_reader_falls_over_its_corpus_or_what_is_like_it() {
        let mut random = Random(1);
        for (name, reader) in READERS {
            let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus");
            let files = fs::read_dir(folder.join(name)).unwrap();
            let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
            files.sort();
            assert!(!files.is_empty(), "{name}");
            for file in files {
                let bytes = fs::read(&file).unwrap();
                (0..=bytes.len()).for_each(|end| reader(&bytes[..end]));
                (0..CHANGES).for_each(|_| reader(&changed(&bytes, &mut random)));
            }
        }
    }

    /// The corpus is of use: most of it is read.
    #[test]
    fn the_corpus_has_what_each_reader_reads() {
        let read = |name: &str| {
            let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus");
            fs::read(folder.join(name)).unwrap()
        };
        for name in ["docker.json", "podman.json", "manifest.yaml", "gadget.txt"] {
            let text = String::from_utf8(read(&format!("profile/{name}"))).unwrap();
            let profile = read::profile(&text);
            assert!(profile.is_ok(), "{name}: {profile:?}");
        }
        let text = String::from_utf8(read("recording/small.json")).unwrap();
        assert!(recording::from_json(&text).is_ok());
        assert!(answers::inspected(&read("engine/inspect.json")).is_ok());
        let about = read("engine/about.json");
        assert!(answers::about(&about, &about).is_ok() && podman::about(&about).is_ok());
        let state = State::read(&*read("hook/state.json")).unwrap();
        let annotation = state.annotation.as_deref().map(Annotation::parse);
        assert!(matches!(annotation, Some(Ok(_))));
        let annotation = Bundle::read(&*read("hook/config.json")).map(|bundle| bundle.annotation);
        assert!(matches!(annotation, Ok(Some(_))));
        let text = String::from_utf8(read("hook/annotation.txt")).unwrap();
        assert!(Annotation::parse(&text).is_ok());
        let library = Module::read(String::new(), read("elf/small.so"), Role::Plugin).unwrap();
        let calls = reach::reach(&[library]).calls.into_keys();
        let calls: Vec<_> = calls.filter_map(Call::name).collect();
        assert_eq!(calls, ["sched_yield", "getpid", "umask", "getppid"]);
        let mounts = mounts::cgroups(&read("surroundings/mountinfo.txt"));
        assert!(cgroup::choose(mounts, |_| true).is_ok());
        assert!(cgroup::unified(&read("surroundings/cgroup.txt")).is_some());
        assert!(offsets::find(&read("btf/task.btf")).is_ok());
        for name in ["list.json", "start.json"] {
            assert!(
                read_request(&read(&format!("protocol/{name}"))).is_ok(),
                "{name}"
            );
        }
        for name in ["targets.json", "turned-away.json", "error.json"] {
            assert!(
                read_answer(&read(&format!("protocol/{name}"))).is_ok(),
                "{name}"
            );
        }
        assert!(socket::event(&read("engine/event.json")).is_some());
        assert_eq!(socket::status(&read("engine/status.txt")), Some(200));
        assert_eq!(
            listed::listed(&read("engine/runtimes.json")).unwrap().len(),
            1
        );
        let shown = String::from_utf8(read("unit/show.txt")).unwrap();
        assert_ne!(unit::shown(&shown), unit::shown(""));
        assert!(unit::full_name("web@1.service").is_some());
        let program = workload::script(&read("script/env.sh"));
        assert_eq!(program.as_deref(), Some(Path::new("/usr/bin/env")));
        let facts = process::read(&read("status/self.txt")).unwrap();
        assert_eq!(facts.seccomp, Some(process::SeccompMode::Filter));
        let text = String::from_utf8(read("ignore/one.toml")).unwrap();
        assert_eq!(audit::ignore::read(&text).map_or(0, |read| read.len()), 1);
        let filter = Installed::decode(&[read("code/allow.bin")]).unwrap();
        let deviations = filter.deviations(&Meaning::unconfined(), Abi::X86_64);
        assert!(!deviations.unwrap().is_empty());
    }
}
