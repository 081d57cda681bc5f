//! Sessions of persons: a browser or program that signed in for one tenant.
//!
//! A session ends after two weeks in which it was not used, after 90 days in any case, and when its account gets
//! another password. The token is shown once; what is stored is its fingerprint.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    account,
    id::{AccountId, SignInId},
    invitation, mailed_token, member, sign_in, tenant,
};
use sea_orm::{ColumnTrait, IntoActiveModel, QueryFilter, Set};
use vault::{password, redact::Redacted, token};

use crate::{
    accounts::{self, email},
    audit::{self, Event},
    authentication::{self, By, Door, SESSION_PREFIX},
    changes::Change,
    ctx::Ctx,
    error::{Error, Result},
    members::Membership,
    page::{self, Page, PageIn},
    tenancy::{Actor, TenantScope, TenantTx},
    tenants,
};

/// A session that is not used for this long ends.
pub const IDLE: TimeDelta = TimeDelta::days(14);
/// A session ends after this long, used or not.
pub const LONGEST: TimeDelta = TimeDelta::days(90);

/// Until when a session lives that was used at a time.
pub(crate) fn expiry(created_at: DateTime<Utc>, seen_at: DateTime<Utc>) -> DateTime<Utc> {
    (seen_at + IDLE).min(created_at + LONGEST)
}

/// Somebody who wants to sign in.
#[derive(Clone, Debug)]
pub struct NewSignIn {
    /// The e-mail address of the account.
    pub email: String,
    /// The password of the account.
    pub password: Redacted<String>,
    /// For which tenant; the one that they have been a member of the longest when left out.
    pub tenant: Option<String>,
    /// What the client calls itself.
    pub client: Option<String>,
    /// Where they come from, to slow guessing down.
    pub address: Option<IpAddr>,
}

/// A session that just began.
#[derive(Clone, Debug)]
pub struct Begun {
    /// What proves it from now on. Shown once.
    pub token: Redacted<String>,
    /// The session.
    pub sign_in: sign_in::Model,
}

/// Somebody who just signed in.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// What proves it from now on. Shown once.
    pub token: Redacted<String>,
    /// When the session ends if it is not used.
    pub expires_at: DateTime<Utc>,
    /// For which tenant.
    pub tenant: tenant::Model,
    /// As whom.
    pub member: Membership,
}

impl SignedIn {
    pub(crate) fn new(
        begun: Begun,
        tenant: tenant::Model,
        member: member::Model,
        account: account::Model,
    ) -> Self {
        Self {
            token: begun.token,
            expires_at: begun.sign_in.expires_at,
            tenant,
            member: Membership::new(member, account),
        }
    }
}

/// The same for an unknown address, a wrong password, and a tenant that the person is no member of.
const WRONG: Error = Error::Rejected {
    code: "credentials_invalid",
    detail: "the address or the password is wrong",
};

/// Signs in by e-mail address and password.
///
/// # Errors
/// `Rejected` with `credentials_invalid`, whatever was wrong; `TooMany` after too many of these.
pub async fn create(ctx: &Ctx, new: NewSignIn) -> Result<SignedIn> {
    let address = email::normalise(&new.email);
    // What is no address counts as an attempt on itself.
    let name = address.as_deref().unwrap_or(&new.email);
    let who: Vec<By<'_>> = [By::Email(name)]
        .into_iter()
        .chain(new.address.map(By::Address))
        .collect();
    ctx.authentications
        .attempts
        .begin(Door::SignIn, &who, ctx.now())?;
    let account = match &address {
        Some(address) => {
            let tx = ctx.store.system_read("accounts belong to no tenant").await?;
            accounts::by_email(&tx, address).await?
        }
        None => None,
    };
    let stored = account.as_ref().map(|account| account.password_hash.clone());
    let right = authentication::verify(ctx, new.password.expose(), stored).await?;
    let account = account.filter(|_| right).ok_or(WRONG)?;
    let renewed = if password::needs_rehash(&account.password_hash, &ctx.settings.password_cost) {
        Some(authentication::hash(ctx, new.password.expose()).await?)
    } else {
        None
    };
    let tx = ctx.store.system("accounts belong to no tenant").await?;
    let now_stored = tx
        .find_by_id::<account::Entity, _>(account.id)
        .one(tx.conn())
        .await?;
    // The password may have been changed while we compared.
    let account = now_stored
        .filter(|now| now.password_hash == account.password_hash)
        .ok_or(WRONG)?;
    let member = accounts::membership(&tx, account.id, new.tenant.as_deref())
        .await?
        .ok_or(WRONG)?;
    if let Some(hash) = renewed {
        let mut row = account.clone().into_active_model();
        row.password_hash = Set(hash);
        tx.update(row).await?;
    }
    let tx = tx
        .for_tenant(&TenantScope::new(member.tenant_id, Actor::Member(member.id)))
        .await?;
    let tenant = tenants::read(&tx).await?;
    let begun = begin(&tx, ctx, account.id, new.client.as_deref()).await?;
    audit::record(
        &tx,
        ctx,
        Event::new("member.signed_in").target("member", member.id),
    )
    .await?;
    tx.save().await?;
    ctx.authentications
        .attempts
        .went_well(Door::SignIn, &who, ctx.now());
    Ok(SignedIn::new(begun, tenant, member, account))
}

