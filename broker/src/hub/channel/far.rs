//! Those who are on a channel of another node.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    Around, CACHED_FOR, Channel, Kept, State,
    untold::{Change, Untold},
};
use crate::{
    cluster::{
        crowds::{Crowd, Word},
        wire::Said,
    },
    delivery::{Content, Delivery, Message},
    gate::Gate,
};

#[derive(Default)]
pub(super) struct Far {
    /// By node.
    crowds: BTreeMap<u64, Crowd>,
    /// What those here were not told of them yet.
    pub(super) untold: Untold,
}

impl Far {
    pub(super) fn has(&self, user: &str) -> bool {
        self.crowds.values().any(|crowd| crowd.members.contains_key(user))
    }

    pub(super) fn count(&self) -> u64 {
        self.crowds.values().map(|crowd| crowd.count).sum()
    }

    /// Members, each once.
    pub(super) fn members(&self) -> BTreeMap<&str, Option<&str>> {
        let all = self.crowds.values().flat_map(|crowd| &crowd.members);
        all.map(|(user, info)| (&**user, info.as_deref())).collect()
    }

    /// Members as those here were told.
    pub(super) fn told_members(&self) -> BTreeMap<&str, Option<&str>> {
        let mut members = self.members();
        for (user, change) in self.untold.all() {
            match change {
                Change::Came(_) => drop(members.remove(user)),
                Change::Went(info) => drop(members.insert(user, info.as_deref())),
            }
        }
        members
    }
}

impl State {
    pub(super) fn is_far(&self, user: &str) -> bool {
        self.far.as_ref().is_some_and(|far| far.has(user))
    }

    /// Whether those here were told that this user is a member.
    pub(super) fn is_told(&self, user: &str) -> bool {
        match self.far.as_ref().and_then(|far| far.untold.of(user)) {
            Some(Change::Came(_)) => false,
            Some(Change::Went(_)) => true,
            None => self.members.has(user) || self.is_far(user),
        }
    }

    /// All is told of this user.
    pub(super) fn settle(&mut self, user: &str) {
        if let Some(far) = &mut self.far {
            far.untold.forget(user);
        }
    }

    pub(super) fn far_count(&self) -> u64 {
        self.far.as_ref().map_or(0, |far| far.count())
    }
}

impl Channel {
    /// Everybody who is on it here.
    pub(crate) fn gates(&self) -> Arc<[Arc<Gate>]> {
        self.roster.list()
    }

    /// Whether it matters who is on it elsewhere.
    pub(crate) fn wants_far(&self) -> bool {
        self.is_presence || self.is_cache || self.state.lock().tells_counts
    }

    /// Whether anybody, or this member, is on it elsewhere, as far as is known.
    pub(crate) fn is_elsewhere(&self, who: Option<&str>) -> bool {
        let state = self.state.lock();
        match who {
            Some(user) => state.is_far(user),
            None => state.far_count() > 0,
        }
    }

    /// Who is here; nobody comes or goes meanwhile.
    pub(crate) fn with_crowd(&self, tell: impl FnOnce(Crowd)) {
        let state = self.state.lock();
        let cached = state.cached().and_then(|kept| {
            let Content::Message(message) = &kept.delivery.content else {
                return None;
            };
            let left = kept.until.saturating_duration_since(Instant::now());
            let said = Said {
                tenant: uuid::Uuid::nil(),
                endpoint: uuid::Uuid::nil(),
                channel: Arc::clone(&self.name),
                subject: kept.subject,
                is_clients: false,
                except: None,
                purpose: kept.delivery.purpose,
                class: kept.class,
                published: kept.published,
                expires_at: message.expires_at,
                payload: message.payload.clone(),
                position: message.position.clone(),
                tells_position: message.position.is_some(),
                at: kept.delivery.at,
            };
            Some((
                said.written(),
                u64::try_from(left.as_millis()).unwrap_or_default(),
            ))
        });
        tell(Crowd {
            count: self.roster.len() as u64,
            members: state
                .members
                .all()
                .map(|(user, info)| (user.into(), info.map(Into::into)))
                .collect(),
            cached,
        });
    }

