//! How a person stands right now: which purposes may be pursued, whether processing is restricted. This is the gate's
//! truth table, in memory for everybody who is connected or being written about; `consents` and `subjects` keep it true.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use chrono::{DateTime, Utc};
use entity::{
    consent_event::ConsentState,
    consent_state,
    id::{PurposeId, SubjectId},
    objection, subject,
};
use parking_lot::{Mutex, RwLock};
use sea_orm::{ColumnTrait, QueryFilter};

use crate::{
    error::Result,
    tenancy::{Store, TenantScope, TenantTx},
};

/// Whether a consent in this state allows processing (DPV 2.3: `ConsentStatusValidForProcessing`).
pub fn is_valid(state: ConsentState) -> bool {
    matches!(state, ConsentState::Given | ConsentState::Renewed)
}

/// Whether a person in this state said no. Who was never asked, or did not answer, said nothing.
pub fn is_objection(state: ConsentState) -> bool {
    matches!(
        state,
        ConsentState::Refused | ConsentState::Withdrawn | ConsentState::Revoked
    )
}

/// How a person stands to one purpose.
#[derive(Clone, Copy, Debug)]
struct Said {
    state: ConsentState,
    /// From when on it holds no more.
    expires_at: Option<DateTime<Utc>>,
}

impl Said {
    fn is_valid(self, now: DateTime<Utc>) -> bool {
        is_valid(self.state) && self.expires_at.is_none_or(|at| now < at)
    }
}

/// One person's standing. Whoever needs it keeps the `Arc`; while anybody does, changes reach it.
#[derive(Debug, Default)]
pub struct Standing {
    consents: RwLock<HashMap<PurposeId, Said>>,
    objections: RwLock<HashSet<PurposeId>>,
    objects: AtomicBool,
    restricted: AtomicBool,
    gone: AtomicBool,
}

impl Standing {
    /// Whether a valid consent to the purpose is there. One that has an end holds until that instant, whether anybody
    /// wrote its end down already or not.
    pub fn consents_to(&self, purpose: PurposeId, now: DateTime<Utc>) -> bool {
        self.consents
            .read()
            .get(&purpose)
            .is_some_and(|said| said.is_valid(now))
    }

    /// Whether the person, asked for consent to the purpose or not, said no (a refusal, a withdrawal, a signal of their browser).
    pub fn refuses(&self, purpose: PurposeId) -> bool {
        self.consents
            .read()
            .get(&purpose)
            .is_some_and(|said| is_objection(said.state))
    }

    /// Whether the person objected to the purpose (GDPR Art. 21).
    pub fn objects_to(&self, purpose: PurposeId) -> bool {
        // Hardly anybody ever does, and every message asks.
        self.objects.load(Ordering::Acquire) && self.objections.read().contains(&purpose)
    }

    /// Whether the person restricted the processing (GDPR Art. 18).
    pub fn is_restricted(&self) -> bool {
        self.restricted.load(Ordering::Acquire)
    }

    /// Whether the person was erased meanwhile.
    pub fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }
}

const SHARDS: usize = 64;

/// Everybody's standing that somebody holds.
#[derive(Debug)]
pub struct Standings {
    // Synchronous locks: nothing waits while holding one. Sharded, since every message looks in here.
    shards: Box<[Mutex<Shard>]>,
}

#[derive(Debug, Default)]
struct Shard {
    held: HashMap<SubjectId, Weak<Standing>>,
    /// Counts changes, so that one that commits while somebody reads the store is not overlooked.
    changes: u64,
}

impl Default for Standings {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }
}

impl Standings {
    fn shard(&self, subject: SubjectId) -> &Mutex<Shard> {
        // The last byte of a UUID of version 7 is random.
        &self.shards[usize::from(subject.0.as_bytes()[15]) % SHARDS]
    }

    /// The standing of a person that somebody holds already. Never waits.
    pub fn get(&self, subject: SubjectId) -> Option<Arc<Standing>> {
        self.shard(subject)
            .lock()
            .held
            .get(&subject)
            .and_then(Weak::upgrade)
    }

