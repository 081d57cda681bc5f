//! Endpoints: the WebSockets that a tenant registers.

mod access;
mod input;
mod limits;
mod pools;
mod secrets;
mod upstream;

pub use access::{Access, ClientCertificate, Headers, header_names};
pub(crate) use access::{certificate_context, headers_context};
pub use input::{EndpointPatch, NewEndpoint};
pub use limits::{AUTHENTICATE_WITHIN, Limits, LimitsPatch};
pub use pools::{PoolOrder, order_pool, read_relay};
pub use secrets::Secrets;
pub(crate) use secrets::{Opened, context as secret_context};
pub use upstream::{Challenge, challenge, challenged};

use entity::{
    endpoint::{self, EndpointKind, UpstreamState},
    id::EndpointId,
    purpose,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, IntoActiveModel, PaginatorTrait, QueryFilter, QuerySelect,
};
use serde_json::json;

use crate::{
    audit::{self, Event},
    ctx::Ctx,
    error::{Error, Result},
    page::{self, Page, PageIn},
    quotas::Quotas,
    search,
    tenancy::{TenantTx, expect_version, on_conflict},
    tenants, webhooks,
};

/// Registers an endpoint. The secret is answered once and stored sealed.
pub async fn create(tx: &TenantTx, ctx: &Ctx, new: NewEndpoint) -> Result<(endpoint::Model, String)> {
    new.check()?;
    let tenant = tenants::read(tx).await?;
    Quotas::of(&tenant)?.check_endpoints(tx.find::<endpoint::Entity>().count(tx.conn()).await?)?;
    check_purpose(tx, new.purpose_id).await?;
    let id: EndpointId = ctx.ids.next();
    let secrets = Secrets::generate(ctx);
    let now = ctx.now();
    let mut row = endpoint::ActiveModel {
        id: Set(id),
        app_id: Set(secrets.app_id),
        app_key: Set(secrets.app_key),
        secret_sealed: Set(secrets::seal(ctx, tx.tenant(), id, &secrets.secret).await?),
        previous_secret_sealed: Set(None),
        previous_secret_until: Set(None),
        created_at: Set(now),
        updated_at: Set(now),
        version: Set(1),
        ..Default::default()
    };
    upstream::forget(ctx, &mut row, new.upstream_state);
    access::seal_headers(ctx, tx.tenant(), id, &new.upstream_headers, &mut row).await?;
    access::seal_certificate(ctx, tx.tenant(), id, new.upstream_certificate.as_ref(), &mut row).await?;
    new.fill(&mut row);
    let row = tx
        .insert(row)
        .await
        .map_err(|error| on_conflict(error, "endpoint", "slug", "/slug"))?;
    let facts = json!({ "slug": row.slug, "kind": row.kind, "record": row.record });
    audit::record(
        tx,
        ctx,
        Event::new("endpoint.created").target("endpoint", id).facts(facts),
    )
    .await?;
    ctx.forget_picture_after(tx);
    Ok((row, secrets.secret))
}

/// What to look for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this kind.
    pub kind: Option<EndpointKind>,
    /// Switched on or off.
    pub enabled: Option<bool>,
    /// In slug or name.
    pub q: Option<String>,
}

