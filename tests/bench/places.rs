//! Where workers sit: cgroups of our own, which go when the values go.

use anyhow::{Context, Result, ensure};
use seccomp_tracer::probe::Scope;
use seccomp_tracer::target::cgroup::Hierarchy;
use seccomp_tracer::target::own_cgroup::OwnCgroup;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

/// A cgroup of our own, with directories below it.
pub(crate) struct Place {
    own: OwnCgroup,
}

impl Place {
    /// A fresh one.
    pub(crate) fn new(hierarchy: &Hierarchy) -> Result<Self> {
        let own = OwnCgroup::create(hierarchy, &mut |_| {}).context("cannot make a cgroup")?;
        Ok(Self { own })
    }

    /// Its directory.
    pub(crate) fn path(&self) -> &Path {
        &self.own.cgroup().path
    }

    /// It and everything below it as one scope.
    pub(crate) fn scope(&self) -> Scope {
        self.scope_of_children(0)
    }

    /// So many of its children as scopes of their own.
    pub(crate) fn scope_of_children(&self, children_max: u32) -> Scope {
        let cgroup = self.own.cgroup();
        Scope {
            cgroup_id: cgroup.id,
            level: cgroup.level,
            children_max,
            beside: None,
        }
    }

    /// A cgroup below it.
    pub(crate) fn child(&self, name: &str) -> Result<PathBuf> {
        let path = self.path().join(name);
        fs::create_dir(&path).with_context(|| format!("cannot make `{}`", path.display()))?;
        Ok(path)
    }
}

/// Makes a process in that cgroup that does nothing but end. It is born there: moving one takes the kernel a
/// thousand times longer.
pub(crate) fn visit(cgroup: &Path) -> Result<()> {
    const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
    let directory = File::open(cgroup).context("a cgroup is gone")?;
    // `struct clone_args`: flags, four that are not used, the signal, five that are not used, the cgroup.
    let mut arguments = [0_u64; 11];
    arguments[0] = CLONE_INTO_CGROUP;
    arguments[4] = u64::try_from(libc::SIGCHLD).unwrap_or(0);
    arguments[10] = u64::try_from(directory.as_raw_fd()).context("no descriptor")?;
    // SAFETY: a copy of this process, as by fork.
    let child = unsafe {
        libc::syscall(
            libc::SYS_clone3,
            arguments.as_ptr(),
            size_of_val(&arguments),
        )
    };
    if child == 0 {
        // SAFETY: the copy ends at once and touches nothing.
        unsafe { libc::_exit(0) };
    }
    ensure!(child > 0, "no process in `{}`", cgroup.display());
    let child = i32::try_from(child).context("no process id")?;
    // SAFETY: our own child, waited for once.
    unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
    Ok(())
}
