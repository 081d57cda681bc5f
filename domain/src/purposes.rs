//! Purposes: why data is processed, and on which lawful basis (GDPR Art. 5(1)(b), 6(1), 9(2)).

pub(crate) mod basis;

use entity::{
    consent_event, endpoint,
    id::PurposeId,
    notice,
    purpose::{self, LawfulBasis, SpecialBasis},
    retention_rule,
};
use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, IntoActiveModel, QueryFilter};
use serde_json::json;

use crate::{
    audit::{self, Event},
    ctx::Ctx,
    data_types,
    error::{Error, Faults, Result},
    fields,
    page::{self, Page, PageIn},
    search,
    tenancy::{TenantTx, expect_version, on_conflict},
};

/// A purpose to be declared.
#[derive(Clone, Debug)]
pub struct NewPurpose {
    /// Unique in the tenant.
    pub slug: String,
    /// For people.
    pub name: String,
    /// For the people whose data it is: shown on the privacy page.
    pub description: Option<String>,
    /// What makes it lawful.
    pub lawful_basis: LawfulBasis,
    /// Whether nothing passes before the person consented. Left out: when consent is the basis.
    pub requires_consent: Option<bool>,
    /// How long a consent holds; ISO 8601. Left out: until it is withdrawn.
    pub consent_validity: Option<String>,
    /// Why the interests of the persons do not override. Needed where legitimate interests are the basis.
    pub balancing_note: Option<String>,
    /// What makes it lawful where special categories are concerned (GDPR Art. 9(2)).
    pub special_basis: Option<SpecialBasis>,
    /// Whether `Sec-GPC: 1` is an objection to it.
    pub honours_gpc: bool,
}

impl NewPurpose {
    /// A purpose of which no more than this is said.
    pub fn new(slug: impl Into<String>, lawful_basis: LawfulBasis) -> Self {
        let slug = slug.into();
        Self {
            name: slug.clone(),
            slug,
            description: None,
            lawful_basis,
            requires_consent: None,
            consent_validity: None,
            balancing_note: None,
            special_basis: None,
            honours_gpc: false,
        }
    }
}

/// What to change of a purpose. `None` leaves a field as it is, `Some(None)` clears it. The slug stays: programs name it.
#[derive(Clone, Debug, Default)]
pub struct PurposePatch {
    /// See [`NewPurpose`].
    pub name: Option<String>,
    /// See [`NewPurpose`].
    pub description: Option<Option<String>>,
    /// See [`NewPurpose`].
    pub lawful_basis: Option<LawfulBasis>,
    /// See [`NewPurpose`].
    pub requires_consent: Option<bool>,
    /// See [`NewPurpose`].
    pub consent_validity: Option<Option<String>>,
    /// See [`NewPurpose`].
    pub balancing_note: Option<Option<String>>,
    /// See [`NewPurpose`].
    pub special_basis: Option<Option<SpecialBasis>>,
    /// See [`NewPurpose`].
    pub honours_gpc: Option<bool>,
}

/// Declares a purpose.
pub async fn create(tx: &TenantTx, ctx: &Ctx, new: NewPurpose) -> Result<purpose::Model> {
    let requires_consent = new
        .requires_consent
        .unwrap_or(new.lawful_basis == LawfulBasis::Consent);
    let mut faults = Faults::default();
    fields::slug(&mut faults, "/slug", &new.slug);
    fields::name(&mut faults, "/name", &new.name);
    fields::text(&mut faults, "/description", new.description.as_deref());
    basis::check(
        &mut faults,
        &basis::Basis {
            lawful_basis: new.lawful_basis,
            requires_consent,
            consent_validity: new.consent_validity.as_deref(),
            balancing_note: new.balancing_note.as_deref(),
            special_basis: new.special_basis,
        },
    );
    faults.finish()?;
    let now = ctx.now();
    let row = purpose::ActiveModel {
        id: Set(ctx.ids.next()),
        slug: Set(new.slug),
        name: Set(new.name),
        description: Set(new.description),
        lawful_basis: Set(new.lawful_basis),
        requires_consent: Set(requires_consent),
        consent_validity: Set(new.consent_validity),
        balancing_note: Set(new.balancing_note),
        special_basis: Set(new.special_basis),
        honours_gpc: Set(new.honours_gpc),
        created_at: Set(now),
        updated_at: Set(now),
        version: Set(1),
        ..Default::default()
    };
    let row = tx
        .insert(row)
        .await
        .map_err(|error| on_conflict(error, "purpose", "slug", "/slug"))?;
    let mut facts = basis::facts(&row);
    facts["slug"] = json!(row.slug);
    audit::record(
        tx,
        ctx,
        Event::new("purpose.created")
            .target("purpose", row.id)
            .facts(facts),
    )
    .await?;
    ctx.forget_picture_after(tx);
    Ok(row)
}

