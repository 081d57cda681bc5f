//! Members who came or went elsewhere, until those here are told. A killed node takes a thousand members along in one moment;
//! told all at once, they would fill the queue of everybody who reads as fast as anybody can. So they are told a share of a
//! queue at a time, and the next share when most have read the one before.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use super::{Around, Channel, State};
use crate::{delivery::Delivery, pusher::server};

/// The part of a queue that is filled at a time.
const SHARE: usize = 4;
/// How often, at most.
pub(crate) const EVERY: Duration = Duration::from_millis(20);
/// How long those are waited for who have not read.
const PATIENCE: Duration = Duration::from_secs(5);
/// It is not waited for one in so many: somebody always has a bad line.
const SLOW_ONE_IN: usize = 10;

/// What those here do not know yet of a member, with what is told of members.
#[derive(Debug)]
pub(super) enum Change {
    Came(Option<Box<str>>),
    Went(Option<Box<str>>),
}

#[derive(Default)]
pub(super) struct Untold {
    changes: BTreeMap<Box<str>, Change>,
    /// When the present share was begun, and how many were told of it.
    began: Option<Instant>,
    told: usize,
    behind_since: Option<Instant>,
    /// Somebody sees to the rest.
    attended: bool,
}

impl Untold {
    pub(super) fn of(&self, user: &str) -> Option<&Change> {
        self.changes.get(user)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &Change)> {
        self.changes.iter().map(|(user, change)| (&**user, change))
    }

    /// There is nothing to tell of this user any more.
    pub(super) fn forget(&mut self, user: &str) {
        self.changes.remove(user);
    }

    pub(super) fn came(&mut self, user: &str, info: Option<&str>) {
        self.changes
            .insert(user.into(), Change::Came(info.map(Into::into)));
    }

    /// Of whoever came and went untold nothing is said.
    pub(super) fn went(&mut self, user: &str, info: Option<Box<str>>) {
        if let Some(Change::Came(_)) = self.changes.remove(user) {
            return;
        }
        self.changes.insert(user.into(), Change::Went(info));
    }

    /// Whether one more may be told now. `is_behind` says whether most have not read yet.
    fn may_tell(&mut self, now: Instant, share: usize, is_behind: impl FnOnce() -> bool) -> bool {
        if self.began.is_none_or(|began| now >= began + EVERY) {
            if is_behind() {
                let since = *self.behind_since.get_or_insert(now);
                if now < since + PATIENCE {
                    return false;
                }
            } else {
                self.behind_since = None;
            }
            self.began = Some(now);
            self.told = 0;
        }
        self.told += 1;
        self.told <= share
    }
}

impl Channel {
    /// Tells those here what they may be told now. Under the channel's lock.
    pub(super) fn tell_some(&self, state: &mut State, around: &Around<'_>) {
        let Some(far) = &mut state.far else { return };
        if !around.hears_of_members {
            far.untold.changes.clear();
            return;
        }
        let share = (around.settings.queue_messages / SHARE).max(1);
        while !far.untold.changes.is_empty()
            && far
                .untold
                .may_tell(Instant::now(), share, || self.is_behind(share))
        {
            let Some((user, change)) = far.untold.changes.pop_first() else {
                return;
            };
            let said = Delivery::said(|out| match &change {
                Change::Came(info) => server::member_added(out, &self.name, &user, info.as_deref()),
                Change::Went(_) => server::member_removed(out, &self.name, &user),
            });
            self.tell(&said, around.settings);
        }
    }

    fn is_behind(&self, share: usize) -> bool {
        let gates = self.roster.list();
        let behind = gates.iter().filter(|gate| gate.depth() >= share).count();
        behind * SLOW_ONE_IN > gates.len()
    }

    /// Answers whether something is left to be told that nobody sees to. From now on whoever asked does, with
    /// [`Channel::tell_rest`].
    pub(crate) fn attend(&self) -> bool {
        let mut state = self.state.lock();
        let Some(far) = &mut state.far else { return false };
        !far.untold.changes.is_empty() && !std::mem::replace(&mut far.untold.attended, true)
    }

