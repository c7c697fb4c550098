//! What must be known of a scope to go on with it after the daemon's death, beside what the kernel side keeps.
//! Pure.

use crate::recording::{Loss, Losses, TargetKind, WindowStart};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the file.
const VERSION: u32 = 1;

/// A scope's papers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Passport {
    pub(super) cgroup_id: u64,
    pub(super) slot: u32,
    pub(super) run_id: String,
    /// What the target is called.
    pub(super) name: String,
    /// Name of the recording file without its ending.
    pub(super) stem: String,
    pub(super) kind: TargetKind,
    /// Path of the cgroup below the mount, if it was seen.
    pub(super) cgroup: Option<String>,
    /// User id of the cgroup's owner.
    pub(super) owner: u32,
    pub(super) from: WindowStart,
    /// When the window started, `CLOCK_MONOTONIC`.
    pub(super) start_ns: u64,
    /// What had been lost before, by all scopes together.
    pub(super) lost_before: Losses,
    /// At most how many of its calls were not recorded before there was room for it.
    pub(super) missed: u64,
    /// The container that it is, once its engine has said so.
    pub(super) container_id: Option<String>,
    /// How many lives of that container are in its recording.
    pub(super) lives: u32,
    /// Whether all of these together did nothing, so that there is no recording.
    pub(super) is_idle: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    version: u32,
    boot: String,
    cgroup_id: u64,
    slot: u32,
    run_id: String,
    name: String,
    stem: String,
    is_container: bool,
    cgroup: Option<String>,
    owner: u32,
    from_exec: bool,
    start_ns: u64,
    lost_before: BTreeMap<String, u64>,
    #[serde(default)]
    missed: u64,
    #[serde(default)]
    container_id: Option<String>,
    #[serde(default = "one")]
    lives: u32,
    #[serde(default)]
    is_idle: bool,
}

/// The first life, before there were others.
const fn one() -> u32 {
    1
}

impl Passport {
    /// As text, for this boot: neither ids of cgroups nor the clock outlive it.
    pub(super) fn to_text(&self, boot: &str) -> String {
        let file = File {
            version: VERSION,
            boot: boot.to_owned(),
            cgroup_id: self.cgroup_id,
            slot: self.slot,
            run_id: self.run_id.clone(),
            name: self.name.clone(),
            stem: self.stem.clone(),
            is_container: self.kind == TargetKind::Container,
            cgroup: self.cgroup.clone(),
            owner: self.owner,
            from_exec: self.from == WindowStart::Exec,
            start_ns: self.start_ns,
            lost_before: self
                .lost_before
                .iter()
                .map(|(loss, count)| (loss.name().to_owned(), count))
                .collect(),
            missed: self.missed,
            container_id: self.container_id.clone(),
            lives: self.lives,
            is_idle: self.is_idle,
        };
        serde_json::to_string(&file).expect("plain values")
    }

    /// Reads it; `None` if it is of another boot, or none of ours.
    pub(super) fn from_text(text: &str, boot: &str) -> Option<Self> {
        let file: File = serde_json::from_str(text).ok()?;
        if file.version != VERSION || file.boot != boot {
            return None;
        }
        let mut lost_before = Losses::default();
        for loss in Loss::ALL {
            let count = file.lost_before.get(loss.name()).copied();
            lost_before.set(loss, count.unwrap_or(0));
        }
        Some(Self {
            cgroup_id: file.cgroup_id,
            slot: file.slot,
            run_id: file.run_id,
            name: file.name,
            stem: file.stem,
            kind: match file.is_container {
                true => TargetKind::Container,
                false => TargetKind::Cgroup,
            },
            cgroup: file.cgroup,
            owner: file.owner,
            from: match file.from_exec {
                true => WindowStart::Exec,
                false => WindowStart::Attach,
            },
            start_ns: file.start_ns,
            lost_before,
            missed: file.missed,
            container_id: file.container_id,
            lives: file.lives,
            is_idle: file.is_idle,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passport_is_good_for_one_boot() {
        let mut lost_before = Losses::default();
        lost_before.set(Loss::Sighting, 3);
        let passport = Passport {
            cgroup_id: 7,
            slot: 5,
            run_id: "0a1b2c3d".to_owned(),
            name: "web\n".to_owned(),
            stem: "web_-0a1b2c3d".to_owned(),
            kind: TargetKind::Container,
            cgroup: Some("/docker/ab".to_owned()),
            owner: 1000,
            from: WindowStart::Exec,
            start_ns: 123,
            lost_before,
            missed: 3,
            container_id: Some("ab".to_owned()),
            lives: 2,
            is_idle: false,
        };
        let text = passport.to_text("boot");
        assert_eq!(Passport::from_text(&text, "boot"), Some(passport));
        assert_eq!(Passport::from_text(&text, "another"), None);
        for end in 0..text.len() {
            assert_eq!(Passport::from_text(&text[..end], "boot"), None);
        }
    }
}
