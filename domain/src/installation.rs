//! Which data, which keys and which root key belong together. Both stores carry the same mark, so that a key or a store
//! that was mixed up is recognised at the start and not at the first message that does not open.

use chrono::{DateTime, Utc};
use entity::{
    audit_event,
    id::TenantId,
    store_meta,
    vault::{key_page, tenant_key, vault_meta},
};
use sea_orm::{ColumnTrait, PaginatorTrait, QueryFilter, QuerySelect, Set, sea_query::OnConflict};
use uuid::Uuid;
use vault::{key::RootKey, redact::Redacted};

use crate::{
    ctx::Ctx,
    error::{Error, Result},
    tenancy::Store,
};

const INSTALLATION: &str = "installation";
const ROOT_KEY_CHECK: &str = "root_key_check";
const PAGE_KEYS: &str = "page_keys";

/// What both stores of an installation carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Random, made at the first start.
    pub installation: Uuid,
    /// Follows from the root key and tells nothing about it, in hex.
    pub root_key_check: String,
}

impl Mark {
    /// The mark of an installation with this root key.
    pub fn new(installation: Uuid, root: &RootKey) -> Self {
        Self {
            installation,
            root_key_check: hex::encode(root.check_value()),
        }
    }

    /// Whether the installation has this root key.
    pub fn is_of(&self, root: &RootKey) -> bool {
        self.root_key_check == hex::encode(root.check_value())
    }

    fn from_facts(facts: &[(String, String)]) -> Option<Self> {
        let fact = |name| {
            facts
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.clone())
        };
        Some(Self {
            installation: fact(INSTALLATION)?.parse().ok()?,
            root_key_check: fact(ROOT_KEY_CHECK)?,
        })
    }

    fn facts(&self) -> [(&'static str, String); 2] {
        [
            (INSTALLATION, self.installation.to_string()),
            (ROOT_KEY_CHECK, self.root_key_check.clone()),
        ]
    }
}

/// The mark of the data, or none when they were never used.
pub async fn mark_of_data(store: &Store) -> Result<Option<Mark>> {
    let tx = store.system_read("which installation this is").await?;
    let facts = tx.find::<store_meta::Entity>().all(tx.conn()).await?;
    let facts: Vec<_> = facts.into_iter().map(|fact| (fact.name, fact.value)).collect();
    Ok(Mark::from_facts(&facts))
}

/// The mark of the keys, or none when they were never used.
pub async fn mark_of_keys(vault: &Store) -> Result<Option<Mark>> {
    let tx = vault.system_read("which installation this is").await?;
    let facts = tx.find::<vault_meta::Entity>().all(tx.conn()).await?;
    let facts: Vec<_> = facts.into_iter().map(|fact| (fact.name, fact.value)).collect();
    Ok(Mark::from_facts(&facts))
}

/// Whether there are keys of any tenant: then data belong to them.
pub async fn has_keys(vault: &Store) -> Result<bool> {
    let tx = vault.system_read("which installation this is").await?;
    Ok(tx.find::<tenant_key::Entity>().count(tx.conn()).await? > 0)
}

/// Whether any key lies on a page: then the file of page keys belongs to this vault.
pub async fn has_pages(vault: &Store) -> Result<bool> {
    let tx = vault.system_read("which installation this is").await?;
    Ok(tx
        .find::<key_page::Entity>()
        .limit(1)
        .one(tx.conn())
        .await?
        .is_some())
}

/// Which file of page keys the vault works with: `file`, if it had none. Two processes that start at once on files of
/// their own agree on one of them, so that the other is refused before a key lies under it.
pub async fn file_of_pages(vault: &Store, file: Uuid) -> Result<Uuid> {
    let tx = vault.system("which file of page keys this is").await?;
    let mark = vault_meta::ActiveModel {
        name: Set(PAGE_KEYS.to_owned()),
        value: Set(file.to_string()),
    };
    let mut known = OnConflict::column(vault_meta::Column::Name);
    tx.insert_if_absent(mark, known.do_nothing().to_owned()).await?;
    let known = tx
        .find_by_id::<vault_meta::Entity, _>(PAGE_KEYS.to_owned())
        .one(tx.conn())
        .await?;
    tx.save().await?;
    let known = known.ok_or(Error::Gone {
        what: "the mark of the page keys",
    })?;
    known.value.parse().map_err(Error::internal)
}

/// Marks the data.
pub async fn mark_data(store: &Store, mark: &Mark) -> Result<()> {
    let tx = store.system("which installation this is").await?;
    for (name, value) in mark.facts() {
        tx.insert(store_meta::ActiveModel {
            name: Set(name.to_owned()),
            value: Set(value),
        })
        .await?;
    }
    tx.save().await?;
    Ok(())
}

