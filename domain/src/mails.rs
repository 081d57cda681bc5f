//! The outbox. A mail is written in the transaction that makes it necessary; the worker sends it. Recipient and
//! contents are sealed under the tenant's key and forgotten once the mail is out.

use chrono::{DateTime, TimeDelta, Utc};
use entity::{
    id::{MailId, RequestId, TenantId},
    mail::{self, MailState},
};
use sea_orm::{ColumnTrait, Condition, QueryFilter, QueryOrder, QuerySelect, Set, sea_query::Expr};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    audit::{self, Event},
    ctx::Ctx,
    error::{Error, Result},
    requests,
    tenancy::{Actor, TenantScope, TenantTx},
};

/// A mail to be written.
#[derive(Clone, Debug)]
pub struct NewMail {
    /// Which text: `verify_email`, `portal_code`, …
    pub template: &'static str,
    /// To whom.
    pub to: String,
    /// BCP 47.
    pub language: String,
    /// What the template is filled with.
    pub values: Value,
}

/// What is sealed.
#[derive(Serialize, Deserialize)]
struct Contents {
    to: String,
    values: Value,
}

/// A mail that is to be sent now.
pub struct Outgoing {
    /// Its place in the outbox.
    pub id: MailId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Which text.
    pub template: String,
    /// BCP 47.
    pub language: String,
    /// To whom.
    pub to: String,
    /// What the template is filled with.
    pub values: Value,
    /// Attempts before this one.
    pub attempts: i32,
}

/// Attempts before a mail is given up.
pub const ATTEMPTS: i32 = 12;

pub(crate) fn context(id: MailId) -> String {
    format!("mail:{id}")
}

/// Puts a mail into the outbox.
pub async fn enqueue(tx: &TenantTx, ctx: &Ctx, new: NewMail) -> Result<MailId> {
    let id: MailId = ctx.ids.next();
    let keys = ctx.keys.tenant(tx.tenant()).await?;
    let contents = serde_json::to_vec(&Contents {
        to: new.to,
        values: new.values,
    })?;
    tx.insert(mail::ActiveModel {
        id: Set(id),
        template: Set(new.template.to_owned()),
        language: Set(new.language),
        sealed: Set(Some(keys.tenant.seal_value(
            &context(id),
            &contents,
            &*ctx.chance,
        ))),
        state: Set(MailState::Queued),
        attempts: Set(0),
        next_attempt_at: Set(ctx.now()),
        locked_until: Set(None),
        last_error: Set(None),
        created_at: Set(ctx.now()),
        sent_at: Set(None),
        ..Default::default()
    })
    .await?;
    Ok(id)
}

/// Claims mails that are due, for `lease` at most.
pub async fn claim(ctx: &Ctx, limit: u64, lease: TimeDelta) -> Result<Vec<Outgoing>> {
    use sea_orm::{
        ConnectionTrait, DbBackend,
        sea_query::{LockBehavior, LockType},
    };
    let now = ctx.now();
    let tx = ctx
        .store
        .system("the worker sends the mails of all tenants")
        .await?;
    let mut due = tx
        .find::<mail::Entity>()
        .filter(mail::Column::State.eq(MailState::Queued))
        .filter(mail::Column::NextAttemptAt.lte(now))
        .filter(
            Condition::any()
                .add(mail::Column::LockedUntil.is_null())
                .add(mail::Column::LockedUntil.lt(now)),
        )
        .order_by_asc(mail::Column::NextAttemptAt)
        .limit(limit);
    if tx.conn().get_database_backend() == DbBackend::Postgres {
        due = due.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    }
    let due = due.all(tx.conn()).await?;
    if due.is_empty() {
        return Ok(Vec::new());
    }
    tx.update_many::<mail::Entity>()
        .filter(mail::Column::Id.is_in(due.iter().map(|mail| mail.id)))
        .col_expr(mail::Column::LockedUntil, Expr::value(now + lease))
        .exec(tx.conn())
        .await?;
    tx.save().await?;
    let mut outgoing = Vec::with_capacity(due.len());
    for mail in due {
        match open(ctx, &mail).await {
            Ok(contents) => outgoing.push(Outgoing {
                id: mail.id,
                tenant: mail.tenant_id,
                template: mail.template,
                language: mail.language,
                to: contents.to,
                values: contents.values,
                attempts: mail.attempts,
            }),
            // Its key is gone, most likely. It must not keep the others from being sent.
            Err(error) => {
                tracing::error!(mail.id = %mail.id, error = ?error, "a mail cannot be read");
                let (id, tenant) = (mail.id, mail.tenant_id);
                settle(
                    ctx,
                    tenant,
                    id,
                    mail.attempts,
                    MailState::Failed,
                    Some("it cannot be read"),
                    now,
                )
                .await?;
            }
        }
    }
    Ok(outgoing)
}

