//! How many clients may be here at once: each user has places of their own, so that nobody can take root's, or
//! another user's.

use super::policy::ROOT;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Clients of root at once.
const ROOT_MAX: usize = 64;

/// Clients of any other user at once. There are only as many such users as the policy admits.
const USER_MAX: usize = 16;

/// Who is here.
#[derive(Clone, Default)]
pub(super) struct Clients(Arc<Mutex<BTreeMap<u32, usize>>>);

/// A place, free again when dropped.
pub(super) struct Permit {
    clients: Clients,
    user: u32,
}

impl Clients {
    /// A place for one more client of this user, or how many places they have.
    pub(super) fn admit(&self, user: u32) -> Result<Permit, usize> {
        let most = if user == ROOT { ROOT_MAX } else { USER_MAX };
        let mut here = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = here.entry(user).or_default();
        if *count >= most {
            return Err(most);
        }
        *count += 1;
        Ok(Permit {
            clients: self.clone(),
            user,
        })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let here = self.clients.0.lock();
        let mut here = here.unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = here.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                here.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_the_places_of_another() {
        let clients = Clients::default();
        let fill = |user| {
            let permits = std::iter::from_fn(|| clients.admit(user).ok());
            permits.collect::<Vec<_>>()
        };
        let ours = fill(1000);
        assert_eq!((ours.len(), fill(1001).len()), (USER_MAX, USER_MAX));
        assert_eq!(clients.admit(1000).err(), Some(USER_MAX));
        assert_eq!(fill(ROOT).len(), ROOT_MAX);
        drop(ours);
        assert!(clients.admit(1000).is_ok());
        assert_eq!(clients.0.lock().unwrap().len(), 0, "nobody is here");
    }
}