    /// The standing of a person, read from the store when nobody holds it. `store` opens a fresh view for each try.
    pub async fn load(
        &self,
        store: &Store,
        scope: &TenantScope,
        subject: SubjectId,
    ) -> Result<Arc<Standing>> {
        loop {
            let changes = {
                let shard = self.shard(subject).lock();
                if let Some(standing) = shard.held.get(&subject).and_then(Weak::upgrade) {
                    return Ok(standing);
                }
                shard.changes
            };
            let standing = Arc::new(read(&store.read(scope).await?, subject).await?);
            let mut shard = self.shard(subject).lock();
            if let Some(there) = shard.held.get(&subject).and_then(Weak::upgrade) {
                return Ok(there);
            }
            // Something in this shard changed while we read: it may have been this person.
            if shard.changes != changes {
                continue;
            }
            if shard.held.len() >= 4096 && shard.held.len().is_power_of_two() {
                shard.held.retain(|_, held| held.strong_count() > 0);
            }
            shard.held.insert(subject, Arc::downgrade(&standing));
            return Ok(standing);
        }
    }

    /// Marks a change of a person's standing and applies it where somebody holds it.
    fn change(&self, subject: SubjectId, apply: impl FnOnce(&Standing)) {
        let held = {
            let mut shard = self.shard(subject).lock();
            shard.changes += 1;
            shard.held.get(&subject).and_then(Weak::upgrade)
        };
        if let Some(standing) = held {
            apply(&standing);
        }
    }

    /// A consent changed.
    pub fn consent_changed(
        &self,
        subject: SubjectId,
        purpose: PurposeId,
        state: ConsentState,
        expires_at: Option<DateTime<Utc>>,
    ) {
        self.change(subject, |standing| {
            standing
                .consents
                .write()
                .insert(purpose, Said { state, expires_at });
        });
    }

    /// The person objected to a purpose, or their objection was lifted.
    pub fn objection_changed(&self, subject: SubjectId, purpose: PurposeId, objects: bool) {
        self.change(subject, |standing| {
            let mut objections = standing.objections.write();
            if objects {
                objections.insert(purpose);
            } else {
                objections.remove(&purpose);
            }
            standing.objects.store(!objections.is_empty(), Ordering::Release);
        });
    }

    /// Processing was restricted, or the restriction was lifted.
    pub fn restriction_changed(&self, subject: SubjectId, restricted: bool) {
        self.change(subject, |standing| {
            standing.restricted.store(restricted, Ordering::Release);
        });
    }

    /// The person was erased: nothing of theirs may pass any more.
    pub fn erased(&self, subject: SubjectId) {
        self.change(subject, |standing| {
            standing.gone.store(true, Ordering::Release);
            standing.consents.write().clear();
        });
    }
}

async fn read(tx: &TenantTx, subject: SubjectId) -> Result<Standing> {
    let person = tx
        .find_by_id::<subject::Entity, _>(subject)
        .one(tx.conn())
        .await?;
    let states = tx
        .find::<consent_state::Entity>()
        .filter(consent_state::Column::SubjectId.eq(subject))
        .all(tx.conn())
        .await?;
    let objections: HashSet<PurposeId> = tx
        .find::<objection::Entity>()
        .filter(objection::Column::SubjectId.eq(subject))
        .all(tx.conn())
        .await?
        .into_iter()
        .map(|row| row.purpose_id)
        .collect();
    Ok(Standing {
        objects: AtomicBool::new(!objections.is_empty()),
        objections: RwLock::new(objections),
        consents: RwLock::new(
            states
                .into_iter()
                .map(|row| {
                    let said = Said {
                        state: row.state,
                        expires_at: row.expires_at,
                    };
                    (row.purpose_id, said)
                })
                .collect(),
        ),
        restricted: AtomicBool::new(
            person
                .as_ref()
                .is_some_and(|person| person.restricted_at.is_some()),
        ),
        gone: AtomicBool::new(person.is_none()),
    })
}
