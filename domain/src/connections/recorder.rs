//! Writes life cycles of connections down, many at once and a moment later: a socket never waits for the store, and a
//! store that fails stops no socket.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use entity::{
    connection::{self, Column},
    id::{ConnectionId, SubjectId, TenantId},
};
use parking_lot::Mutex;
use sea_orm::{
    ColumnTrait, ConnectionTrait,
    sea_query::{OnConflict, Query},
};
use tokio::{
    sync::Notify,
    task::JoinHandle,
    time::{Instant, MissedTickBehavior},
};

use super::{Opened, Totals, close_left_open};
use crate::{ctx::Ctx, error::Result, nodes, subjects, usage, webhooks::sessions::Listeners};

/// How soon what happened can be seen.
const EVERY: Duration = Duration::from_millis(200);
/// How often it is written down what tenants used.
const COUNT_EVERY: Duration = Duration::from_secs(1);
/// Rows in one statement: seventeen values each.
const AT_ONCE: usize = 500;
/// Closed connections that wait for a store that fails. Beyond that the oldest are given up, so that memory is not.
const MOST_WAITING: usize = 200_000;
/// A close reason has at most 123 bytes on the wire.
const REASON: usize = 123;

/// The way to write down what connections do; cheap to clone.
#[derive(Clone)]
pub struct Recorder(Arc<Shared>);

struct Shared {
    ctx: Ctx,
    node: String,
    // Synchronous: nothing waits while holding it, and whoever opens or closes a socket comes by once.
    state: Mutex<State>,
    stop: Notify,
}

