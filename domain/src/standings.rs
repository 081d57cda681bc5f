//! How a person stands right now: which purposes may be pursued, whether processing is restricted. This is the gate's
//! truth table, in memory for everybody who is connected or being written about; `consents` and `subjects` keep it true.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use chrono::{DateTime, Utc};
use entity::{
    consent_event::ConsentState,
    consent_state,
    id::{PurposeId, SubjectId, TenantId},
    objection, subject,
};
use parking_lot::{Mutex, RwLock};
use sea_orm::{ColumnTrait, QueryFilter};

use crate::{
    ctx::Ctx,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// Whose person it is.
    tenant: OnceLock<TenantId>,
}

/// What the store says of how a person stands.
#[derive(Debug, Default)]
struct Facts {
    tenant: Option<TenantId>,
    consents: HashMap<PurposeId, Said>,
    objections: HashSet<PurposeId>,
    restricted: bool,
}

impl Standing {
    /// Takes over what the store says. Answers whether that is something else than before.
    fn take(&self, facts: Facts) -> bool {
        let gone = facts.tenant.is_none();
        let mut consents = self.consents.write();
        let mut objections = self.objections.write();
        let changed = self.is_gone() != gone
            || self.is_restricted() != facts.restricted
            || *consents != facts.consents
            || *objections != facts.objections;
        self.gone.store(gone, Ordering::Release);
        self.restricted.store(facts.restricted, Ordering::Release);
        self.objects
            .store(!facts.objections.is_empty(), Ordering::Release);
        *consents = facts.consents;
        *objections = facts.objections;
        changed
    }

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

    /// Everybody that somebody holds.
    fn everybody(&self) -> Vec<SubjectId> {
        let mut all = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock();
            let held = shard.held.iter().filter(|(_, held)| held.strong_count() > 0);
            all.extend(held.map(|(subject, _)| *subject));
        }
        all
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

/// Persons that are read together.
const AT_ONCE: usize = 500;

/// Reads again how one person stands, or everybody does that somebody holds. Answers who stands otherwise than before.
pub(crate) async fn reread(ctx: &Ctx, which: Option<SubjectId>) -> Result<Vec<(TenantId, SubjectId)>> {
    let mut changed = Vec::new();
    let mut todo = match which {
        Some(subject) => {
            // Whoever is reading this person from the store just now reads again.
            ctx.standings.change(subject, |_| {});
            vec![subject]
        }
        None => ctx.standings.everybody(),
    };
    while !todo.is_empty() {
        let some = todo.split_off(todo.len().saturating_sub(AT_ONCE));
        let before: Vec<_> = some
            .into_iter()
            .filter_map(|subject| {
                let shard = ctx.standings.shard(subject).lock();
                let held = shard.held.get(&subject).and_then(Weak::upgrade)?;
                Some((subject, held, shard.changes))
            })
            .collect();
        let mut facts = facts(ctx, before.iter().map(|(subject, ..)| *subject).collect()).await?;
        for (subject, held, changes) in before {
            let shard = ctx.standings.shard(subject).lock();
            if shard.changes != changes {
                // Something in this shard changed while we read: it may have been this person.
                todo.push(subject);
                continue;
            }
            if held.take(facts.remove(&subject).unwrap_or_default())
                && let Some(tenant) = held.tenant.get()
            {
                changed.push((*tenant, subject));
            }
        }
    }
    Ok(changed)
}

/// What the store says of these persons. Who is not there is gone.
async fn facts(ctx: &Ctx, subjects: Vec<SubjectId>) -> Result<HashMap<SubjectId, Facts>> {
    let tx = ctx
        .store
        .system_read("how people of all tenants stand is compared with memory")
        .await?;
    let mut facts: HashMap<SubjectId, Facts> = HashMap::new();
    let people = tx
        .find::<subject::Entity>()
        .filter(subject::Column::Id.is_in(subjects.iter().copied()))
        .all(tx.conn())
        .await?;
    for row in people {
        let person = facts.entry(row.id).or_default();
        person.tenant = Some(row.tenant_id);
        person.restricted = row.restricted_at.is_some();
    }
    let states = tx
        .find::<consent_state::Entity>()
        .filter(consent_state::Column::SubjectId.is_in(subjects.iter().copied()))
        .all(tx.conn())
        .await?;
    for row in states {
        if let Some(person) = facts.get_mut(&row.subject_id) {
            let said = Said {
                state: row.state,
                expires_at: row.expires_at,
            };
            person.consents.insert(row.purpose_id, said);
        }
    }
    let objections = tx
        .find::<objection::Entity>()
        .filter(objection::Column::SubjectId.is_in(subjects.iter().copied()))
        .all(tx.conn())
        .await?;
    for row in objections {
        if let Some(person) = facts.get_mut(&row.subject_id) {
            person.objections.insert(row.purpose_id);
        }
    }
    Ok(facts)
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
        tenant: OnceLock::from(tx.tenant()),
    })
}
