//! One direction of a relayed conversation: messages in the order they came, each held until it may be passed on.

use std::{
    collections::VecDeque,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    broker::Core,
    close::Close,
    host::{Direction, Draft, JournalFault, Passage, Payload, Position, Record, Source},
};

type Recording = BoxFuture<'static, Result<Position, JournalFault>>;

/// A message that may be passed on.
pub(crate) struct Passed {
    pub(crate) payload: Payload,
    pub(crate) purpose: Option<Uuid>,
    pub(crate) position: Option<Position>,
    pub(crate) at: Instant,
}

struct Held {
    message: Passed,
    until: Until,
}

enum Until {
    Now,
    /// The journal has it.
    Recorded(Recording),
    /// Passed on first, recorded then.
    Recording(Box<Draft>),
}

pub(crate) struct Lane {
    core: Arc<Core>,
    source: Source,
    channel: Arc<str>,
    direction: Direction,
    held: VecDeque<Held>,
    /// Passed on, and on their way into the journal.
    after: VecDeque<Recording>,
}

impl Lane {
    pub(crate) fn new(core: &Arc<Core>, source: Source, channel: &Arc<str>, direction: Direction) -> Self {
        Self {
            core: Arc::clone(core),
            source,
            channel: Arc::clone(channel),
            direction,
            held: VecDeque::new(),
            after: VecDeque::new(),
        }
    }

    /// Whether another message must wait outside.
    pub(crate) fn is_full(&self) -> bool {
        self.held.len() + self.after.len() >= self.core.settings.window
    }

    /// Nothing is held and nothing is being recorded.
    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty() && self.after.is_empty()
    }

    /// Forgets what is held. What the journal has, it keeps.
    pub(crate) fn clear(&mut self) {
        self.held.clear();
    }

    /// Admits a message that came `at` this moment, and takes it in. Answers it `at_once`, where that is wanted, when it has
    /// nothing to wait for: it may be passed on without asking again.
    ///
    /// # Errors
    /// What to close the session with.
    pub(crate) fn push(
        &mut self,
        payload: Payload,
        at: Instant,
        at_once: bool,
        cx: &mut Context<'_>,
    ) -> Result<Option<Passed>, Close> {
        let passage = self
            .core
            .admit(&self.source, &self.channel, self.direction, payload)?;
        let passed = |payload, purpose| Passed {
            payload,
            purpose,
            position: None,
            at,
        };
        if passage.record == Record::Never && at_once && self.is_empty() {
            return Ok(Some(passed(passage.payload, passage.purpose)));
        }
        let mut message = passed(passage.payload.clone(), passage.purpose);
        let until = match passage.record {
            Record::Never => Until::Now,
            Record::After => Until::Recording(Box::new(self.draft(passage))),
            Record::Before => {
                let mut recording = self.record(self.draft(passage));
                // The first poll is what puts it into the journal's queue, before the next message of this session.
                match recording.as_mut().poll(cx) {
                    Poll::Pending => Until::Recorded(recording),
                    Poll::Ready(position) => {
                        message.position = Some(position?);
                        Until::Now
                    }
                }
            }
        };
        self.held.push_back(Held { message, until });
        Ok(None)
    }

    fn draft(&self, passage: Passage) -> Draft {
        Draft {
            source: self.source.clone(),
            channel: Arc::clone(&self.channel),
            direction: self.direction,
            passage,
        }
    }

    fn record(&self, draft: Draft) -> Recording {
        let core = Arc::clone(&self.core);
        Box::pin(async move { core.journal.record(draft, Box::new(|_, _| {})).await })
    }

    /// Follows the journal. Ready when [`Lane::take`] has something.
    ///
    /// # Errors
    /// What to close the session with.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Close>> {
        while let Some(first) = self.after.front_mut() {
            let Poll::Ready(recorded) = first.as_mut().poll(cx) else {
                break;
            };
            self.after.pop_front();
            if let Err(fault) = recorded {
                return Poll::Ready(Err(fault.into()));
            }
        }
        let Some(first) = self.held.front_mut() else {
            return Poll::Pending;
        };
        if let Until::Recorded(recording) = &mut first.until {
            match std::task::ready!(recording.as_mut().poll(cx)) {
                Ok(position) => first.message.position = Some(position),
                Err(fault) => {
                    self.held.pop_front();
                    return Poll::Ready(Err(fault.into()));
                }
            }
            first.until = Until::Now;
        }
        Poll::Ready(Ok(()))
    }

    /// The next message. Only after [`Lane::poll`]; `cx` is that of the session's task.
    ///
    /// # Errors
    /// What to close the session with, after passing the message on.
    pub(crate) fn take(&mut self, cx: &mut Context<'_>) -> Option<(Passed, Result<(), Close>)> {
        let Held { message, until } = self.held.pop_front()?;
        let mut after = Ok(());
        if let Until::Recording(draft) = until {
            let mut recording = self.record(*draft);
            match recording.as_mut().poll(cx) {
                Poll::Pending => self.after.push_back(recording),
                Poll::Ready(recorded) => after = recorded.map(drop).map_err(Close::from),
            }
        }
        Some((message, after))
    }
}
