//! Where a target is: the cgroup that is watched, and who else is in it.

use crate::cli::lives::Lives;
use crate::session;
use crate::target::cgroup::Cgroup;
use crate::target::own_cgroup::OwnCgroup;
use crate::target::{namespace, process};
use rustix::process::{Pid, Signal};
use std::collections::BTreeSet;

/// The cgroup that is watched.
pub(crate) enum Place {
    /// Ours: made for this recording and gone after it.
    Own(OwnCgroup),
    /// The same, and each cgroup below is a target by itself.
    Each(OwnCgroup),
    /// Somebody else's.
    Foreign(Cgroup),
    /// A container's, whose engine may start it again.
    Container(Cgroup, Box<Lives>),
    /// Cgroups with these names below somebody else's, each of which is a target by itself.
    Named {
        /// The one above.
        parent: Cgroup,
        /// Their names.
        children: BTreeSet<String>,
    },
}

impl Place {
    /// The ids of the processes in it that are the target's. Of targets that are to start there are none.
    pub(crate) fn members(&self) -> Vec<u32> {
        let members = match self {
            Self::Own(_) | Self::Foreign(_) | Self::Container(..) => self.cgroup().members(),
            Self::Each(_) | Self::Named { .. } => Vec::new(),
        };
        let ids = members.into_iter().map(|pid| pid.as_raw_nonzero().get());
        ids.map(i32::cast_unsigned).collect()
    }

    pub(crate) fn cgroup(&self) -> &Cgroup {
        match self {
            Self::Own(own) | Self::Each(own) => own.cgroup(),
            Self::Foreign(cgroup)
            | Self::Container(cgroup, _)
            | Self::Named { parent: cgroup, .. } => cgroup,
        }
    }

    /// The lives of a container, if it is one that may have several.
    pub(crate) fn lives(&self) -> Option<&Lives> {
        match self {
            Self::Own(_) | Self::Each(_) | Self::Foreign(_) | Self::Named { .. } => None,
            Self::Container(_, lives) => Some(lives),
        }
    }

    /// What can be ended.
    fn own(&self) -> Option<&OwnCgroup> {
        match self {
            Self::Own(own) | Self::Each(own) => Some(own),
            Self::Foreign(_) | Self::Container(..) | Self::Named { .. } => None,
        }
    }
}

impl session::Target for Place {
    fn is_populated(&self) -> bool {
        // A cgroup that is gone has nobody in it.
        let is_populated = |cgroup: &Cgroup| cgroup.is_populated().unwrap_or(false);
        match self {
            Self::Own(_) | Self::Each(_) | Self::Foreign(_) => is_populated(self.cgroup()),
            Self::Container(_, lives) => lives.may_go_on(),
            Self::Named { parent, children } => {
                let all = parent.children().into_iter();
                all.filter(|child| children.contains(&child.name()))
                    .any(|child| is_populated(&child))
            }
        }
    }

    fn is_own(&self, cgroup_id: u64) -> bool {
        self.lives().is_none_or(|lives| lives.is_own(cgroup_id))
    }

    fn is_running(&self) -> bool {
        self.lives().is_some()
    }

    fn is_apart(&self) -> bool {
        match self {
            Self::Each(_) | Self::Named { .. } => true,
            Self::Own(_) | Self::Foreign(_) | Self::Container(..) => false,
        }
    }

    fn signal(&self, which: Signal) {
        if let Some(own) = self.own() {
            own.signal(which);
        }
    }

    fn kill(&self) {
        if let Some(own) = self.own()
            && let Err(error) = own.kill()
        {
            log::warn!("{error}");
        }
    }

    fn programs(&self, of: Option<u32>) -> Vec<String> {
        /// More are not looked at at once.
        const MEMBERS_MAX: usize = 256;
        /// Podman executes itself there when a container has ended.
        const HELPER: &str = "libpod-conmon-";
        let Some(pid) = of else {
            let children = self.cgroup().children().into_iter();
            let helpers = children.filter(|child| child.name().starts_with(HELPER));
            let helpers: Vec<Pid> = helpers.flat_map(|helper| helper.members()).collect();
            let members = self.cgroup().members().into_iter();
            let members = members
                .filter(|pid| !helpers.contains(pid))
                .take(MEMBERS_MAX);
            return members.flat_map(process::programs).collect();
        };
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        // The kernel's ids may mean others to us.
        let pid = pid.filter(|_| namespace::is_initial_pid());
        pid.map(process::programs).unwrap_or_default()
    }
}