#[derive(Default)]
struct State {
    /// Connections that are open, or closed and not yet written down, as they are to be written.
    rows: HashMap<ConnectionId, connection::Model>,
    changed: HashSet<ConnectionId>,
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
        let recorder = Self(Arc::new(Shared {
            ctx,
            node,
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
        let row = connection::Model {
            id: opened.id,
            tenant_id: opened.tenant,
            endpoint_id: opened.endpoint,
            subject_id: opened.subject,
            node: self.0.node.clone(),
            address: opened.address,
            opened_at: now,
            authenticated_at: opened.subject.map(|_| now),
            last_activity_at: now,
            closed_at: None,
            close_code: None,
            close_reason: None,
            bytes_in: 0,
            bytes_out: 0,
            messages_in: 0,
            messages_out: 0,
        };
        let mut state = self.0.state.lock();
        state.changed.insert(row.id);
        state.rows.insert(row.id, row);
    }

    /// It turned out whose connection it is.
    pub fn identified(&self, id: ConnectionId, tenant: TenantId, subject: SubjectId) {
        let now = self.0.ctx.now();
        self.change(id, tenant, |row| {
            row.subject_id = Some(subject);
            row.authenticated_at.get_or_insert(now);
        });
    }

    /// Those that are open.
    pub fn open(&self) -> Vec<(TenantId, ConnectionId)> {
        let state = self.0.state.lock();
        let open = state.rows.values().filter(|row| row.closed_at.is_none());
        open.map(|row| (row.tenant_id, row.id)).collect()
    }

    /// Something passed.
    pub fn active(&self, id: ConnectionId, tenant: TenantId, totals: Totals) {
        let now = self.0.ctx.now();
        self.change(id, tenant, |row| {
            count(row, totals);
            row.last_activity_at = now;
        });
    }

    /// A connection was closed, with a code and a reason of the close table.
    pub fn closed(&self, id: ConnectionId, tenant: TenantId, code: u16, reason: &str, totals: Totals) {
        let now = self.0.ctx.now();
        let mut was_open = false;
        self.change(id, tenant, |row| {
            was_open = row.closed_at.is_none();
            if !was_open {
                return;
            }
            count(row, totals);
            row.closed_at = Some(now);
            row.close_code = Some(code.into());
            row.close_reason = (!reason.is_empty()).then(|| cut(reason));
        });
        if was_open && let Some(slot) = self.0.ctx.pictures.slot(tenant) {
            slot.counters.closed();
        }
    }

    fn change(&self, id: ConnectionId, tenant: TenantId, apply: impl FnOnce(&mut connection::Model)) {
        let mut state = self.0.state.lock();
        let state = &mut *state;
        if let Some(row) = state.rows.get_mut(&id).filter(|row| row.tenant_id == tenant) {
            apply(row);
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
            let rows = self.take();
            if rows.is_empty() {
                return Ok(());
            }
            if let Err(error) = write(&self.0.ctx, &rows).await {
                self.give_back(&rows);
                return Err(error);
            }
            let mut state = self.0.state.lock();
            for row in rows.iter().filter(|row| row.closed_at.is_some()) {
                if !state.changed.contains(&row.id) {
                    state.rows.remove(&row.id);
                }
            }
        }
    }

    fn take(&self) -> Vec<connection::Model> {
        let mut state = self.0.state.lock();
        let some: Vec<_> = state.changed.iter().take(AT_ONCE).copied().collect();
        let mut rows = Vec::with_capacity(some.len());
        for id in some {
            state.changed.remove(&id);
            rows.extend(state.rows.get(&id).cloned());
        }
        rows
    }

    fn give_back(&self, rows: &[connection::Model]) {
        let mut state = self.0.state.lock();
        let state = &mut *state;
        state.changed.extend(rows.iter().map(|row| row.id));
        if state.changed.len() <= MOST_WAITING {
            return;
        }
        let mut closed: Vec<_> = state
            .rows
            .values()
            .filter_map(|row| row.closed_at.map(|at| (at, row.id)))
            .collect();
        closed.sort_unstable();
        let surplus = state.changed.len() - MOST_WAITING;
        for (_, id) in closed.into_iter().take(surplus) {
            state.rows.remove(&id);
            state.changed.remove(&id);
        }
        tracing::error!(surplus, "records of closed connections were given up");
    }
}

fn count(row: &mut connection::Model, totals: Totals) {
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    row.bytes_in = signed(totals.bytes_in);
    row.bytes_out = signed(totals.bytes_out);
    row.messages_in = signed(totals.messages_in);
    row.messages_out = signed(totals.messages_out);
}

fn cut(reason: &str) -> String {
    let end = (0..=REASON.min(reason.len()))
        .rev()
        .find(|end| reason.is_char_boundary(*end))
        .unwrap_or_default();
    reason[..end].to_owned()
}

async fn write(ctx: &Ctx, rows: &[connection::Model]) -> Result<()> {
    let mut insert = Query::insert();
    insert
        .into_table(connection::Entity)
        .columns([
            Column::Id,
            Column::TenantId,
            Column::EndpointId,
            Column::SubjectId,
            Column::Node,
            Column::Address,
            Column::OpenedAt,
            Column::AuthenticatedAt,
            Column::LastActivityAt,
            Column::ClosedAt,
            Column::CloseCode,
            Column::CloseReason,
            Column::BytesIn,
            Column::BytesOut,
            Column::MessagesIn,
            Column::MessagesOut,
        ])
        // Not the person: an erasure may have taken them out of the row meanwhile.
        .on_conflict(
            OnConflict::column(Column::Id)
                .update_columns([
                    Column::LastActivityAt,
                    Column::ClosedAt,
                    Column::CloseCode,
                    Column::CloseReason,
                    Column::BytesIn,
                    Column::BytesOut,
                    Column::MessagesIn,
                    Column::MessagesOut,
                ])
                // Whoever ended it first has the last word: when this process was taken for dead, others did.
                .action_and_where(Column::ClosedAt.is_null())
                .to_owned(),
        );
    for row in rows {
        // Of somebody who was erased before the first record was written, no record names them.
        let gone = row.subject_id.is_some_and(|subject| {
            ctx.standings
                .get(subject)
                .is_some_and(|standing| standing.is_gone())
        });
        insert.values_panic([
            row.id.into(),
            row.tenant_id.into(),
            row.endpoint_id.into(),
            row.subject_id.filter(|_| !gone).map(|subject| subject.0).into(),
            row.node.clone().into(),
            row.address.clone().filter(|_| !gone).into(),
            row.opened_at.into(),
            row.authenticated_at.into(),
            row.last_activity_at.into(),
            row.closed_at.into(),
            row.close_code.into(),
            row.close_reason.clone().into(),
            row.bytes_in.into(),
            row.bytes_out.into(),
            row.messages_in.into(),
            row.messages_out.into(),
        ]);
    }
    let listeners = Listeners::of(ctx, rows).await?;
    let tx = ctx
        .store
        .system("connections of all tenants are recorded")
        .await?;
    let before = listeners.recorded(&tx, rows).await?;
    tx.conn().execute(&insert).await?;
    listeners.tell(ctx, &tx, rows, &before).await?;
    let there: Vec<_> = rows.iter().filter_map(|row| row.subject_id).collect();
    subjects::seen(&tx, &there, ctx.now()).await?;
    tx.save().await?;
    Ok(())
}
