//! Subscribing: the name, the signature, the person, the law, the room; and then what is told first.

use std::sync::Arc;

use super::{Attach, Busy, Session, Then, past::Reading};
use crate::{
    cluster::topics::Attached,
    delivery::{Content, Delivery},
    host::{Counting, Happening, Past, Start},
    hub::channel::{Member, Origin, Welcome},
    meters::count_error,
    pusher::{
        client::{Mark, Subscribe},
        names::{ChannelName, Kind},
        server::{self, Standing},
        signature::verify_channel,
        user::ChannelData,
    },
    wire::Socket,
};

/// Messages that are made up for, or rewound, at a time.
pub(super) const MAX_PAST: u32 = 1_000;

/// A subscription that is asked for, whose signature is good.
pub(super) struct Wish {
    channel: Arc<str>,
    member: Option<Member>,
    recover: Option<Mark>,
    rewind: Option<u32>,
}

/// A subscription that is there, and of which the client has not heard yet.
pub(super) struct Joined {
    pub(super) channel: Arc<str>,
    pub(super) members: Option<Vec<u8>>,
    pub(super) cached: Option<(Arc<Delivery>, Origin)>,
    pub(super) is_cache: bool,
    pub(super) recover: Option<Mark>,
    pub(super) rewind: Option<u32>,
    /// Where it stands, where the journal does not count.
    counted: Option<(i64, Arc<str>)>,
}