    /// Tells some of what is left. To be called every [`EVERY`] until it answers false.
    pub(crate) fn tell_rest(&self, around: &Around<'_>) -> bool {
        let mut state = self.state.lock();
        self.tell_some(&mut state, around);
        let Some(far) = &mut state.far else { return false };
        far.untold.attended = !far.untold.changes.is_empty();
        far.untold.attended
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, sync::Arc};

    use uuid::Uuid;

    use super::*;
    use crate::{
        cluster::crowds::{Crowd, Word},
        delivery::Content,
        gate::{Gate, Order},
        host::{Happening, Identity},
        hub::channel::Member,
        options::Slow,
        settings::Settings,
    };

    const MANY: usize = 1_000;

    fn with_around<T>(run: impl FnOnce(&Around<'_>) -> T) -> T {
        let quiet = |_: &Arc<str>, _: Happening| {};
        run(&Around {
            settings: &Settings::default(),
            counts: false,
            hears_of_members: true,
            happened: &quiet,
            crowd: None,
        })
    }

    fn join(channel: &Arc<Channel>, user: &str, number: u128) -> (Arc<Gate>, serde_json::Value) {
        let identity = Identity::new(Uuid::from_u128(number), Uuid::nil(), Uuid::nil(), None);
        let gate = Arc::new(Gate::new(Arc::new(identity), Slow::Disconnect));
        let member = Member {
            user: user.into(),
            info: None,
        };
        let welcome = with_around(|around| channel.subscribe(&gate, Some(&member), 0, around));
        let list = welcome.ok().and_then(|welcome| welcome.members).unwrap();
        (gate, serde_json::from_slice(&list).unwrap())
    }

    /// What a session reads that is awake: the events, and about whom.
    fn reads(gate: &Gate) -> Vec<(String, String)> {
        let mut heard = Vec::new();
        loop {
            match gate.next(true) {
                Order::Send(delivery) => {
                    let Content::Said(frame) = &delivery.content else {
                        panic!("a message");
                    };
                    // Behind the head of the frame.
                    let from = frame.iter().position(|byte| *byte == b'{').unwrap();
                    let said: serde_json::Value = serde_json::from_slice(&frame[from..]).unwrap();
                    let data: serde_json::Value =
                        serde_json::from_str(said["data"].as_str().unwrap()).unwrap();
                    let event = said["event"].as_str().unwrap();
                    let event = event.trim_start_matches("pusher_internal:member_");
                    heard.push((event.to_owned(), data["user_id"].as_str().unwrap().to_owned()));
                }
                Order::Idle => return heard,
                _ => panic!("it is closed"),
            }
        }
    }

    fn crowd(names: impl Iterator<Item = usize>) -> Word {
        let members: std::collections::BTreeMap<_, _> =
            names.map(|n| (format!("guest-{n}").into(), None)).collect();
        Word::All(Crowd {
            count: members.len() as u64,
            members,
            cached: None,
        })
    }

    /// The first of these reads until all is told, and the others too.
    async fn hears_all(channel: &Channel, gates: &[&Gate]) -> Vec<(String, String)> {
        let mut heard = reads(gates[0]);
        while with_around(|around| channel.tell_rest(around)) {
            heard.extend(reads(gates[0]));
            for other in &gates[1..] {
                reads(other);
            }
            tokio::time::sleep(EVERY).await;
        }
        heard.extend(reads(gates[0]));
        heard
    }

    #[tokio::test]
    async fn a_crowd_that_comes_or_goes_at_once_is_told_to_everybody_who_reads() {
        let channel = Arc::new(Channel::new(&"presence-room".into()));
        let (ada, _) = join(&channel, "ada", 1);
        with_around(|around| channel.far_says(7, crowd(0..MANY), around));
        assert!(channel.attend());
        assert!(!channel.attend(), "one sees to it");
        let came = hears_all(&channel, &[&ada]).await;
        assert_eq!(came.len(), MANY);
        assert!(came.iter().all(|(event, _)| event == "added"));
        with_around(|around| channel.far_gone(7, around));
        let went = hears_all(&channel, &[&ada]).await;
        let users: BTreeSet<_> = went.iter().map(|(_, user)| user).collect();
        assert!(went.iter().all(|(event, _)| event == "removed"));
        assert_eq!((went.len(), users.len()), (MANY, MANY), "each once");
        assert!(!channel.attend());
    }

    #[tokio::test]
    async fn whoever_joins_meanwhile_hears_of_every_change_after_their_list_and_of_none_before_it() {
        let channel = Arc::new(Channel::new(&"presence-room".into()));
        let (ada, _) = join(&channel, "ada", 1);
        with_around(|around| channel.far_says(7, crowd(0..MANY), around));
        let before = hears_all(&channel, &[&ada]).await;
        assert_eq!(before.len(), MANY);
        // Half of them go; then one of those whose going nobody was told comes here.
        with_around(|around| channel.far_says(7, crowd(0..MANY / 2), around));
        let told = reads(&ada);
        assert!(told.len() < MANY / 2);
        let (back, _) = join(&channel, "guest-999", 2);
        let (bob, list) = join(&channel, "bob", 3);
        let mut known: BTreeSet<String> = serde_json::from_value(list["ids"].clone()).unwrap();
        assert_eq!(
            known.len(),
            MANY - told.len() + 2,
            "as those are told who were here"
        );
        let mut heard = hears_all(&channel, &[&bob, &ada, &back]).await;
        // A thousand others come anew, and half of them are gone before anybody knew.
        with_around(|around| channel.far_says(8, crowd(2_000..3_000), around));
        with_around(|around| channel.far_says(8, crowd(2_000..2_500), around));
        heard.extend(hears_all(&channel, &[&bob, &ada, &back]).await);
        for (event, user) in heard {
            let news = match &*event {
                "added" => known.insert(user.clone()),
                _ => known.remove(&user),
            };
            assert!(news, "{event} {user} says nothing new");
        }
        let wanted = (0..MANY / 2).chain(2_000..2_500).map(|n| format!("guest-{n}"));
        let wanted = wanted.chain(["ada".into(), "bob".into(), "guest-999".into()]);
        assert_eq!(known, wanted.collect());
        assert_eq!(
            reads(&ada).iter().filter(|(_, user)| user == "guest-999").count(),
            0
        );
        drop(back);
    }

    #[test]
    fn a_share_is_told_at_a_time_and_those_who_do_not_read_are_waited_for_and_not_for_ever() {
        let mut untold = Untold::default();
        let mut now = Instant::now();
        let tells = |untold: &mut Untold, now, is_behind| {
            (0..100).filter(|_| untold.may_tell(now, 3, || is_behind)).count()
        };
        assert_eq!(tells(&mut untold, now, false), 3);
        assert_eq!(tells(&mut untold, now + EVERY / 2, false), 0);
        now += EVERY;
        assert_eq!(tells(&mut untold, now, false), 3);
        let behind = now + EVERY;
        for waited in [Duration::ZERO, PATIENCE / 2, PATIENCE.saturating_sub(EVERY)] {
            assert_eq!(tells(&mut untold, behind + waited, true), 0);
        }
        assert_eq!(tells(&mut untold, behind + PATIENCE, true), 3);
        assert_eq!(tells(&mut untold, behind + PATIENCE + EVERY, true), 3);
        // Once they have read, they may be behind again.
        assert_eq!(tells(&mut untold, behind + 2 * PATIENCE, false), 3);
        assert_eq!(tells(&mut untold, behind + 3 * PATIENCE, true), 0);
    }
}
