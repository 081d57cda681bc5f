//! A socket that speaks the Pusher protocol. One thing at a time: while something has to be looked up for what a client
//! said, it is not read further, so that answers come in the order of the questions.

mod past;
mod publish;
mod sign_in;
mod subscribe;

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use self::{
    past::Reading,
    publish::Publishing,
    sign_in::Arriving,
    subscribe::{Joined, Wish},
};
use super::{Front, Life, channel::BURST, pace::Bucket};
use crate::{
    broker::Core,
    close::Close,
    cluster::topics::Attached,
    host::{HistoryFault, Identity, Known, Opcode, Payload, Refusal, Stretch},
    leg::Inbound,
    meters::count_error,
    options::PusherOptions,
    pusher::{
        client::{ClientEvent, Features, Hello, Mark},
        server,
    },
    socket_id::SocketId,
    wire::Socket,
};

/// Seconds of silence after which a client should ask whether we are there. We ask much earlier.
const ACTIVITY_TIMEOUT: u64 = 120;

/// Answers that wait for a client which asks faster than it reads. Then it is not read either.
const MAX_UNSAID: usize = 64;

/// A sign-in, or a channel that needs a signature, did not come in time.
const NOT_AUTHENTICATED: Close =
    Close::new(4009, "sign in, or subscribe to a channel that needs a signature");

struct Session<IO> {
    front: Front<IO>,
    limits: Limits,
    features: Features,
    /// The client knows what we add to the protocol.
    said_hello: bool,
    /// What it said it has, or wants, of channels that it will subscribe to.
    wishes: Option<Box<Wishes>>,
    /// The user that it signed in as.
    user: Option<User>,
    /// What is being looked up for the last thing that the client said.
    busy: Option<Busy>,
    publishing: VecDeque<Publishing>,
    authenticate_by: Option<Instant>,
}

/// Whom the tenant vouched for.
struct User {
    /// By the tenant's own id.
    id: Box<str>,
    /// What others on a presence channel are told of them: JSON.
    info: Option<Box<str>>,
}

/// What the endpoint lets it do.
struct Limits {
    client_events: bool,
    pace: Option<Bucket>,
    presence_members: u32,
    channels: usize,
}

/// What a hello said of channels.
struct Wishes {
    recover: std::collections::BTreeMap<Box<str>, Mark>,
    rewind: std::collections::BTreeMap<Box<str>, u32>,
}

enum Busy {
    /// Who is it?
    Finding {
        finding: BoxFuture<'static, Result<Known, Refusal>>,
        then: Then,
    },
    /// Does what is said elsewhere come here?
    Attaching {
        attaching: BoxFuture<'static, Attached>,
        then: Attach,
    },
    /// What was said?
    Reading {
        reading: BoxFuture<'static, Result<Option<Stretch>, HistoryFault>>,
        then: Reading,
    },
}

/// What waits for a channel to be heard from everywhere.
enum Attach {
    Subscription(Box<Joined>),
    SignIn(Box<Arriving>),
}

/// What waits for a person to be found.
enum Then {
    SignIn(Box<Arriving>),
    Subscribe(Box<Wish>),
}

/// Begins a session at once. The future is the session and nothing besides: an async function would keep its arguments, too.
pub(crate) fn serve<IO: Socket>(
    core: &Arc<Core>,
    io: IO,
    who: Arc<Identity>,
    options: &PusherOptions,
) -> impl Future<Output = Close> + use<IO> {
    let is_known = who.subject().is_some();
    let life = Life::begin(core, who, &options.session).with_counts(options.subscription_counts);
    let front = Front::new(life, io, &options.session).speaking_pusher();
    let mut session = Session::new(front, options, is_known);
    // Who comes while everybody is sent elsewhere hears that first, and not that it may stay.
    if !core.is_draining() {
        session.greet();
    }
    poll_fn(move |cx| session.poll(cx).map(|()| session.front.last_word()))
}

impl<IO: Socket> Session<IO> {
    fn new(front: Front<IO>, options: &PusherOptions, is_known: bool) -> Self {
        let within = options.authenticate_within.filter(|_| !is_known);
        Self {
            front,
            limits: Limits {
                client_events: options.client_events,
                pace: Bucket::new(options.client_events_per_second, 0),
                presence_members: options.presence_members,
                channels: usize::try_from(options.channels).unwrap_or(usize::MAX),
            },
            features: Features::default(),
            said_hello: false,
            wishes: None,
            user: None,
            busy: None,
            publishing: VecDeque::new(),
            authenticate_by: within.map(|within| Instant::now() + within),
        }
    }

    fn who(&self) -> &Arc<Identity> {
        &self.front.life.gate.identity
    }

    fn core(&self) -> &Arc<Core> {
        &self.front.life.core
    }

    fn socket_id(&self) -> SocketId {
        SocketId(self.who().session)
    }

    fn greet(&mut self) {
        let socket_id = self.socket_id();
        self.front
            .say(|out| server::connection_established(out, socket_id, ACTIVITY_TIMEOUT));
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.front.life.gate.register(cx.waker());
        loop {
            // Before the outbound side, which writes what these answer.
            self.poll_publishing(cx);
            self.poll_busy(cx);
            self.front.poll_outbound(cx);
            let more = self.read(cx);
            let leg = self.front.leg();
            if leg.is_lost() || (leg.is_over() && self.publishing.is_empty()) {
                return Poll::Ready(());
            }
            if more {
                continue;
            }
            let Poll::Ready(now) = self.front.poll_alarm(self.authenticate_by) else {
                return Poll::Pending;
            };
            if self.authenticate_by.is_some_and(|by| by <= now) {
                self.authenticate_by = None;
                self.front.close(NOT_AUTHENTICATED);
            }
            self.front.tick(now);
        }
    }

