//! The journal: what passed, sealed and committed in groups.
//!
//! Messages wait in a bounded queue. One task takes what is there, seals it and has it committed in one transaction; while
//! that is on its way to the disk it seals what comes next. Nothing is delayed on purpose: under little load a group is
//! one message, under much load it grows by itself. Whoever hears `Ok` hears it after the commit.
//!
//! Positions are given out by the commit itself, under the channel's row, so they have no gaps, whatever fails and
//! however many processes write. A message of which nothing is kept takes a position and leaves nothing else behind:
//! whoever reads on later sees that something was there, and not what.

#[cfg(test)]
pub(crate) mod bed;
mod commit;
mod insert;
mod label;
mod seal;
#[cfg(test)]
mod tests;
mod writer;

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use entity::id::{EndpointId, PurposeId, SubjectId, TenantId};
use parking_lot::Mutex;
use sea_orm::{ConnectionTrait, Statement};
use tokio::{
    sync::{Notify, mpsc, oneshot},
    task::JoinHandle,
};

pub(crate) use label::take_apart;
pub use label::{Label, Said, TooLong};
pub(crate) use seal::aad;
pub use seal::seal;

use crate::{ctx::Ctx, error::Result, ids::MessageId};

/// Set in `message.flags` when the message went to the end-user.
pub const OUTBOUND: i16 = 1;
/// Set in `message.flags` when the message is no text.
pub const BINARY: i16 = 2;
/// Set in `message.flags` when a [`Label`] is sealed in front of what the message says.
pub const NAMED: i16 = 4;

/// How much is taken on.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Messages that may wait.
    pub queue_messages: usize,
    /// Bytes of messages that may wait.
    pub queue_bytes: usize,
    /// Most messages in one transaction.
    pub group_messages: usize,
    /// Most bytes in one transaction, but for a single message.
    pub group_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            queue_messages: 16_384,
            queue_bytes: 64 << 20,
            group_messages: 1024,
            group_bytes: 4 << 20,
        }
    }
}

/// A message to be recorded.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The tenant.
    pub tenant: TenantId,
    /// The endpoint.
    pub endpoint: EndpointId,
    /// The channel.
    pub channel: Arc<str>,
    /// Whom it is about.
    pub subject: Option<SubjectId>,
    /// What for.
    pub purpose: Option<PurposeId>,
    /// The handle of its retention class, from [`crate::admission::Admitted`]. Nobody looks at it unless `kept`.
    pub class: i64,
    /// Whether it is stored. Where not, it is only counted: it takes a position.
    pub kept: bool,
    /// It went to the end-user.
    pub outbound: bool,
    /// It is no text.
    pub binary: bool,
    /// What it is called, where its sender named it.
    pub label: Option<Label>,
    /// What it says, minimised.
    pub payload: Bytes,
}

impl Entry {
    /// What it takes in the queue.
    fn weight(&self) -> usize {
        let label = self.label.as_ref().map_or(0, |label| label.bytes().len());
        label + self.payload.len()
    }
}

/// Where a recorded message stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its id; none when it was only counted.
    pub id: Option<MessageId>,
    /// Counts the channel's messages from 1 without gaps.
    pub position: i64,
    /// Changes when positions of before mean nothing any more.
    pub epoch: Arc<str>,
}

/// Why a message was not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// Too much waits already; come back later.
    #[error("the journal is over capacity")]
    Full,
    /// The store did not take it.
    #[error("the journal could not commit")]
    Failed,
    /// The journal is stopping.
    #[error("the journal is stopping")]
    Stopping,
    /// Between admission and now the person was erased, the endpoint deleted, or a rule said that nothing is kept.
    #[error("the message may no longer be recorded")]
    Refused,
}

/// Called once per message that was recorded or counted, in the order of positions per channel, before its publisher hears of it.
pub type OnCommit = Box<dyn FnOnce(&Stored) + Send>;

struct Reply {
    /// Never locked: the mutex lends the closure the `Sync` that a task which waits with it needs.
    on_commit: Mutex<OnCommit>,
    answer: oneshot::Sender<Result<Stored, JournalError>>,
}

struct Queued {
    entry: Entry,
    reply: Reply,
}

/// What the journal has done since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Messages that wait or are being committed.
    pub waiting: usize,
    /// Their bytes.
    pub waiting_bytes: usize,
    /// Messages recorded.
    pub recorded: u64,
    /// Messages that were only counted.
    pub counted: u64,
    /// Messages that the store did not take.
    pub failed: u64,
    /// Transactions.
    pub commits: u64,
}

#[derive(Debug, Default)]
struct Gauges {
    waiting: AtomicUsize,
    waiting_bytes: AtomicUsize,
    recorded: AtomicU64,
    counted: AtomicU64,
    failed: AtomicU64,
    commits: AtomicU64,
}