/// Lists endpoints, newest first.
pub async fn list(tx: &TenantTx, filter: &Filter, page: &PageIn) -> Result<Page<endpoint::Model>> {
    use endpoint::Column;
    let mut rows = tx.find::<endpoint::Entity>();
    if let Some(kind) = filter.kind {
        rows = rows.filter(Column::Kind.eq(kind));
    }
    if let Some(enabled) = filter.enabled {
        rows = rows.filter(Column::Enabled.eq(enabled));
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

/// Those that there are.
pub(crate) async fn ids(tx: &TenantTx) -> Result<Vec<EndpointId>> {
    Ok(tx
        .find::<endpoint::Entity>()
        .select_only()
        .column(endpoint::Column::Id)
        .into_tuple()
        .all(tx.conn())
        .await?)
}

/// Reads one endpoint.
pub async fn read(tx: &TenantTx, id: EndpointId) -> Result<endpoint::Model> {
    tx.get::<endpoint::Entity, _>(id, "endpoint").await
}

/// Reads one endpoint by its slug.
pub async fn by_slug(tx: &TenantTx, slug: &str) -> Result<endpoint::Model> {
    let found = tx
        .find::<endpoint::Entity>()
        .filter(endpoint::Column::Slug.eq(slug))
        .one(tx.conn())
        .await?;
    found.ok_or(Error::NotFound { what: "endpoint" })
}

/// Changes an endpoint. Open sockets keep running; what they may do follows the new settings at once.
pub async fn update(
    tx: &TenantTx,
    ctx: &Ctx,
    id: EndpointId,
    expected: Option<i32>,
    patch: EndpointPatch,
) -> Result<endpoint::Model> {
    let current = read(tx, id).await?;
    expect_version(current.version, expected)?;
    patch.check(&current)?;
    if let Some(purpose) = patch.purpose_id {
        check_purpose(tx, purpose).await?;
    }
    let version = current.version + 1;
    let moves = patch
        .upstream_url
        .as_ref()
        .is_some_and(|url| upstream::moves(current.upstream_url.as_deref(), url));
    let mut row = current.into_active_model();
    if moves {
        upstream::forget(
            ctx,
            &mut row,
            patch.upstream_state.unwrap_or(UpstreamState::Unproven),
        );
    }
    if let Some(headers) = &patch.upstream_headers {
        access::seal_headers(ctx, tx.tenant(), id, headers, &mut row).await?;
    }
    if let Some(certificate) = &patch.upstream_certificate {
        access::seal_certificate(ctx, tx.tenant(), id, certificate.as_ref(), &mut row).await?;
    }
    let changed = patch.apply(&mut row);
    row.version = Set(version);
    row.updated_at = Set(ctx.now());
    let row = tx.update(row).await?;
    let facts = json!({ "fields": changed, "version": version });
    audit::record(
        tx,
        ctx,
        Event::new("endpoint.updated").target("endpoint", id).facts(facts),
    )
    .await?;
    ctx.forget_picture_after(tx);
    Ok(row)
}

/// Deletes an endpoint. What it recorded is unreadable from now on and removed by the worker. `confirm` is its slug:
/// this cannot be undone.
pub async fn delete(
    tx: &TenantTx,
    ctx: &Ctx,
    id: EndpointId,
    expected: Option<i32>,
    confirm: &str,
) -> Result<()> {
    let current = read(tx, id).await?;
    expect_version(current.version, expected)?;
    if confirm != current.slug {
        let detail = format!(
            "this deletes the endpoint and all it recorded; confirm with ?confirm={}",
            current.slug
        );
        return Err(Error::invalid("?confirm", "confirmation_needed", detail));
    }
    webhooks::endpoint_goes(tx, ctx, id).await?;
    tx.delete_many::<endpoint::Entity>()
        .filter(endpoint::Column::Id.eq(id))
        .exec(tx.conn())
        .await?;
    let facts = json!({ "slug": current.slug });
    audit::record(
        tx,
        ctx,
        Event::new("endpoint.deleted").target("endpoint", id).facts(facts),
    )
    .await?;
    ctx.forget_picture_after(tx);
    Ok(())
}

/// Gives an endpoint a new secret; the old one is accepted for another day.
pub async fn rotate_secret(tx: &TenantTx, ctx: &Ctx, id: EndpointId) -> Result<(endpoint::Model, String)> {
    let current = read(tx, id).await?;
    let secret = Secrets::generate(ctx).secret;
    let version = current.version + 1;
    let previous = current.secret_sealed.clone();
    let mut row = current.into_active_model();
    row.previous_secret_sealed = Set(Some(previous));
    row.previous_secret_until = Set(Some(ctx.now() + secrets::OVERLAP));
    row.secret_sealed = Set(secrets::seal(ctx, tx.tenant(), id, &secret).await?);
    row.version = Set(version);
    row.updated_at = Set(ctx.now());
    let row = tx.update(row).await?;
    audit::record(
        tx,
        ctx,
        Event::new("endpoint.secret_rotated").target("endpoint", id),
    )
    .await?;
    ctx.forget_picture_after(tx);
    Ok((row, secret))
}

/// The secrets that an endpoint accepts now, the newest first.
pub async fn secrets(ctx: &Ctx, endpoint: &endpoint::Model) -> Result<Vec<String>> {
    secrets::open(ctx, endpoint).await
}

async fn check_purpose(tx: &TenantTx, id: Option<entity::id::PurposeId>) -> Result<()> {
    let Some(id) = id else { return Ok(()) };
    match tx.find_by_id::<purpose::Entity, _>(id).one(tx.conn()).await? {
        Some(_) => Ok(()),
        None => Err(Error::invalid(
            "/purpose_id",
            "unknown",
            "there is no such purpose; create it first",
        )),
    }
}
