//! A plain socket on one channel: every message that comes in is published there, everything published there goes out as it is.

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;

use crate::{
    broker::Core,
    close::Close,
    cluster::topics::Attached,
    host::{Direction, Identity, JournalFault, Payload, Source},
    leg::Inbound,
    options::ChannelOptions,
    publish::{Post, Published, Step},
    session::{Front, Life},
    wire::Socket,
};

/// Messages read in one go before the other directions get their turn.
pub(crate) const BURST: usize = 32;

struct Session<IO> {
    front: Front<IO>,
    channel: Arc<str>,
    /// What other nodes say there is not heard yet.
    attaching: Option<BoxFuture<'static, Attached>>,
    /// Published messages that the journal has not answered for, oldest first.
    recording: VecDeque<BoxFuture<'static, Result<Published, JournalFault>>>,
}

/// Begins a session at once. The future is the session and nothing besides.
pub(crate) fn serve<IO: Socket>(
    core: &Arc<Core>,
    io: IO,
    who: Arc<Identity>,
    options: ChannelOptions,
) -> impl Future<Output = Close> + use<IO> {
    let mut life = Life::begin(core, who, &options.session);
    // Nobody is a member here, so it takes everybody.
    if let Some(welcome) = life.subscribe(&options.channel, None, 0) {
        life.seat.take_place(welcome.subscription);
    }
    let attaching = life.attach(&options.channel);
    let mut session = Session {
        attaching,
        front: Front::new(life, io, &options.session),
        channel: options.channel,
        recording: VecDeque::new(),
    };
    poll_fn(move |cx| session.poll(cx).map(|()| session.front.last_word()))
}

impl<IO: Socket> Session<IO> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.front.life.gate.register(cx.waker());
        loop {
            // Before the outbound side, which writes the close frame that a failed record leads to.
            self.poll_recording(cx);
            self.front.poll_outbound(cx);
            self.poll_attaching(cx);
            let more = self.read(cx);
            if self.front.leg().is_lost() || (self.front.leg().is_over() && self.recording.is_empty()) {
                return Poll::Ready(());
            }
            if more {
                continue;
            }
            match self.front.poll_alarm(None) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(now) => self.front.tick(now),
            }
        }
    }

    /// What this client says may be answered at once by somebody on another node, so it is read when that is heard.
    fn poll_attaching(&mut self, cx: &mut Context<'_>) {
        if let Some(attaching) = &mut self.attaching
            && attaching.as_mut().poll(cx).is_ready()
        {
            self.attaching = None;
        }
    }

    fn poll_recording(&mut self, cx: &mut Context<'_>) {
        while let Some(first) = self.recording.front_mut() {
            let Poll::Ready(recorded) = first.as_mut().poll(cx) else {
                return;
            };
            self.recording.pop_front();
            if let Err(fault) = recorded {
                self.front.close(fault.into());
            }
        }
    }

    /// Answers whether there is something to do that nobody will wake this task for.
    fn read(&mut self, cx: &mut Context<'_>) -> bool {
        let was_open = self.front.leg().is_open();
        for _ in 0..BURST {
            // Whoever sends faster than the journal records waits here, and with it its TCP window.
            let waits =
                self.attaching.is_some() || self.recording.len() >= self.front.life.core.settings.window;
            if self.front.leg().is_open() && waits {
                return false;
            }
            match self.front.poll_inbound(cx) {
                Poll::Ready(Inbound::Message(payload)) => self.publish(payload, cx),
                // What was just read may have started the end, and then something waits to be written.
                Poll::Ready(Inbound::End) | Poll::Pending => return was_open && !self.front.leg().is_open(),
            }
        }
        true
    }

    fn publish(&mut self, payload: Payload, cx: &mut Context<'_>) {
        let life = &self.front.life;
        let who = &life.gate.identity;
        let post = Post {
            source: Source::Session(Arc::clone(who)),
            channel: Arc::clone(&self.channel),
            direction: Direction::Inbound,
            payload,
            except: Some(who.session),
        };
        match life.core.publish(post) {
            Ok(Step::Done(_)) => {}
            Ok(Step::Recording(mut recording)) => match recording.as_mut().poll(cx) {
                Poll::Pending => self.recording.push_back(recording),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(fault)) => self.front.close(fault.into()),
            },
            Err(refusal) => self.front.close(refusal.into()),
        }
    }
}
