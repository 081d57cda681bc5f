//! The way in for what happens on channels: a question to memory whether anybody listens, and a place in a bounded queue.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use entity::id::{EndpointId, TenantId};
use parking_lot::Mutex;
use tokio::{
    sync::Notify,
    task::JoinHandle,
    time::{Instant, sleep, sleep_until},
};

use super::{
    Settings,
    events::Happening,
    linger::Lingering,
    recover,
    round::round,
    shared::{Kept, keep},
    write::Round,
};
use crate::{ctx::Ctx, error::Result};

/// Something that happened, and where.
#[derive(Clone, Debug)]
pub(super) struct Happened {
    pub(super) tenant: TenantId,
    pub(super) endpoint: EndpointId,
    pub(super) channel: Arc<str>,
    pub(super) what: Happening,
    pub(super) at: DateTime<Utc>,
}

/// Events that one round takes from the queue.
const ROUND: usize = 4_096;
/// The pause before a round is tried again that the store or the vault did not take.
const AGAIN: Duration = Duration::from_millis(500);
/// How often that is tried while the process stops.
const TRIES_AT_THE_END: u32 = 3;

/// Takes what happens on channels; cheap to clone.
#[derive(Clone)]
pub struct Hooks(Arc<Shared>);

struct Shared {
    ctx: Ctx,
    node: String,
    settings: Settings,
    // Synchronous: nothing waits while holding it.
    queue: Mutex<Queue>,
    wake: Notify,
    stop: Notify,
    stopping: AtomicBool,
    dropped: AtomicU64,
    told: AtomicU64,
    /// What others told of and this process is to tell the end of. As much as there are channels and members here.
    kept: Mutex<Vec<Kept>>,
}

#[derive(Default)]
struct Queue {
    events: VecDeque<Happened>,
    bytes: usize,
    /// Since the last round.
    dropped: u64,
}

/// What was done since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HookStats {
    /// Events that wait to be written down.
    pub waiting: usize,
    /// Events that were dropped because too many waited.
    pub dropped: u64,
    /// Deliveries written down.
    pub deliveries: u64,
}

impl std::fmt::Debug for Hooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hooks")
            .field("node", &self.0.node)
            .finish_non_exhaustive()
    }
}

impl Hooks {
    /// Starts the task. Whoever was on a channel when an earlier process of this node ended may come back for a while;
    /// then webhooks are told that they left. The task ends after [`Hooks::stop`], when what waits is written down.
    ///
    /// # Errors
    /// What the store said.
    pub async fn start(ctx: Ctx, node: String) -> Result<(Self, JoinHandle<()>)> {
        let settings = ctx.settings.webhooks.clone();
        recover::skip_ids(&ctx).await?;
        let mut lingering = Lingering::default();
        let due = Instant::now() + settings.return_after_restart();
        for left in recover::left_behind(&ctx, &node).await? {
            // Beyond what lingers, they are told at once.
            if let Some(event) = lingering.take(left, due) {
                lingering.take(event, Instant::now());
            }
        }
        let hooks = Self(Arc::new(Shared {
            ctx,
            node,
            settings,
            queue: Mutex::default(),
            wake: Notify::new(),
            stop: Notify::new(),
            stopping: AtomicBool::new(false),
            dropped: AtomicU64::new(0),
            told: AtomicU64::new(0),
            kept: Mutex::default(),
        }));
        let task = tokio::spawn(hooks.clone().run(lingering));
        Ok((hooks, task))
    }

