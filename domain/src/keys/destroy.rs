//! Destroying stored keys so that no copy of the vault has them any more.
//!
//! In this order, for all pages that the doomed rows lie on:
//!
//! 1. the next page key goes to the file, beside the one in use, and to the disk;
//! 2. in one transaction, the doomed rows go, what stays on the pages is laid under the next key, and the pages' version is
//!    raised;
//! 3. the old page keys are overwritten in the file, and on the disk.
//!
//! A crash before the commit leaves a page key that nothing lies under, one after it leaves an old page key: either is
//! overwritten by [`Keys::recover`] at the next start. What it costs depends on how many keys share a page ([`PER_PAGE`]),
//! not on how much was sealed with them.

use std::collections::{BTreeMap, BTreeSet};

use entity::vault::{bucket_key, key_page, subject_key, tenant_key};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    Set,
    sea_query::{LockBehavior, LockType},
};
use vault::key::PageKey;
use zeroize::Zeroizing;

use super::{Keys, SubjectKeyName, buckets, pages::Held, subjects};
use crate::{
    error::{Error, Result},
    tenancy::SystemTx,
};

/// Keys on one page: what a destruction seals anew at most, and how many keys share 128 bytes of the file.
pub(super) const PER_PAGE: u32 = 64;
/// Pages in one transaction, when all of them get new keys.
const PAGES_AT_ONCE: usize = 64;

/// Where rows of a kind are put: rows that die together share pages, so that few others are sealed anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Shelf {
    Tenants,
    Subjects,
    /// Buckets of about the same width, by the power of four of its seconds.
    Buckets(u32),
}

/// A page that takes new rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenPage {
    id: i64,
    left: u32,
}

/// Where a new row goes.
pub(super) struct Place {
    pub(super) page: i64,
    pub(super) key: PageKey,
}

impl Keys {
    /// Finds room for new rows, within the transaction that adds them: nobody renews the page before it ends. The
    /// places come in the order of the rows.
    pub(super) async fn places(&self, tx: &SystemTx, on: Shelf, rows: usize) -> Result<Vec<Place>> {
        let mut open = self.open_pages.lock().await;
        let mut found = Vec::with_capacity(rows);
        while found.len() < rows {
            let page = match open.get(&on).filter(|page| page.left > 0) {
                Some(page) => *page,
                None => self.new_page(tx).await?,
            };
            if locked_version(tx, page.id).await?.is_none() {
                // It was emptied meanwhile, or its making was rolled back.
                open.remove(&on);
                continue;
            }
            let missing = u32::try_from(rows - found.len()).unwrap_or(u32::MAX);
            let taken = page.left.min(missing);
            for _ in 0..taken {
                found.push(Place {
                    page: page.id,
                    key: self.page_key(tx, page.id).await?,
                });
            }
            let left = page.left - taken;
            open.insert(on, OpenPage { id: page.id, left });
        }
        Ok(found)
    }