/// Why a subscription is refused: what kind of error it is, what to say, the HTTP status that it would have.
struct Refused(&'static str, String, u16);

fn wrong(kind: &'static str, message: impl Into<String>, status: u16) -> Refused {
    Refused(kind, message.into(), status)
}

impl<IO: Socket> Session<IO> {
    pub(super) fn subscribe(&mut self, asked: Subscribe) {
        let channel = asked.channel.clone();
        if let Some(there) = self.front.life.seat.subscription(&channel) {
            // Asked again, it is said again.
            let members = there.channel.members();
            self.front
                .say(|out| server::subscription_succeeded(out, &channel, members.as_deref(), None));
            return;
        }
        match self.check(asked) {
            // A member is a person, who has to be known before they are told of.
            Ok(wish) => match &wish.member {
                Some(member) if self.user.as_ref().is_none_or(|user| user.id != member.user) => {
                    let user = member.user.clone();
                    self.find(&user, Then::Subscribe(Box::new(wish)));
                }
                _ => self.join(wish),
            },
            Err(refused) => self.refuse(&channel, &refused),
        }
    }

    fn refuse(&mut self, channel: &str, Refused(kind, message, status): &Refused) {
        count_error(Some(*status));
        self.front
            .say(|out| server::subscription_error(out, channel, kind, message, *status));
    }

    fn check(&mut self, asked: Subscribe) -> Result<Wish, Refused> {
        let name = ChannelName::parse(&asked.channel)
            .map_err(|fault| wrong("InvalidName", fault.to_string(), 400))?;
        if name.kind() == Kind::User {
            return Err(wrong(
                "AuthError",
                "this channel is for whoever signed in as its user",
                401,
            ));
        }
        if self.front.life.seat.subscriptions.len() >= self.limits.channels && self.limits.channels > 0 {
            return Err(wrong(
                "LimitReached",
                "this connection is on as many channels as it may be",
                403,
            ));
        }
        let mut member = None;
        if name.needs_auth() {
            self.verify(&asked)?;
            self.authenticate_by = None;
            if name.kind() == Kind::Presence {
                member = Some(self.member(asked.channel_data.as_deref())?);
            }
        }
        let wishes = self.wishes.as_deref_mut();
        let (recover, rewind) = wishes.map_or((None, None), |wishes| {
            (
                wishes.recover.remove(&asked.channel),
                wishes.rewind.remove(&asked.channel),
            )
        });
        Ok(Wish {
            recover: asked.recover.or(recover),
            rewind: asked.rewind.or(rewind),
            channel: asked.channel.into(),
            member,
        })
    }

    fn verify(&self, asked: &Subscribe) -> Result<(), Refused> {
        let refused = || {
            let message = "the signature does not let this connection subscribe to this channel";
            wrong("AuthError", message, 401)
        };
        let signing = self
            .core()
            .admission
            .signing(self.who().endpoint)
            .ok_or_else(refused)?;
        let auth = asked.auth.as_deref().ok_or_else(refused)?;
        let socket_id = self.socket_id().to_string();
        let data = asked.channel_data.as_deref();
        verify_channel(&signing, &socket_id, &asked.channel, data, auth)
            .then_some(())
            .ok_or_else(refused)
    }

    /// Who joins: whom the tenant vouched for with the signature, or who signed in.
    fn member(&self, channel_data: Option<&str>) -> Result<Member, Refused> {
        let Some(data) = channel_data else {
            let missing = || wrong("AuthError", "channel_data says who joins a presence channel", 401);
            let user = self.user.as_ref().ok_or_else(missing)?;
            return Ok(Member {
                user: user.id.clone(),
                info: user.info.clone(),
            });
        };
        let data = ChannelData::parse(data).map_err(|fault| wrong("AuthError", fault.to_string(), 400))?;
        Ok(Member {
            user: data.user_id,
            info: data.user_info,
        })
    }

    /// Everything is checked but the law and the room.
    pub(super) fn join(&mut self, wish: Wish) {
        let Wish {
            channel,
            member,
            recover,
            rewind,
        } = wish;
        if let Err(refusal) = self.core().admission.may_join(self.who(), &channel) {
            return self.refuse(&channel, &wrong("AccessRefused", refusal.to_string(), 403));
        }
        let limit = self.limits.presence_members;
        let Some(welcome) = self.front.life.subscribe(&channel, member.as_ref(), limit) else {
            return self.refuse(
                &channel,
                &wrong("LimitReached", "the channel takes no more members", 403),
            );
        };
        let Welcome {
            subscription,
            members,
            counted,
            cached,
        } = welcome;
        let is_cache = subscription.channel.is_cache();
        self.front.life.seat.take_place(subscription);
        let joined = Joined {
            channel,
            members,
            cached,
            is_cache,
            recover,
            rewind,
            counted: Some(counted),
        };
        if let Some(attaching) = self.front.life.attach(&joined.channel) {
            // What comes meanwhile waits behind the welcome.
            self.front.hold(true);
            let then = Attach::Subscription(Box::new(joined));
            self.busy = Some(Busy::Attaching { attaching, then });
            return;
        }
        self.joined(joined);
    }

    /// What is said on other nodes reaches it here, from where the channel stands now.
    pub(super) fn attached(&mut self, mut joined: Joined, attached: Attached) {
        joined.counted = attached.counted;
        let Some(subscription) = self.front.life.seat.subscription(&joined.channel) else {
            return;
        };
        joined.members = subscription.channel.members();
        let cached = subscription.channel.newest();
        joined.cached = cached;
        if let Some((offset, epoch)) = &joined.counted {
            self.front.has_said(&joined.channel, epoch, *offset);
        }
        self.joined(joined);
    }

    fn joined(&mut self, joined: Joined) {
        if !self.said_hello && joined.recover.is_none() && joined.rewind.is_none() {
            return self.welcome(&joined, None);
        }
        match self.core().admission.counting(self.who().endpoint) {
            Counting::Journal => self.read_past(joined),
            Counting::Memory => {
                let counted = joined.counted.clone();
                let recovered = joined.recover.as_ref().map(|mark| {
                    let same =
                        |(offset, epoch): &(i64, Arc<str>)| *mark.epoch == **epoch && mark.offset == *offset;
                    counted.as_ref().is_some_and(same)
                });
                let standing = Standing {
                    top: counted.as_ref().map(|(offset, epoch)| (*offset, &**epoch)),
                    recoverable: true,
                    recovered,
                    missed: recovered.map(|_| 0),
                };
                self.welcome(&joined, Some(standing));
            }
            Counting::Nowhere => {
                let standing = Standing {
                    top: None,
                    recoverable: false,
                    recovered: joined.recover.as_ref().map(|_| false),
                    missed: None,
                };
                self.welcome(&joined, Some(standing));
            }
        }
    }

    /// Reads what the client missed, while new messages wait at the gate.
    fn read_past(&mut self, joined: Joined) {
        let who = self.who();
        let (start, limit) = match (&joined.recover, joined.rewind) {
            (Some(mark), _) => (Start::After(mark.offset), MAX_PAST),
            (None, Some(newest)) => (Start::Newest, newest.min(MAX_PAST)),
            (None, None) => (Start::Newest, 0),
        };
        let past = Past {
            tenant: who.tenant,
            endpoint: who.endpoint,
            channel: Arc::clone(&joined.channel),
            start,
            limit: limit as usize,
        };
        let reading = self.core().history.read(past);
        self.front.hold(true);
        self.busy = Some(Busy::Reading {
            reading,
            then: Reading::Subscription(Box::new(joined)),
        });
    }

    /// Tells a subscriber that it is one, and what the channel was last about.
    pub(super) fn welcome(&mut self, joined: &Joined, standing: Option<Standing<'_>>) {
        let Joined {
            channel,
            members,
            cached,
            is_cache,
            ..
        } = joined;
        self.front
            .say(|out| server::subscription_succeeded(out, channel, members.as_deref(), standing));
        // Who asked for the past gets it from there.
        if *is_cache && joined.recover.is_none() && joined.rewind.is_none() {
            self.replay(channel, cached.as_ref());
        }
    }

    fn replay(&mut self, channel: &Arc<str>, cached: Option<&(Arc<Delivery>, Origin)>) {
        let (who, admission) = (self.who(), &self.core().admission);
        let readable = cached.filter(|(delivery, origin)| {
            admission.is_readable(who.endpoint, channel, origin.class, origin.published)
                && who.may_get(admission.reach(who.endpoint, delivery.purpose))
        });
        let readable = readable.map(|(delivery, _)| (&delivery.content, delivery.purpose));
        if let Some((Content::Message(message), purpose)) = readable {
            return self.front.say_message(message.again(), purpose);
        }
        // Where nothing was there at all, the channel said so.
        if cached.is_some() {
            let (tenant, endpoint) = (who.tenant, who.endpoint);
            self.core()
                .registry
                .happened(tenant, endpoint, channel, Happening::CacheMiss);
        }
        self.front.say(|out| server::cache_miss(out, channel));
    }

    /// Leaves a channel. Of one that it is not on, nothing happens.
    pub(super) fn unsubscribe(&mut self, channel: &str) {
        let own = ChannelName::parse(channel).is_ok_and(|name| name.kind() == Kind::User);
        // What is said to a user goes to all of their connections while they are signed in.
        if own {
            return;
        }
        if let Some(subscription) = self.front.life.seat.take(channel) {
            self.front.forget_said(channel);
            self.front.life.unsubscribe(subscription);
        }
    }
}
