//! Every reader of what others write, each as a function of bytes that must neither crash, nor hang, nor take
//! more memory than a small multiple of its input.
//!
//! It exists for the fuzz targets and for the test that feeds the readers their kept corpus. It refuses to be
//! of use to anything else, so it is not documented as a part of the library.

use crate::probe::offsets;
use crate::profile::{Circumstances, KernelVersion, read, write};
use crate::recording;
use crate::syscall::{Abi, capability};
use crate::target::engine::{answers, id_in_cgroup_name, podman};
use crate::target::engine_run::EngineKind;
use crate::target::{cgroup, mounts, runtime};
use std::hint::black_box;
use std::path::Path;

/// A reader's name, which is also its corpus's, and what feeds it.
pub type Reader = (&'static str, fn(&[u8]));

/// The readers.
pub static READERS: &[Reader] = &[
    ("profile", profile),
    ("recording", recording),
    ("engine", engine),
    ("surroundings", surroundings),
    ("btf", btf),
];

/// A profile, in any dialect. What is read can be resolved, written, and read again as the same.
pub fn profile(bytes: &[u8]) {
    let Ok(source) = std::str::from_utf8(bytes).map(read::profile) else {
        return;
    };
    let Ok(source) = source else { return };
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
    }
    done(answers::about(bytes, bytes));
    done(podman::about(bytes));
    let text = String::from_utf8_lossy(bytes);
    for name in ["runc", "crun", "youki"] {
        done(runtime::read(name, &text));
    }
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

/// What was read is of no use here, but must not be optimised away.
fn done<T>(value: T) {
    drop(black_box(value));
}
