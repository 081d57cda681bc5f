//! Many keys at once: when hundreds of persons say their first word in the same moment, their keys cost the vault one
//! transaction, not hundreds.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use entity::vault::subject_key;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, QueryFilter,
    sea_query::{OnConflict, Query},
};
use vault::key::SubjectKey;

use super::{
    Keys, Slice, SubjectKeyName,
    destroy::{SUBJECT, Shelf, name_of},
    subjects::aad,
};
use crate::error::Result;

/// Names in one statement: three values each.
const AT_ONCE: usize = 300;

impl Keys {
    /// Makes [`Keys::ready_pair`] ready for these names and classes, unless something is destroyed meanwhile.
    pub async fn prepare(&self, wanted: &[(SubjectKeyName, i64, Slice)], now: DateTime<Utc>) -> Result<()> {
        let generation = self.generation();
        let mut names: Vec<_> = wanted.iter().map(|(name, ..)| *name).collect();
        names.sort_unstable_by_key(|name| (name.tenant, name.subject, name.purpose));
        names.dedup();
        let mut subjects = self.read_subjects(&names, generation).await?;
        names.retain(|name| !subjects.contains_key(name));
        if !names.is_empty() {
            self.create_subjects(&names).await?;
            subjects.extend(self.read_subjects(&names, generation).await?);
        }
        let mut done = HashSet::new();
        for (name, class, slice) in wanted {
            if !done.insert((*name, *class)) {
                continue;
            }
            let bucket = self.bucket_for(name.tenant, *class, *slice, now).await?;
            if let Some(subject) = subjects.get(name) {
                self.remember_pair(generation, *name, &bucket, subject);
            }
        }
        Ok(())
    }

    /// The keys that exist.
    pub(super) async fn read_subjects(
        &self,
        names: &[SubjectKeyName],
        generation: u64,
    ) -> Result<HashMap<SubjectKeyName, Arc<SubjectKey>>> {
        let mut found = HashMap::with_capacity(names.len());
        let mut missing = Vec::new();
        {
            let cache = self.cache.lock();
            for name in names {
                match cache.subjects.get(name) {
                    Some(key) => drop(found.insert(*name, key.clone())),
                    None => missing.push(*name),
                }
            }
        }
        for some in missing.chunks(AT_ONCE) {
            let any = some.iter().fold(Condition::any(), |any, name| {
                any.add(
                    Condition::all()
                        .add(subject_key::Column::TenantId.eq(name.tenant))
                        .add(subject_key::Column::SubjectId.eq(name.subject))
                        .add(subject_key::Column::PurposeId.eq(name.purpose)),
                )
            });
            let rows = {
                let tx = self
                    .store
                    .system_read("the vault keeps keys of all tenants")
                    .await?;
                tx.find::<subject_key::Entity>()
                    .filter(any)
                    .all(tx.conn())
                    .await?
            };
            for row in rows {
                let name = name_of(&row);
                let tenant = self.tenant(name.tenant).await?;
                let Some(wrapped) = self.take(SUBJECT, row.page, row.wrapped, &aad(name))? else {
                    // Its page was renewed since the row was read, or it is gone: asked for alone, it is told apart.
                    if let Some(key) = self.subject(name).await? {
                        found.insert(name, key);
                    }
                    continue;
                };
                let key = Arc::new(tenant.tenant.unwrap_subject(&wrapped, &aad(name))?);
                let mut cache = self.cache.lock();
                if cache.generation == generation {
                    cache.subjects.insert(name, key.clone());
                }
                drop(cache);
                found.insert(name, key);
            }
        }
        Ok(found)
    }

    async fn create_subjects(&self, names: &[SubjectKeyName]) -> Result<()> {
        use subject_key::Column;
        let now = self.clock.now();
        let mut inner = Vec::with_capacity(names.len());
        for name in names {
            let tenant = self.tenant(name.tenant).await?;
            let key = SubjectKey::generate(&*self.chance);
            inner.push((
                *name,
                tenant.tenant.wrap_subject(&key, &aad(*name), &*self.chance),
            ));
        }
        let tx = self.store.system("the vault keeps keys of all tenants").await?;
        for some in inner.chunks(AT_ONCE) {
            let places = self.places(&tx, Shelf::Subjects, some.len()).await?;
            let mut insert = Query::insert();
            insert
                .into_table(subject_key::Entity)
                .columns([
                    Column::TenantId,
                    Column::SubjectId,
                    Column::PurposeId,
                    Column::Wrapped,
                    Column::CreatedAt,
                    Column::Page,
                ])
                // Two nodes may meet a person at the same moment: the first key stands, and both read it.
                .on_conflict(OnConflict::new().do_nothing().to_owned());
            for ((name, inner), place) in some.iter().zip(places) {
                let laid = place.key.lay(SUBJECT, inner, &aad(*name), &*self.chance);
                insert.values_panic([
                    name.tenant.into(),
                    name.subject.into(),
                    name.purpose.into(),
                    laid.into(),
                    now.into(),
                    Some(place.page).into(),
                ]);
            }
            tx.conn().execute(&insert).await?;
        }
        tx.save().await?;
        Ok(())
    }
}
