//! One channel: who is on it, who they are where that matters, what was said last where that is kept, and how many
//! messages there were where nobody else counts them.
//!
//! What is told of a channel, to its subscribers and to the host, is told under its lock. So whoever joins hears of every
//! change after the list of members that they were given, and of none before it.

mod far;
pub(crate) mod untold;

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::time::Instant;
use uuid::Uuid;

use self::far::Far;
use super::roster::{Place, Roster};
use crate::{
    census::{Cached, ChannelInfo},
    close::Close,
    cluster::crowds::Local,
    delivery::{Content, Delivery, Message},
    gate::{Entry, Gate, Manner},
    host::{Counting, Happening, Position, Reach},
    pusher::{
        names::{ChannelName, Kind},
        presence::{Joined, Left, Members},
        server,
    },
    settings::Settings,
};

/// How long a cache channel remembers its newest event.
const CACHED_FOR: Duration = Duration::from_mins(30);
/// How long positions that are counted in memory mean something after the last subscriber left.
const COUNTED_FOR: Duration = Duration::from_mins(2);
/// Up to so many subscribers, each change of their number is told at once.
const COUNTED_AT_ONCE: u64 = 100;
/// Beyond that, at most so often.
const COUNTED_EVERY: Duration = Duration::from_secs(5);

pub(crate) struct Channel {
    pub(crate) name: Arc<str>,
    is_presence: bool,
    is_cache: bool,
    roster: Roster,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    members: Members,
    cached: Option<Kept>,
    /// Messages so far, where the broker counts them.
    count: i64,
    epoch: Option<Arc<str>>,
    /// Since when nobody is here.
    empty_since: Option<Instant>,
    /// It was taken off the map; whoever found it before looks again.
    gone: bool,
    /// When its number of subscribers was last told, and whether it changed since.
    counted_at: Option<Instant>,
    count_changed: bool,
    /// Whether subscribers hear it.
    tells_counts: bool,
    /// Those who are on it elsewhere. Boxed: where there is one node there are none.
    far: Option<Box<Far>>,
}

/// The newest event of a cache channel.
struct Kept {
    delivery: Arc<Delivery>,
    until: Instant,
    subject: Option<Uuid>,
    class: i64,
    /// When it was published, in milliseconds since 1970.
    published: i64,
}

/// What is kept with a message on a cache channel, so that it is not repeated to those who may not have it.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    pub(crate) subject: Option<Uuid>,
    pub(crate) class: i64,
    /// Milliseconds since 1970.
    pub(crate) published: i64,
}

/// Who joins a presence channel, as the tenant vouched for them.
pub(crate) struct Member {
    pub(crate) user: Box<str>,
    pub(crate) info: Option<Box<str>>,
}

/// A place on a channel.
pub(crate) struct Subscription {
    pub(crate) channel: Arc<Channel>,
    place: Place,
    /// As whom, on a presence channel.
    pub(crate) user: Option<Box<str>>,
}

/// What whoever subscribes is told.
pub(crate) struct Welcome {
    pub(crate) subscription: Subscription,
    /// `{"ids":…}` on a presence channel.
    pub(crate) members: Option<Vec<u8>>,
    /// Where the channel stands, for those whose messages the broker counts.
    pub(crate) counted: (i64, Arc<str>),
    /// The newest event of a cache channel, and what may be asked about it.
    pub(crate) cached: Option<(Arc<Delivery>, Origin)>,
}

/// Why somebody is not on a channel.
pub(crate) enum Unjoined {
    /// It takes no more members.
    Full,
    /// It went off the map in the meantime: look again.
    Gone,
}

/// What a change on a channel needs besides it.
pub(crate) struct Around<'a> {
    pub(crate) settings: &'a Settings,
    /// Whether subscribers hear how many they are.
    pub(crate) counts: bool,
    /// Whether subscribers hear of members elsewhere who come and go. They do not while all of them wait for the list.
    pub(crate) hears_of_members: bool,
    /// Tells the host.
    pub(crate) happened: &'a dyn Fn(&Arc<str>, Happening),
    /// Where there are other nodes: what the host is told of comings and goings is for them to say together.
    pub(crate) crowd: Option<&'a TellCrowd<'a>>,
}

