//! Who may record what. Pure.

use std::collections::BTreeMap;
use std::str::FromStr;

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grant {
    /// Record cgroups that belong to them, and see those recordings.
    Own,
    /// Record everything, and see all recordings.
    All,
}

/// Who may do what. Root may do everything; nobody else may do anything, unless it is granted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    grants: BTreeMap<u32, Grant>,
}

/// The id of root.
pub(super) const ROOT: u32 = 0;

impl Policy {
    /// A policy with these grants; of several for one user, the widest counts.
    #[must_use]
    pub fn new(grants: impl IntoIterator<Item = (u32, Grant)>) -> Self {
        let mut policy = Self::default();
        for (user, grant) in grants {
            let known = policy.grants.entry(user).or_insert(grant);
            *known = grant.max(*known);
        }
        policy
    }

    /// Whether somebody besides root may do something.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.grants.is_empty()
    }

    /// Whether a user may do anything at all.
    #[must_use]
    pub fn admits(&self, user: u32) -> bool {
        user == ROOT || self.grants.contains_key(&user)
    }

    /// Whether a user may record a cgroup of that owner and see what was recorded.
    #[must_use]
    pub fn allows(&self, user: u32, owner: u32) -> bool {
        match self.grants.get(&user) {
            _ if user == ROOT => true,
            Some(Grant::All) => true,
            Some(Grant::Own) => user == owner,
            None => false,
        }
    }
}

/// A grant on the command line: `1000`, or `1000:all`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserGrant(pub u32, pub Grant);

/// Text that is no grant.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a user id, like 1000, or 1000:all")]
pub struct NoGrant;

impl FromStr for UserGrant {
    type Err = NoGrant;

    fn from_str(text: &str) -> Result<Self, NoGrant> {
        let (user, grant) = match text.strip_suffix(":all") {
            Some(user) => (user, Grant::All),
            None => (text, Grant::Own),
        };
        let is_number = !user.is_empty() && user.bytes().all(|byte| byte.is_ascii_digit());
        let user = user.parse().ok().filter(|_| is_number);
        user.map(|user| Self(user, grant)).ok_or(NoGrant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_may_everything_and_others_what_they_are_granted() {
        let policy = Policy::new([
            (1000, Grant::Own),
            (1001, Grant::Own),
            (1001, Grant::All),
            (1001, Grant::Own),
        ]);
        let table = [
            // User, owner of the cgroup, admitted, allowed.
            (0, 0, true, true),
            (0, 1000, true, true),
            (1000, 1000, true, true),
            (1000, 0, true, false),
            (1000, 1001, true, false),
            (1001, 0, true, true),
            (1001, 1000, true, true),
            (1002, 1002, false, false),
        ];
        for (user, owner, admitted, allowed) in table {
            assert_eq!(policy.admits(user), admitted, "{user}");
            assert_eq!(policy.allows(user, owner), allowed, "{user} {owner}");
        }
        let closed = Policy::default();
        assert!(policy.is_open() && !closed.is_open());
        assert!(closed.allows(0, 7) && !closed.admits(7));
    }

    #[test]
    fn grants_are_read_as_they_are_documented() {
        assert_eq!("1000".parse(), Ok(UserGrant(1000, Grant::Own)));
        assert_eq!("0:all".parse(), Ok(UserGrant(0, Grant::All)));
        for bad in [
            "",
            ":all",
            "-1",
            "+1",
            "root",
            "1000:some",
            "4294967296",
            "1 ",
        ] {
            assert_eq!(bad.parse::<UserGrant>(), Err(NoGrant), "{bad}");
        }
    }
}