    /// A page with nothing on it: one that was emptied, or one more.
    async fn new_page(&self, tx: &SystemTx) -> Result<OpenPage> {
        let free = tx
            .find::<key_page::Entity>()
            .filter(key_page::Column::Free.eq(true))
            .limit(1);
        let free = match tx.conn().get_database_backend() {
            DbBackend::Postgres => free.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked),
            _ => free,
        };
        let (id, version) = if let Some(page) = free.one(tx.conn()).await? {
            let version = page.version + 1;
            tx.update(key_page::ActiveModel {
                id: Set(page.id),
                version: Set(version),
                free: Set(false),
            })
            .await?;
            (page.id, version)
        } else {
            if tx.conn().get_database_backend() == DbBackend::Postgres {
                // Two processes must not take the same number. Until the end of the transaction.
                tx.conn()
                    .execute_unprepared("SELECT pg_advisory_xact_lock(7306086967151129600)")
                    .await?;
            }
            let last = tx
                .find::<key_page::Entity>()
                .order_by_desc(key_page::Column::Id)
                .limit(1)
                .one(tx.conn())
                .await?;
            let id = last.map_or(0, |page| page.id + 1);
            // A number whose making was rolled back once may have a key in the file already: it is overwritten.
            tx.insert(key_page::ActiveModel {
                id: Set(id),
                version: Set(1),
                free: Set(false),
            })
            .await?;
            (id, 1)
        };
        let key = Zeroizing::new(*PageKey::generate(&*self.chance).expose());
        // On the disk before the commit: a row whose page key the disk has lost would be lost too.
        self.pages.write(vec![((id, version), key)]).await?;
        Ok(OpenPage { id, left: PER_PAGE })
    }

    /// Destroys rows of the vault for good and in every copy. Answers how many there were.
    pub(super) async fn destroy(&self, doom: &Doom) -> Result<u64> {
        let _held = self.hold_pages().await?;
        let tx = self.store.system("the vault keeps keys of all tenants").await?;
        let pages = doom.pages(&tx).await?;
        if pages.is_empty() {
            return Ok(0);
        }
        self.renew(tx, pages, doom).await
    }

    /// Gives pages new keys, without what is doomed on them. The pages are held.
    pub(super) async fn renew(&self, tx: SystemTx, pages: BTreeSet<i64>, doom: &Doom) -> Result<u64> {
        let renewal = self.begin_renewal(&tx, pages).await?;
        let gone = doom.carry_out(&tx).await?;
        for (page, versions) in &renewal {
            self.lay_anew(&tx, *page, versions).await?;
        }
        tx.save().await?;
        let old = renewal.iter().map(|(page, versions)| (*page, versions.old));
        self.pages.erase(old.collect()).await?;
        Ok(gone)
    }

    /// The key that rows of a page lie under now. The page is held, or its row is locked.
    pub(super) async fn page_key(&self, tx: &SystemTx, page: i64) -> Result<PageKey> {
        let gone = || Error::Gone {
            what: "the page's key",
        };
        let version = locked_version(tx, page).await?.ok_or_else(gone)?;
        self.pages.read((page, version))?.ok_or_else(gone)
    }

    async fn begin_renewal(&self, tx: &SystemTx, pages: BTreeSet<i64>) -> Result<BTreeMap<i64, Versions>> {
        let mut renewal = BTreeMap::new();
        let mut fresh = Vec::new();
        for page in pages {
            let Some(old) = locked_version(tx, page).await? else {
                continue;
            };
            let new = Zeroizing::new(*PageKey::generate(&*self.chance).expose());
            let versions = Versions {
                old,
                old_key: self.pages.read((page, old))?,
                new_key: PageKey::from_bytes(&*new)?,
            };
            fresh.push(((page, old + 1), new));
            renewal.insert(page, versions);
        }
        self.pages.write(fresh).await?;
        Ok(renewal)
    }

    async fn lay_anew(&self, tx: &SystemTx, page: i64, versions: &Versions) -> Result<()> {
        let anew = |table, stored: &[u8], aad: &[u8]| -> Result<Option<Vec<u8>>> {
            let Some(old) = &versions.old_key else {
                return Ok(None);
            };
            // A row that does not open is left as it is: it did not open before either.
            let taken = old.take(table, stored, aad).ok();
            Ok(taken.map(|inner| versions.new_key.lay(table, &inner, aad, &*self.chance)))
        };
        let mut rows = 0;
        for row in on_page::<tenant_key::Entity>(tx, tenant_key::Column::Page, page).await? {
            rows += 1;
            let aad = row.tenant_id.0.into_bytes();
            if let Some(laid) = anew(TENANT, &row.wrapped, &aad)? {
                tx.update(tenant_key::ActiveModel {
                    tenant_id: Set(row.tenant_id),
                    wrapped: Set(laid),
                    ..Default::default()
                })
                .await?;
            }
        }
        for row in on_page::<subject_key::Entity>(tx, subject_key::Column::Page, page).await? {
            rows += 1;
            let name = name_of(&row);
            if let Some(laid) = anew(SUBJECT, &row.wrapped, &subjects::aad(name))? {
                tx.update(subject_key::ActiveModel {
                    tenant_id: Set(row.tenant_id),
                    subject_id: Set(row.subject_id),
                    purpose_id: Set(row.purpose_id),
                    wrapped: Set(laid),
                    ..Default::default()
                })
                .await?;
            }
        }
        for row in on_page::<bucket_key::Entity>(tx, bucket_key::Column::Page, page).await? {
            rows += 1;
            let aad = buckets::aad(row.tenant_id, row.id, row.class_id);
            if let Some(laid) = anew(BUCKET, &row.wrapped, &aad)? {
                tx.update(bucket_key::ActiveModel {
                    id: Set(row.id),
                    wrapped: Set(laid),
                    ..Default::default()
                })
                .await?;
            }
        }
        tx.update(key_page::ActiveModel {
            id: Set(page),
            version: Set(versions.old + 1),
            // An emptied page is not one that still takes rows here: `places` asks for its row, not for this.
            free: Set(rows == 0),
        })
        .await?;
        Ok(())
    }

    /// Gives every page a new key, a few at a time: old copies of the vault open nothing any more, whatever else they
    /// come with. Answers how many. `told` hears how far it is.
    pub async fn renew_pages(&self, told: impl Fn(u64, u64)) -> Result<u64> {
        let tx = self.store.system_read("which pages there are").await?;
        let all: Vec<i64> = tx
            .find::<key_page::Entity>()
            .select_only()
            .column(key_page::Column::Id)
            .filter(key_page::Column::Free.eq(false))
            .order_by_asc(key_page::Column::Id)
            .into_tuple()
            .all(tx.conn())
            .await?;
        drop(tx);
        let (mut done, count) = (0, all.len() as u64);
        for some in all.chunks(PAGES_AT_ONCE) {
            let _held = self.hold_pages().await?;
            let tx = self.store.system("pages of all tenants get new keys").await?;
            self.renew(tx, some.iter().copied().collect(), &Doom::Nothing)
                .await?;
            done += some.len() as u64;
            told(done, count);
        }
        Ok(done)
    }

    /// Waits for whoever else destroys keys, here or in another process.
    pub(super) async fn hold_pages(&self) -> Result<Held> {
        let first = self.renewing.clone().lock_owned().await;
        self.pages.hold(first).await
    }
}

