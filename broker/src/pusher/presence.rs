//! Who is on a presence channel. A member is a user, however many connections they have: the first one brings them in, the last
//! one takes them out.

use std::collections::{BTreeMap, btree_map::Entry};

use uuid::Uuid;

use super::{
    server::{display, separated},
    text::string,
};

/// What a connection that joined meant for the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Joined {
    /// The user is a member from now on.
    First,
    /// The user was a member already.
    Again,
    /// The channel takes no more members; nothing changed.
    Full,
}

/// What a connection that left meant for the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// The user is no member any more.
    Last,
    /// The user has other connections, or was none of theirs.
    Still,
}

/// The members of one channel, by their ids in the tenant's own words.
#[derive(Debug, Default)]
pub(crate) struct Members(BTreeMap<Box<str>, Member>);

#[derive(Debug)]
struct Member {
    /// What the tenant tells of them: JSON. What the first connection brought stays, since that is what the others were told.
    info: Option<Box<str>>,
    /// Their connections, sorted. Nearly always one.
    sessions: Vec<Uuid>,
}

impl Members {
    /// A connection of this user joins. `limit` is how many members the channel takes.
    pub(crate) fn join(&mut self, user: &str, info: Option<&str>, session: Uuid, limit: u32) -> Joined {
        let full = self.0.len() >= limit as usize;
        match self.0.entry(user.into()) {
            Entry::Occupied(mut member) => {
                let sessions = &mut member.get_mut().sessions;
                if let Err(place) = sessions.binary_search(&session) {
                    sessions.insert(place, session);
                }
                Joined::Again
            }
            Entry::Vacant(_) if full => Joined::Full,
            Entry::Vacant(place) => {
                place.insert(Member {
                    info: info.map(Into::into),
                    sessions: vec![session],
                });
                Joined::First
            }
        }
    }

    /// A connection of this user leaves.
    pub(crate) fn leave(&mut self, user: &str, session: Uuid) -> Left {
        let Some(member) = self.0.get_mut(user) else {
            return Left::Still;
        };
        if let Ok(place) = member.sessions.binary_search(&session) {
            member.sessions.remove(place);
        }
        if !member.sessions.is_empty() {
            return Left::Still;
        }
        self.0.remove(user);
        Left::Last
    }

    /// How many members there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The members' ids, sorted.
    pub(crate) fn users(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|user| &**user)
    }

    /// Whether this user is one.
    pub(crate) fn has(&self, user: &str) -> bool {
        self.0.contains_key(user)
    }

    /// The members' ids and what is told of them, sorted.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0
            .iter()
            .map(|(user, member)| (&**user, member.info.as_deref()))
    }

    /// As [`Members::write`], with others who are elsewhere.
    pub(crate) fn write_with(&self, others: &BTreeMap<&str, Option<&str>>, out: &mut Vec<u8>) {
        let mut all = others.clone();
        all.extend(self.all());
        write(&all, out);
    }

    /// Writes `{"ids":[…],"hash":{…},"count":n}`.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        write(&self.all().collect(), out);
    }
}

fn write(all: &BTreeMap<&str, Option<&str>>, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"ids":["#);
    separated(out, all.keys().copied(), string);
    out.extend_from_slice(br#"],"hash":{"#);
    separated(out, all.iter(), |out, (user, info)| {
        string(out, user);
        out.push(b':');
        out.extend_from_slice(info.unwrap_or("{}").as_bytes());
    });
    display(out, format_args!(r#"}},"count":{}}}"#, all.len()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    fn written(members: &Members) -> serde_json::Value {
        let mut out = Vec::new();
        members.write(&mut out);
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn a_user_with_two_connections_is_one_member() {
        let mut members = Members::default();
        assert_eq!(members.join("ada", None, session(1), 10), Joined::First);
        assert_eq!(members.join("ada", None, session(2), 10), Joined::Again);
        assert_eq!(members.join("ada", None, session(2), 10), Joined::Again);
        assert_eq!(members.count(), 1);
        assert_eq!(members.leave("ada", session(3)), Left::Still, "not theirs");
        assert_eq!(members.leave("ada", session(1)), Left::Still);
        assert_eq!(members.leave("ada", session(1)), Left::Still, "gone before");
        assert_eq!(members.leave("ada", session(2)), Left::Last);
        assert_eq!(members.leave("ada", session(2)), Left::Still, "gone before");
        assert_eq!(members.count(), 0);
    }

    #[test]
    fn a_full_channel_takes_no_more_members_but_more_connections_of_those_it_has() {
        let mut members = Members::default();
        assert_eq!(members.join("ada", None, session(1), 1), Joined::First);
        assert_eq!(members.join("bob", None, session(2), 1), Joined::Full);
        assert_eq!(members.join("ada", None, session(3), 1), Joined::Again);
        assert_eq!(members.users().collect::<Vec<_>>(), ["ada"]);
    }

    #[test]
    fn what_the_first_connection_told_is_what_everybody_sees() {
        let mut members = Members::default();
        members.join("b\"ob", Some(r#"{"name":"Bob"}"#), session(1), 10);
        members.join("b\"ob", Some(r#"{"name":"Robert"}"#), session(2), 10);
        members.join("ada", None, session(3), 10);
        assert_eq!(
            written(&members),
            serde_json::json!({"ids": ["ada", "b\"ob"], "hash": {"ada": {}, "b\"ob": {"name": "Bob"}}, "count": 2})
        );
        assert_eq!(
            written(&Members::default()),
            serde_json::json!({"ids": [], "hash": {}, "count": 0})
        );
    }
}
