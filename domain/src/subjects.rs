//! Subjects: the persons that data is about. This is the one place that knows how they are found.
//!
//! A person is known by the tenant's own id for them and perhaps an e-mail address. Both are stored sealed under a key of
//! that person alone, beside a keyed hash to find them by; when the key is destroyed, both are gone from every copy.

mod index;
mod known;
mod restriction;
mod sealing;

use chrono::{DateTime, TimeDelta, Utc};
use entity::{connection, consent_event, id::SubjectId, request, subject};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, IntoActiveModel, PaginatorTrait, QueryFilter,
    sea_query::OnConflict,
};
use serde_json::json;

pub use index::{check_email, check_external_id, email_index, external_index};
pub use known::Known;
pub use sealing::{Person, reveal};
use sealing::{seal_email, sealed};

use crate::{
    audit::{self, Event},
    changes::Change,
    connections,
    ctx::Ctx,
    error::{Error, Faults, Result},
    messages,
    page::{self, Page, PageIn},
    portal, requests,
    tenancy::{SystemTx, TenantScope, TenantTx, expect_version, on_conflict},
};

/// A person to be added.
#[derive(Clone)]
pub struct NewSubject {
    /// The tenant's own id for the person.
    pub external_id: String,
    /// Where the privacy page sends its codes.
    pub email: Option<String>,
}

/// What to change of a person. `None` leaves a field as it is, `Some(None)` clears it.
#[derive(Clone, Default)]
pub struct SubjectPatch {
    /// See [`NewSubject`].
    pub email: Option<Option<String>>,
    /// Whether processing is restricted (GDPR Art. 18).
    pub restricted: Option<bool>,
}

/// Adds a person.
pub async fn create(tx: &TenantTx, ctx: &Ctx, new: NewSubject) -> Result<Person> {
    let mut faults = Faults::default();
    check_external_id(&mut faults, "/external_id", &new.external_id);
    if let Some(email) = &new.email {
        check_email(&mut faults, "/email", email);
    }
    faults.finish()?;
    let row = tx
        .insert(sealed(tx, ctx, &new).await?)
        .await
        .map_err(|error| on_conflict(error, "subject", "external_index", "/external_id"))?;
    let facts = json!({ "email": row.email_index.is_some() });
    let event = Event::new("subject.created")
        .target("subject", row.id)
        .subject(row.id);
    audit::record(tx, ctx, event.facts(facts)).await?;
    Ok(Person {
        row,
        external_id: Some(new.external_id),
        email: new.email.map(|email| email.trim().to_owned()),
    })
}

/// The person with this id at the tenant; added when they are not known yet. That somebody turned up is no decision of
/// anybody's, so it is not in the audit log.
pub async fn get_or_create_in(tx: &TenantTx, ctx: &Ctx, external_id: &str) -> Result<subject::Model> {
    if let Some(row) = by_external_id(tx, ctx, external_id).await? {
        return Ok(row);
    }
    let new = NewSubject {
        external_id: external_id.to_owned(),
        email: None,
    };
    // Another node may add the same person at this moment: the first one stands.
    let clash = OnConflict::columns([subject::Column::TenantId, subject::Column::ExternalIndex])
        .do_nothing()
        .to_owned();
    tx.upsert(sealed(tx, ctx, &new).await?, clash).await?;
    let row = by_external_id(tx, ctx, external_id).await?;
    row.ok_or(Error::NotFound { what: "subject" })
}

/// Who this is, for every connection: in memory when seen before, otherwise from the store, otherwise added. Opens its
/// own transactions: a caller that holds one uses [`get_or_create_in`].
pub async fn get_or_create(ctx: &Ctx, scope: &TenantScope, external_id: &str) -> Result<SubjectId> {
    let mut faults = Faults::default();
    check_external_id(&mut faults, "/subject", external_id);
    faults.finish()?;
    let tenant = scope.tenant();
    let index = external_index(&*ctx.keys.tenant(tenant).await?, external_id);
    if let Some(id) = ctx.known.get(tenant, &index) {
        return Ok(id);
    }
    let generation = ctx.known.generation();
    let tx = ctx.store.read(scope).await?;
    let found = find_by_index(&tx, &index).await?;
    drop(tx);
    let id = if let Some(row) = found {
        row.id
    } else {
        let tx = ctx.store.begin(scope).await?;
        let row = get_or_create_in(&tx, ctx, external_id).await?;
        tx.save().await?;
        row.id
    };
    ctx.known.remember(generation, tenant, index, id);
    Ok(id)
}

