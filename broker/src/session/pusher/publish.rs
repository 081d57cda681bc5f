//! Client events: what somebody says to everybody else on a channel, and the answer where they want one.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::Session;
use crate::{
    close::Close,
    host::{Direction, JournalFault, Label, Payload, Source},
    meters::count_error,
    publish::{Post, PublishError, Published, Step},
    pusher::{client, names::ChannelName, server},
    wire::Socket,
};

/// Too many client events.
const TOO_MANY: u16 = 4301;

/// A client event on its way through the journal.
pub(super) struct Publishing {
    recording: BoxFuture<'static, Result<Published, JournalFault>>,
    id: Option<Box<str>>,
}

impl<IO: Socket> Session<IO> {
    pub(super) fn publish(&mut self, said: client::Published<'_>, cx: &mut Context<'_>) {
        let id: Option<Box<str>> = said.id.as_deref().filter(|_| self.features.acks).map(Into::into);
        if let Err((code, why)) = self.may_publish(&said.channel) {
            return self.refuse_event(id.as_deref(), code, why);
        }
        let Some(subscription) = self.front.life.seat.subscription(&said.channel) else {
            let why = "subscribe to the channel before publishing on it";
            return self.refuse_event(id.as_deref(), None, why);
        };
        let label = Label {
            event: said.event.into(),
            user: subscription.user.clone(),
        };
        let who = self.who();
        let post = Post {
            source: Source::Session(Arc::clone(who)),
            channel: Arc::clone(&subscription.channel.name),
            direction: Direction::Inbound,
            payload: Payload::named(Arc::new(label), said.data),
            except: Some(who.session),
        };
        match self.core().publish(post) {
            Ok(Step::Done(published)) => self.published(id.as_deref(), Ok(published)),
            // The first poll is what enters the journal's queue.
            Ok(Step::Recording(mut recording)) => match recording.as_mut().poll(cx) {
                Poll::Pending => self.publishing.push_back(Publishing { recording, id }),
                Poll::Ready(done) => self.published(id.as_deref(), done.map_err(PublishError::from)),
            },
            Err(refusal) => self.published(id.as_deref(), Err(refusal.into())),
        }
    }

    fn may_publish(&mut self, channel: &str) -> Result<(), (Option<u16>, &'static str)> {
        if !self.limits.client_events {
            return Err((None, "client events are switched off on this endpoint"));
        }
        if !ChannelName::parse(channel).is_ok_and(ChannelName::allows_client_events) {
            return Err((None, "clients publish on private and presence channels only"));
        }
        let pace = self.limits.pace.as_mut();
        if pace.is_some_and(|pace| !pace.takes(Instant::now(), 1)) {
            return Err((Some(TOO_MANY), "too many client events; this one went nowhere"));
        }
        Ok(())
    }

    pub(super) fn poll_publishing(&mut self, cx: &mut Context<'_>) {
        while let Some(first) = self.publishing.front_mut() {
            let Poll::Ready(done) = first.recording.as_mut().poll(cx) else {
                return;
            };
            if let Some(Publishing { id, .. }) = self.publishing.pop_front() {
                self.published(id.as_deref(), done.map_err(PublishError::from));
            }
        }
    }

    fn published(&mut self, id: Option<&str>, done: Result<Published, PublishError>) {
        match done {
            Ok(published) => {
                if let Some(id) = id {
                    let recorded = published.is_recorded();
                    self.front
                        .say(|out| server::ack(out, id, published.position.as_ref(), recorded));
                }
            }
            Err(error) => {
                let why = Close::from(error);
                self.refuse_event(id, Some(why.code), &why.reason);
            }
        }
    }

    /// Tells that an event went nowhere. Without an answer to refer to only what is no close code is said by number: the
    /// connection stays.
    fn refuse_event(&mut self, id: Option<&str>, code: Option<u16>, why: &str) {
        let Some(id) = id else {
            return self.fault(code.filter(|code| (4300..4400).contains(code)), why);
        };
        let code = code.unwrap_or(Close::POLICY.code);
        count_error(Some(code));
        self.front.say(|out| server::nack(out, id, code, why));
    }
}