/// What is destroyed.
pub(super) enum Doom {
    Nothing,
    Tenants(Condition),
    Subjects(Condition),
    Buckets(Condition),
}

impl Doom {
    /// The pages that it lies on.
    async fn pages(&self, tx: &SystemTx) -> Result<BTreeSet<i64>> {
        match self {
            Self::Nothing => Ok(BTreeSet::new()),
            Self::Tenants(rows) => pages_of::<tenant_key::Entity>(tx, tenant_key::Column::Page, rows).await,
            Self::Subjects(rows) => {
                pages_of::<subject_key::Entity>(tx, subject_key::Column::Page, rows).await
            }
            Self::Buckets(rows) => pages_of::<bucket_key::Entity>(tx, bucket_key::Column::Page, rows).await,
        }
    }

    async fn carry_out(&self, tx: &SystemTx) -> Result<u64> {
        match self {
            Self::Nothing => Ok(0),
            Self::Tenants(rows) => delete::<tenant_key::Entity>(tx, rows).await,
            Self::Subjects(rows) => delete::<subject_key::Entity>(tx, rows).await,
            Self::Buckets(rows) => delete::<bucket_key::Entity>(tx, rows).await,
        }
    }
}

pub(super) async fn pages_of<E: EntityTrait>(
    tx: &SystemTx,
    page: E::Column,
    rows: &Condition,
) -> Result<BTreeSet<i64>> {
    let pages: Vec<Option<i64>> = tx
        .find::<E>()
        .select_only()
        .column(page)
        .distinct()
        .filter(rows.clone())
        .into_tuple()
        .all(tx.conn())
        .await?;
    Ok(pages.into_iter().flatten().collect())
}

async fn delete<E: EntityTrait>(tx: &SystemTx, rows: &Condition) -> Result<u64> {
    let gone = tx.delete_many::<E>().filter(rows.clone()).exec(tx.conn()).await?;
    Ok(gone.rows_affected)
}

struct Versions {
    old: i64,
    old_key: Option<PageKey>,
    new_key: PageKey,
}

/// The names of the tables on pages: a row of one does not open as a row of another.
pub(super) const TENANT: &str = "tenant_key";
pub(super) const SUBJECT: &str = "subject_key";
pub(super) const BUCKET: &str = "bucket_key";

pub(super) fn name_of(row: &subject_key::Model) -> SubjectKeyName {
    SubjectKeyName {
        tenant: row.tenant_id,
        subject: row.subject_id,
        purpose: row.purpose_id,
    }
}

async fn on_page<E>(tx: &SystemTx, column: E::Column, page: i64) -> Result<Vec<E::Model>>
where
    E: EntityTrait,
    E::Model: Send + Sync,
{
    Ok(tx.find::<E>().filter(column.eq(page)).all(tx.conn()).await?)
}

/// The version of a page, which does not change before the transaction ends. None when there is nothing on it.
async fn locked_version(tx: &SystemTx, page: i64) -> Result<Option<i64>> {
    let mut found = tx
        .find_by_id::<key_page::Entity, _>(page)
        .filter(key_page::Column::Free.eq(false));
    if tx.conn().get_database_backend() == DbBackend::Postgres {
        found = found.lock_exclusive();
    }
    Ok(found.one(tx.conn()).await?.map(|page| page.version))
}
