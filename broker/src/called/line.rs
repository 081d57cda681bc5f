//! One session's line to a back end that is called: two bounded queues, and the task that makes the calls.

use std::{
    collections::VecDeque,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{Callee, Said, Told};
use crate::{
    close::Close,
    host::Payload,
    options::Slow,
    settings::Settings,
    wire::{Event, Line, Lost},
};

/// Messages that one call tells of at most.
const BATCH: usize = 100;
/// Payload bytes that one call tells of at most, but for a single message.
const BATCH_BYTES: usize = 256 << 10;

/// Both ends share this; it goes when the calls are over.
pub(super) struct Chan {
    state: Mutex<State>,
    /// The session's task.
    waker: AtomicWaker,
    /// There is something to tell.
    work: Notify,
    /// The end-user took something.
    room: Notify,
    queue_messages: usize,
    queue_bytes: usize,
    slow: Slow,
}

#[derive(Default)]
struct State {
    out: VecDeque<Payload>,
    out_bytes: usize,
    inbox: VecDeque<Payload>,
    inbox_bytes: usize,
    /// The session ended it.
    ours: Option<Close>,
    /// The back end, or a rule, ended it.
    theirs: Option<Close>,
    /// It could not be told.
    lost: bool,
    /// Nobody reads any more.
    left: bool,
    pong: bool,
    moved: bool,
}

impl State {
    fn push(&mut self, payload: Payload) {
        self.inbox_bytes += payload.bytes.len();
        self.inbox.push_back(payload);
    }

    fn pop(&mut self) -> Option<Payload> {
        let payload = self.inbox.pop_front()?;
        self.inbox_bytes -= payload.bytes.len();
        Some(payload)
    }

    /// The next things to tell: whatever waits, up to a bound, or the end after everything else.
    fn batch(&mut self) -> Vec<Told> {
        let (mut told, mut bytes) = (Vec::new(), 0);
        while let Some(next) = self.out.front() {
            let size = next.bytes.len();
            if !told.is_empty() && (told.len() >= BATCH || bytes + size > BATCH_BYTES) {
                break;
            }
            bytes += size;
            told.extend(self.out.pop_front().map(Told::Message));
        }
        self.out_bytes -= bytes;
        self.moved |= !told.is_empty();
        if self.out.is_empty()
            && let Some(close) = &self.ours
        {
            told.push(Told::Disconnected(close.clone()));
        }
        told
    }
}

impl Chan {
    fn is_crowded(&self, state: &State) -> bool {
        state.inbox.len() >= self.queue_messages || state.inbox_bytes >= self.queue_bytes
    }

    /// Something for the end-user, from whoever may not wait: what does not fit goes by the endpoint's rule.
    pub(super) fn say(&self, payload: Payload) -> Option<Said> {
        let mut state = self.state.lock();
        if state.left || state.lost || state.theirs.is_some() || state.ours.is_some() {
            return None;
        }
        let fits = |state: &State| {
            state.inbox.len() < self.queue_messages
                && state.inbox_bytes + payload.bytes.len() <= self.queue_bytes
        };
        if !fits(&state) {
            match self.slow {
                Slow::Disconnect => {
                    state.theirs = Some(Close::SLOW_CONSUMER);
                    state.inbox.clear();
                    state.inbox_bytes = 0;
                    drop(state);
                    self.waker.wake();
                    return Some(Said::TooSlow);
                }
                Slow::DropOldest => while !fits(&state) && state.pop().is_some() {},
                // Nothing has a name here by which it could be told apart.
                Slow::Conflate => while state.pop().is_some() {},
            }
        }
        state.push(payload);
        drop(state);
        self.waker.wake();
        Some(Said::Queued)
    }

    /// Answers of the back end, which waits until there is room for them.
    async fn answer(&self, messages: Vec<Payload>, close: Option<Close>) {
        for payload in messages {
            loop {
                let room = self.room.notified();
                {
                    let mut state = self.state.lock();
                    if state.left || state.theirs.is_some() {
                        return;
                    }
                    if !self.is_crowded(&state) {
                        state.push(payload);
                        break;
                    }
                }
                room.await;
            }
            self.waker.wake();
        }
        if let Some(close) = close {
            self.state.lock().theirs.get_or_insert(close);
            self.waker.wake();
        }
    }
}

/// Makes the calls of one session, until its end is told.
pub(super) async fn call(chan: Arc<Chan>, callee: Box<dyn Callee>) {
    loop {
        let work = chan.work.notified();
        let told = chan.state.lock().batch();
        if told.is_empty() {
            work.await;
            continue;
        }
        chan.waker.wake();
        let is_last = matches!(told.last(), Some(Told::Disconnected(_)));
        match callee.tell(told).await {
            Ok(_) if is_last => return,
            Ok(answered) => chan.answer(answered.messages, answered.close).await,
            Err(_) => {
                chan.state.lock().lost = true;
                chan.waker.wake();
                return;
            }
        }
    }
}

/// A session's end of it.
pub(crate) struct CallLine(Arc<Chan>);

impl CallLine {
    pub(super) fn new(settings: &Settings, slow: Slow) -> (Self, Arc<Chan>) {
        let chan = Arc::new(Chan {
            state: Mutex::default(),
            waker: AtomicWaker::new(),
            work: Notify::new(),
            room: Notify::new(),
            queue_messages: settings.queue_messages,
            queue_bytes: settings.queue_bytes,
            slow,
        });
        (Self(Arc::clone(&chan)), chan)
    }
}

impl CallLine {
    /// The back end ended it with its first answer, where it did.
    pub(crate) fn ending(self, close: Option<Close>) -> Self {
        self.0.state.lock().theirs = close;
        self
    }
}

impl Drop for CallLine {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.ours.get_or_insert(Close::GOING_AWAY);
        state.left = true;
        state.inbox.clear();
        state.inbox_bytes = 0;
        drop(state);
        self.0.room.notify_one();
        self.0.work.notify_one();
    }
}