/// Marks the keys. Before the data: keys without data harm nobody.
pub async fn mark_keys(vault: &Store, mark: &Mark) -> Result<()> {
    let tx = vault.system("which installation this is").await?;
    for (name, value) in mark.facts() {
        tx.insert(vault_meta::ActiveModel {
            name: Set(name.to_owned()),
            value: Set(value),
        })
        .await?;
    }
    tx.save().await?;
    Ok(())
}

/// Marks keys and data as belonging to another root key of the same installation.
pub async fn mark_again(vault: &Store, store: &Store, mark: &Mark) -> Result<()> {
    let value = mark.root_key_check.clone();
    let tx = vault.system("the root key was replaced").await?;
    tx.update(vault_meta::ActiveModel {
        name: Set(ROOT_KEY_CHECK.to_owned()),
        value: Set(value.clone()),
    })
    .await?;
    tx.save().await?;
    let tx = store.system("the root key was replaced").await?;
    tx.update(store_meta::ActiveModel {
        name: Set(ROOT_KEY_CHECK.to_owned()),
        value: Set(value),
    })
    .await?;
    tx.save().await?;
    Ok(())
}

/// A secret of a tenant that provisioning hands out again: sealed under the tenant's key, by name. None when it was
/// never kept.
pub async fn recall(ctx: &Ctx, tenant: TenantId, name: &str) -> Result<Option<Redacted<String>>> {
    let keys = ctx.keys.tenant(tenant).await?;
    let name = kept_as(tenant, name);
    let tx = ctx.store.system_read("what provisioning made before").await?;
    let Some(fact) = tx
        .find_by_id::<store_meta::Entity, _>(name.clone())
        .one(tx.conn())
        .await?
    else {
        return Ok(None);
    };
    let sealed = hex::decode(fact.value).map_err(Error::internal)?;
    let secret = keys.tenant.open_value(&name, &sealed)?;
    let secret = String::from_utf8(secret).map_err(Error::internal)?;
    Ok(Some(Redacted::new(secret)))
}

/// Keeps a secret for [`recall`], in place of the one that was kept under this name.
pub async fn keep(ctx: &Ctx, tenant: TenantId, name: &str, secret: &Redacted<String>) -> Result<()> {
    let keys = ctx.keys.tenant(tenant).await?;
    let name = kept_as(tenant, name);
    let sealed = keys
        .tenant
        .seal_value(&name, secret.expose().as_bytes(), &*ctx.chance);
    let tx = ctx.store.system("what provisioning makes").await?;
    tx.delete_many::<store_meta::Entity>()
        .filter(store_meta::Column::Name.eq(name.as_str()))
        .exec(tx.conn())
        .await?;
    tx.insert(store_meta::ActiveModel {
        name: Set(name),
        value: Set(hex::encode(sealed)),
    })
    .await?;
    tx.save().await?;
    Ok(())
}

/// Seals anew what was kept for a tenant under the key before the one that seals now. Answers how much.
pub(crate) async fn reseal_kept(ctx: &Ctx, tenant: TenantId) -> Result<u64> {
    let keys = ctx.keys.tenant(tenant).await?;
    let tx = ctx.store.system("what provisioning made before").await?;
    let facts = tx
        .find::<store_meta::Entity>()
        .filter(store_meta::Column::Name.ends_with(format!(":{tenant}")))
        .all(tx.conn())
        .await?;
    let mut anew = 0;
    for fact in facts {
        let sealed = hex::decode(&fact.value).map_err(Error::internal)?;
        let Some(new) = keys.tenant.reseal_value(&fact.name, &sealed, &*ctx.chance) else {
            continue;
        };
        tx.update(store_meta::ActiveModel {
            name: Set(fact.name),
            value: Set(hex::encode(new)),
        })
        .await?;
        anew += 1;
    }
    tx.save().await?;
    Ok(anew)
}

/// The name of the fact, and what the sealed value is bound to.
fn kept_as(tenant: TenantId, name: &str) -> String {
    format!("{name}:{tenant}")
}

/// When the newest event of any tenant was recorded: a clock that is far before it was set back. Reads all events.
pub async fn newest_event(store: &Store) -> Result<Option<DateTime<Utc>>> {
    let tx = store.system_read("whether the clock was set back").await?;
    let newest = tx
        .find::<audit_event::Entity>()
        .select_only()
        .column_as(audit_event::Column::At.max(), "newest")
        .into_tuple::<Option<DateTime<Utc>>>()
        .one(tx.conn())
        .await?;
    Ok(newest.flatten())
}
