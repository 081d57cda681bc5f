//! Who is asking: turns what a request carries (a session token or an API key) into a [`Caller`].
//!
//! Every call of the REST API comes through here, so what was proven is kept in memory for a few seconds; a change in
//! this process drops it at once. Connect tokens and the privacy page's sessions are not proven here.

mod activity;
mod attempts;
mod cache;
mod caller;
mod hashing;

use entity::{account, api_key, member, sign_in};
use sea_orm::{ColumnTrait, QueryFilter};
use serde_json::Value;
use vault::token;

pub use activity::flush;
pub(crate) use attempts::{By, Door};
pub use cache::Cache;
pub use caller::{Caller, CallerKind, Person};
pub(crate) use hashing::{hash, verify};

use crate::{
    ctx::Ctx,
    error::{Error, Result},
    permissions::{self, Permission},
    tenancy::{Actor, SystemTx, TenantScope},
};
use activity::Credential;
use cache::Proof;

/// What session tokens begin with.
pub const SESSION_PREFIX: &str = "weir_st";
/// What API keys begin with.
pub const API_KEY_PREFIX: &str = "weir_sk";

/// The caller who holds this session token or API key.
///
/// # Errors
/// `Unauthenticated` when it is none, expired, revoked or ended: the four are not told apart.
pub async fn authenticate(ctx: &Ctx, token: &str) -> Result<Caller> {
    // Says no to what cannot be one of ours before anybody is asked.
    if token::display_prefix(token).is_empty() {
        return Err(Error::Unauthenticated);
    }
    let fingerprint = token::fingerprint(token);
    let now = ctx.now();
    if let Some(caller) = ctx.authentications.get(&fingerprint, now) {
        return Ok(caller);
    }
    let generation = ctx.authentications.generation();
    let tx = ctx.store.system_read("whose credential this is").await?;
    let proof = match token.rsplit_once('_') {
        Some((SESSION_PREFIX, _)) => session(&tx, ctx, &fingerprint).await?,
        Some((API_KEY_PREFIX, _)) => api_key(&tx, ctx, &fingerprint).await?,
        _ => None,
    };
    let Some(proof) = proof else {
        ctx.authentications.remove(&fingerprint);
        return Err(Error::Unauthenticated);
    };
    ctx.authentications.put(fingerprint, &proof, now, generation);
    Ok(proof.caller)
}

async fn session(tx: &SystemTx, ctx: &Ctx, fingerprint: &[u8]) -> Result<Option<Proof>> {
    let sign_in = tx
        .find::<sign_in::Entity>()
        .filter(sign_in::Column::TokenHash.eq(fingerprint))
        .filter(sign_in::Column::ExpiresAt.gt(ctx.now()))
        .one(tx.conn())
        .await?;
    let Some(sign_in) = sign_in else {
        return Ok(None);
    };
    let member = tx
        .find::<member::Entity>()
        .filter(member::Column::TenantId.eq(sign_in.tenant_id))
        .filter(member::Column::AccountId.eq(sign_in.account_id))
        .one(tx.conn())
        .await?;
    let account = tx
        .find_by_id::<account::Entity, _>(sign_in.account_id)
        .one(tx.conn())
        .await?;
    let (Some(member), Some(account)) = (member, account) else {
        return Ok(None);
    };
    Ok(Some(Proof {
        caller: Caller {
            scope: TenantScope::new(member.tenant_id, Actor::Member(member.id)),
            kind: CallerKind::Member {
                account_id: account.id,
                member_id: member.id,
                role: member.role,
                sign_in_id: sign_in.id,
                email_verified: account.email_verified_at.is_some(),
            },
            permissions: permissions::of_role(member.role).into(),
            name: account.name.into(),
        },
        credential: Credential::SignIn {
            id: sign_in.id,
            created_at: sign_in.created_at,
        },
        expires_at: Some(sign_in.expires_at),
        noted_at: Some(sign_in.last_seen_at),
    }))
}

async fn api_key(tx: &SystemTx, ctx: &Ctx, fingerprint: &[u8]) -> Result<Option<Proof>> {
    let key = tx
        .find::<api_key::Entity>()
        .filter(api_key::Column::TokenHash.eq(fingerprint))
        .filter(api_key::Column::RevokedAt.is_null())
        .one(tx.conn())
        .await?;
    let Some(key) = key.filter(|key| key.expires_at.is_none_or(|at| at > ctx.now())) else {
        return Ok(None);
    };
    Ok(Some(Proof {
        caller: Caller {
            scope: TenantScope::new(key.tenant_id, Actor::ApiKey(key.id)),
            kind: CallerKind::ApiKey { id: key.id },
            permissions: scopes(&key.scopes).into(),
            name: key.name.into(),
        },
        credential: Credential::ApiKey(key.id),
        expires_at: key.expires_at,
        noted_at: key.last_used_at,
    }))
}

/// The permissions in a stored list. A name that this version does not know allows nothing.
pub(crate) fn scopes(stored: &Value) -> Vec<Permission> {
    stored
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|name| Permission::parse(name.as_str()?))
        .collect()
}

#[cfg(test)]
mod tests;