/// What to look for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// On this basis.
    pub lawful_basis: Option<LawfulBasis>,
    /// In slug or name.
    pub q: Option<String>,
}

/// Lists purposes, newest first.
pub async fn list(tx: &TenantTx, filter: &Filter, page: &PageIn) -> Result<Page<purpose::Model>> {
    use purpose::Column;
    let mut rows = tx.find::<purpose::Entity>();
    if let Some(basis) = filter.lawful_basis {
        rows = rows.filter(Column::LawfulBasis.eq(basis));
    }
    if let Some(q) = &filter.q {
        rows = rows.filter(
            Condition::any()
                .add(search::holds(Column::Slug, q))
                .add(search::holds(Column::Name, q)),
        );
    }
    page::by_id(rows, tx.conn(), Column::Id, page, |row| row.id.0).await
}

/// Reads one purpose.
pub async fn read(tx: &TenantTx, id: PurposeId) -> Result<purpose::Model> {
    tx.get::<purpose::Entity, _>(id, "purpose").await
}

/// Whether what a person says about a purpose decides: it waits for a yes, or gives way to a no.
pub fn heeds_a_no(purpose: &purpose::Model) -> bool {
    purpose.requires_consent || purpose.honours_gpc || purpose.lawful_basis == LawfulBasis::Consent
}

/// Reads one purpose by its slug, if there is one.
pub async fn by_slug(tx: &TenantTx, slug: &str) -> Result<Option<purpose::Model>> {
    Ok(tx
        .find::<purpose::Entity>()
        .filter(purpose::Column::Slug.eq(slug))
        .one(tx.conn())
        .await?)
}

/// Changes a purpose. The gate goes by the new one at once. With consent as its new basis it requires consent.
pub async fn update(
    tx: &TenantTx,
    ctx: &Ctx,
    id: PurposeId,
    expected: Option<i32>,
    mut patch: PurposePatch,
) -> Result<purpose::Model> {
    let current = read(tx, id).await?;
    expect_version(current.version, expected)?;
    let mut faults = Faults::default();
    if let Some(name) = &patch.name {
        fields::name(&mut faults, "/name", name);
    }
    if let Some(description) = &patch.description {
        fields::text(&mut faults, "/description", description.as_deref());
    }
    if patch.lawful_basis == Some(LawfulBasis::Consent) {
        patch.requires_consent.get_or_insert(true);
    }
    let text = |patch: &Option<Option<String>>, current: &Option<String>| {
        patch.clone().unwrap_or_else(|| current.clone())
    };
    basis::check(
        &mut faults,
        &basis::Basis {
            lawful_basis: patch.lawful_basis.unwrap_or(current.lawful_basis),
            requires_consent: patch.requires_consent.unwrap_or(current.requires_consent),
            consent_validity: text(&patch.consent_validity, &current.consent_validity).as_deref(),
            balancing_note: text(&patch.balancing_note, &current.balancing_note).as_deref(),
            special_basis: patch.special_basis.unwrap_or(current.special_basis),
        },
    );
    faults.finish()?;
    let version = current.version + 1;
    let mut row = current.into_active_model();
    let fields = apply(patch, &mut row);
    row.version = Set(version);
    row.updated_at = Set(ctx.now());
    let row = tx.update(row).await?;
    let mut facts = basis::facts(&row);
    facts["fields"] = json!(fields);
    facts["version"] = json!(version);
    audit::record(
        tx,
        ctx,
        Event::new("purpose.updated").target("purpose", id).facts(facts),
    )
    .await?;
    ctx.forget_picture_after(tx);
    Ok(row)
}

