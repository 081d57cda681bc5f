//! Writes life cycles of connections down, many at once and a moment later: a socket never waits for the store, and a
//! store that fails stops no socket.

mod entry;
mod write;

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use entity::id::{ConnectionId, SubjectId, TenantId};
use parking_lot::Mutex;
use tokio::{
    sync::Notify,
    task::JoinHandle,
    time::{Instant, MissedTickBehavior},
};

use self::{
    entry::Entry,
    write::{Batch, statement, write},
};
use super::{Opened, Totals, close_left_open};
use crate::{
    ctx::Ctx,
    error::Result,
    inserts::{self, Insert},
    nodes, usage,
};

/// How soon what happened can be seen.
const EVERY: Duration = Duration::from_millis(200);
/// How often it is written down what tenants used.
const COUNT_EVERY: Duration = Duration::from_secs(1);
/// Records in one transaction: as many as the largest statement has rows.
const AT_ONCE: usize = inserts::MOST;
/// Closed connections that wait for a store that fails. Beyond that the oldest are given up, so that memory is not.
const MOST_WAITING: usize = 200_000;

/// The way to write down what connections do; cheap to clone.
#[derive(Clone)]
pub struct Recorder(Arc<Shared>);

struct Shared {
    ctx: Ctx,
    node: String,
    insert: Insert,
    // Synchronous: nothing waits while holding it, and whoever opens or closes a socket comes by once.
    state: Mutex<State>,
    stop: Notify,
}

#[derive(Default)]
struct State {
    /// Connections that are open, or closed and not yet written down, as they are to be written.
    entries: HashMap<ConnectionId, Entry>,
    /// In the order in which they were opened: a tree grows best at its end.
    changed: BTreeSet<ConnectionId>,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder")
            .field("node", &self.0.node)
            .finish_non_exhaustive()
    }
}

impl Recorder {
    /// Starts the task. Connections that an earlier process of the same node left open are recorded as closed (1006: it
    /// ended without a word). The task ends after [`Recorder::stop`], when everything is written down.
    ///
    /// # Errors
    /// What the store said.
    pub async fn start(ctx: Ctx, node: String) -> Result<(Self, JoinHandle<()>)> {
        nodes::begin(&ctx, &node).await?;
        close_left_open(&ctx, &node, "node stopped").await?;
        let backend = ctx.store.connection_for_maintenance().get_database_backend();
        let recorder = Self(Arc::new(Shared {
            ctx,
            node,
            insert: statement(backend),
            state: Mutex::default(),
            stop: Notify::new(),
        }));
        let task = tokio::spawn(recorder.clone().run());
        Ok((recorder, task))
    }

    /// A connection was accepted.
    pub fn opened(&self, opened: Opened) {
        let now = self.0.ctx.now();
        if let Some(slot) = self.0.ctx.pictures.slot(opened.tenant) {
            slot.counters.opened();
        }
        let (id, entry) = (opened.id, Entry::new(opened, now));
        let mut state = self.0.state.lock();
        state.changed.insert(id);
        state.entries.insert(id, entry);
    }

    /// It turned out whose connection it is.
    pub fn identified(&self, id: ConnectionId, tenant: TenantId, subject: SubjectId) {
        let now = self.0.ctx.now();
        self.change(id, tenant, |entry| entry.identify(subject, now));
    }

    /// Those that are open.
    pub fn open(&self) -> Vec<(TenantId, ConnectionId)> {
        let state = self.0.state.lock();
        let open = state.entries.iter().filter(|(_, entry)| !entry.is_closed());
        open.map(|(id, entry)| (entry.tenant, *id)).collect()
    }

    /// Something passed.
    pub fn active(&self, id: ConnectionId, tenant: TenantId, totals: Totals) {
        let now = self.0.ctx.now();
        self.change(id, tenant, |entry| entry.moved(totals, now));
    }

    /// A connection was closed, with a code and a reason of the close table.
    pub fn closed(&self, id: ConnectionId, tenant: TenantId, code: u16, reason: &str, totals: Totals) {
        let now = self.0.ctx.now();
        let mut was_open = false;
        self.change(id, tenant, |entry| {
            was_open = entry.close(code, reason, totals, now);
        });
        if was_open && let Some(slot) = self.0.ctx.pictures.slot(tenant) {
            slot.counters.closed();
        }
    }

    fn change(&self, id: ConnectionId, tenant: TenantId, apply: impl FnOnce(&mut Entry)) {
        let mut state = self.0.state.lock();
        let state = &mut *state;
        if let Some(entry) = state.entries.get_mut(&id).filter(|entry| entry.tenant == tenant) {
            apply(entry);
            state.changed.insert(id);
        }
    }

    /// Writes down what is left, then ends the task.
    pub fn stop(&self) {
        self.0.stop.notify_one();
    }

    async fn run(self) {
        let mut tick = tokio::time::interval(EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut counted = Instant::now();
        loop {
            let stopping = tokio::select! {
                _ = tick.tick() => false,
                () = self.0.stop.notified() => true,
            };
            if let Err(error) = self.flush().await {
                // What is not written stays marked and is tried again.
                tracing::error!(%error, "connections could not be recorded");
            }
            if stopping || counted.elapsed() >= COUNT_EVERY {
                counted = Instant::now();
                if let Err(error) = usage::flush(&self.0.ctx).await {
                    tracing::error!(%error, "usage could not be recorded");
                }
            }
            if stopping {
                return;
            }
        }
    }

    /// Writes down what changed.
    ///
    /// # Errors
    /// What the store said; what was not written is written the next time.
    pub async fn flush(&self) -> Result<()> {
        loop {
            let batch = self.take();
            if batch.rows.is_empty() {
                return Ok(());
            }
            if let Err(error) = write(&self.0.ctx, &self.0.insert, &batch).await {
                self.give_back(&batch);
                return Err(error);
            }
            let mut state = self.0.state.lock();
            let state = &mut *state;
            for row in batch.rows.iter().filter(|row| row.closed_at.is_some()) {
                if !state.changed.contains(&row.id) {
                    state.entries.remove(&row.id);
                }
            }
            if state.entries.is_empty() {
                // Give back what a large crowd needed.
                state.entries = HashMap::new();
            }
        }
    }

    fn take(&self) -> Batch {
        let mut state = self.0.state.lock();
        let state = &mut *state;
        let mut batch = Batch::default();
        while batch.rows.len() < AT_ONCE
            && let Some(id) = state.changed.pop_first()
        {
            let Some(entry) = state.entries.get_mut(&id) else {
                continue;
            };
            let row = entry.row(id, &self.0.node);
            if entry.is_named_late() {
                batch.named_late.push(row.clone());
            }
            batch.rows.push(row);
        }
        batch
    }

    fn give_back(&self, batch: &Batch) {
        let mut state = self.0.state.lock();
        let state = &mut *state;
        state.changed.extend(batch.rows.iter().map(|row| row.id));
        for row in &batch.named_late {
            if let Some(entry) = state.entries.get_mut(&row.id) {
                entry.name_again();
            }
        }
        if state.changed.len() <= MOST_WAITING {
            return;
        }
        let mut closed: Vec<_> = state
            .entries
            .iter()
            .filter_map(|(id, entry)| entry.closed_at().map(|at| (at, *id)))
            .collect();
        closed.sort_unstable();
        let surplus = state.changed.len() - MOST_WAITING;
        for (_, id) in closed.into_iter().take(surplus) {
            state.entries.remove(&id);
            state.changed.remove(&id);
        }
        tracing::error!(surplus, "records of closed connections were given up");
    }
}
