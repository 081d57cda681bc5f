//! Whose turn it is to dial. A node opens so many sockets at once and no more, and who waits for that gets turns by deficit
//! round robin (Shreedhar and Varghese, 1995): between tenants, and within a tenant between its endpoints. A turn costs the
//! time that it took, and who spent least is next, so a back end that lets every handshake run into its timeout slows its own tenant down and nobody else.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use parking_lot::Mutex;
use tokio::{sync::oneshot, time::Instant};
use uuid::Uuid;

/// What a turn costs before it is known what it took, in milliseconds.
const QUANTUM: i64 = 50;

/// The turns of a node.
#[derive(Clone)]
pub(crate) struct Turns(Arc<Mutex<Queue>>);

struct Queue {
    free: usize,
    /// Tenants of whom somebody waits, in the order of the round.
    round: VecDeque<Uuid>,
    tenants: HashMap<Uuid, Tenant>,
}

#[derive(Default)]
struct Tenant {
    /// What it may still spend, in milliseconds; below zero, what it spent too much.
    credit: i64,
    round: VecDeque<Uuid>,
    waiting: HashMap<Uuid, VecDeque<oneshot::Sender<Turn>>>,
    /// Turns under way.
    busy: usize,
}

/// The right to dial, until dropped.
pub(crate) struct Turn {
    turns: Turns,
    tenant: Uuid,
    since: Instant,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let spent = i64::try_from(self.since.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.turns.end(self.tenant, spent);
    }
}

impl Turns {
    /// So many at once.
    pub(crate) fn new(at_once: usize) -> Self {
        Self(Arc::new(Mutex::new(Queue {
            free: at_once.max(1),
            round: VecDeque::new(),
            tenants: HashMap::new(),
        })))
    }

    /// Waits for a turn.
    pub(crate) async fn turn(&self, tenant: Uuid, endpoint: Uuid) -> Turn {
        let (give, given) = oneshot::channel();
        {
            let mut queue = self.0.lock();
            let of = queue.tenants.entry(tenant).or_default();
            let fresh = of.round.is_empty();
            let waiting = of.waiting.entry(endpoint).or_default();
            if waiting.is_empty() {
                of.round.push_back(endpoint);
            }
            waiting.push_back(give);
            if fresh {
                queue.round.push_back(tenant);
            }
        }
        self.give();
        match given.await {
            Ok(turn) => turn,
            // The other end is only dropped with the turns themselves, which are here.
            Err(_) => std::future::pending().await,
        }
    }

    /// Gives turns to those who are next, as far as there are some.
    fn give(&self) {
        loop {
            let mut queue = self.0.lock();
            if queue.free == 0 {
                return;
            }
            let Some((tenant, give)) = queue.next() else {
                return;
            };
            queue.free -= 1;
            queue.tenants.entry(tenant).or_default().busy += 1;
            drop(queue);
            let turn = Turn {
                turns: self.clone(),
                tenant,
                since: Instant::now(),
            };
            // Who went meanwhile drops the turn, and with that gives it back.
            drop(give.send(turn));
        }
    }

    fn end(&self, tenant: Uuid, spent: i64) {
        {
            let mut queue = self.0.lock();
            queue.free += 1;
            if let Some(of) = queue.tenants.get_mut(&tenant) {
                of.busy -= 1;
                of.credit += QUANTUM - spent;
                if of.busy == 0 && of.round.is_empty() && of.credit >= 0 {
                    queue.tenants.remove(&tenant);
                }
            }
        }
        self.give();
    }
}