/// The person with this id at the tenant.
pub async fn by_external_id(tx: &TenantTx, ctx: &Ctx, external_id: &str) -> Result<Option<subject::Model>> {
    let index = external_index(&*ctx.keys.tenant(tx.tenant()).await?, external_id);
    find_by_index(tx, &index).await
}

async fn find_by_index(tx: &TenantTx, index: &[u8; 32]) -> Result<Option<subject::Model>> {
    Ok(tx
        .find::<subject::Entity>()
        .filter(subject::Column::ExternalIndex.eq(index.to_vec()))
        .one(tx.conn())
        .await?)
}

/// The persons with this address: families share them, so there may be several.
pub async fn by_email(tx: &TenantTx, ctx: &Ctx, email: &str) -> Result<Vec<subject::Model>> {
    let index = email_index(&*ctx.keys.tenant(tx.tenant()).await?, email);
    by_email_index(tx, &index).await
}

/// The persons whose address has this hash (see [`email_index`]).
pub async fn by_email_index(tx: &TenantTx, index: &[u8]) -> Result<Vec<subject::Model>> {
    Ok(tx
        .find::<subject::Entity>()
        .filter(subject::Column::EmailIndex.eq(index.to_vec()))
        .all(tx.conn())
        .await?)
}

/// What to look for.
#[derive(Clone, Default)]
pub struct Filter {
    /// With exactly this id at the tenant.
    pub external_id: Option<String>,
    /// With this address.
    pub email: Option<String>,
    /// Restricted, or not.
    pub restricted: Option<bool>,
}

/// Lists persons, newest first.
pub async fn list(tx: &TenantTx, ctx: &Ctx, filter: &Filter, page: &PageIn) -> Result<Page<subject::Model>> {
    use subject::Column;
    let mut wanted = Condition::all();
    if filter.external_id.is_some() || filter.email.is_some() {
        let keys = ctx.keys.tenant(tx.tenant()).await?;
        if let Some(external_id) = &filter.external_id {
            wanted = wanted.add(Column::ExternalIndex.eq(external_index(&keys, external_id).to_vec()));
        }
        if let Some(email) = &filter.email {
            wanted = wanted.add(Column::EmailIndex.eq(email_index(&keys, email).to_vec()));
        }
    }
    if let Some(restricted) = filter.restricted {
        wanted = wanted.add(if restricted {
            Column::RestrictedAt.is_not_null()
        } else {
            Column::RestrictedAt.is_null()
        });
    }
    let rows = tx.find::<subject::Entity>().filter(wanted);
    page::by_id(rows, tx.conn(), Column::Id, page, |row| row.id.0).await
}

/// Reads one person, sealed.
pub async fn read(tx: &TenantTx, id: SubjectId) -> Result<subject::Model> {
    tx.get::<subject::Entity, _>(id, "subject").await
}

/// Changes a person. A restriction acts at once, on open connections too; the person and those who got their data are told.
///
/// # Errors
/// `notice_required` when a restriction that the person asked for is to be lifted without their knowing first.
pub async fn update(
    tx: &TenantTx,
    ctx: &Ctx,
    id: SubjectId,
    expected: Option<i32>,
    patch: SubjectPatch,
) -> Result<subject::Model> {
    change(tx, ctx, id, expected, patch, true).await
}

/// With `tell`, of the tenant's own accord; else a request does it, and tells in its own letters.
async fn change(
    tx: &TenantTx,
    ctx: &Ctx,
    id: SubjectId,
    expected: Option<i32>,
    patch: SubjectPatch,
    tell: bool,
) -> Result<subject::Model> {
    let current = read(tx, id).await?;
    expect_version(current.version, expected)?;
    let mut faults = Faults::default();
    if let Some(Some(email)) = &patch.email {
        check_email(&mut faults, "/email", email);
    }
    faults.finish()?;
    let version = current.version + 1;
    let restricted = current.restricted_at.is_some();
    let known_by = current.email_index.clone();
    let mut row = current.into_active_model();
    row.version = Set(version);
    let email_changed = patch.email.is_some();
    if let Some(email) = patch.email {
        let (index, sealed) = match &email {
            Some(email) => Some(seal_email(tx, ctx, id, email).await?).unzip(),
            None => (None, None),
        };
        // Whoever writes the same address once more moves nobody.
        if let Some(before) = known_by.filter(|before| Some(before) != index.as_ref()) {
            portal::forget_address(tx, &before).await?;
            if let (Some(email), Some(index)) = (&email, &index) {
                requests::readdress(tx, ctx, id, &before, (index, email)).await?;
            }
        }
        (row.email_index, row.email_sealed) = (Set(index), Set(sealed));
    }
    let restriction = patch.restricted.filter(|wanted| *wanted != restricted);
    if restriction == Some(false) && requests::restriction_stands(tx, id).await? {
        return Err(Error::conflict(
            "notice_required",
            "the person asked for the restriction: announce its end at the request, which tells them first (Art. 18(3) GDPR)",
        ));
    }
    if let Some(restricted) = restriction {
        row.restricted_at = Set(restricted.then(|| ctx.now()));
        let standings = ctx.standings.clone();
        tx.after_save(move || standings.restriction_changed(id, restricted));
        ctx.tell_standing_after(tx, id);
    }
    let row = tx.update(row).await?;
    let about = |kind| Event::new(kind).target("subject", id).subject(id);
    if email_changed {
        let facts = json!({ "fields": ["email"], "version": version });
        audit::record(tx, ctx, about("subject.updated").facts(facts)).await?;
    }
    if let Some(restricted) = restriction {
        let kind = if restricted {
            "subject.restricted"
        } else {
            "subject.unrestricted"
        };
        let mut event = about(kind);
        if tell {
            let by_mail = restriction::tell(tx, ctx, &row, restricted).await?;
            event = event.facts(json!({ "by_mail": by_mail }));
        }
        audit::record(tx, ctx, event).await?;
    }
    Ok(row)
}

