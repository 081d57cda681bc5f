//! The past of a channel: what a client missed, what it asks for. It is complete, or it says that it is not.

use std::sync::Arc;

use super::{
    Busy, Session,
    subscribe::{Joined, MAX_PAST},
};
use crate::{
    delivery::Message,
    host::{Counting, HistoryFault, Opcode, Past, Payload, Remembered, Start, Stretch},
    meters::count_error,
    pusher::{
        client::Question,
        server::{self, Piece, Standing},
    },
    wire::Socket,
};

/// What is being read for.
pub(super) enum Reading {
    /// A subscription that makes up for something, or wants to know where the channel stands.
    Subscription(Box<Joined>),
    /// A question.
    Question(Box<Asked>),
}

/// A question for history.
pub(super) struct Asked {
    id: Box<str>,
    channel: Arc<str>,
    after: Option<i64>,
}

impl<IO: Socket> Session<IO> {
    pub(super) fn ask_history(&mut self, question: &Question) {
        let Some(subscription) = self.front.life.seat.subscription(&question.channel) else {
            let words = "subscribe to the channel before asking for its history";
            return self.no_answer(&question.id, words);
        };
        let channel = Arc::clone(&subscription.channel.name);
        let asked = Asked {
            id: question.id.clone(),
            channel: Arc::clone(&channel),
            after: question.after,
        };
        if self.core().admission.counting(self.who().endpoint) != Counting::Journal {
            // Nothing was recorded.
            return self.answer(&asked, None);
        }
        let who = self.who();
        let past = Past {
            tenant: who.tenant,
            endpoint: who.endpoint,
            channel,
            start: question.after.map_or(Start::Newest, Start::After),
            limit: question.limit.min(MAX_PAST) as usize,
        };
        let reading = self.core().history.read(past);
        self.busy = Some(Busy::Reading {
            reading,
            then: Reading::Question(Box::new(asked)),
        });
    }

    pub(super) fn has_read(&mut self, stretch: Result<Option<Stretch>, HistoryFault>, then: Reading) {
        match (then, stretch) {
            (Reading::Subscription(joined), Ok(stretch)) => self.make_up(&joined, stretch),
            (Reading::Subscription(joined), Err(HistoryFault)) => {
                // It is subscribed all the same. What it missed it has to get elsewhere.
                let standing = Standing {
                    top: None,
                    recoverable: true,
                    recovered: joined.recover.as_ref().map(|_| false),
                    missed: None,
                };
                self.welcome(&joined, Some(standing));
            }
            (Reading::Question(asked), Ok(stretch)) => self.answer(&asked, stretch),
            (Reading::Question(asked), Err(fault)) => self.no_answer(&asked.id, &fault.to_string()),
        }
    }

    fn no_answer(&mut self, id: &str, why: &str) {
        count_error(None);
        self.front.say(|out| server::no_answer(out, id, why));
    }

    /// What may be said of a stretch to this person, as much as may wait for one session: of what comes after something the
    /// oldest, otherwise the newest.
    fn readable(&self, stretch: &mut Stretch, oldest: bool) {
        let (who, core) = (self.who(), self.core());
        let messages = &mut stretch.messages;
        messages.retain(|message| who.may_get(core.admission.reach(who.endpoint, message.purpose)));
        // A part is left for what is said in the meantime.
        let room = core.settings.queue_bytes / 4 * 3;
        let mut bytes = 0;
        let fits = |message: &&Remembered| {
            bytes += ENVELOPE + said_length(&message.payload);
            bytes <= room
        };
        if oldest {
            let fitting = messages.iter().take_while(fits).count();
            messages.truncate(fitting);
        } else {
            let fitting = messages.iter().rev().take_while(fits).count();
            messages.drain(..messages.len() - fitting);
        }
    }