    /// Something happened on a channel. Costs a look into memory when nobody listens. Never waits.
    pub fn happened(&self, tenant: TenantId, endpoint: EndpointId, channel: &Arc<str>, what: Happening) {
        let shared = &*self.0;
        let listens = shared.ctx.pictures.get(endpoint).is_some_and(|picture| {
            picture.tenant == tenant
                && picture
                    .endpoint(endpoint)
                    .is_some_and(|endpoint| endpoint.listening.wants(what.paired(), Some(channel)))
        });
        if !listens {
            return;
        }
        let weight = what.weight();
        let mut queue = shared.queue.lock();
        if queue.events.len() >= shared.settings.queue_events
            || (queue.bytes > 0 && queue.bytes + weight > shared.settings.queue_bytes)
        {
            queue.dropped += 1;
            shared.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        queue.bytes += weight;
        queue.events.push_back(Happened {
            tenant,
            endpoint,
            channel: channel.clone(),
            what,
            at: shared.ctx.now(),
        });
        drop(queue);
        shared.wake.notify_one();
    }

    /// A node is gone that may have told of somebody's coming who is here too: this process tells of their going.
    pub fn kept(&self, tenant: TenantId, endpoint: EndpointId, channel: &Arc<str>, user: Option<&str>) {
        self.0.kept.lock().push(Kept {
            tenant,
            endpoint,
            channel: channel.clone(),
            user: user.map(Into::into),
        });
        self.0.wake.notify_one();
    }

    /// What was done.
    pub fn stats(&self) -> HookStats {
        HookStats {
            waiting: self.0.queue.lock().events.len(),
            dropped: self.0.dropped.load(Ordering::Relaxed),
            deliveries: self.0.told.load(Ordering::Relaxed),
        }
    }

    /// Writes down what waits, then ends the task. Who left and may yet come back is told by the next process.
    pub fn stop(&self) {
        self.0.stopping.store(true, Ordering::Release);
        self.0.stop.notify_one();
    }

    async fn run(self, mut lingering: Lingering) {
        let shared = &*self.0;
        loop {
            let due = lingering.next();
            tokio::select! {
                () = shared.stop.notified() => {}
                () = shared.wake.notified() => {
                    // What happens now belongs into the same delivery.
                    tokio::select! {
                        () = shared.stop.notified() => {}
                        () = sleep(shared.settings.collect()) => {}
                    }
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            }
            let stopping = shared.stopping.load(Ordering::Acquire);
            let kept = std::mem::take(&mut *shared.kept.lock());
            if !kept.is_empty() {
                shared
                    .keep_trying(|| keep(&shared.ctx, &kept, &shared.node))
                    .await;
            }
            loop {
                let (taken, more) = shared.take();
                let now = Instant::now();
                let due = now + shared.settings.return_within();
                let mut passing: Vec<Happened> = taken
                    .into_iter()
                    .filter_map(|happened| lingering.take(happened, due))
                    .collect();
                if !stopping {
                    passing.extend(lingering.due(now));
                }
                shared.write_down(passing).await;
                if !more {
                    break;
                }
            }
            if stopping {
                return;
            }
        }
    }
}

impl Shared {
    /// Some of what waits, and whether more does.
    fn take(&self) -> (Vec<Happened>, bool) {
        let mut queue = self.queue.lock();
        let count = queue.events.len().min(ROUND);
        let taken: Vec<Happened> = queue.events.drain(..count).collect();
        queue.bytes -= taken.iter().map(|event| event.what.weight()).sum::<usize>();
        let dropped = std::mem::take(&mut queue.dropped);
        let more = !queue.events.is_empty();
        drop(queue);
        if dropped > 0 {
            tracing::error!(dropped, "too many webhook events waited; some were dropped");
        }
        (taken, more)
    }

    /// Tries until it is written down, or until the process ends and it was tried often enough.
    async fn write_down(&self, events: Vec<Happened>) {
        if events.is_empty() {
            return;
        }
        let count = events.len();
        // First what is sealed and named, once; then the writing, so that a commit whose answer was lost is done twice under
        // the same names and counts once.
        let Some(round) = self
            .keep_trying(|| round(&self.ctx, events.clone(), &self.node))
            .await
        else {
            tracing::error!(
                dropped = count,
                "webhook events could not be sealed and were dropped"
            );
            self.dropped.fetch_add(count as u64, Ordering::Relaxed);
            return;
        };
        if round.is_empty() {
            return;
        }
        if self.keep_trying(|| self.commit(&round)).await.is_none() {
            tracing::error!(
                dropped = count,
                "webhook events could not be written down and were dropped"
            );
            self.dropped.fetch_add(count as u64, Ordering::Relaxed);
        }
    }

    async fn commit(&self, round: &Round) -> Result<()> {
        let tx = self
            .ctx
            .store
            .system("what webhooks of all tenants are told is written down")
            .await?;
        round.write(&tx, &self.node, self.ctx.now()).await?;
        tx.save().await?;
        self.told.fetch_add(round.drafts.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    async fn keep_trying<T, F, R>(&self, attempt: F) -> Option<T>
    where
        F: Fn() -> R,
        R: Future<Output = Result<T>>,
    {
        let mut tries = 0;
        loop {
            match attempt().await {
                Ok(done) => return Some(done),
                Err(error) => tracing::error!(error = ?error, "webhook events could not be recorded"),
            }
            if self.stopping.load(Ordering::Acquire) {
                tries += 1;
                if tries >= TRIES_AT_THE_END {
                    return None;
                }
            }
            sleep(AGAIN).await;
        }
    }
}