    /// Answers whether there is something to do that nobody will wake this task for.
    fn read(&mut self, cx: &mut Context<'_>) -> bool {
        let (was_open, unsaid) = (self.front.leg().is_open(), self.front.unsaid());
        for _ in 0..BURST {
            if self.is_occupied() && self.front.leg().is_open() {
                break;
            }
            match self.front.poll_inbound(cx) {
                Poll::Ready(Inbound::Message(payload)) => self.hear(&payload, cx),
                Poll::Ready(Inbound::End) | Poll::Pending => {
                    return self.said_something(was_open, unsaid);
                }
            }
        }
        !self.is_occupied() || self.said_something(was_open, unsaid)
    }

    /// Whether whoever sends faster than things are looked up, recorded or read has to wait, and with it its TCP window.
    fn is_occupied(&self) -> bool {
        self.busy.is_some()
            || self.publishing.len() >= self.core().settings.window
            || self.front.unsaid() >= MAX_UNSAID
    }

    /// What was just read may have been answered, or have started the end: then something waits to be written.
    fn said_something(&self, was_open: bool, unsaid: usize) -> bool {
        let leg = self.front.leg();
        (was_open && !leg.is_open()) || (leg.is_open() && self.front.unsaid() > unsaid)
    }

    fn hear(&mut self, payload: &Payload, cx: &mut Context<'_>) {
        let text = match payload.opcode {
            Opcode::Text => std::str::from_utf8(&payload.bytes).ok(),
            Opcode::Binary => None,
        };
        let Some(text) = text else {
            return self.fault(None, "a message is a text: a JSON object with an event");
        };
        match ClientEvent::parse(text) {
            Ok(ClientEvent::Client(published)) => self.publish(published, cx),
            Ok(ClientEvent::Ping) => self
                .front
                .say(|out| out.extend_from_slice(server::PONG.as_bytes())),
            Ok(ClientEvent::Subscribe(wish)) => self.subscribe(wish),
            Ok(ClientEvent::Unsubscribe(channel)) => self.unsubscribe(&channel),
            Ok(ClientEvent::SignIn(claim)) => self.sign_in(&claim),
            Ok(ClientEvent::Hello(hello)) => self.hello(hello),
            Ok(ClientEvent::History(question)) => self.ask_history(&question),
            Ok(ClientEvent::Pong | ClientEvent::Unknown(_)) => {}
            Err(fault) => self.fault(None, &fault.to_string()),
        }
        self.poll_busy(cx);
    }

    /// Tells the client what is wrong. The connection stays.
    fn fault(&mut self, code: Option<u16>, message: &str) {
        count_error(code);
        self.front.say(|out| server::error(out, code, message));
    }

    fn hello(&mut self, hello: Hello) {
        if hello.version != 1 {
            return self.fault(None, "version 1 of weir:hello is spoken here");
        }
        self.said_hello = true;
        self.features = hello.features;
        self.front.want(hello.features);
        self.wishes = (!hello.recover.is_empty() || !hello.rewind.is_empty()).then(|| {
            Box::new(Wishes {
                recover: hello.recover,
                rewind: hello.rewind,
            })
        });
        let session = self.who().session;
        self.front
            .say(|out| server::welcome(out, hello.features.names(), session));
    }

    /// Follows what is being looked up, and goes on with what waited for it.
    fn poll_busy(&mut self, cx: &mut Context<'_>) {
        while let Some(busy) = &mut self.busy {
            match busy {
                Busy::Finding { finding, .. } => {
                    let Poll::Ready(found) = finding.as_mut().poll(cx) else {
                        return;
                    };
                    if let Some(Busy::Finding { then, .. }) = self.busy.take() {
                        self.found(found, then);
                    }
                }
                Busy::Attaching { attaching, .. } => {
                    let Poll::Ready(attached) = attaching.as_mut().poll(cx) else {
                        return;
                    };
                    if let Some(Busy::Attaching { then, .. }) = self.busy.take() {
                        self.front.hold(false);
                        match then {
                            Attach::Subscription(joined) => self.attached(*joined, attached),
                            Attach::SignIn(arriving) => self.arrived(*arriving),
                        }
                    }
                }
                Busy::Reading { reading, .. } => {
                    let Poll::Ready(stretch) = reading.as_mut().poll(cx) else {
                        return;
                    };
                    if let Some(Busy::Reading { then, .. }) = self.busy.take() {
                        self.front.hold(false);
                        self.has_read(stretch, then);
                    }
                }
            }
        }
    }

    /// A person was found, or is not to be here.
    fn found(&mut self, found: Result<Known, Refusal>, then: Then) {
        let person = match found {
            Ok(person) => person,
            Err(refusal) => return self.front.close(refusal.into()),
        };
        if !self.front.life.identify(person) {
            // Who speaks for another person than before.
            return self.front.close(Close::UNAUTHORIZED);
        }
        self.authenticate_by = None;
        match then {
            Then::SignIn(arriving) => self.arrive(*arriving),
            Then::Subscribe(wish) => self.join(*wish),
        }
    }

    /// Asks whom a signed statement names.
    fn find(&mut self, user: &str, then: Then) {
        let who = self.who();
        let finding = self.core().admission.identify(who.tenant, who.endpoint, user);
        self.busy = Some(Busy::Finding { finding, then });
    }
}