    /// Tells a subscriber what it missed.
    fn make_up(&mut self, joined: &Joined, stretch: Option<Stretch>) {
        let Some(mut stretch) = stretch else {
            // Nothing was ever said here, so nobody can have heard it.
            let standing = Standing {
                top: None,
                recoverable: true,
                recovered: joined.recover.as_ref().map(|_| false),
                missed: joined.recover.as_ref().map(|_| 0),
            };
            return self.welcome(joined, Some(standing));
        };
        self.readable(&mut stretch, joined.recover.is_some());
        let (epoch, top) = (Arc::clone(&stretch.epoch), stretch.top);
        let mut recovered = None;
        if let Some(mark) = &joined.recover {
            let same = *mark.epoch == *epoch;
            if !same {
                // Its offsets mean nothing here, and neither does what came after them.
                stretch.messages.clear();
            }
            recovered = Some(same && is_whole(mark.offset, top, &stretch.messages));
        }
        let asked = joined.recover.is_some() || joined.rewind.is_some();
        let standing = Standing {
            top: Some((top, &epoch)),
            recoverable: true,
            recovered,
            missed: asked.then_some(stretch.messages.len() as u64),
        };
        let channel = Arc::clone(&joined.channel);
        self.welcome(joined, Some(standing));
        if asked {
            for message in stretch.messages {
                let purpose = message.purpose;
                self.front.say_message(said_again(&channel, message), purpose);
            }
        }
        // Up to here everything was said that may be; the gate may hold some of it too. It was told where the channel
        // stands, and comes back with that if it loses the connection now: then nothing before it may be on its way.
        self.front.has_said(&channel, &epoch, top);
    }

    fn answer(&mut self, asked: &Asked, stretch: Option<Stretch>) {
        let stretch = stretch.map(|mut stretch| {
            self.readable(&mut stretch, asked.after.is_some());
            stretch
        });
        let messages = stretch.as_ref().map_or(&[][..], |stretch| &stretch.messages);
        let top = stretch.as_ref().map(|stretch| (stretch.top, &*stretch.epoch));
        let last = messages.last().map(|message| message.position.offset);
        let complete = match (asked.after, last) {
            (Some(after), Some(last)) => is_whole(after, last, messages),
            (Some(after), None) => top.is_some_and(|(top, _)| top <= after),
            (None, Some(last)) => is_whole(messages[0].position.offset - 1, last, messages),
            (None, None) => top.is_none_or(|(top, _)| top == 0),
        };
        let piece = Piece {
            id: &asked.id,
            channel: &asked.channel,
            top,
            complete,
        };
        let purposes = messages.iter().map(|message| message.purpose).collect();
        self.front.say_messages(&asked.id, purposes, |out| {
            let messages = messages.iter().map(|message| server::Message {
                channel: &asked.channel,
                payload: &message.payload,
                position: Some(&message.position),
                expires_at: message.expires_at,
            });
            server::history(out, &piece, messages);
        });
    }
}

/// What the words of the protocol add to a message, its name and its channel included.
const ENVELOPE: usize = 512;

/// The bytes of a payload within JSON within JSON, about.
fn said_length(payload: &Payload) -> usize {
    let bytes = &payload.bytes;
    match payload.opcode {
        Opcode::Text => {
            let escaped = |byte: &&u8| matches!(byte, b'"' | b'\\' | ..0x20);
            bytes.len() + 2 * bytes.iter().filter(escaped).count()
        }
        Opcode::Binary => bytes.len().div_ceil(3) * 4,
    }
}

/// Whether these are all the messages after one offset and up to another.
fn is_whole(after: i64, top: i64, messages: &[Remembered]) -> bool {
    let offsets = messages.iter().map(|message| message.position.offset);
    after <= top && offsets.eq(after + 1..=top)
}

/// A message of the past, to be said as if it were new.
fn said_again(channel: &Arc<str>, message: Remembered) -> Message {
    let Remembered {
        position,
        payload,
        expires_at,
        ..
    } = message;
    Message::new(Arc::clone(channel), payload, Some(position), expires_at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Position;

    fn messages(offsets: &[i64]) -> Vec<Remembered> {
        offsets
            .iter()
            .map(|offset| Remembered {
                position: Position {
                    id: Some(*offset),
                    offset: *offset,
                    epoch: "e".into(),
                },
                payload: Payload::new(Opcode::Text, "x".into()),
                purpose: None,
                expires_at: None,
            })
            .collect()
    }

    #[test]
    fn a_stretch_is_whole_only_without_a_gap_at_either_end_or_within() {
        assert!(is_whole(3, 3, &[]));
        assert!(is_whole(3, 5, &messages(&[4, 5])));
        assert!(!is_whole(3, 5, &messages(&[5])), "the first is missing");
        assert!(!is_whole(3, 6, &messages(&[4, 5])), "the last is missing");
        assert!(!is_whole(3, 6, &messages(&[4, 6])), "one between is missing");
        assert!(!is_whole(7, 5, &[]), "from the future");
    }
}