/// Begins a session of an account that was just proven.
pub(crate) async fn begin(
    tx: &TenantTx,
    ctx: &Ctx,
    account: AccountId,
    client: Option<&str>,
) -> Result<Begun> {
    let token = token::generate(SESSION_PREFIX, &*ctx.chance);
    let now = ctx.now();
    let sign_in = tx
        .insert(sign_in::ActiveModel {
            id: Set(ctx.ids.next()),
            account_id: Set(account),
            token_hash: Set(token::fingerprint(token.expose()).to_vec()),
            client: Set(client.and_then(shorten)),
            created_at: Set(now),
            last_seen_at: Set(now),
            expires_at: Set(expiry(now, now)),
            ..Default::default()
        })
        .await?;
    Ok(Begun { token, sign_in })
}

/// Enough of what a client calls itself to recognise it by.
fn shorten(client: &str) -> Option<String> {
    let short: String = client.chars().filter(|c| !c.is_control()).take(160).collect();
    let short = short.trim();
    (!short.is_empty()).then(|| short.to_owned())
}

/// Lists a person's own sessions at this tenant, newest first.
pub async fn list(
    tx: &TenantTx,
    ctx: &Ctx,
    account: AccountId,
    page: &PageIn,
) -> Result<Page<sign_in::Model>> {
    let rows = tx
        .find::<sign_in::Entity>()
        .filter(sign_in::Column::AccountId.eq(account))
        .filter(sign_in::Column::ExpiresAt.gt(ctx.now()));
    page::by_id(rows, tx.conn(), sign_in::Column::Id, page, |row| row.id.0).await
}

/// Ends one of a person's own sessions at this tenant: from then on its token proves nothing.
pub async fn delete(tx: &TenantTx, ctx: &Ctx, account: AccountId, id: SignInId) -> Result<()> {
    let ended = tx
        .delete_many::<sign_in::Entity>()
        .filter(sign_in::Column::Id.eq(id))
        .filter(sign_in::Column::AccountId.eq(account))
        .exec(tx.conn())
        .await?
        .rows_affected;
    if ended == 0 {
        return Err(Error::NotFound { what: "session" });
    }
    audit::record(tx, ctx, Event::new("member.signed_out").target("session", id)).await?;
    ctx.tell_after(tx, Change::Credentials);
    let ctx = ctx.clone();
    tx.after_save(move || ctx.authentications.forget_sign_in(id));
    Ok(())
}

/// Removes sessions and links that are over, and invitations that nobody took for 30 days. For the worker, once an
/// hour or so. Answers how many rows went.
pub async fn forget_expired(ctx: &Ctx) -> Result<u64> {
    let now = ctx.now();
    let tx = ctx
        .store
        .system("sessions, links and invitations of all tenants expire")
        .await?;
    let sessions = tx
        .delete_many::<sign_in::Entity>()
        .filter(sign_in::Column::ExpiresAt.lte(now))
        .exec(tx.conn())
        .await?;
    let links = tx
        .delete_many::<mailed_token::Entity>()
        .filter(mailed_token::Column::ExpiresAt.lte(now))
        .exec(tx.conn())
        .await?;
    let invitations = tx
        .delete_many::<invitation::Entity>()
        .filter(invitation::Column::ExpiresAt.lte(now - TimeDelta::days(30)))
        .exec(tx.conn())
        .await?;
    tx.save().await?;
    Ok(sessions.rows_affected + links.rows_affected + invitations.rows_affected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_in_use_lives_on_but_not_for_ever() {
        let created = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let used_after = |days| expiry(created, created + TimeDelta::days(days)) - created;
        assert_eq!(used_after(0), TimeDelta::days(14));
        assert_eq!(used_after(10), TimeDelta::days(24));
        assert_eq!(used_after(80), TimeDelta::days(90));
    }
}
