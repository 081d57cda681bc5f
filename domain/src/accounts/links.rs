//! Links that are mailed to a person and work once. What is stored is the fingerprint of what they carry.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use entity::{
    account,
    mailed_token::{self, MailedTokenKind},
    tenant,
};
use sea_orm::{ColumnTrait, QueryFilter, Set};
use serde_json::json;
use vault::token;

use crate::{
    ctx::Ctx,
    error::{Error, Result},
    mails::{self, NewMail},
    tenancy::{SystemTx, TenantTx},
};

/// The same for every link that does not work: wrong, used or too old are not told apart.
pub(crate) const INVALID: Error = Error::Rejected {
    code: "token_invalid",
    detail: "this link is not valid any more; ask for a new one",
};

struct Kind {
    page: &'static str,
    template: &'static str,
    valid: TimeDelta,
}

fn of(kind: MailedTokenKind) -> Kind {
    match kind {
        MailedTokenKind::VerifyEmail => Kind {
            page: "verify",
            template: "verify_email",
            valid: TimeDelta::hours(24),
        },
        MailedTokenKind::ResetPassword => Kind {
            page: "reset",
            template: "reset_password",
            valid: TimeDelta::hours(1),
        },
    }
}

/// The address of a page of the console, with a token.
pub(crate) fn to_page(ctx: &Ctx, page: &str, token: &str) -> String {
    let mut url = ctx.settings.public_url.clone();
    let base = url.path().trim_end_matches('/').to_owned();
    url.set_path(&format!("{base}/console/{page}"));
    url.query_pairs_mut().clear().append_pair("token", token);
    url.into()
}

/// A time as mails get it: RFC 3339, for the template to spell out.
pub(crate) fn spelled(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Mails a link to an account. Only the newest of a kind works.
pub(super) async fn mail(
    tx: &TenantTx,
    ctx: &Ctx,
    tenant: &tenant::Model,
    account: &account::Model,
    kind: MailedTokenKind,
) -> Result<()> {
    let Kind {
        page,
        template,
        valid,
    } = of(kind);
    forget(tx, account, kind).await?;
    let secret = token::generate("weir_mt", &*ctx.chance);
    let expires_at = ctx.now() + valid;
    tx.insert_shared(mailed_token::ActiveModel {
        id: Set(ctx.ids.next()),
        account_id: Set(account.id),
        kind: Set(kind),
        token_hash: Set(token::fingerprint(secret.expose()).to_vec()),
        created_at: Set(ctx.now()),
        expires_at: Set(expires_at),
        used_at: Set(None),
    })
    .await?;
    let mail = NewMail {
        template,
        to: account.email.clone(),
        language: tenant.language.clone(),
        values: json!({
            "tenant_name": tenant.name,
            "name": account.name,
            "link": to_page(ctx, page, secret.expose()),
            "expires": spelled(expires_at),
        }),
    };
    mails::enqueue(tx, ctx, mail).await?;
    Ok(())
}

async fn forget(tx: &TenantTx, account: &account::Model, kind: MailedTokenKind) -> Result<()> {
    tx.delete_many_shared::<mailed_token::Entity>()
        .filter(mailed_token::Column::AccountId.eq(account.id))
        .filter(mailed_token::Column::Kind.eq(kind))
        .exec(tx.conn())
        .await?;
    Ok(())
}

/// Whose link this is, without using it up: to refuse what cannot work before a password is hashed.
pub(super) async fn peek(
    tx: &SystemTx,
    ctx: &Ctx,
    kind: MailedTokenKind,
    secret: &str,
) -> Result<account::Model> {
    let link = tx
        .find::<mailed_token::Entity>()
        .filter(mailed_token::Column::TokenHash.eq(token::fingerprint(secret).to_vec()))
        .filter(mailed_token::Column::Kind.eq(kind))
        .filter(mailed_token::Column::UsedAt.is_null())
        .filter(mailed_token::Column::ExpiresAt.gt(ctx.now()))
        .one(tx.conn())
        .await?
        .ok_or(INVALID)?;
    tx.find_by_id::<account::Entity, _>(link.account_id)
        .one(tx.conn())
        .await?
        .ok_or(INVALID)
}

/// Uses a link up. Answers whose it is.
pub(super) async fn take(
    tx: &SystemTx,
    ctx: &Ctx,
    kind: MailedTokenKind,
    secret: &str,
) -> Result<account::Model> {
    let account = peek(tx, ctx, kind, secret).await?;
    let used = mailed_token::ActiveModel {
        used_at: Set(Some(ctx.now())),
        ..Default::default()
    };
    let taken = tx
        .update_many::<mailed_token::Entity>()
        .set(used)
        .filter(mailed_token::Column::TokenHash.eq(token::fingerprint(secret).to_vec()))
        // Of two that come at once, one finds it used.
        .filter(mailed_token::Column::UsedAt.is_null())
        .exec(tx.conn())
        .await?
        .rows_affected;
    if taken == 1 { Ok(account) } else { Err(INVALID) }
}
