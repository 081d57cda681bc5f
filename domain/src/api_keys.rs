//! API keys: credentials of programs. Scoped, shown once, stored as a fingerprint.

use chrono::{DateTime, Utc};
use entity::{api_key, id::ApiKeyId};
use sea_orm::{ColumnTrait, IntoActiveModel, QueryFilter, Set};
use serde_json::json;
use vault::{redact::Redacted, token};

use crate::{
    audit::{self, Event},
    authentication::{API_KEY_PREFIX, Caller, scopes},
    changes::Change,
    ctx::Ctx,
    error::{Faults, Result},
    fields,
    page::{self, Page, PageIn},
    permissions::Permission,
    tenancy::{Actor, TenantScope, TenantTx, expect_version},
};

/// A key to be made.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// To recognise it by.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Permission>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
}

/// A key that was just made.
#[derive(Clone, Debug)]
pub struct CreatedApiKey {
    /// What is stored.
    pub key: api_key::Model,
    /// The key itself. Shown once.
    pub token: Redacted<String>,
}

/// What a key may do. A permission that this version does not know is left out.
pub fn permissions(key: &api_key::Model) -> Vec<Permission> {
    scopes(&key.scopes)
}

/// Lists keys, newest first, revoked ones too.
pub async fn list(tx: &TenantTx, page: &PageIn) -> Result<Page<api_key::Model>> {
    let rows = tx.find::<api_key::Entity>();
    page::by_id(rows, tx.conn(), api_key::Column::Id, page, |row| row.id.0).await
}

/// Reads one key.
pub async fn read(tx: &TenantTx, id: ApiKeyId) -> Result<api_key::Model> {
    tx.get::<api_key::Entity, _>(id, "API key").await
}

/// Makes a key that may do no more than its maker.
pub async fn create(tx: &TenantTx, ctx: &Ctx, caller: &Caller, new: NewApiKey) -> Result<CreatedApiKey> {
    let mut faults = Faults::default();
    for (at, scope) in new.scopes.iter().enumerate() {
        faults.check(
            caller.permissions().contains(scope),
            format!("/scopes/{at}"),
            "not_yours",
            "a key may do no more than who makes it",
        );
    }
    make(tx, ctx, new, faults).await
}

/// Makes a key as Weir itself, for provisioning.
pub async fn create_for_system(ctx: &Ctx, scope: &TenantScope, new: NewApiKey) -> Result<CreatedApiKey> {
    let tx = ctx.store.begin(scope).await?;
    let created = make(&tx, ctx, new, Faults::default()).await?;
    tx.save().await?;
    Ok(created)
}

async fn make(tx: &TenantTx, ctx: &Ctx, new: NewApiKey, mut faults: Faults) -> Result<CreatedApiKey> {
    let name = new.name.trim().to_owned();
    fields::name(&mut faults, "/name", &name);
    faults.check(
        !new.scopes.is_empty(),
        "/scopes",
        "required",
        "give the key at least one scope",
    );
    faults.check(
        new.expires_at.is_none_or(|at| at > ctx.now()),
        "/expires_at",
        "past",
        "choose a time to come, or leave it out",
    );
    faults.finish()?;
    // In the order of the documentation, each once.
    let scopes: Vec<Permission> = Permission::ALL
        .iter()
        .copied()
        .filter(|permission| new.scopes.contains(permission))
        .collect();
    let token = token::generate(API_KEY_PREFIX, &*ctx.chance);
    let created_by = match tx.actor() {
        Actor::Member(member) => Some(*member),
        Actor::ApiKey(_) | Actor::Subject | Actor::System => None,
    };
    let key = tx
        .insert(api_key::ActiveModel {
            id: Set(ctx.ids.next()),
            name: Set(name),
            prefix: Set(token::display_prefix(token.expose())),
            token_hash: Set(token::fingerprint(token.expose()).to_vec()),
            scopes: Set(serde_json::to_value(&scopes)?),
            created_by: Set(created_by),
            created_at: Set(ctx.now()),
            last_used_at: Set(None),
            expires_at: Set(new.expires_at),
            revoked_at: Set(None),
            version: Set(1),
            ..Default::default()
        })
        .await?;
    audit::record(
        tx,
        ctx,
        Event::new("api_key.created")
            .target("api_key", key.id)
            .facts(json!({ "scopes": scopes, "expires_at": key.expires_at })),
    )
    .await?;
    Ok(CreatedApiKey { key, token })
}

/// Gives a key another name.
pub async fn update(
    tx: &TenantTx,
    ctx: &Ctx,
    id: ApiKeyId,
    expected: Option<i32>,
    name: Option<String>,
) -> Result<api_key::Model> {
    let key = read(tx, id).await?;
    expect_version(key.version, expected)?;
    let Some(name) = name else {
        return Ok(key);
    };
    let name = name.trim().to_owned();
    let mut faults = Faults::default();
    fields::name(&mut faults, "/name", &name);
    faults.finish()?;
    let version = key.version + 1;
    let mut row = key.into_active_model();
    row.name = Set(name);
    row.version = Set(version);
    let key = tx.update(row).await?;
    audit::record(
        tx,
        ctx,
        Event::new("api_key.updated")
            .target("api_key", id)
            .facts(json!({ "changed": ["name"], "version": version })),
    )
    .await?;
    forget_after(tx, ctx, id);
    Ok(key)
}

/// Revokes a key: from then on it proves nothing. The row stays, so that what it did can be told.
pub async fn revoke(tx: &TenantTx, ctx: &Ctx, id: ApiKeyId, expected: Option<i32>) -> Result<()> {
    let key = read(tx, id).await?;
    expect_version(key.version, expected)?;
    if key.revoked_at.is_some() {
        return Ok(());
    }
    let version = key.version + 1;
    let mut row = key.into_active_model();
    row.revoked_at = Set(Some(ctx.now()));
    row.version = Set(version);
    tx.update(row).await?;
    audit::record(tx, ctx, Event::new("api_key.revoked").target("api_key", id)).await?;
    forget_after(tx, ctx, id);
    Ok(())
}

/// Revokes all keys that a name was given to, as Weir itself: for provisioning that hands out a new one. Answers how
/// many there were.
pub async fn revoke_named(ctx: &Ctx, scope: &TenantScope, name: &str) -> Result<usize> {
    let tx = ctx.store.begin(scope).await?;
    let keys = tx
        .find::<api_key::Entity>()
        .filter(api_key::Column::Name.eq(name))
        .filter(api_key::Column::RevokedAt.is_null())
        .all(tx.conn())
        .await?;
    for key in &keys {
        revoke(&tx, ctx, key.id, None).await?;
    }
    tx.save().await?;
    Ok(keys.len())
}

fn forget_after(tx: &TenantTx, ctx: &Ctx, key: ApiKeyId) {
    ctx.tell_after(tx, Change::Credentials);
    let ctx = ctx.clone();
    tx.after_save(move || ctx.authentications.forget_key(key));
}

/// Refuses a scope that does not exist; for callers that read scopes as text.
pub fn parse_scopes(names: &[String]) -> Result<Vec<Permission>> {
    let mut faults = Faults::default();
    let mut scopes = Vec::new();
    for (at, name) in names.iter().enumerate() {
        match Permission::parse(name) {
            Some(permission) => scopes.push(permission),
            None => faults.add(
                format!("/scopes/{at}"),
                "unknown",
                "this is no scope; see the reference for all of them",
            ),
        }
    }
    faults.finish()?;
    Ok(scopes)
}
