//! What every operation may lean on: time, ids, chance, the store, the keys, the settings.

use std::{ops::Deref, sync::Arc};

use chrono::{DateTime, Utc};
use entity::id::SubjectId;
use url::Url;
use vault::{Chance, password};

use crate::{
    authentication,
    changes::{Change, Changes},
    clock::Clock,
    ids::Ids,
    keys::Keys,
    pictures::Pictures,
    standings::Standings,
    subjects,
    tenancy::{Store, TenantTx},
    tenants,
};

/// What the domain needs to know of the settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The address in links, mails and receipts.
    pub public_url: Url,
    /// The work factor of password hashes.
    pub password_cost: password::Cost,
    /// What a new tenant may use.
    pub default_quotas: crate::quotas::Quotas,
    /// Of webhooks.
    pub webhooks: crate::webhooks::Settings,
    /// What answers of OpenDSR are signed with; none: each tenant has a key of its own.
    pub opendsr: Option<crate::opendsr::Identity>,
}

impl Settings {
    /// The address that paths are put behind.
    pub(crate) fn base(&self) -> &str {
        self.public_url.as_str().trim_end_matches('/')
    }
}

/// Shared by everybody; cheap to clone.
#[derive(Clone)]
pub struct Ctx(Arc<Parts>);

/// The parts of a [`Ctx`].
pub struct Parts {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<Ids>,
    /// Randomness for secrets.
    pub chance: Arc<dyn Chance>,
    /// The data.
    pub store: Store,
    /// The keys.
    pub keys: Keys,
    /// How persons stand, in memory.
    pub standings: Arc<Standings>,
    /// Who was seen lately, in memory.
    pub known: Arc<subjects::Known>,
    /// Endpoints, catalogue and rules, in memory.
    pub pictures: Arc<Pictures>,
    /// Who signs in: credentials that were proven a moment ago, attempts that failed.
    pub authentications: Arc<authentication::Cache>,
    /// Tenants by slug, and what they store, in memory.
    pub tenants: Arc<tenants::Cache>,
    /// What other processes have to know.
    pub changes: Arc<Changes>,
    /// Settings.
    pub settings: Settings,
}

impl Ctx {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Self {
        parts.keys.tell(Arc::clone(&parts.changes));
        Self(Arc::new(parts))
    }

    /// Once the transaction is saved, other processes hear of a change.
    pub(crate) fn tell_after(&self, tx: &TenantTx, change: Change) {
        let changes = self.changes.clone();
        tx.after_save(move || changes.note(&change));
    }

    /// Once the transaction is saved, other processes read again how a person stands.
    pub(crate) fn tell_standing_after(&self, tx: &TenantTx, subject: SubjectId) {
        self.tell_after(tx, Change::Standing(tx.tenant(), subject));
    }

    /// Once the transaction is saved, what is in memory of the tenant's endpoints, catalogue and rules is read again.
    pub fn forget_picture_after(&self, tx: &TenantTx) {
        let (pictures, tenant) = (self.pictures.clone(), tx.tenant());
        tx.after_save(move || pictures.forget(tenant));
        self.tell_after(tx, Change::Picture(tenant));
    }

    /// Now.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }
}

impl Deref for Ctx {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