/// Restricts the processing of a person's data (GDPR Art. 18), for a request, which tells whom it concerns.
pub async fn restrict(tx: &TenantTx, ctx: &Ctx, id: SubjectId) -> Result<subject::Model> {
    let patch = SubjectPatch {
        restricted: Some(true),
        ..Default::default()
    };
    change(tx, ctx, id, None, patch, false).await
}

/// Lifts the restriction, for a request that announced it.
pub async fn unrestrict(tx: &TenantTx, ctx: &Ctx, id: SubjectId) -> Result<subject::Model> {
    let patch = SubjectPatch {
        restricted: Some(false),
        ..Default::default()
    };
    change(tx, ctx, id, None, patch, false).await
}

/// How exactly it is known when a person was last there.
const SEEN_WITHIN: TimeDelta = TimeDelta::minutes(1);

/// Notes that these persons, of any tenant, were there, to the minute: a busy socket must not cost a write each time.
/// Not a change anybody made: no new version, nothing in the audit log.
pub(crate) async fn seen(tx: &SystemTx, ids: &[SubjectId], at: DateTime<Utc>) -> Result<()> {
    use subject::Column;
    for some in ids.chunks(500) {
        tx.update_many::<subject::Entity>()
            .set(subject::ActiveModel {
                last_seen_at: Set(Some(at)),
                ..Default::default()
            })
            .filter(Column::Id.is_in(some.iter().copied()))
            .filter(
                Condition::any()
                    .add(Column::LastSeenAt.is_null())
                    .add(Column::LastSeenAt.lt(at - SEEN_WITHIN)),
            )
            .exec(tx.conn())
            .await?;
    }
    Ok(())
}

/// How much there is of a person, not counting what has expired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages.
    pub messages: i64,
    /// Records of connections.
    pub connections: u64,
    /// Recorded consents.
    pub consents: u64,
    /// Requests.
    pub requests: u64,
}

/// Counts what there is of a person.
pub async fn counts(tx: &TenantTx, ctx: &Ctx, id: SubjectId) -> Result<Counts> {
    let connections = tx
        .find::<connection::Entity>()
        .filter(connection::Column::SubjectId.eq(id))
        .filter(connections::readable(tx, ctx).await?);
    let consents = tx
        .find::<consent_event::Entity>()
        .filter(consent_event::Column::SubjectId.eq(id));
    let requests = tx
        .find::<request::Entity>()
        .filter(request::Column::SubjectId.eq(id));
    Ok(Counts {
        messages: messages::count_subject(tx, ctx, id).await?,
        connections: connections.count(tx.conn()).await?,
        consents: consents.count(tx.conn()).await?,
        requests: requests.count(tx.conn()).await?,
    })
}

/// For the erasure of a person: once the transaction is saved, nobody is recognised as them any more and nothing of
/// theirs passes. Rows and keys are the caller's.
pub fn erased_after(tx: &TenantTx, ctx: &Ctx, row: &subject::Model) {
    let (known, standings) = (ctx.known.clone(), ctx.standings.clone());
    let (tenant, index, id) = (row.tenant_id, row.external_index.clone(), row.id);
    ctx.tell_after(tx, Change::Erased(tenant, id, index.clone()));
    tx.after_save(move || {
        known.forget(tenant, &index);
        standings.erased(id);
    });
}

#[cfg(test)]
mod tests;
