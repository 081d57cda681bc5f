//! Tenants: founded by sign-up or by provisioning, found by slug, changed by their members.

mod cache;
mod delete;
mod founding;
mod provisioning;
mod slug;
mod usage;

use chrono::TimeDelta;
use entity::tenant::{self, OpendsrTrust, RequestApproval};
use sea_orm::{ColumnTrait, IntoActiveModel, QueryFilter, Set};
use serde_json::json;

pub use cache::Cache;
pub use delete::{Leaving, RemoveTenant, begin_delete, finish_delete, remove};
pub(crate) use founding::{Founder, NewTenant, check, found, is_taken};
pub use provisioning::{Provision, find_or_create};
pub use usage::{Stored, Usage, stored, usage};

use crate::{
    accounts::email,
    audit::{self, Event},
    changes::Change,
    controllers::Controller,
    ctx::Ctx,
    deadlines,
    duration::Kept,
    error::{Error, Faults, Result},
    fields,
    tenancy::{Actor, TenantScope, TenantTx, expect_version},
};

/// Longer than this, nobody remembers what waits.
const LONGEST_GRACE: TimeDelta = TimeDelta::days(90);

/// A change of a tenant.
#[derive(Clone, Debug, Default)]
pub struct TenantPatch {
    /// Shown to members and data subjects.
    pub name: Option<String>,
    /// Shown to data subjects as the address for questions.
    pub contact_email: Option<Option<String>>,
    /// BCP 47, of pages and mails.
    pub language: Option<String>,
    /// The key of one of [`deadlines::profiles`].
    pub jurisdiction: Option<String>,
    /// How long a change of the retention rules waits that would destroy something before that. ISO 8601.
    pub retention_grace: Option<String>,
    /// Whether such a change needs a second member's consent.
    pub retention_approval: Option<bool>,
    /// The time zone that days are counted in (IANA).
    pub time_zone: Option<String>,
    /// Whose public holidays move deadlines: the code of one of [`deadlines::regions`].
    pub holidays: Option<Option<String>>,
    /// Which requests wait for a decision.
    pub request_approval: Option<RequestApproval>,
    /// Whether a decision to carry a request out takes two.
    pub four_eyes: Option<bool>,
    /// Who vouches for persons in requests through OpenDSR.
    pub opendsr_trust: Option<OpendsrTrust>,
    /// Who answers for the processing.
    pub controller: Option<Option<Controller>>,
}

/// The transaction's own tenant.
pub async fn read(tx: &TenantTx) -> Result<tenant::Model> {
    tx.find_shared::<tenant::Entity>()
        .filter(tenant::Column::Id.eq(tx.tenant()))
        .one(tx.conn())
        .await?
        .ok_or(Error::NotFound { what: "tenant" })
}