/// Hears of those who come and go here.
pub(crate) type TellCrowd<'a> = dyn Fn(&Arc<str>, Local<'_>) + 'a;

impl Around<'_> {
    /// Somebody came or went here.
    fn local(&self, channel: &Arc<str>, change: Local<'_>, happening: impl FnOnce() -> Happening) {
        match self.crowd {
            Some(crowd) => crowd(channel, change),
            None => (self.happened)(channel, happening()),
        }
    }
}

impl Channel {
    pub(crate) fn new(name: &Arc<str>) -> Self {
        let parsed = ChannelName::parse(name).ok();
        Self {
            name: Arc::clone(name),
            is_presence: parsed.is_some_and(|name| name.kind() == Kind::Presence),
            is_cache: parsed.is_some_and(ChannelName::is_cache),
            roster: Roster::default(),
            state: Mutex::new(State {
                empty_since: Some(Instant::now()),
                ..State::default()
            }),
        }
    }

    pub(crate) fn is_cache(&self) -> bool {
        self.is_cache
    }

    /// Subscribes a session. `limit` is how many members a presence channel takes.
    pub(crate) fn subscribe(
        self: &Arc<Self>,
        gate: &Arc<Gate>,
        member: Option<&Member>,
        limit: u32,
        around: &Around<'_>,
    ) -> Result<Welcome, Unjoined> {
        let mut state = self.state.lock();
        if state.gone {
            return Err(Unjoined::Gone);
        }
        let session = gate.identity.session;
        let limit = if limit == 0 { u32::MAX } else { limit };
        let limit = limit.saturating_sub(state.only_far());
        let known = member.is_some_and(|member| state.is_far(&member.user));
        let told = member.is_some_and(|member| state.is_told(&member.user));
        let limit = if known { u32::MAX } else { limit };
        let joined = member.map(|member| {
            let info = member.info.as_deref();
            state.members.join(&member.user, info, session, limit)
        });
        if joined == Some(Joined::Full) {
            return Err(Unjoined::Full);
        }
        let first = self.roster.len() == 0;
        if let (Some(member), Some(Joined::First)) = (member, joined) {
            if !told {
                // Before it is on the list: nobody is told of their own coming.
                let added = Delivery::said(|out| {
                    server::member_added(out, &self.name, &member.user, member.info.as_deref());
                });
                self.tell(&added, around.settings);
            }
            state.settle(&member.user);
        }
        let place = self.roster.join(Arc::clone(gate));
        state.empty_since = None;
        state.tells_counts |= around.counts;
        if first {
            around.local(&self.name, Local::Occupied, || Happening::Occupied);
        }
        if let (Some(member), Some(Joined::First)) = (member, joined) {
            let added = Local::Added(&member.user, member.info.as_deref());
            around.local(&self.name, added, || Happening::MemberAdded {
                user: member.user.clone(),
            });
        }
        let members = joined.map(|_| state.member_list());
        self.count_changed(&mut state, around);
        // Any text will do that was not used here before; a session's random half was not.
        let seed = session.as_u64_pair().1;
        let epoch = state.epoch.get_or_insert_with(|| format!("{seed:x}").into());
        let epoch = Arc::clone(epoch);
        let cached = state
            .cached()
            .map(|kept| (Arc::clone(&kept.delivery), kept.origin()));
        if self.is_cache && cached.is_none() {
            (around.happened)(&self.name, Happening::CacheMiss);
        }
        Ok(Welcome {
            subscription: Subscription {
                channel: Arc::clone(self),
                place,
                user: member.map(|member| member.user.clone()),
            },
            members,
            counted: (state.count, epoch),
            cached,
        })
    }

    /// What somebody who is on it already is told again.
    pub(crate) fn members(&self) -> Option<Vec<u8>> {
        self.is_presence.then(|| self.state.lock().member_list())
    }

