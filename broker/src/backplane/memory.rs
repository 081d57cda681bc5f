//! A backplane within one process: several brokers in one test, behaving as nodes do.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::{Ask, Away, Backplane, Count, Grant, Heard, Parcel, Standing, ears, leases::Ledger};

/// What all nodes of a process share.
#[derive(Clone, Default)]
pub struct Bus(Arc<Mutex<Shared>>);

#[derive(Default)]
struct Shared {
    nodes: Vec<Arc<Node>>,
    counted: HashMap<Arc<str>, Standing>,
    once: HashMap<(Arc<str>, Box<str>), Standing>,
    claims: HashMap<Arc<str>, BTreeSet<Box<str>>>,
    leases: Ledger,
}

struct Node {
    ears: mpsc::Sender<Heard>,
    topics: Mutex<HashSet<Arc<str>>>,
    up: AtomicBool,
}

/// One node's way to the bus.
pub struct Memory {
    bus: Bus,
    node: Arc<Node>,
}

impl Bus {
    /// A bus that nobody is on.
    pub fn new() -> Self {
        Self::default()
    }

    /// A node's way to it, and what the node hears.
    pub fn join(&self) -> (Arc<Memory>, mpsc::Receiver<Heard>) {
        let (ears, heard) = ears();
        let node = Arc::new(Node {
            ears,
            topics: Mutex::default(),
            up: AtomicBool::new(true),
        });
        self.0.lock().nodes.push(Arc::clone(&node));
        let bus = self.clone();
        (Arc::new(Memory { bus, node }), heard)
    }

    /// Forgets everything that was counted and claimed, as a flushed server does.
    pub fn flush(&self) {
        let mut shared = self.0.lock();
        shared.counted.clear();
        shared.once.clear();
        shared.claims.clear();
        shared.leases = Ledger::default();
    }
}

impl Memory {
    /// Cuts the node off, or lets it back.
    pub fn cut(&self, cut: bool) {
        // Under the lock of those who send: whatever is told later is told to whom it should be.
        let _shared = self.bus.0.lock();
        if self.node.up.swap(!cut, Ordering::SeqCst) == cut {
            self.node.tell(if cut { Heard::Cut } else { Heard::Back });
        }
    }

    fn reach(&self) -> Result<parking_lot::MutexGuard<'_, Shared>, Away> {
        let shared = self.bus.0.lock();
        if self.node.up.load(Ordering::SeqCst) {
            Ok(shared)
        } else {
            Err(Away)
        }
    }
}

impl Node {
    fn tell(&self, heard: Heard) {
        // A test that lets so much wait is about something else.
        let _ = self.ears.try_send(heard);
    }
}

impl Shared {
    fn tell(&self, topic: &Arc<str>, position: Option<&Standing>, bytes: &Bytes) {
        for node in &self.nodes {
            if node.up.load(Ordering::SeqCst) && node.topics.lock().contains(topic) {
                node.tell(Heard::Parcel {
                    topic: Arc::clone(topic),
                    position: position.cloned(),
                    bytes: bytes.clone(),
                });
            }
        }
    }

    fn take(&mut self, parcel: &Parcel) -> Option<Standing> {
        let topic = &parcel.topic;
        match &parcel.count {
            Count::No => {
                self.tell(topic, None, &parcel.bytes);
                None
            }
            Count::Renew { fresh } => {
                let standing = Standing {
                    epoch: (&**fresh).into(),
                    offset: 0,
                };
                self.counted.insert(Arc::clone(topic), standing.clone());
                self.tell(topic, None, &parcel.bytes);
                Some(standing)
            }
            Count::Next { once, fresh } => {
                let name = (Arc::clone(topic), once.clone());
                if let Some(there) = self.once.get(&name) {
                    return Some(there.clone());
                }
                let standing = self.counted(topic, fresh);
                standing.offset += 1;
                let standing = standing.clone();
                self.once.insert(name, standing.clone());
                self.tell(topic, Some(&standing), &parcel.bytes);
                Some(standing)
            }
        }
    }

    fn counted(&mut self, topic: &Arc<str>, fresh: &str) -> &mut Standing {
        self.counted.entry(Arc::clone(topic)).or_insert_with(|| Standing {
            epoch: fresh.into(),
            offset: 0,
        })
    }
}

impl Backplane for Memory {
    fn send(&self, parcels: Vec<Parcel>) -> BoxFuture<'_, Result<Vec<Option<Standing>>, Away>> {
        Box::pin(async move {
            let mut shared = self.reach()?;
            Ok(parcels.iter().map(|parcel| shared.take(parcel)).collect())
        })
    }

    fn listen(&self, topics: Vec<Arc<str>>) -> BoxFuture<'_, Result<(), Away>> {
        self.node.topics.lock().extend(topics);
        Box::pin(async { self.reach().map(drop) })
    }

    fn leave(&self, topics: Vec<Arc<str>>) -> BoxFuture<'_, Result<(), Away>> {
        let mut heard = self.node.topics.lock();
        for topic in topics {
            heard.remove(&topic);
        }
        Box::pin(async { Ok(()) })
    }

    fn standing(&self, topics: Vec<Arc<str>>, fresh: Box<str>) -> BoxFuture<'_, Result<Vec<Standing>, Away>> {
        Box::pin(async move {
            let mut shared = self.reach()?;
            let stand = |topic: &Arc<str>| shared.counted(topic, &fresh).clone();
            Ok(topics.iter().map(stand).collect())
        })
    }

    fn claim(
        &self,
        topic: Arc<str>,
        node: Box<str>,
        here: bool,
        living: Vec<Box<str>>,
    ) -> BoxFuture<'_, Result<bool, Away>> {
        Box::pin(async move {
            let mut shared = self.reach()?;
            let claims = shared.claims.entry(Arc::clone(&topic)).or_default();
            let changed = if here {
                claims.insert(node.clone())
            } else {
                claims.remove(&node)
            };
            claims.retain(|other| *other == node || living.contains(other));
            let alone = !claims.iter().any(|other| *other != node);
            if claims.is_empty() {
                shared.claims.remove(&topic);
            }
            Ok(changed && alone)
        })
    }

    fn settle(&self, ask: Ask) -> BoxFuture<'_, Result<Grant, Away>> {
        Box::pin(async move { Ok(self.reach()?.leases.settle(&ask)) })
    }

    fn attend(&self, _house: Arc<str>, node: Box<str>, now: bool) -> BoxFuture<'_, Result<bool, Away>> {
        Box::pin(async move { Ok(self.reach()?.leases.attend(&node, now)) })
    }

    fn is_up(&self) -> bool {
        self.node.up.load(Ordering::SeqCst)
    }
}