/// The way into the journal; cheap to clone.
#[derive(Clone, Debug)]
pub struct Journal {
    queue: mpsc::Sender<Queued>,
    gauges: Arc<Gauges>,
    stop: Arc<Notify>,
    queue_bytes: usize,
}

impl std::fmt::Debug for Queued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Queued").field(&self.entry).finish()
    }
}

impl Journal {
    /// Starts the task. It ends after [`Journal::stop`], when everything that was taken on is committed.
    ///
    /// # Errors
    /// When the newest stored id cannot be read: without it an id might be used twice.
    pub async fn start(ctx: Ctx, settings: Settings) -> Result<(Self, JoinHandle<()>)> {
        ctx.ids.skip_messages_to(newest(&ctx).await?);
        let (queue, incoming) = mpsc::channel(settings.queue_messages.max(1));
        let journal = Self {
            queue,
            gauges: Arc::default(),
            stop: Arc::new(Notify::new()),
            queue_bytes: settings.queue_bytes,
        };
        let writer = writer::Writer::new(ctx, settings, journal.gauges.clone(), journal.stop.clone());
        Ok((journal, tokio::spawn(writer.run(incoming))))
    }

    /// Records a message. It is in the queue when this returns; the future tells what became of it, and dropping the
    /// future changes nothing about that.
    pub fn record(
        &self,
        entry: Entry,
        on_commit: OnCommit,
    ) -> impl Future<Output = Result<Stored, JournalError>> + Send + 'static {
        let (answer, answered) = oneshot::channel();
        let size = entry.weight();
        let refused = self
            .enqueue(
                entry,
                Reply {
                    on_commit: Mutex::new(on_commit),
                    answer,
                },
                size,
            )
            .err();
        async move {
            match refused {
                Some(error) => Err(error),
                // The task is gone without an answer only when the process is on its way down.
                None => answered.await.unwrap_or(Err(JournalError::Stopping)),
            }
        }
    }

    fn enqueue(&self, entry: Entry, reply: Reply, size: usize) -> Result<(), JournalError> {
        let waiting = self.gauges.waiting_bytes.fetch_add(size, Ordering::Relaxed);
        self.gauges.waiting.fetch_add(1, Ordering::Relaxed);
        let taken = if waiting > 0 && waiting + size > self.queue_bytes {
            Err(JournalError::Full)
        } else {
            self.queue
                .try_send(Queued { entry, reply })
                .map_err(|error| match error {
                    mpsc::error::TrySendError::Full(_) => JournalError::Full,
                    mpsc::error::TrySendError::Closed(_) => JournalError::Stopping,
                })
        };
        if taken.is_err() {
            self.gauges.settle(1, size);
        }
        taken
    }

    /// Takes on nothing more. What was taken on is still committed and answered.
    pub fn stop(&self) {
        self.stop.notify_one();
    }

    /// Whether it takes messages on.
    pub fn is_running(&self) -> bool {
        !self.queue.is_closed()
    }

    /// What it has done.
    pub fn stats(&self) -> Stats {
        let gauges = &self.gauges;
        Stats {
            waiting: gauges.waiting.load(Ordering::Relaxed),
            waiting_bytes: gauges.waiting_bytes.load(Ordering::Relaxed),
            recorded: gauges.recorded.load(Ordering::Relaxed),
            counted: gauges.counted.load(Ordering::Relaxed),
            failed: gauges.failed.load(Ordering::Relaxed),
            commits: gauges.commits.load(Ordering::Relaxed),
        }
    }
}

impl Gauges {
    fn settle(&self, messages: usize, bytes: usize) {
        self.waiting.fetch_sub(messages, Ordering::Relaxed);
        self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The newest message id that the store or the vault knows.
async fn newest(ctx: &Ctx) -> Result<MessageId> {
    let tx = ctx
        .store
        .system_read("a message id of any tenant must not be used twice")
        .await?;
    // One look-up per class in the order of the primary key, not a scan. Channels and classes take their ids from the
    // same generator.
    let sql = "SELECT MAX(newest) FROM (\
         SELECT (SELECT MAX(m.id) FROM message m WHERE m.class_id = c.id) AS newest FROM retention_class c \
         UNION ALL SELECT MAX(id) FROM retention_class \
         UNION ALL SELECT MAX(id) FROM channel) AS newest_ids";
    let statement = Statement::from_string(tx.conn().get_database_backend(), sql);
    let stored: Option<i64> = match tx.conn().query_one_raw(statement).await? {
        Some(row) => row.try_get_by_index(0)?,
        None => None,
    };
    drop(tx);
    let bucket = ctx.keys.newest_bucket().await?;
    Ok(MessageId(
        stored.into_iter().chain(bucket).max().unwrap_or_default(),
    ))
}
