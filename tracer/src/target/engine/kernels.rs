//! Whose kernel containers run on: only calls that reach this one can be recorded.

use super::answers::{About, Inspected, plain_runtime};
use super::error::EngineError;
use crate::target::runtime;

/// Parts of names of runtimes that give containers a kernel of their own: gVisor, Kata Containers, Firecracker,
/// libkrun, and others.
const OWN_KERNEL: [&str; 11] = [
    "firecracker",
    "gvisor",
    "kata",
    "krun",
    "kuasar",
    "nabla",
    "quark",
    "runnc",
    "runsc",
    "runv",
    "urunc",
];

/// Names of programs that are virtual machines, or start them.
const MACHINES: [&str; 5] = [
    "cloud-hypervisor",
    "crosvm",
    "firecracker",
    "qemu",
    "stratovirt",
];

/// Whether a runtime of that name, path or type gives containers a kernel of its own, as far as names tell.
#[must_use]
pub fn has_own_kernel(runtime: &str) -> bool {
    // Of a path, only the file says what it is.
    let name = runtime.rsplit('/').next().unwrap_or(runtime);
    let name = name.to_ascii_lowercase();
    let mut parts = name.split(|c: char| !c.is_ascii_alphanumeric());
    parts.any(|part| OWN_KERNEL.contains(&part))
}

/// Whether a program of that name is a kernel to others, as far as names tell: what an engine calls the first process of
/// such a container.
#[must_use]
pub fn is_kernel(program: &str) -> bool {
    let machine = MACHINES.iter().any(|machine| program.starts_with(machine));
    machine || has_own_kernel(program)
}

impl About {
    /// Whether containers of that runtime, or of the default one, run on this machine's kernel.
    ///
    /// # Errors
    ///
    /// [`EngineError::OwnKernel`] or [`EngineError::OtherKernel`] if not.
    pub fn shares_kernel(&self, runtime: Option<&str>, name: &str) -> Result<(), EngineError> {
        if let Some(kernel) = self
            .kernel
            .as_deref()
            .filter(|kernel| *kernel != own_release())
        {
            let kernel = kernel.to_owned();
            return Err(EngineError::OtherKernel { kernel });
        }
        let runtime = runtime.filter(|runtime| !runtime.is_empty());
        let Some(runtime) = runtime.or(self.default_runtime.as_deref()) else {
            return Ok(());
        };
        let behind = self.runtimes.get(runtime).map(String::as_str);
        let mut names = [Some(runtime), behind].into_iter().flatten();
        match names.find(|name| has_own_kernel(name)) {
            Some(found) => Err(EngineError::OwnKernel {
                name: name.to_owned(),
                runtime: found.to_owned(),
            }),
            None => Ok(()),
        }
    }
}

impl Inspected {
    /// Whether a container whose first process has these names runs on this machine's kernel, as far as names tell. A
    /// runtime that is known to make plain containers is believed: a virtual machine may well run in one of them.
    ///
    /// # Errors
    ///
    /// [`EngineError::OwnKernel`] if not.
    pub fn shares_kernel(&self, name: &str, programs: &[String]) -> Result<(), EngineError> {
        let runtime = self.runtime.as_deref().unwrap_or_default();
        let is_plain = runtime::KNOWN.contains(&plain_runtime(runtime));
        let kernel = programs.iter().find(|program| is_kernel(program));
        match kernel.filter(|_| !is_plain) {
            Some(kernel) => Err(EngineError::OwnKernel {
                name: name.to_owned(),
                runtime: kernel.clone(),
            }),
            None => Ok(()),
        }
    }
}

/// `uname -r`.
fn own_release() -> String {
    let uname = rustix::system::uname();
    uname.release().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtimes_with_a_kernel_of_their_own_are_known_by_name_path_and_type() {
        for (runtime, expected) in [
            ("runsc", true),
            ("/usr/local/bin/runsc", true),
            ("runsc-kvm", true),
            ("io.containerd.runsc.v1", true),
            ("io.containerd.kata-qemu.v2", true),
            ("kata-runtime", true),
            ("/opt/kata/bin/containerd-shim-kata-v2", true),
            ("Kata", true),
            ("aws.firecracker", true),
            ("krun", true),
            ("runc", false),
            ("/opt/kata/bin/runc", false),
            ("crun", false),
            ("crun-wasm", false),
            ("youki", false),
            ("sysbox-runc", false),
            ("io.containerd.runc.v2", false),
            ("nvidia-container-runtime", false),
            ("katalog", false),
            ("", false),
        ] {
            assert_eq!(has_own_kernel(runtime), expected, "{runtime}");
        }
        for (program, expected) in [
            ("qemu-system-x86_64", true),
            ("cloud-hypervisor", true),
            ("runsc-sandbox", true),
            ("firecracker", true),
            ("nginx", false),
            ("runc", false),
        ] {
            assert_eq!(is_kernel(program), expected, "{program}");
        }
    }

    #[test]
    fn a_first_process_that_is_a_kernel_gives_its_container_away() {
        let told = |runtime: &str, program: &str| {
            let inspected = Inspected {
                runtime: Some(runtime.to_owned()),
                ..Inspected::default()
            };
            let programs = [program.to_owned()];
            inspected.shares_kernel("x", &programs).is_ok()
        };
        for (runtime, program, expected) in [
            ("secure", "qemu-system-x86_64", false),
            ("secure", "runsc-sandbox", false),
            ("secure", "nginx", true),
            ("runc", "qemu-system-x86_64", true),
            ("/usr/bin/crun", "firecracker", true),
            ("io.containerd.runc.v2", "runsc", true),
        ] {
            assert_eq!(told(runtime, program), expected, "{runtime} {program}");
        }
    }

    #[test]
    fn a_runtime_is_what_its_engine_says_it_is() {
        let about = About {
            kernel: Some(own_release()),
            default_runtime: Some("safe".into()),
            runtimes: [
                ("safe".into(), "/usr/bin/runsc".into()),
                ("plain".into(), "runc".into()),
                ("odd".into(), "io.containerd.kata.v2".into()),
            ]
            .into(),
            ..About::default()
        };
        let told = |about: &About, runtime| {
            let shared = about.shares_kernel(runtime, "x");
            shared.map_err(|error| error.to_string())
        };
        let refused = |runtime: &str| {
            Err(format!(
                "container `x` runs under `{runtime}`, which has a kernel of its own"
            ))
        };
        for (runtime, expected) in [
            (None, refused("/usr/bin/runsc")),
            (Some(""), refused("/usr/bin/runsc")),
            (Some("plain"), Ok(())),
            (Some("odd"), refused("io.containerd.kata.v2")),
            (Some("kata"), refused("kata")),
            (Some("crun"), Ok(())),
        ] {
            assert_eq!(told(&about, runtime), expected, "{runtime:?}");
        }
        assert_eq!(told(&About::default(), None), Ok(()));
        let elsewhere = About {
            kernel: Some("6.10.14-linuxkit".into()),
            ..about
        };
        let expected = "the container engine runs on another kernel, `6.10.14-linuxkit`";
        assert_eq!(told(&elsewhere, Some("plain")), Err(expected.to_owned()));
    }
}
