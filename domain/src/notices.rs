//! Notices: the texts that consents refer to, in versions. A published version never changes; a consent quotes its hash,
//! so that what a person was told can be proven word by word.

mod versions;

use entity::{
    consent_event,
    id::{NoticeId, PurposeId},
    notice, notice_version, purpose,
};
use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, IntoActiveModel, QueryFilter};
use serde_json::json;

pub use versions::{NewVersion, latest_for, latest_of, list_versions, publish, read_version};

use crate::{
    audit::{self, Event},
    ctx::Ctx,
    error::{Error, Faults, Result},
    fields,
    page::{self, Page, PageIn},
    purposes, search,
    tenancy::{TenantTx, expect_version, on_conflict},
};

/// A notice to be made; its words come with [`publish`].
#[derive(Clone, Debug)]
pub struct NewNotice {
    /// Unique in the tenant.
    pub slug: String,
    /// For people.
    pub name: String,
    /// The purposes it explains.
    pub purpose_ids: Vec<PurposeId>,
    /// How long a consent given on it holds at most; ISO 8601.
    pub consent_validity: Option<String>,
}

/// What to change of a notice. `None` leaves a field as it is. The slug stays: programs name it.
#[derive(Clone, Debug, Default)]
pub struct NoticePatch {
    /// See [`NewNotice`].
    pub name: Option<String>,
    /// See [`NewNotice`].
    pub purpose_ids: Option<Vec<PurposeId>>,
    /// See [`NewNotice`].
    pub consent_validity: Option<Option<String>>,
}

/// Makes a notice.
pub async fn create(tx: &TenantTx, ctx: &Ctx, new: NewNotice) -> Result<notice::Model> {
    let mut faults = Faults::default();
    fields::slug(&mut faults, "/slug", &new.slug);
    fields::name(&mut faults, "/name", &new.name);
    check_purposes(tx, &mut faults, &new.purpose_ids).await?;
    purposes::basis::validity(&mut faults, new.consent_validity.as_deref());
    faults.finish()?;
    let row = notice::ActiveModel {
        id: Set(ctx.ids.next()),
        slug: Set(new.slug),
        name: Set(new.name),
        purpose_ids: Set(json!(new.purpose_ids)),
        latest_number: Set(0),
        consent_validity: Set(new.consent_validity),
        created_at: Set(ctx.now()),
        version: Set(1),
        ..Default::default()
    };
    let row = tx
        .insert(row)
        .await
        .map_err(|error| on_conflict(error, "notice", "slug", "/slug"))?;
    let facts = json!({ "slug": row.slug, "purpose_ids": row.purpose_ids });
    audit::record(
        tx,
        ctx,
        Event::new("notice.created").target("notice", row.id).facts(facts),
    )
    .await?;
    Ok(row)
}

/// What to look for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In slug or name.
    pub q: Option<String>,
}

/// Lists notices, newest first.
pub async fn list(tx: &TenantTx, filter: &Filter, page: &PageIn) -> Result<Page<notice::Model>> {
    use notice::Column;
    let mut rows = tx.find::<notice::Entity>();
    if let Some(q) = &filter.q {
        rows = rows.filter(
            Condition::any()
                .add(search::holds(Column::Slug, q))
                .add(search::holds(Column::Name, q)),
        );
    }
    page::by_id(rows, tx.conn(), Column::Id, page, |row| row.id.0).await
}

/// Reads one notice.
pub async fn read(tx: &TenantTx, id: NoticeId) -> Result<notice::Model> {
    tx.get::<notice::Entity, _>(id, "notice").await
}

