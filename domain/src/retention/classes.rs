//! Retention classes: messages that the same rules apply to. What tells them apart is fixed when a message is written
//! (endpoint, purpose, data types found, the pattern of the rule that won then); how long they are kept is not.
//!
//! Admission answers from memory and cannot wait for the store, so a class that nobody has met before gets a handle at
//! once, and its row when the journal first writes into it.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use entity::{
    id::{DataTypeId, EndpointId, PurposeId, TenantId},
    retention_class,
};
use parking_lot::{Mutex, RwLock};
use sea_orm::{ColumnTrait, QueryFilter, Set, sea_query::OnConflict};

use super::{purge::Progress, rules::Case};
use crate::{
    ctx::Ctx,
    error::{Error, Result},
    ids::Ids,
    tenancy::{Actor, TenantScope, TenantTx},
};

/// What tells a class from others of its tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClassKey {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// What for.
    pub purpose: Option<PurposeId>,
    /// What was found, sorted.
    pub data_types: Vec<DataTypeId>,
    /// The channel pattern of the rule that won, if it had one: all the class's channels match it.
    pub pattern: Option<String>,
}

impl ClassKey {
    fn of(row: &retention_class::Model) -> Result<Self> {
        Ok(Self {
            endpoint: row.endpoint_id,
            purpose: row.purpose_id,
            data_types: serde_json::from_value(row.data_types.clone())?,
            pattern: row.channel_pattern.clone(),
        })
    }

    /// What rules are asked about it.
    pub fn case(&self) -> Case<'_> {
        Case {
            endpoint: self.endpoint,
            purpose: self.purpose,
            data_types: &self.data_types,
        }
    }

    /// All of it in one text, unique in the tenant. The pattern comes last, since it may contain anything.
    fn signature(&self) -> String {
        let mut signature = format!("{}/", self.endpoint);
        if let Some(purpose) = self.purpose {
            signature.push_str(&purpose.to_string());
        }
        signature.push('/');
        for data_type in &self.data_types {
            signature.push_str(&data_type.to_string());
            signature.push(',');
        }
        if let Some(pattern) = &self.pattern {
            signature.push('/');
            signature.push_str(pattern);
        }
        signature
    }
}

/// A class in memory.
#[derive(Debug)]
pub struct Class {
    /// Names it in this process, for good. Equal to the stored id, unless another process stored the class first.
    pub handle: i64,
    /// What tells it apart.
    pub key: ClassKey,
    /// The stored id; 0 while there is none.
    stored: AtomicI64,
    /// How far its removal has come.
    pub(super) progress: Mutex<Progress>,
}

impl Class {
    fn new(handle: i64, key: ClassKey, stored: i64) -> Self {
        Self {
            handle,
            key,
            stored: AtomicI64::new(stored),
            progress: Mutex::default(),
        }
    }

    /// The id that messages name, once the class has a row.
    pub fn id(&self) -> Option<i64> {
        match self.stored.load(Ordering::Acquire) {
            0 => None,
            id => Some(id),
        }
    }

    /// The id that messages name. Stores the class when it has no row yet.
    pub async fn ensure_stored(&self, ctx: &Ctx, tenant: TenantId) -> Result<i64> {
        if let Some(id) = self.id() {
            return Ok(id);
        }
        let signature = self.key.signature();
        let tx = ctx.store.begin(&TenantScope::new(tenant, Actor::System)).await?;
        let row = retention_class::ActiveModel {
            id: Set(self.handle),
            endpoint_id: Set(self.key.endpoint),
            purpose_id: Set(self.key.purpose),
            data_types: Set(serde_json::to_value(&self.key.data_types)?),
            channel_pattern: Set(self.key.pattern.clone()),
            signature: Set(signature.clone()),
            created_at: Set(ctx.now()),
            ..Default::default()
        };
        // Another process may have met the class first: then its row stands, and its id is what messages name.
        tx.upsert(row, OnConflict::new().do_nothing().to_owned()).await?;
        let row = tx
            .find::<retention_class::Entity>()
            .filter(retention_class::Column::Signature.eq(signature))
            .one(tx.conn())
            .await?
            .ok_or_else(|| Error::internal(anyhow::anyhow!("a retention class was not stored")))?;
        tx.save().await?;
        self.stored.store(row.id, Ordering::Release);
        Ok(row.id)
    }
}

/// A tenant's classes in memory. They stay when the picture is read again: messages on their way name them.
#[derive(Debug, Default)]
pub struct Classes(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    by_key: HashMap<ClassKey, Arc<Class>>,
    by_handle: HashMap<i64, Arc<Class>>,
}

impl Known {
    fn add(&mut self, class: Class) -> Arc<Class> {
        let class = Arc::new(class);
        self.by_key.insert(class.key.clone(), class.clone());
        self.by_handle.insert(class.handle, class.clone());
        class
    }
}

impl Classes {
    /// The class of a key; a new one when nobody has met it before.
    pub fn get_or_new(&self, key: ClassKey, ids: &Ids) -> Arc<Class> {
        if let Some(class) = self.0.read().by_key.get(&key) {
            return class.clone();
        }
        let mut known = self.0.write();
        if let Some(class) = known.by_key.get(&key) {
            return class.clone();
        }
        known.add(Class::new(ids.next_message().0, key, 0))
    }

    /// The class of a handle.
    pub fn by_handle(&self, handle: i64) -> Option<Arc<Class>> {
        self.0.read().by_handle.get(&handle).cloned()
    }

    /// The class of a stored id.
    pub fn by_id(&self, id: i64) -> Option<Arc<Class>> {
        let known = self.0.read();
        if let Some(class) = known.by_handle.get(&id).filter(|class| class.id() == Some(id)) {
            return Some(class.clone());
        }
        // Only where another process stored the class first.
        known
            .by_handle
            .values()
            .find(|class| class.id() == Some(id))
            .cloned()
    }

    /// All that have a row, by id.
    pub fn stored(&self) -> Vec<(i64, Arc<Class>)> {
        let mut stored: Vec<_> = self
            .0
            .read()
            .by_handle
            .values()
            .filter_map(|class| class.id().map(|id| (id, class.clone())))
            .collect();
        stored.sort_unstable_by_key(|(id, _)| *id);
        stored
    }

    /// Forgets a class whose row was removed.
    pub(super) fn forget(&self, class: &Class) {
        let mut known = self.0.write();
        known.by_key.remove(&class.key);
        known.by_handle.remove(&class.handle);
    }

    /// Takes over what is stored.
    pub(crate) async fn read(&self, tx: &TenantTx) -> Result<()> {
        let rows = tx.find::<retention_class::Entity>().all(tx.conn()).await?;
        let mut known = self.0.write();
        for row in rows {
            let key = ClassKey::of(&row)?;
            match known.by_key.get(&key) {
                Some(class) => class.stored.store(row.id, Ordering::Release),
                None => drop(known.add(Class::new(row.id, key, row.id))),
            }
        }
        Ok(())
    }
}