/// Deletes a purpose that nothing refers to.
pub async fn delete(tx: &TenantTx, ctx: &Ctx, id: PurposeId, expected: Option<i32>) -> Result<()> {
    let current = read(tx, id).await?;
    expect_version(current.version, expected)?;
    if let Some(user) = user_of(tx, id).await? {
        return Err(Error::conflict(
            "in_use",
            format!("{user}; a purpose can go when nothing refers to it"),
        ));
    }
    tx.delete_many::<purpose::Entity>()
        .filter(purpose::Column::Id.eq(id))
        .exec(tx.conn())
        .await?;
    let facts = json!({ "slug": current.slug });
    audit::record(
        tx,
        ctx,
        Event::new("purpose.deleted").target("purpose", id).facts(facts),
    )
    .await?;
    ctx.forget_picture_after(tx);
    Ok(())
}

fn apply(patch: PurposePatch, row: &mut purpose::ActiveModel) -> Vec<&'static str> {
    let mut fields = Vec::new();
    if let Some(name) = patch.name {
        row.name = Set(name);
        fields.push("name");
    }
    if let Some(description) = patch.description {
        row.description = Set(description);
        fields.push("description");
    }
    if let Some(basis) = patch.lawful_basis {
        row.lawful_basis = Set(basis);
        fields.push("lawful_basis");
    }
    if let Some(requires_consent) = patch.requires_consent {
        row.requires_consent = Set(requires_consent);
        fields.push("requires_consent");
    }
    if let Some(validity) = patch.consent_validity {
        row.consent_validity = Set(validity);
        fields.push("consent_validity");
    }
    if let Some(note) = patch.balancing_note {
        row.balancing_note = Set(note);
        fields.push("balancing_note");
    }
    if let Some(basis) = patch.special_basis {
        row.special_basis = Set(basis);
        fields.push("special_basis");
    }
    if let Some(honours) = patch.honours_gpc {
        row.honours_gpc = Set(honours);
        fields.push("honours_gpc");
    }
    fields
}

/// What refers to a purpose, if anything does.
async fn user_of(tx: &TenantTx, id: PurposeId) -> Result<Option<String>> {
    let endpoint = tx
        .find::<endpoint::Entity>()
        .filter(endpoint::Column::PurposeId.eq(id))
        .one(tx.conn())
        .await?;
    if let Some(endpoint) = endpoint {
        return Ok(Some(format!("the endpoint “{}” rests on it", endpoint.slug)));
    }
    let rule = tx
        .find::<retention_rule::Entity>()
        .filter(retention_rule::Column::PurposeId.eq(id))
        .one(tx.conn())
        .await?;
    if let Some(rule) = rule {
        return Ok(Some(format!("the retention rule “{}” refers to it", rule.name)));
    }
    let notices = tx.find::<notice::Entity>().all(tx.conn()).await?;
    if let Some(notice) = notices
        .iter()
        .find(|notice| crate::notices::purposes_of(notice).contains(&id))
    {
        return Ok(Some(format!("the notice “{}” explains it", notice.slug)));
    }
    let consent = tx
        .find::<consent_event::Entity>()
        .filter(consent_event::Column::PurposeId.eq(id))
        .one(tx.conn())
        .await?;
    if consent.is_some() {
        return Ok(Some("consents to it are recorded".into()));
    }
    if data_types::has_messages_for(tx, id).await? {
        return Ok(Some("messages are stored for it".into()));
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