impl Line for CallLine {
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        self.0.waker.register(cx.waker());
        let mut state = self.0.state.lock();
        if std::mem::take(&mut state.pong) {
            return Poll::Ready(Event::Control);
        }
        if let Some(payload) = state.pop() {
            drop(state);
            self.0.room.notify_one();
            return Poll::Ready(Event::Message(payload));
        }
        if let Some(close) = state.theirs.clone().or_else(|| state.ours.clone()) {
            return Poll::Ready(Event::Closed(close));
        }
        if state.lost {
            return Poll::Ready(Event::Lost);
        }
        Poll::Pending
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        self.0.waker.register(cx.waker());
        let state = self.0.state.lock();
        if state.lost {
            return Poll::Ready(Err(Lost));
        }
        // The end-user's messages stay in its own TCP window meanwhile.
        if state.out.len() < self.0.queue_messages && state.out_bytes < self.0.queue_bytes {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }

    fn feed(&mut self, payload: &Payload) -> Result<(), Lost> {
        let mut state = self.0.state.lock();
        state.out_bytes += payload.bytes.len();
        state.out.push_back(payload.clone());
        drop(state);
        self.0.work.notify_one();
        Ok(())
    }

    fn ping(&mut self) -> Result<(), Lost> {
        // There is nobody to ping between calls; one that fails says enough.
        self.0.state.lock().pong = true;
        self.0.waker.wake();
        Ok(())
    }

    fn close(&mut self, close: &Close) -> Result<(), Lost> {
        self.0.state.lock().ours.get_or_insert(close.clone());
        self.0.work.notify_one();
        self.0.waker.wake();
        Ok(())
    }

    fn poll_flush(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        // What was handed over is told, whatever becomes of this.
        Poll::Ready(Ok(()))
    }

    fn take_moved(&mut self) -> bool {
        std::mem::take(&mut self.0.state.lock().moved)
    }