impl Queue {
    fn next(&mut self) -> Option<(Uuid, oneshot::Sender<Turn>)> {
        // What they all lack is the same for all: no tenant is passed over when nobody has credit.
        let lacks = self
            .round
            .iter()
            .filter_map(|tenant| self.tenants.get(tenant))
            .map(|of| -of.credit)
            .min()?;
        if lacks > 0 {
            for tenant in &self.round {
                if let Some(of) = self.tenants.get_mut(tenant) {
                    of.credit += lacks;
                }
            }
            // Debts of those who wait for nothing are paid off in the same rounds, and forgotten.
            let waiting: Vec<Uuid> = self.round.iter().copied().collect();
            self.tenants.retain(|tenant, of| {
                if !waiting.contains(tenant) {
                    of.credit = (of.credit + lacks).min(0);
                }
                of.busy > 0 || of.credit < 0 || !of.round.is_empty()
            });
        }
        // The first in the round of those who have most left.
        let mut best: Option<(usize, i64)> = None;
        for (place, tenant) in self.round.iter().enumerate() {
            let credit = self.tenants.get(tenant).map_or(i64::MIN, |of| of.credit);
            if best.is_none_or(|(_, most)| credit > most) {
                best = Some((place, credit));
            }
        }
        let tenant = self.round.remove(best?.0)?;
        let of = self.tenants.get_mut(&tenant)?;
        let give = of.next();
        if !of.round.is_empty() {
            self.round.push_back(tenant);
        }
        match give {
            Some(give) => {
                of.credit -= QUANTUM;
                Some((tenant, give))
            }
            // All of them went.
            None => self.next(),
        }
    }
}

impl Tenant {
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        while let Some(endpoint) = self.round.pop_front() {
            let Some(waiting) = self.waiting.get_mut(&endpoint) else {
                continue;
            };
            waiting.retain(|give| !give.is_closed());
            let give = waiting.pop_front();
            if waiting.is_empty() {
                self.waiting.remove(&endpoint);
            } else {
                self.round.push_back(endpoint);
            }
            if give.is_some() {
                return give;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const A: Uuid = Uuid::from_u128(1);
    const B: Uuid = Uuid::from_u128(2);

    #[tokio::test]
    async fn a_tenant_with_a_hundred_dials_does_not_stand_before_one_with_one() {
        let turns = Turns::new(1);
        let first = turns.turn(A, A).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for (tenant, count) in [(A, 100), (B, 3)] {
            for _ in 0..count {
                let (turns, order) = (turns.clone(), Arc::clone(&order));
                tasks.push(tokio::spawn(async move {
                    let _turn = turns.turn(tenant, tenant).await;
                    order.lock().push(tenant);
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }));
                tokio::task::yield_now().await;
            }
        }
        drop(first);
        for task in tasks {
            task.await.unwrap();
        }
        let order = order.lock();
        let last = order.iter().rposition(|tenant| *tenant == B).unwrap();
        assert!(last < 20, "B's third came after {last} others");
        assert_eq!(order.len(), 103);
    }

    #[tokio::test]
    async fn who_takes_long_waits_long() {
        let turns = Turns::new(2);
        let spent = Arc::new(Mutex::new(HashMap::<Uuid, Duration>::new()));
        let start = Instant::now();
        let mut tasks = Vec::new();
        for (tenant, takes) in [(A, 200), (B, 2)] {
            for _ in 0..20 {
                let (turns, spent) = (turns.clone(), Arc::clone(&spent));
                tasks.push(tokio::spawn(async move {
                    let _turn = turns.turn(tenant, tenant).await;
                    tokio::time::sleep(Duration::from_millis(takes)).await;
                    spent.lock().insert(tenant, start.elapsed());
                }));
            }
        }
        for task in tasks {
            task.await.unwrap();
        }
        let spent = spent.lock();
        assert!(spent[&B] * 2 < spent[&A], "{spent:?}");
    }

    #[tokio::test]
    async fn who_went_while_waiting_costs_no_turn() {
        let turns = Turns::new(1);
        let first = turns.turn(A, A).await;
        let gone = tokio::spawn({
            let turns = turns.clone();
            async move { turns.turn(A, A).await }
        });
        tokio::task::yield_now().await;
        gone.abort();
        drop(gone.await);
        drop(first);
        let _next = tokio::time::timeout(Duration::from_secs(1), turns.turn(B, B))
            .await
            .expect("its turn");
    }
}