    fn leave(&self, subscription: &Subscription, session: Uuid, around: &Around<'_>) {
        let mut state = self.state.lock();
        let last = self.roster.leave(&subscription.place);
        if let Some(user) = &subscription.user
            && state.members.leave(user, session) == Left::Last
        {
            if !state.is_far(user) {
                let removed = Delivery::said(|out| server::member_removed(out, &self.name, user));
                self.tell(&removed, around.settings);
            }
            around.local(&self.name, Local::Removed(user), || Happening::MemberRemoved {
                user: user.clone(),
            });
        }
        if last {
            state.empty_since = Some(Instant::now());
            state.count_changed = false;
            (around.happened)(&self.name, Happening::SubscriptionCount(state.far_count()));
            around.local(&self.name, Local::Vacated, || Happening::Vacated);
        } else {
            self.count_changed(&mut state, around);
        }
    }

    /// Tells the number of subscribers, or notes that it is to be told.
    fn count_changed(&self, state: &mut State, around: &Around<'_>) {
        let count = self.roster.len() as u64 + state.far_count();
        let now = Instant::now();
        let waits = state.counted_at.is_some_and(|at| now < at + COUNTED_EVERY);
        if count > COUNTED_AT_ONCE && waits {
            state.count_changed = true;
            return;
        }
        state.count_changed = false;
        state.counted_at = Some(now);
        if around.counts {
            let told = Delivery::said(|out| server::subscription_count(out, &self.name, count));
            self.tell(&told, around.settings);
        }
        (around.happened)(&self.name, Happening::SubscriptionCount(count));
    }

    /// Tells the number of subscribers that changed meanwhile.
    pub(crate) fn catch_up(&self, settings: &Settings, happened: &dyn Fn(&Arc<str>, Happening)) {
        let mut state = self.state.lock();
        if state.count_changed {
            let around = Around {
                settings,
                counts: state.tells_counts,
                hears_of_members: true,
                happened,
                crowd: None,
            };
            self.count_changed(&mut state, &around);
        }
    }

    fn tell(&self, delivery: &Arc<Delivery>, settings: &Settings) {
        for gate in self.roster.list().iter() {
            gate.tell(delivery, settings);
        }
    }

    /// Counts a message, where nobody else does, and hands it to every subscriber who may have it. Answers where it
    /// stands and to how many it was handed.
    pub(crate) fn deliver(
        &self,
        counting: Counting,
        mut message: Message,
        way: &Way<'_>,
        origin: Origin,
        settings: &Settings,
    ) -> (Option<Position>, usize) {
        // Where we count, and where the newest is remembered, everybody gets the messages of one channel in one order.
        // Elsewhere the journal sees to that, and nobody waits here.
        let ordered = counting == Counting::Memory || self.is_cache;
        let mut state = ordered.then(|| self.state.lock());
        if let (Some(state), Counting::Memory) = (&mut state, counting) {
            state.count += 1;
            message.position = state.epoch.as_ref().map(|epoch| Position {
                id: None,
                offset: state.count,
                epoch: Arc::clone(epoch),
            });
        }
        let position = message.position.clone();
        let delivery = Delivery::message(message, way.purpose, way.at);
        if self.is_cache
            && way.is_remembered
            && let Some(state) = &mut state
        {
            state.cached = Some(Kept {
                delivery: Arc::clone(&delivery),
                until: Instant::now() + CACHED_FOR,
                subject: origin.subject,
                class: origin.class,
                published: origin.published,
            });
        }
        let list = self.roster.list();
        let handed = list
            .iter()
            .filter(|gate| way.except != Some(gate.identity.session))
            .filter(|gate| offer(gate, &delivery, way, settings))
            .count();
        (position, handed)
    }

    /// The newest event of a cache channel.
    pub(crate) fn newest(&self) -> Option<(Arc<Delivery>, Origin)> {
        let state = self.state.lock();
        state
            .cached()
            .map(|kept| (Arc::clone(&kept.delivery), kept.origin()))
    }

    /// Forgets the newest event, where it is from this person.
    pub(crate) fn forget(&self, subject: Uuid) {
        let mut state = self.state.lock();
        if state
            .cached
            .as_ref()
            .is_some_and(|kept| kept.subject == Some(subject))
        {
            state.cached = None;
        }
    }

