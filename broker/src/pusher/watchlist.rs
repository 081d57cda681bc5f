//! Who watches whom on an endpoint. A user is online while at least one connection is signed in as them.

use std::collections::{HashMap, HashSet, hash_map::Entry};

use uuid::Uuid;

/// The signed-in connections of one endpoint.
#[derive(Debug, Default)]
pub(crate) struct Watchlists {
    sessions: HashMap<Uuid, SignedIn>,
    users: HashMap<Box<str>, HashSet<Uuid>>,
    /// Which connections watch a user, online or not.
    watchers: HashMap<Box<str>, HashSet<Uuid>>,
}

#[derive(Debug)]
struct SignedIn {
    user: Box<str>,
    watchlist: Vec<Box<str>>,
}

/// What a sign-in brings about.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// Whom the connection watches and who is online. Sorted.
    pub(crate) online: Vec<Box<str>>,
    /// The connections that are to hear that the user is online now. Empty when the user was before.
    pub(crate) watchers: Vec<Uuid>,
}

/// What the end of a signed-in connection brings about.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Departure {
    /// Whose connection it was.
    pub(crate) user: Box<str>,
    /// The connections that are to hear that the user is offline now. Empty when the user has others.
    pub(crate) watchers: Vec<Uuid>,
}

impl Watchlists {
    /// A connection signs in as a user. Again as the same user, it changes whom it watches.
    pub(crate) fn sign_in(&mut self, session: Uuid, user: &str, mut watchlist: Vec<Box<str>>) -> Arrival {
        let was_online = self.users.contains_key(user);
        self.take(session);
        watchlist.sort_unstable();
        watchlist.dedup();
        self.users.entry(user.into()).or_default().insert(session);
        for watched in &watchlist {
            self.watchers.entry(watched.clone()).or_default().insert(session);
        }
        let online = watchlist
            .iter()
            .filter(|watched| self.users.contains_key(*watched))
            .cloned()
            .collect();
        let watchers = if was_online {
            Vec::new()
        } else {
            self.watching(user, session)
        };
        let user = user.into();
        self.sessions.insert(session, SignedIn { user, watchlist });
        Arrival { online, watchers }
    }

    /// A connection ends. `None` when it was not signed in.
    pub(crate) fn sign_out(&mut self, session: Uuid) -> Option<Departure> {
        let user = self.take(session)?;
        let watchers = if self.users.contains_key(&user) {
            Vec::new()
        } else {
            self.watching(&user, session)
        };
        Some(Departure { user, watchers })
    }

    /// The connections that are signed in as a user.
    pub(crate) fn of_user(&self, user: &str) -> impl Iterator<Item = Uuid> {
        self.users.get(user).into_iter().flatten().copied()
    }

    /// Whether nobody is signed in.
    pub(crate) fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Forgets a connection. Answers whose it was.
    fn take(&mut self, session: Uuid) -> Option<Box<str>> {
        let SignedIn { user, watchlist } = self.sessions.remove(&session)?;
        forget(&mut self.users, &user, session);
        for watched in &watchlist {
            forget(&mut self.watchers, watched, session);
        }
        Some(user)
    }

    /// Who watches a user, but for one connection, which knows.
    fn watching(&self, user: &str, but: Uuid) -> Vec<Uuid> {
        let all = self.watchers.get(user).into_iter().flatten();
        all.copied().filter(|session| *session != but).collect()
    }
}

/// Takes a connection out of a set, and the set away with its last one.
fn forget(sets: &mut HashMap<Box<str>, HashSet<Uuid>>, name: &str, session: Uuid) {
    if let Entry::Occupied(mut set) = sets.entry(name.into()) {
        set.get_mut().remove(&session);
        if set.get().is_empty() {
            set.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    fn names(list: &[&str]) -> Vec<Box<str>> {
        list.iter().copied().map(Into::into).collect()
    }

    #[test]
    fn the_first_connection_of_a_user_is_told_and_the_last() {
        let mut all = Watchlists::default();
        let ada = all.sign_in(session(1), "ada", names(&["eve", "bob", "bob"]));
        assert!(ada.online.is_empty() && ada.watchers.is_empty());
        let bob = all.sign_in(session(2), "bob", names(&["ada"]));
        assert_eq!((bob.online, bob.watchers), (names(&["ada"]), vec![session(1)]));
        assert_eq!(
            all.sign_in(session(3), "bob", vec![]),
            Arrival::default(),
            "online before"
        );
        let departure = |watchers| {
            Some(Departure {
                user: "bob".into(),
                watchers,
            })
        };
        assert_eq!(all.sign_out(session(2)), departure(vec![]), "still online");
        assert_eq!(all.sign_out(session(3)), departure(vec![session(1)]));
        assert_eq!(all.sign_out(session(3)), None);
        assert!(
            all.sign_out(session(1)).unwrap().watchers.is_empty(),
            "nobody watches ada any more"
        );
        assert!(all.is_empty() && all.users.is_empty() && all.watchers.is_empty());
    }

    #[test]
    fn to_sign_in_again_changes_whom_one_watches_and_nothing_else() {
        let mut all = Watchlists::default();
        all.sign_in(session(9), "eve", names(&["ada"]));
        all.sign_in(session(1), "ada", names(&["bob"]));
        let again = all.sign_in(session(1), "ada", names(&["eve"]));
        assert_eq!(
            (again.online, again.watchers),
            (names(&["eve"]), Vec::<Uuid>::new())
        );
        assert!(
            all.sign_in(session(2), "bob", vec![]).watchers.is_empty(),
            "nobody watches bob any more"
        );
        assert_eq!(all.of_user("ada").collect::<Vec<_>>(), [session(1)]);
    }

    #[test]
    fn whoever_watches_themselves_hears_of_their_other_connections_only_at_sign_in() {
        let mut all = Watchlists::default();
        let first = all.sign_in(session(1), "ada", names(&["ada"]));
        assert_eq!(
            (first.online, first.watchers),
            (names(&["ada"]), Vec::<Uuid>::new())
        );
        assert!(all.sign_out(session(1)).unwrap().watchers.is_empty());
        assert!(all.is_empty() && all.watchers.is_empty());
    }
}
