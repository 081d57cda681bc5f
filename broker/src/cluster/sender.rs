//! What goes out: one queue, in order, sent in groups. While one group is on its way the next one gathers.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use uuid::Uuid;

use super::{
    Cluster, Flight, Key, Untold,
    wire::{Kind, Said},
};
use crate::backplane::{Away, Count, Parcel, Standing};

/// What may wait to be sent.
pub(super) const QUEUE: usize = 16_384;
/// What is sent in one go.
const GROUP: usize = 256;
/// How long something is tried again with a backplane that was there just now.
const TRY_FOR: Duration = Duration::from_millis(1_500);

/// Something to be sent.
pub(crate) enum Outgoing {
    /// A message that is in the journal.
    Recorded(Box<Said>),
    /// A message that is to be counted.
    Counted {
        said: Box<Said>,
        number: u64,
        answer: oneshot::Sender<Told>,
    },
    /// Something for those who listen to a channel.
    OnChannel {
        key: Key,
        tenant: Uuid,
        kind: Kind,
        plain: Vec<u8>,
        count: Option<Box<str>>,
    },
    /// Something for nodes, sealed already.
    House { topic: Arc<str>, bytes: Bytes },
}

/// Who got a counted message.
pub(crate) enum Told {
    /// Whoever listens.
    Everybody(Standing),
    /// Those on this node: so many.
    Alone(usize),
}

pub(super) async fn send_all(cluster: Arc<Cluster>, mut outgoing: mpsc::Receiver<Outgoing>) {
    let mut group = Vec::with_capacity(GROUP);
    let mut reached_at = Instant::now();
    while outgoing.recv_many(&mut group, GROUP).await > 0 {
        let mut parcels = Vec::with_capacity(group.len());
        let mut sent = Vec::with_capacity(group.len());
        for one in group.drain(..) {
            match cluster.pack(&one).await {
                Some(parcel) => {
                    parcels.push(parcel);
                    sent.push(one);
                }
                // The tenant is gone, or its key cannot be read.
                None => cluster.not_sent(one, false),
            }
        }
        let answer = cluster.deliver(parcels, &mut reached_at).await;
        match answer {
            Ok(standings) => {
                for (one, standing) in sent.into_iter().zip(standings) {
                    if let (Outgoing::Counted { number, answer, .. }, Some(standing)) = (one, standing) {
                        cluster.flights.lock().remove(&number);
                        // Whoever said it may have gone.
                        let _ = answer.send(Told::Everybody(standing));
                    }
                }
            }
            Err(Away) => {
                for one in sent {
                    cluster.not_sent(one, true);
                }
            }
        }
    }
}

impl Cluster {
    async fn pack(&self, one: &Outgoing) -> Option<Parcel> {
        match one {
            Outgoing::Recorded(said) => {
                let place = self.place(said.tenant, said.endpoint, &said.channel).await?;
                let body = place.secret.seal(&place.bound, &said.write());
                Some(Parcel {
                    topic: place.name,
                    bytes: self.head(Kind::Message, 0).with(&body),
                    count: Count::No,
                })
            }
            Outgoing::Counted { said, number, .. } => {
                let place = self.place(said.tenant, said.endpoint, &said.channel).await?;
                let body = place.secret.seal(&place.bound, &said.write());
                Some(Parcel {
                    topic: place.name,
                    bytes: self.head(Kind::Message, *number).with(&body),
                    count: Count::Next {
                        once: format!("{:x}.{number:x}", self.me).into(),
                        fresh: self.fresh(),
                    },
                })
            }
            Outgoing::OnChannel {
                key: (endpoint, channel),
                tenant,
                kind,
                plain,
                count,
            } => {
                let place = self.place(*tenant, *endpoint, channel).await?;
                let body = place.secret.seal(&place.bound, plain);
                Some(Parcel {
                    topic: place.name,
                    bytes: self.head(*kind, 0).with(&body),
                    count: match count {
                        Some(fresh) => Count::Renew { fresh: fresh.clone() },
                        None => Count::No,
                    },
                })
            }
            Outgoing::House { topic, bytes } => Some(Parcel {
                topic: Arc::clone(topic),
                bytes: bytes.clone(),
                count: Count::No,
            }),
        }
    }

    /// Hands a group over, again where the backplane was there a moment ago: under their names nothing is told twice.
    async fn deliver(
        &self,
        parcels: Vec<Parcel>,
        reached_at: &mut Instant,
    ) -> Result<Vec<Option<Standing>>, Away> {
        if parcels.is_empty() {
            return Ok(Vec::new());
        }
        let count = parcels.len() as u64;
        loop {
            let began = Instant::now();
            match self.backplane.send(parcels.clone()).await {
                Ok(standings) => {
                    *reached_at = Instant::now();
                    self.meters.answer.record(began.elapsed());
                    self.meters.sent.increment(count);
                    return Ok(standings);
                }
                Err(Away) if reached_at.elapsed() < TRY_FOR => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(Away) => return Err(Away),
            }
        }
    }

    /// Something was not sent. `maybe`: or it was, and nobody knows.
    fn not_sent(&self, one: Outgoing, maybe: bool) {
        match one {
            Outgoing::Recorded(said) => {
                self.note_untold((said.endpoint, said.channel), said.tenant, Untold::Recorded);
            }
            Outgoing::Counted { said, number, answer } => {
                let key = (said.endpoint, Arc::clone(&said.channel));
                self.note_untold(key, said.tenant, Untold::Lost);
                let mut flights = self.flights.lock();
                let flight = flights.remove(&number);
                let heard = flight == Some(Flight::Heard);
                if maybe && !heard {
                    flights.insert(number, Flight::Alone);
                }
                drop(flights);
                let mut handed = 0;
                if let (false, Some(core)) = (heard, self.core()) {
                    self.meters.alone.increment(1);
                    handed = core.hand_out(*said);
                }
                let _ = answer.send(Told::Alone(handed));
            }
            // Whoever waits for it waits for its end; crowds are told anew when the backplane is back.
            Outgoing::OnChannel { .. } | Outgoing::House { .. } => {}
        }
    }
}