    /// As it is now. `is_readable` is asked about what is remembered.
    pub(crate) fn info(&self, is_readable: impl Fn(Origin) -> bool) -> ChannelInfo {
        let state = self.state.lock();
        let cached = state.cached().filter(|kept| is_readable(kept.origin()));
        ChannelInfo {
            name: Arc::clone(&self.name),
            subscriptions: self.roster.len() as u64,
            users: self.is_presence.then(|| state.members.count() as u64),
            cache: cached.and_then(|kept| match &kept.delivery.content {
                Content::Message(message) => Some(Cached {
                    data: message.payload.bytes.clone(),
                    left: kept.until.saturating_duration_since(Instant::now()),
                }),
                _ => None,
            }),
        }
    }

    /// The members' ids, sorted.
    pub(crate) fn users(&self) -> Vec<Box<str>> {
        self.state.lock().members.users().map(Into::into).collect()
    }

    pub(crate) fn subscribers(&self) -> usize {
        self.roster.len()
    }

    /// Takes it off the map, where there is nothing about it worth to be known any more. Under the map's lock.
    pub(crate) fn retire(&self, now: Instant) -> bool {
        let mut state = self.state.lock();
        if state.cached.as_ref().is_some_and(|kept| kept.until <= now) {
            state.cached = None;
        }
        let unused = state.empty_since.is_some_and(|since| now >= since + COUNTED_FOR);
        state.gone = unused && state.cached.is_none();
        state.gone
    }
}

impl State {
    /// `{"ids":…}` of all who are on it, wherever, as far as those here were told.
    fn member_list(&self) -> Vec<u8> {
        let mut list = Vec::new();
        match &self.far {
            Some(far) => self.members.write_with(&far.told_members(), &mut list),
            None => self.members.write(&mut list),
        }
        list
    }

    /// Members who are elsewhere and not here.
    fn only_far(&self) -> u32 {
        let Some(far) = &self.far else { return 0 };
        let only = far
            .members()
            .keys()
            .filter(|user| !self.members.has(user))
            .count();
        u32::try_from(only).unwrap_or(u32::MAX)
    }

    fn cached(&self) -> Option<&Kept> {
        self.cached.as_ref().filter(|kept| Instant::now() < kept.until)
    }
}

impl Kept {
    fn origin(&self) -> Origin {
        Origin {
            subject: self.subject,
            class: self.class,
            published: self.published,
        }
    }
}

impl Subscription {
    /// Leaves the channel.
    pub(crate) fn end(self, session: Uuid, around: &Around<'_>) {
        self.channel.leave(&self, session, around);
    }
}

/// How a message goes to the sessions.
pub(crate) struct Way<'a> {
    pub(crate) purpose: Option<Uuid>,
    pub(crate) at: Instant,
    /// The session that sent it, which does not get it back.
    pub(crate) except: Option<Uuid>,
    /// Whether cache channels remember it.
    pub(crate) is_remembered: bool,
    /// Who may get it now.
    pub(crate) reach: Reach,
    /// The same question, asked again.
    pub(crate) ask: &'a dyn Fn() -> Reach,
    /// This node may not know what people said: they are sent away instead.
    pub(crate) is_fenced: bool,
}

/// Offers a message to one session. The question is asked again where the answer may have been overtaken by a withdrawal.
fn offer(gate: &Gate, delivery: &Arc<Delivery>, way: &Way<'_>, settings: &Settings) -> bool {
    if way.is_fenced && gate.identity.subject().is_some() {
        gate.shut(Close::RECONNECT, Manner::Drop);
        return false;
    }
    let mut reach = way.reach;
    loop {
        let epoch = gate.epoch();
        if !gate.identity.may_get(reach) {
            return false;
        }
        match gate.enter(delivery, epoch, settings) {
            Entry::Queued => return true,
            Entry::Shut | Entry::Overflow | Entry::Dropped => return false,
            Entry::Stale => reach = (way.ask)(),
        }
    }
}
