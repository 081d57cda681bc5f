//! Proving that an e-mail address is the person's own.

use entity::{account, mailed_token::MailedTokenKind};
use sea_orm::{IntoActiveModel, Set};
use serde_json::json;

use super::{links, save_and_record};
use crate::{
    authentication::{By, Caller, Door},
    ctx::Ctx,
    error::{Error, Result},
    tenants,
};

/// Mails the link once more.
///
/// # Errors
/// `Conflict` when the address is proven already, `TooMany` when it was asked for too often.
pub async fn resend(ctx: &Ctx, caller: &Caller) -> Result<()> {
    let person = caller.person()?;
    let tx = ctx.store.begin(caller.scope()).await?;
    let account = super::read(&tx, person.account_id).await?;
    if account.email_verified_at.is_some() {
        return Err(Error::conflict(
            "already_verified",
            "this address is verified already",
        ));
    }
    let attempts = &ctx.authentications.attempts;
    attempts.begin(Door::EmailVerification, &[By::Email(&account.email)], ctx.now())?;
    let tenant = tenants::read(&tx).await?;
    links::mail(&tx, ctx, &tenant, &account, MailedTokenKind::VerifyEmail).await?;
    tx.save().await?;
    Ok(())
}

/// The person followed the link: the address is theirs. Answers the address.
pub async fn confirm(ctx: &Ctx, token: &str) -> Result<String> {
    let tx = ctx.store.system("accounts belong to no tenant").await?;
    let account = links::take(&tx, ctx, MailedTokenKind::VerifyEmail, token).await?;
    let (id, email, version) = (account.id, account.email.clone(), account.version);
    let verified_at = account.email_verified_at.unwrap_or_else(|| ctx.now());
    let mut row: account::ActiveModel = account.into_active_model();
    row.email_verified_at = Set(Some(verified_at));
    row.version = Set(version + 1);
    tx.update(row).await?;
    save_and_record(tx, ctx, id, "member.email_verified", &json!({})).await?;
    Ok(email)
}
