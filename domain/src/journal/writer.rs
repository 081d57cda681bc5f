//! The task of the journal: takes, seals, has committed, tells.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
};

use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
};
use vault::chance;

use super::{
    Gauges, JournalError, Queued, Settings,
    commit::{Settled, commit},
    insert::Inserts,
    seal::{Sealed, Sealer},
};
use crate::ctx::Ctx;

/// A commit costs about as much as writing this many messages: more of them do not wait for company.
const WORTH_A_COMMIT: usize = 256;

/// A group on its way to the disk.
struct Committing {
    task: JoinHandle<Vec<Settled>>,
    messages: usize,
    bytes: usize,
}

pub(super) struct Writer {
    ctx: Ctx,
    settings: Settings,
    gauges: Arc<Gauges>,
    stop: Arc<Notify>,
    sealer: Sealer,
    inserts: Arc<Inserts>,
    /// Ready to be committed.
    sealed: Vec<Sealed>,
}

impl Writer {
    pub(super) fn new(ctx: Ctx, settings: Settings, gauges: Arc<Gauges>, stop: Arc<Notify>) -> Self {
        let backend = ctx.store.connection_for_maintenance().get_database_backend();
        // Two processes may draw the same: then they wait for each other, which is all that the shards spare them.
        let [byte] = chance::bytes::<1>(&*ctx.chance);
        let shard = i16::from(byte % 64);
        Self {
            sealer: Sealer::new(ctx.clone()),
            inserts: Arc::new(Inserts::new(backend, shard)),
            sealed: Vec::new(),
            ctx,
            settings,
            gauges,
            stop,
        }
    }

    pub(super) async fn run(mut self, mut incoming: mpsc::Receiver<Queued>) {
        let group = self.settings.group_messages.max(1);
        let stop = self.stop.clone();
        let mut taken = Vec::with_capacity(group);
        let mut committing: Option<Committing> = None;
        let mut open = true;
        loop {
            if committing.is_none() {
                committing = self.next_group();
            }
            if committing.is_none() && !open {
                return;
            }
            let room = group.saturating_sub(self.sealed.len());
            tokio::select! {
                biased;
                settled = self.finished(&mut committing), if committing.is_some() => {
                    if self.sealed.len() >= WORTH_A_COMMIT {
                        // On its way before anybody is told: telling may take a while.
                        committing = self.next_group();
                        self.tell(settled);
                    } else {
                        self.tell(settled);
                        // Whoever was just told may have the next message at hand: it goes along.
                        tokio::task::yield_now().await;
                        let room = group.saturating_sub(self.sealed.len());
                        while taken.len() < room && let Ok(queued) = incoming.try_recv() {
                            taken.push(queued);
                        }
                        self.seal(&mut taken).await;
                    }
                }
                () = stop.notified() => incoming.close(),
                count = incoming.recv_many(&mut taken, room), if open && room > 0 => {
                    if count == 0 {
                        open = false;
                    } else {
                        self.seal(&mut taken).await;
                    }
                }
            }
        }
    }

    async fn seal(&mut self, taken: &mut Vec<Queued>) {
        for (queued, error) in self.sealer.seal(taken, &mut self.sealed).await {
            self.gauges.settle(1, queued.entry.weight());
            // Whoever asked may have gone.
            let _ = queued.reply.answer.send(Err(error));
        }
    }

    /// Has the next group committed by a task of its own, so that sealing goes on meanwhile.
    fn next_group(&mut self) -> Option<Committing> {
        let mut bytes = 0;
        let count = self
            .sealed
            .iter()
            .take(self.settings.group_messages.max(1))
            .take_while(|message| {
                let first = bytes == 0;
                bytes += message.stored_bytes();
                first || bytes <= self.settings.group_bytes
            })
            .count();
        if count == 0 {
            return None;
        }
        let rest = self.sealed.split_off(count);
        let group = std::mem::replace(&mut self.sealed, rest);
        Some(Committing {
            messages: group.len(),
            bytes: group.iter().map(|message| message.weight).sum(),
            task: tokio::spawn(commit(self.ctx.clone(), self.inserts.clone(), group)),
        })
    }

    async fn finished(&self, committing: &mut Option<Committing>) -> Vec<Settled> {
        let Some(group) = committing else {
            return std::future::pending().await;
        };
        let outcome = (&mut group.task).await;
        let (messages, bytes) = (group.messages, group.bytes);
        *committing = None;
        match outcome {
            Ok(settled) => settled,
            Err(error) => {
                // Whoever waits hears that the journal is stopping.
                tracing::error!(%error, "a group of the journal was lost");
                self.gauges.settle(messages, bytes);
                Vec::new()
            }
        }
    }

    fn tell(&self, settled: Vec<Settled>) {
        let gauges = &self.gauges;
        gauges.commits.fetch_add(1, Ordering::Relaxed);
        for message in settled {
            gauges.settle(1, message.weight);
            match &message.outcome {
                Ok(stored) => {
                    let counter = match stored.id {
                        Some(_) => &gauges.recorded,
                        None => &gauges.counted,
                    };
                    counter.fetch_add(1, Ordering::Relaxed);
                    let on_commit = message.reply.on_commit.into_inner();
                    // A delivery that goes wrong must not take the journal with it.
                    if catch_unwind(AssertUnwindSafe(|| on_commit(stored))).is_err() {
                        tracing::error!("the delivery of a message panicked after its commit");
                    }
                }
                Err(JournalError::Failed) => drop(gauges.failed.fetch_add(1, Ordering::Relaxed)),
                Err(_) => {}
            }
            // Whoever asked may have gone; the message is recorded all the same.
            let _ = message.reply.answer.send(message.outcome);
        }
    }
}
