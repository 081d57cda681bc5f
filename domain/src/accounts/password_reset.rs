//! A new password for who forgot the old one, by a link to their address.

use std::net::IpAddr;

use entity::mailed_token::MailedTokenKind;
use serde_json::json;
use vault::redact::Redacted;

use super::{email, end_sessions, links, membership, password, save_and_record, set_password};
use crate::{
    authentication::{self, By, Door},
    ctx::Ctx,
    error::{Faults, Result},
    tenancy::{Actor, TenantScope},
    tenants,
};

/// Mails a link, if there is such an account. Whoever asks cannot tell whether there is.
///
/// # Errors
/// `TooMany` when this address or this network asked too often, whether there is an account or not.
pub async fn request(ctx: &Ctx, address: &str, from: Option<IpAddr>) -> Result<()> {
    let Some(address) = email::normalise(address) else {
        return Ok(());
    };
    let who: Vec<By<'_>> = [By::Email(&address)]
        .into_iter()
        .chain(from.map(By::Address))
        .collect();
    ctx.authentications
        .attempts
        .begin(Door::PasswordReset, &who, ctx.now())?;
    let tx = ctx.store.system("accounts belong to no tenant").await?;
    let Some(account) = super::by_email(&tx, &address).await? else {
        return Ok(());
    };
    // Somebody without a tenant could not sign in anyway.
    let Some(member) = membership(&tx, account.id, None).await? else {
        return Ok(());
    };
    let tx = tx
        .for_tenant(&TenantScope::new(member.tenant_id, Actor::System))
        .await?;
    let tenant = tenants::read(&tx).await?;
    links::mail(&tx, ctx, &tenant, &account, MailedTokenKind::ResetPassword).await?;
    tx.save().await?;
    Ok(())
}

/// Sets the new password, ends all sessions, and takes the address for proven, since the link came through it.
pub async fn confirm(ctx: &Ctx, token: &str, new: &Redacted<String>) -> Result<()> {
    let account = {
        let tx = ctx.store.system_read("accounts belong to no tenant").await?;
        links::peek(&tx, ctx, MailedTokenKind::ResetPassword, token).await?
    };
    let mut faults = Faults::default();
    password::check(
        &mut faults,
        "/password",
        new.expose(),
        &[&account.email, &account.name],
    );
    faults.finish()?;
    let hash = authentication::hash(ctx, new.expose()).await?;
    let tx = ctx.store.system("accounts belong to no tenant").await?;
    let account = links::take(&tx, ctx, MailedTokenKind::ResetPassword, token).await?;
    let (id, address) = (account.id, account.email.clone());
    set_password(&tx, ctx, account, hash, true).await?;
    let ended = end_sessions(&tx, id, None).await?;
    save_and_record(
        tx,
        ctx,
        id,
        "member.password_reset",
        &json!({ "sessions_ended": ended }),
    )
    .await?;
    ctx.authentications
        .attempts
        .went_well(Door::SignIn, &[By::Email(&address)], ctx.now());
    Ok(())
}
