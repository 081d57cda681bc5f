//! What comes in: one task, in the order in which it came.

use std::sync::{Arc, atomic::Ordering};

use bytes::Bytes;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep},
};

use super::{
    Cluster, Flight,
    lease::LEASE,
    orders::ToDo,
    stream::Turn,
    topics::Topic,
    wire::{Head, Kind, Said},
};
use crate::{
    backplane::{Heard, Standing},
    broker::Core,
};

pub(super) async fn hear_all(
    cluster: Arc<Cluster>,
    mut ears: mpsc::Receiver<Heard>,
    orders: mpsc::Sender<ToDo>,
) {
    let control = cluster.control();
    let mine = cluster.of_node(cluster.me);
    // Where it fails it is tried again when the backplane is there.
    let _ = cluster
        .backplane
        .listen(vec![Arc::clone(&control), Arc::clone(&mine)])
        .await;
    if cluster.is_up() {
        cluster.back();
    }
    while let Some(one) = ears.recv().await {
        match one {
            Heard::Cut => {
                cluster.missing.store(true, Ordering::SeqCst);
                cluster.deaf.store(true, Ordering::SeqCst);
                cluster.meters.up.set(0.0);
                tracing::warn!("cut off from the other nodes");
            }
            Heard::Back => cluster.back(),
            Heard::Parcel {
                topic,
                position,
                bytes,
            } => {
                cluster.meters.heard.increment(1);
                let Some((head, body)) = Head::take(bytes) else {
                    cluster.meters.unread.increment(1);
                    continue;
                };
                if topic == control || topic == mine {
                    cluster.hear_node(head, body, &orders).await;
                } else if let Some(topic) = cluster.topic_named(&topic)
                    && let Some(core) = cluster.core()
                {
                    cluster.hear_channel(&core, &topic, head, position, &body);
                }
            }
        }
    }
}

impl Cluster {
    fn hear_channel(
        self: &Arc<Self>,
        core: &Arc<Core>,
        topic: &Arc<Topic>,
        head: Head,
        position: Option<Standing>,
        body: &Bytes,
    ) {
        let mine = head.from == self.me;
        match head.kind {
            // What was committed here was delivered here.
            Kind::Message if mine && position.is_none() => return,
            Kind::Crowd if mine => return,
            _ => {}
        }
        let Some(Some(place)) = topic.place.get() else {
            return;
        };
        let Some(plain) = place.secret.open(&place.bound, body) else {
            self.meters.unread.increment(1);
            // Something was said, and it is not known what.
            return self.compare_later(topic);
        };
        match head.kind {
            Kind::Message => {
                let Some(said) = Said::read(topic.tenant, topic.key.0, &topic.key.1, plain) else {
                    self.meters.unread.increment(1);
                    return self.compare_later(topic);
                };
                match position {
                    None => {
                        self.in_turn(core, topic, said);
                    }
                    Some(position) => self.hear_counted(core, topic, head, &position, said),
                }
            }
            Kind::Check => self.compare_later(topic),
            Kind::Crowd => self.hear_crowd(core, topic, head.from, &plain),
            _ => {}
        }
    }

    fn compare_later(self: &Arc<Self>, topic: &Arc<Topic>) {
        let (cluster, topic) = (Arc::clone(self), Arc::clone(topic));
        self.spawn(async move {
            if let Some(core) = cluster.core() {
                cluster.compare(&core, &topic).await;
            }
        });
    }

    fn hear_counted(&self, core: &Core, topic: &Topic, head: Head, position: &Standing, mut said: Said) {
        let mut alone = false;
        if head.from == self.me
            && let Some(flight) = self.flights.lock().get_mut(&head.number)
        {
            alone = *flight == Flight::Alone;
            if !alone {
                *flight = Flight::Heard;
            }
        }
        if said.tells_position {
            said.position = Some(crate::host::Position {
                id: None,
                offset: position.offset,
                epoch: Arc::clone(&position.epoch),
            });
        }
        let mut counted = topic.counted.lock();
        match counted.take(position, Box::new(said)) {
            Turn::Now(_) if alone => {}
            Turn::Now(said) => {
                core.hand_out(*said);
            }
            Turn::Past => {}
            // Not known yet where to begin.
            Turn::Early if counted.base().is_none() => {}
            Turn::Early | Turn::Broken => {
                counted.stand_at(position.clone());
                drop(counted);
                self.send_away(core, topic);
            }
        }
    }

    /// The backplane is there: what was missed is made up for, and only then people may rely on what is heard.
    fn back(self: &Arc<Self>) {
        self.missing.store(true, Ordering::SeqCst);
        self.deaf.store(true, Ordering::SeqCst);
        self.forget_secrets();
        let cluster = Arc::clone(self);
        self.spawn(async move {
            // One at a time: whoever comes second finds that it is needed no more.
            while cluster.is_up() {
                let Some(core) = cluster.core() else { return };
                if cluster.revalidate(&core).await {
                    break;
                }
                drop(core);
                sleep(LEASE / 6).await;
            }
            let Some(core) = cluster.core() else { return };
            if !cluster.is_up() {
                return;
            }
            cluster.deaf.store(false, Ordering::SeqCst);
            cluster
                .flights
                .lock()
                .retain(|_, flight| *flight != Flight::Alone);
            cluster.peers.all_are_there();
            cluster.rolls.tell_all(true);
            cluster.tell_untold().await;
            cluster.compare_all(&core).await;
            cluster.meet_all(&core).await;
            if cluster.is_up() {
                cluster.missing.store(false, Ordering::SeqCst);
                cluster.meters.up.set(1.0);
                tracing::info!("the other nodes are heard, and what was missed is made up for");
            }
        });
    }

    /// Compares memory with the store, and stops what may go on no longer. Answers whether that worked; then people may be
    /// served for a while.
    pub(super) async fn revalidate(self: &Arc<Self>, core: &Arc<Core>) -> bool {
        let began = Instant::now();
        let Some(people) = self.house.revalidate().await else {
            tracing::warn!("what other nodes changed cannot be read");
            return false;
        };
        core.enforce(people, true).await;
        self.lease.confirm(began);
        true
    }
}
