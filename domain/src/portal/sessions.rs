//! Signing in on the privacy page with a code or a link, and what that proves: an address, for an hour.

use chrono::{DateTime, Utc};
use entity::{
    id::{PortalSignInId, SubjectId},
    portal_code, portal_sign_in, subject, tenant,
};
use sea_orm::{
    ColumnTrait, QueryFilter, QueryOrder, QuerySelect, Set,
    sea_query::{Expr, ExprTrait},
};
use vault::{Redacted, code, token};

use super::{
    ATTEMPTS, SESSION_LIFE,
    codes::{code_scope, link_context},
};
use crate::{
    Error, Result,
    ctx::Ctx,
    erasure,
    requests::{self, Reader},
    subjects,
    tenancy::{Actor, TenantScope, TenantTx},
    tenants,
};

/// The prefix of session tokens of the privacy page.
const PREFIX: &str = "weir_pt";

/// Somebody who proved to read the mail of an address.
#[derive(Clone, Debug)]
pub struct PortalCaller {
    /// The right to work on the tenant's data as a data subject.
    pub scope: TenantScope,
    /// The tenant.
    pub tenant: tenant::Model,
    /// The session.
    pub sign_in: PortalSignInId,
    /// When the session ends.
    pub expires_at: DateTime<Utc>,
    /// The address; none when it was erased meanwhile.
    pub email: Option<String>,
    /// Its keyed hash.
    pub email_index: Vec<u8>,
    /// The records under this address, oldest first; none when nothing is known of it (any more).
    pub subjects: Vec<SubjectId>,
    /// Those who are being erased at this moment: nothing else is shown of them or done for them any more.
    pub leaving: Vec<SubjectId>,
}

impl PortalCaller {
    /// Whose requests they see.
    pub fn as_reader(&self) -> Reader {
        Reader {
            subjects: [&self.subjects[..], &self.leaving].concat(),
            email_index: self.email_index.clone(),
        }
    }

    /// Refuses what needs a person that the tenant knows.
    pub fn known(&self) -> Result<&[SubjectId]> {
        if self.subjects.is_empty() {
            return Err(Error::NotFound { what: "person" });
        }
        Ok(&self.subjects)
    }
}