/// Changes the transaction's own tenant.
pub async fn update(
    tx: &TenantTx,
    ctx: &Ctx,
    expected: Option<i32>,
    patch: TenantPatch,
) -> Result<tenant::Model> {
    let tenant = read(tx).await?;
    expect_version(tenant.version, expected)?;
    let mut faults = Faults::default();
    let mut changed = Vec::new();
    let slug = tenant.slug.clone();
    let version = tenant.version + 1;
    let mut row = tenant.into_active_model();
    if let Some(name) = patch.name {
        let name = name.trim().to_owned();
        fields::name(&mut faults, "/name", &name);
        row.name = Set(name);
        changed.push("name");
    }
    if let Some(address) = patch.contact_email {
        let address = address.map(|address| email::checked(&mut faults, "/contact_email", &address));
        row.contact_email = Set(address);
        changed.push("contact_email");
    }
    if let Some(language) = patch.language {
        fields::language(&mut faults, "/language", &language);
        row.language = Set(language);
        changed.push("language");
    }
    if let Some(jurisdiction) = patch.jurisdiction {
        let known: Vec<_> = deadlines::profiles()
            .iter()
            .map(|profile| profile.key.as_str())
            .collect();
        faults.check(
            deadlines::profile(&jurisdiction).is_some(),
            "/jurisdiction",
            "unknown",
            format!("use one of {}", known.join(", ")),
        );
        row.jurisdiction = Set(jurisdiction);
        changed.push("jurisdiction");
    }
    if let Some(grace) = patch.retention_grace {
        match grace.parse::<Kept>() {
            Ok(kept) if kept.approximate() <= LONGEST_GRACE => row.retention_grace = Set(kept.to_string()),
            Ok(_) => faults.add("/retention_grace", "too_long", "use at most 90 days"),
            Err(error) => faults.add("/retention_grace", error.code(), error.to_string()),
        }
        changed.push("retention_grace");
    }
    if let Some(approval) = patch.retention_approval {
        row.retention_approval = Set(approval);
        changed.push("retention_approval");
    }
    if let Some(zone) = patch.time_zone {
        faults.check(
            deadlines::is_time_zone(&zone),
            "/time_zone",
            "unknown",
            "use a name of the IANA time zone database, such as Europe/Berlin",
        );
        row.time_zone = Set(zone);
        changed.push("time_zone");
    }
    if let Some(country) = patch.holidays {
        let known: Vec<_> = deadlines::regions().map(|(code, _)| code).collect();
        faults.check(
            country.as_deref().is_none_or(|code| known.contains(&code)),
            "/holidays",
            "unknown",
            format!("use one of {}, or null for none", known.join(", ")),
        );
        row.holidays = Set(country);
        changed.push("holidays");
    }
    if let Some(approval) = patch.request_approval {
        row.request_approval = Set(approval);
        changed.push("request_approval");
    }
    if let Some(four_eyes) = patch.four_eyes {
        row.four_eyes = Set(four_eyes);
        changed.push("four_eyes");
    }
    if let Some(trust) = patch.opendsr_trust {
        row.opendsr_trust = Set(trust);
        changed.push("opendsr_trust");
    }
    if let Some(mut controller) = patch.controller {
        if let Some(controller) = &mut controller {
            controller.check(&mut faults);
        }
        row.controller = Set(controller.map(serde_json::to_value).transpose()?);
        changed.push("controller");
    }
    faults.finish()?;
    row.version = Set(version);
    let tenant = tx.update_shared(row).await?;
    audit::record(
        tx,
        ctx,
        Event::new("tenant.updated")
            .target("tenant", tenant.id)
            .facts(json!({ "changed": changed, "version": tenant.version })),
    )
    .await?;
    ctx.tell_after(tx, Change::Tenant(slug.as_str().into()));
    let ctx = ctx.clone();
    tx.after_save(move || ctx.tenants.forget(&slug));
    Ok(tenant)
}

/// The tenant behind a slug in an address, for the doors that are open to everybody. From memory if it was asked for
/// within the last seconds.
pub async fn by_slug(ctx: &Ctx, slug: &str) -> Result<Option<tenant::Model>> {
    if slug::fault(slug).is_some() {
        return Ok(None);
    }
    let now = ctx.now();
    if let Some(tenant) = ctx.tenants.get(slug, now) {
        return Ok(Some(tenant));
    }
    let generation = ctx.tenants.generation();
    let tx = ctx.store.system_read("whose slug this is").await?;
    let tenant = tx
        .find::<tenant::Entity>()
        .filter(tenant::Column::Slug.eq(slug))
        .one(tx.conn())
        .await?;
    if let Some(tenant) = &tenant {
        ctx.tenants.put(tenant, now, generation);
    }
    Ok(tenant)
}

/// The tenant's own slug.
pub async fn slug(tx: &TenantTx) -> Result<String> {
    Ok(read(tx).await?.slug)
}

/// The right to look at a tenant's data from outside: for the doors that are open to everybody (sockets, the privacy
/// page, the log), before they know who is there. None when there is no such tenant.
pub async fn public_scope(ctx: &Ctx, slug: &str) -> Result<Option<TenantScope>> {
    let tenant = by_slug(ctx, slug).await?;
    Ok(tenant.map(|tenant| TenantScope::new(tenant.id, Actor::Subject)))
}

/// The right to work on a tenant's data as Weir itself: for provisioning and for what is published anyway. The reason
/// goes to the log.
///
/// # Errors
/// `NotFound` when there is no such tenant.
pub async fn system_scope(ctx: &Ctx, slug: &str, reason: &'static str) -> Result<TenantScope> {
    let tenant = by_slug(ctx, slug)
        .await?
        .ok_or(Error::NotFound { what: "tenant" })?;
    tracing::trace!(reason, tenant.id = %tenant.id, "working for a tenant as the system");
    Ok(TenantScope::new(tenant.id, Actor::System))
}

#[cfg(test)]
mod tests;