    fn poll_linger(&mut self, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{future::BoxFuture, task::noop_waker};

    use super::*;
    use crate::{
        called::{Answered, CallFault},
        host::Opcode,
    };

    fn text(text: &str) -> Payload {
        Payload::new(Opcode::Text, text.to_owned().into())
    }

    fn line(slow: Slow) -> (CallLine, Arc<Chan>) {
        let settings = Settings {
            queue_messages: 3,
            queue_bytes: 100,
            ..Settings::default()
        };
        CallLine::new(&settings, slow)
    }

    fn heard(line: &mut CallLine) -> Vec<Event> {
        let waker = noop_waker();
        let mut cx = Context::from_waker(&waker);
        let mut heard = Vec::new();
        while let Poll::Ready(event) = line.poll_event(&mut cx) {
            let is_end = matches!(event, Event::Closed(_) | Event::Lost);
            heard.push(event);
            if is_end {
                break;
            }
        }
        heard
    }

    fn texts(events: &[Event]) -> Vec<String> {
        let texts = events.iter().filter_map(|event| match event {
            Event::Message(payload) => Some(String::from_utf8_lossy(&payload.bytes).into_owned()),
            _ => None,
        });
        texts.collect()
    }

    #[test]
    fn what_does_not_fit_goes_by_the_endpoints_rule() {
        for (slow, left) in [
            (Slow::DropOldest, vec!["2", "3", "4"]),
            (Slow::Conflate, vec!["3", "4"]),
        ] {
            let (mut line, chan) = line(slow);
            for n in 0..5 {
                assert_eq!(chan.say(text(&n.to_string())), Some(Said::Queued));
            }
            assert_eq!(texts(&heard(&mut line)), left, "{slow:?}");
        }
        let (mut line, chan) = line(Slow::Disconnect);
        for n in 0..3 {
            assert_eq!(chan.say(text(&n.to_string())), Some(Said::Queued));
        }
        assert_eq!(chan.say(text("3")), Some(Said::TooSlow));
        assert_eq!(chan.say(text("4")), None, "it is over");
        let heard = heard(&mut line);
        assert!(
            matches!(&heard[..], [Event::Closed(close)] if close.code == 4102),
            "what waited is dropped with it"
        );
    }

    /// Notes what it is told and answers the number of it.
    struct Notes(Arc<Mutex<Vec<Vec<Told>>>>);

    impl Callee for Notes {
        fn tell(&self, told: Vec<Told>) -> BoxFuture<'_, Result<Answered, CallFault>> {
            Box::pin(async move {
                tokio::task::yield_now().await;
                let mut calls = self.0.lock();
                calls.push(told);
                Ok(Answered {
                    messages: vec![text(&calls.len().to_string())],
                    close: None,
                })
            })
        }
    }

    #[tokio::test]
    async fn what_waits_is_told_in_order_together_and_the_end_last() {
        let calls = Arc::new(Mutex::new(Vec::new()));
        let (mut line, chan) = line(Slow::Disconnect);
        for n in 0..3 {
            line.feed(&text(&n.to_string())).ok().unwrap();
        }
        let waker = noop_waker();
        let mut cx = Context::from_waker(&waker);
        assert!(line.poll_ready(&mut cx).is_pending(), "the queue is full");
        let calling = tokio::spawn(call(chan, Box::new(Notes(Arc::clone(&calls)))));
        while line.poll_ready(&mut cx).is_pending() {
            tokio::task::yield_now().await;
        }
        line.feed(&text("3")).ok().unwrap();
        line.close(&Close::NORMAL).ok().unwrap();
        drop(line);
        calling.await.unwrap();
        let told: Vec<Told> = calls.lock().concat();
        let mut wanted: Vec<Told> = (0..4).map(|n| Told::Message(text(&n.to_string()))).collect();
        wanted.push(Told::Disconnected(Close::NORMAL));
        assert_eq!(told, wanted);
    }
}