    /// Remembers what another node remembers, where that is newer.
    pub(crate) fn remember_far(&self, said: Said, left: u64) {
        let mut state = self.state.lock();
        if !self.is_cache
            || state
                .cached()
                .is_some_and(|kept| kept.published >= said.published)
        {
            return;
        }
        let message = Message::new(said.channel, said.payload, said.position, said.expires_at);
        state.cached = Some(Kept {
            delivery: Delivery::message(message, said.purpose, said.at),
            until: Instant::now() + Duration::from_millis(left).min(CACHED_FOR),
            subject: said.subject,
            class: said.class,
            published: said.published,
        });
    }

    /// Another node says who it has.
    pub(crate) fn far_says(&self, node: u64, word: Word, around: &Around<'_>) {
        let mut state = self.state.lock();
        let before = state.far_count();
        match word {
            Word::Count(count) => state.far_crowd(node).count = count,
            Word::Added(user, info) => state.far_added(node, user, info),
            Word::Removed(user) => state.far_removed(node, &user),
            Word::All(crowd) => {
                let gone: Vec<_> = state
                    .far_crowd(node)
                    .members
                    .keys()
                    .filter(|user| !crowd.members.contains_key(*user))
                    .cloned()
                    .collect();
                for user in gone {
                    state.far_removed(node, &user);
                }
                for (user, info) in crowd.members {
                    state.far_added(node, user, info);
                }
                state.far_crowd(node).count = crowd.count;
            }
        }
        self.tell_some(&mut state, around);
        self.far_counted(&mut state, before, around);
    }

    /// Another node is gone.
    pub(crate) fn far_gone(&self, node: u64, around: &Around<'_>) {
        let mut state = self.state.lock();
        if !state
            .far
            .as_ref()
            .is_some_and(|far| far.crowds.contains_key(&node))
        {
            return;
        }
        let before = state.far_count();
        let users: Vec<_> = state.far_crowd(node).members.keys().cloned().collect();
        for user in users {
            state.far_removed(node, &user);
        }
        if let Some(far) = &mut state.far {
            far.crowds.remove(&node);
        }
        self.tell_some(&mut state, around);
        self.far_counted(&mut state, before, around);
    }

    /// Only these nodes are there.
    pub(crate) fn far_keep(&self, living: &[u64], around: &Around<'_>) {
        let nodes: Vec<_> = {
            let state = self.state.lock();
            state
                .far
                .iter()
                .flat_map(|far| far.crowds.keys().copied())
                .collect()
        };
        for node in nodes.into_iter().filter(|node| !living.contains(node)) {
            self.far_gone(node, around);
        }
    }

    /// Nobody here wants to know any more.
    pub(crate) fn forget_far(&self) {
        self.state.lock().far = None;
    }

    /// Subscribers hear how many they are, where that is wanted.
    fn far_counted(&self, state: &mut State, before: u64, around: &Around<'_>) {
        if state.far_count() != before && state.tells_counts && self.roster.len() > 0 {
            let around = Around {
                counts: true,
                ..*around
            };
            self.count_changed(state, &around);
        }
    }
}

impl State {
    fn far_crowd(&mut self, node: u64) -> &mut Crowd {
        let far = self.far.get_or_insert_default();
        far.crowds.entry(node).or_default()
    }

    fn far_added(&mut self, node: u64, user: Box<str>, info: Option<Box<str>>) {
        let told = self.is_told(&user);
        let far = self.far.get_or_insert_default();
        if told {
            far.untold.forget(&user);
        } else {
            far.untold.came(&user, info.as_deref());
        }
        far.crowds.entry(node).or_default().members.insert(user, info);
    }

    fn far_removed(&mut self, node: u64, user: &str) {
        let Some(info) = self.far_crowd(node).members.remove(user) else {
            return;
        };
        if !self.members.has(user) && !self.is_far(user) {
            let far = self.far.get_or_insert_default();
            far.untold.went(user, info);
        }
    }
}
