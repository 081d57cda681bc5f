//! What a start does with the vault before anything is read from it: destructions that a crash interrupted are brought to
//! their end, and rows of an older version are put on pages.

use std::collections::HashMap;

use entity::vault::{bucket_key, key_page, subject_key, tenant_key};
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, QueryFilter, QuerySelect, Set};
use vault::key::Wrapped;

use super::{
    Keys, buckets,
    destroy::{BUCKET, PER_PAGE, SUBJECT, Shelf, TENANT, name_of},
    subjects,
};
use crate::error::Result;

/// What was found at a start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Page keys that were overwritten now, since a crash kept them from it.
    pub erased: u64,
    /// Rows of an older version that were put on pages.
    pub adopted: u64,
    /// Pages whose key the file does not have: what is on them does not open. The file of page keys is newer than this
    /// copy of the vault, or of another one.
    pub lost: u64,
    /// Pages in use.
    pub pages: u64,
}

impl Keys {
    /// Brings the file of page keys and the vault's store together. Once, before anything else.
    pub async fn recover(&self) -> Result<Recovery> {
        let mut recovery = Recovery::default();
        {
            let _held = self.hold_pages().await?;
            let tx = self.store.system("page keys of all tenants are checked").await?;
            if tx.conn().get_database_backend() == DbBackend::Postgres {
                // Others write a page key down before they commit; nobody is in between while this is held.
                tx.conn()
                    .execute_unprepared("LOCK TABLE key_page IN EXCLUSIVE MODE")
                    .await?;
            }
            let known: HashMap<i64, key_page::Model> = tx
                .find::<key_page::Entity>()
                .all(tx.conn())
                .await?
                .into_iter()
                .map(|page| (page.id, page))
                .collect();
            let mut stale = Vec::new();
            for (page, version) in self.pages.versions().await? {
                let Some(known) = known.get(&page) else { continue };
                // Only beside the one that counts: if that is not there, this is the file of a newer or another vault,
                // and what looks stale may be all that opens it.
                if version != known.version && self.pages.read((page, known.version))?.is_some() {
                    stale.push((page, version));
                }
            }
            for page in known.values().filter(|page| !page.free) {
                recovery.pages += 1;
                if self.pages.read((page.id, page.version))?.is_none() {
                    recovery.lost += 1;
                }
            }
            recovery.erased = stale.len() as u64;
            self.pages.erase(stale).await?;
            tx.save().await?;
        }
        loop {
            let adopted =
                self.adopt_tenants().await? + self.adopt_subjects().await? + self.adopt_buckets().await?;
            if adopted == 0 {
                return Ok(recovery);
            }
            recovery.adopted += adopted;
        }
    }

    async fn adopt_tenants(&self) -> Result<u64> {
        let tx = self.store.system("keys of all tenants go on pages").await?;
        let rows = tx
            .find::<tenant_key::Entity>()
            .filter(tenant_key::Column::Page.is_null())
            .limit(u64::from(PER_PAGE))
            .all(tx.conn())
            .await?;
        let places = self.places(&tx, Shelf::Tenants, rows.len()).await?;
        let count = rows.len() as u64;
        for (row, place) in rows.into_iter().zip(places) {
            let (inner, aad) = (Wrapped(row.wrapped), row.tenant_id.0.into_bytes());
            tx.update(tenant_key::ActiveModel {
                tenant_id: Set(row.tenant_id),
                wrapped: Set(place.key.lay(TENANT, &inner, &aad, &*self.chance)),
                page: Set(Some(place.page)),
                ..Default::default()
            })
            .await?;
        }
        tx.save().await?;
        Ok(count)
    }

    async fn adopt_subjects(&self) -> Result<u64> {
        let tx = self.store.system("keys of all tenants go on pages").await?;
        let rows = tx
            .find::<subject_key::Entity>()
            .filter(subject_key::Column::Page.is_null())
            .limit(u64::from(PER_PAGE))
            .all(tx.conn())
            .await?;
        let places = self.places(&tx, Shelf::Subjects, rows.len()).await?;
        let count = rows.len() as u64;
        for (row, place) in rows.into_iter().zip(places) {
            let aad = subjects::aad(name_of(&row));
            let inner = Wrapped(row.wrapped);
            tx.update(subject_key::ActiveModel {
                tenant_id: Set(row.tenant_id),
                subject_id: Set(row.subject_id),
                purpose_id: Set(row.purpose_id),
                wrapped: Set(place.key.lay(SUBJECT, &inner, &aad, &*self.chance)),
                page: Set(Some(place.page)),
                ..Default::default()
            })
            .await?;
        }
        tx.save().await?;
        Ok(count)
    }

    async fn adopt_buckets(&self) -> Result<u64> {
        let tx = self.store.system("keys of all tenants go on pages").await?;
        let rows = tx
            .find::<bucket_key::Entity>()
            .filter(bucket_key::Column::Page.is_null())
            .limit(u64::from(PER_PAGE))
            .all(tx.conn())
            .await?;
        let places = self.places(&tx, Shelf::Buckets(0), rows.len()).await?;
        let count = rows.len() as u64;
        for (row, place) in rows.into_iter().zip(places) {
            let aad = buckets::aad(row.tenant_id, row.id, row.class_id);
            let inner = Wrapped(row.wrapped);
            tx.update(bucket_key::ActiveModel {
                id: Set(row.id),
                wrapped: Set(place.key.lay(BUCKET, &inner, &aad, &*self.chance)),
                page: Set(Some(place.page)),
                ..Default::default()
            })
            .await?;
        }
        tx.save().await?;
        Ok(count)
    }

    /// Takes a stored key from its page. None when the page was renewed since the row was read, or does not belong to it.
    pub(super) fn take(
        &self,
        table: &'static str,
        page: Option<i64>,
        stored: Vec<u8>,
        aad: &[u8],
    ) -> Result<Option<Wrapped>> {
        let Some(page) = page else {
            return Ok(Some(Wrapped(stored)));
        };
        let candidates = self.pages.candidates(page)?;
        Ok(candidates
            .iter()
            .find_map(|key| key.take(table, &stored, aad).ok()))
    }
}