/// Changes a notice. What was published stays as it is.
pub async fn update(
    tx: &TenantTx,
    ctx: &Ctx,
    id: NoticeId,
    expected: Option<i32>,
    patch: NoticePatch,
) -> Result<notice::Model> {
    let current = read(tx, id).await?;
    expect_version(current.version, expected)?;
    let mut faults = Faults::default();
    if let Some(name) = &patch.name {
        fields::name(&mut faults, "/name", name);
    }
    if let Some(ids) = &patch.purpose_ids {
        check_purposes(tx, &mut faults, ids).await?;
    }
    if let Some(validity) = &patch.consent_validity {
        purposes::basis::validity(&mut faults, validity.as_deref());
    }
    faults.finish()?;
    let version = current.version + 1;
    let mut row = current.into_active_model();
    let mut fields = Vec::new();
    if let Some(name) = patch.name {
        row.name = Set(name);
        fields.push("name");
    }
    if let Some(ids) = patch.purpose_ids {
        row.purpose_ids = Set(json!(ids));
        fields.push("purpose_ids");
    }
    if let Some(validity) = patch.consent_validity {
        row.consent_validity = Set(validity);
        fields.push("consent_validity");
    }
    row.version = Set(version);
    let row = tx.update(row).await?;
    let facts = json!({ "fields": fields, "version": version, "purpose_ids": row.purpose_ids });
    audit::record(
        tx,
        ctx,
        Event::new("notice.updated").target("notice", id).facts(facts),
    )
    .await?;
    Ok(row)
}

/// Deletes a notice and its versions, unless a consent refers to one of them.
pub async fn delete(tx: &TenantTx, ctx: &Ctx, id: NoticeId, expected: Option<i32>) -> Result<()> {
    let current = read(tx, id).await?;
    expect_version(current.version, expected)?;
    let versions: Vec<_> = tx
        .find::<notice_version::Entity>()
        .filter(notice_version::Column::NoticeId.eq(id))
        .all(tx.conn())
        .await?
        .into_iter()
        .map(|version| version.id)
        .collect();
    for some in versions.chunks(500) {
        let consent = tx
            .find::<consent_event::Entity>()
            .filter(consent_event::Column::NoticeVersionId.is_in(some.iter().copied()))
            .one(tx.conn())
            .await?;
        if consent.is_some() {
            return Err(Error::conflict(
                "in_use",
                "consents refer to it: it is what they were given on and must stay",
            ));
        }
    }
    tx.delete_many::<notice_version::Entity>()
        .filter(notice_version::Column::NoticeId.eq(id))
        .exec(tx.conn())
        .await?;
    tx.delete_many::<notice::Entity>()
        .filter(notice::Column::Id.eq(id))
        .exec(tx.conn())
        .await?;
    let facts = json!({ "slug": current.slug, "versions": versions.len() });
    audit::record(
        tx,
        ctx,
        Event::new("notice.deleted").target("notice", id).facts(facts),
    )
    .await?;
    Ok(())
}

/// The purposes that a notice explains.
pub fn purposes_of(notice: &notice::Model) -> Vec<PurposeId> {
    // We wrote it ourselves; a damaged list explains nothing.
    serde_json::from_value(notice.purpose_ids.clone()).unwrap_or_default()
}

/// Most purposes of one notice.
const MAX_PURPOSES: usize = 100;

async fn check_purposes(tx: &TenantTx, faults: &mut Faults, ids: &[PurposeId]) -> Result<()> {
    if ids.len() > MAX_PURPOSES {
        faults.add(
            "/purpose_ids",
            "too_many",
            format!("use at most {MAX_PURPOSES} purposes"),
        );
        return Ok(());
    }
    let known = tx
        .find::<purpose::Entity>()
        .filter(purpose::Column::Id.is_in(ids.iter().copied()))
        .all(tx.conn())
        .await?;
    for (number, id) in ids.iter().enumerate() {
        faults.check(
            known.iter().any(|purpose| purpose.id == *id),
            format!("/purpose_ids/{number}"),
            "unknown",
            "there is no such purpose",
        );
        faults.check(
            !ids[..number].contains(id),
            format!("/purpose_ids/{number}"),
            "repeated",
            "name each purpose once",
        );
    }
    Ok(())
}