/// A new session.
#[derive(Debug)]
pub struct SignedIn {
    /// Shown once.
    pub token: Redacted<String>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

/// Binds the sealed address to its session.
pub(crate) fn address_context(id: PortalSignInId) -> String {
    format!("portal_sign_in.email/{id}")
}

/// The tenant whose page this is.
pub async fn open(ctx: &Ctx, slug: &str) -> Result<tenant::Model> {
    tenants::by_slug(ctx, slug)
        .await?
        .ok_or(Error::NotFound { what: "tenant" })
}

/// The right to do on a tenant's page what strangers may.
pub async fn stranger(ctx: &Ctx, slug: &str) -> Result<TenantScope> {
    Ok(TenantScope::new(open(ctx, slug).await?.id, Actor::Subject))
}

/// Signs in with a code that was mailed to the address.
///
/// # Errors
/// `Rejected` with `code_invalid`, whatever is wrong: the address, the code, its age, too many tries.
pub async fn sign_in(ctx: &Ctx, slug: &str, email: &str, code: &str) -> Result<SignedIn> {
    let invalid = Error::Rejected {
        code: "code_invalid",
        detail: "the code is wrong, used or too old; after 5 wrong tries order a new one",
    };
    let tenant = open(ctx, slug).await?;
    let scope = TenantScope::new(tenant.id, Actor::Subject);
    let keys = ctx.keys.tenant(tenant.id).await?;
    let email = email.trim().to_lowercase();
    let index = subjects::email_index(&keys, &email).to_vec();
    let code: String = code.chars().filter(|letter| !letter.is_whitespace()).collect();
    let now = ctx.now();
    let tx = ctx.store.begin(&scope).await?;
    let live = tx
        .find::<portal_code::Entity>()
        .filter(portal_code::Column::EmailIndex.eq(index.clone()))
        .filter(portal_code::Column::UsedAt.is_null())
        .filter(portal_code::Column::ExpiresAt.gt(now))
        .filter(portal_code::Column::Attempts.lt(ATTEMPTS))
        .order_by_desc(portal_code::Column::Id)
        .all(tx.conn())
        .await?;
    let matches = live.iter().fold(false, |matched, live| {
        let hash = code::fingerprint(&keys.index, &code_scope(live.id), &code);
        matched | token::same(&hash, &live.code_hash)
    });
    let ids: Vec<_> = live.iter().map(|code| code.id).collect();
    let these = tx
        .update_many::<portal_code::Entity>()
        .filter(portal_code::Column::Id.is_in(ids));
    if !matches {
        // One guess counts against every code it could have hit.
        these
            .col_expr(
                portal_code::Column::Attempts,
                Expr::col(portal_code::Column::Attempts).add(1),
            )
            .exec(tx.conn())
            .await?;
        tx.save().await?;
        return Err(invalid);
    }
    these
        .col_expr(portal_code::Column::UsedAt, Expr::value(now))
        .exec(tx.conn())
        .await?;
    let signed_in = begin(&tx, ctx, index, &email).await?;
    tx.save().await?;
    Ok(signed_in)
}

/// Signs in with a link that was mailed to the address. It works once, and its code with it; only this uses it up, never
/// that somebody looked at where it leads.
///
/// # Errors
/// `Rejected` with `token_invalid`, whatever is wrong.
pub async fn sign_in_by_link(ctx: &Ctx, slug: &str, secret: &str) -> Result<SignedIn> {
    const INVALID: Error = Error::Rejected {
        code: "token_invalid",
        detail: "this link is not valid any more; order a new one",
    };
    let tenant = open(ctx, slug).await?;
    let scope = TenantScope::new(tenant.id, Actor::Subject);
    let now = ctx.now();
    let tx = ctx.store.begin(&scope).await?;
    let row = tx
        .find::<portal_code::Entity>()
        .filter(portal_code::Column::LinkHash.eq(token::fingerprint(secret).to_vec()))
        .filter(portal_code::Column::UsedAt.is_null())
        .filter(portal_code::Column::ExpiresAt.gt(now))
        .one(tx.conn())
        .await?
        .ok_or(INVALID)?;
    let keys = ctx.keys.tenant(tenant.id).await?;
    let address = row.address_sealed.as_ref().ok_or(INVALID)?;
    let address = keys.tenant.open_value(&link_context(row.id), address)?;
    let address = String::from_utf8(address).map_err(Error::internal)?;
    // All that was mailed to the address before: whoever reads it is in.
    let taken = tx
        .update_many::<portal_code::Entity>()
        .col_expr(portal_code::Column::UsedAt, Expr::value(now))
        .filter(portal_code::Column::EmailIndex.eq(row.email_index.clone()))
        .filter(portal_code::Column::UsedAt.is_null())
        .exec(tx.conn())
        .await?
        .rows_affected;
    // Of two that come at once, one finds it used.
    if taken == 0 {
        return Err(INVALID);
    }
    let signed_in = begin(&tx, ctx, row.email_index, &address).await?;
    tx.save().await?;
    Ok(signed_in)
}

/// Begins a session of whoever reads the mail of this address, and verifies the requests that waited for that.
async fn begin(tx: &TenantTx, ctx: &Ctx, index: Vec<u8>, email: &str) -> Result<SignedIn> {
    let keys = ctx.keys.tenant(tx.tenant()).await?;
    let id: PortalSignInId = ctx.ids.next();
    let token = token::generate(PREFIX, &*ctx.chance);
    let expires_at = ctx.now() + SESSION_LIFE;
    requests::verify_waiting(tx, ctx, &index).await?;
    tx.insert(portal_sign_in::ActiveModel {
        id: Set(id),
        email_index: Set(index),
        email_sealed: Set(keys
            .tenant
            .seal_value(&address_context(id), email.as_bytes(), &*ctx.chance)),
        token_hash: Set(token::fingerprint(token.expose()).to_vec()),
        created_at: Set(ctx.now()),
        expires_at: Set(expires_at),
        ..Default::default()
    })
    .await?;
    Ok(SignedIn { token, expires_at })
}

/// Who a token is, on the page of this tenant.
pub async fn authenticate(ctx: &Ctx, slug: &str, token: &str) -> Result<PortalCaller> {
    let tenant = tenants::by_slug(ctx, slug).await?.ok_or(Error::Unauthenticated)?;
    let scope = TenantScope::new(tenant.id, Actor::Subject);
    let tx = ctx.store.read(&scope).await?;
    let session = tx
        .find::<portal_sign_in::Entity>()
        .filter(portal_sign_in::Column::TokenHash.eq(token::fingerprint(token).to_vec()))
        .filter(portal_sign_in::Column::ExpiresAt.gt(ctx.now()))
        .one(tx.conn())
        .await?
        .ok_or(Error::Unauthenticated)?;
    let subjects = tx
        .find::<subject::Entity>()
        .filter(subject::Column::EmailIndex.eq(session.email_index.clone()))
        .order_by_asc(subject::Column::Id)
        .limit(100)
        .all(tx.conn())
        .await?;
    let leaving = erasure::hidden(&tx, &session.email_index).await?;
    let keys = ctx.keys.tenant(tenant.id).await?;
    let address = keys
        .tenant
        .open_value(&address_context(session.id), &session.email_sealed)?;
    let address = String::from_utf8(address).map_err(Error::internal)?;
    Ok(PortalCaller {
        scope,
        tenant,
        sign_in: session.id,
        expires_at: session.expires_at,
        email: (!address.is_empty()).then_some(address),
        email_index: session.email_index,
        subjects: subjects.into_iter().map(|subject| subject.id).collect(),
        leaving,
    })
}

/// An address is a person's no more: whoever proved to read its mail proves that anew, for whomever it is of then.
pub(crate) async fn forget_address(tx: &TenantTx, index: &[u8]) -> Result<()> {
    tx.delete_many::<portal_sign_in::Entity>()
        .filter(portal_sign_in::Column::EmailIndex.eq(index))
        .exec(tx.conn())
        .await?;
    tx.delete_many::<portal_code::Entity>()
        .filter(portal_code::Column::EmailIndex.eq(index))
        .exec(tx.conn())
        .await?;
    Ok(())
}

/// Ends the session.
pub async fn sign_out(ctx: &Ctx, caller: &PortalCaller) -> Result<()> {
    let tx = ctx.store.begin(&caller.scope).await?;
    tx.delete_many::<portal_sign_in::Entity>()
        .filter(portal_sign_in::Column::Id.eq(caller.sign_in))
        .exec(tx.conn())
        .await?;
    tx.save().await?;
    Ok(())
}