async fn open(ctx: &Ctx, mail: &mail::Model) -> Result<Contents> {
    let keys = ctx.keys.tenant(mail.tenant_id).await?;
    let sealed = mail.sealed.as_ref().ok_or(Error::Gone {
        what: "the mail's contents",
    })?;
    Ok(serde_json::from_slice(
        &keys.tenant.open_value(&context(mail.id), sealed)?,
    )?)
}

/// The mail is with the server: its contents are forgotten.
pub async fn sent(ctx: &Ctx, mail: &Outgoing) -> Result<()> {
    settle(
        ctx,
        mail.tenant,
        mail.id,
        mail.attempts,
        MailState::Sent,
        None,
        ctx.now(),
    )
    .await
}

/// The server did not take it. `permanent`: no later attempt can help (SMTP 5xx). Answers whether it will be tried again.
pub async fn failed(ctx: &Ctx, mail: &Outgoing, permanent: bool, reason: &str) -> Result<bool> {
    let again = !permanent && mail.attempts + 1 < ATTEMPTS;
    let delay = TimeDelta::seconds(2 << mail.attempts.clamp(0, 12));
    let state = if again {
        MailState::Queued
    } else {
        MailState::Failed
    };
    let next = ctx.now() + delay;
    settle(
        ctx,
        mail.tenant,
        mail.id,
        mail.attempts,
        state,
        Some(reason),
        next,
    )
    .await?;
    if !again {
        undelivered(ctx, mail, reason).await?;
    }
    Ok(again)
}

/// A mail that was given up: nobody should believe that the person knows. It is in the audit log, and where it was about a
/// request, on that request's timeline.
async fn undelivered(ctx: &Ctx, mail: &Outgoing, reason: &str) -> Result<()> {
    let tx = ctx
        .store
        .begin(&TenantScope::new(mail.tenant, Actor::System))
        .await?;
    let request = mail.values["request_id"]
        .as_str()
        .and_then(|id| id.parse::<RequestId>().ok());
    let facts = json!({ "template": mail.template, "request": request, "reason": reason });
    audit::record(
        &tx,
        ctx,
        Event::new("mail.undelivered")
            .target("mail", mail.id)
            .facts(facts),
    )
    .await?;
    if let Some(request) = request {
        let said = format!(
            "a mail did not arrive and was given up: {} ({reason})",
            mail.template
        );
        requests::remark(&tx, ctx, request, said).await?;
    }
    tx.save().await?;
    Ok(())
}

async fn settle(
    ctx: &Ctx,
    tenant: TenantId,
    id: MailId,
    attempts: i32,
    state: MailState,
    error: Option<&str>,
    next: DateTime<Utc>,
) -> Result<()> {
    let tx = ctx.store.begin(&TenantScope::new(tenant, Actor::System)).await?;
    let mut row = mail::ActiveModel {
        state: Set(state),
        attempts: Set(attempts + 1),
        next_attempt_at: Set(next),
        locked_until: Set(None),
        last_error: Set(error.map(|error| error.chars().take(500).collect())),
        ..Default::default()
    };
    if state != MailState::Queued {
        row.sealed = Set(None);
    }
    if state == MailState::Sent {
        row.sent_at = Set(Some(ctx.now()));
    }
    tx.update_many::<mail::Entity>()
        .set(row)
        .filter(mail::Column::Id.eq(id))
        .exec(tx.conn())
        .await?;
    tx.save().await?;
    Ok(())
}
