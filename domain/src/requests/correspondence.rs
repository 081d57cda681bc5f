//! Telling people: the person who asked, and those at the tenant who must decide.

use chrono::{DateTime, Utc};
use entity::{
    id::{RequestId, SubjectId},
    member::Role,
    request,
};
use sea_orm::{ColumnTrait, Condition, QueryFilter, Set};
use serde_json::{Value, json};

use super::{details::Details, steps::amend};
use crate::{
    Error, Result,
    ctx::Ctx,
    mails::{self, NewMail},
    officers,
    tenancy::TenantTx,
    tenants,
};

/// Binds the sealed address to its request.
pub(crate) fn address_context(id: RequestId) -> String {
    format!("request.email/{id}")
}

/// The address that a request is answered to, while it is kept.
pub(crate) async fn open_address(
    tx: &TenantTx,
    ctx: &Ctx,
    request: &request::Model,
) -> Result<Option<String>> {
    let Some(sealed) = &request.email_sealed else {
        return Ok(None);
    };
    let keys = ctx.keys.tenant(tx.tenant()).await?;
    let address = keys.tenant.open_value(&address_context(request.id), sealed)?;
    Ok(Some(String::from_utf8(address).map_err(Error::internal)?))
}

/// The person has another address, here with its hash, than the one with the hash `before`: what is asked about them is
/// answered at the new one from now on.
pub(crate) async fn readdress(
    tx: &TenantTx,
    ctx: &Ctx,
    subject: SubjectId,
    before: &[u8],
    (index, email): (&[u8], &str),
) -> Result<()> {
    let keys = ctx.keys.tenant(tx.tenant()).await?;
    let theirs = tx
        .find::<request::Entity>()
        .filter(request::Column::SubjectId.eq(subject))
        .filter(request::Column::EmailIndex.eq(before))
        .all(tx.conn())
        .await?;
    for request in theirs {
        let sealed = request.email_sealed.map(|_| {
            let context = address_context(request.id);
            keys.tenant.seal_value(&context, email.as_bytes(), &*ctx.chance)
        });
        let row = request::ActiveModel {
            email_index: Set(Some(index.to_vec())),
            email_sealed: Set(sealed),
            ..Default::default()
        };
        amend(tx, request.id, row, Condition::all()).await?;
    }
    Ok(())
}

/// Writes to the person who asked, if there is an address to write to. Answers whether there is.
pub(crate) async fn notify(
    tx: &TenantTx,
    ctx: &Ctx,
    request: &request::Model,
    template: &'static str,
    more: Value,
) -> Result<bool> {
    let agent = Details::open(tx, ctx, request).await?.agent;
    let person = open_address(tx, ctx, request).await?;
    let mailed = person.is_some();
    let usual = tenants::read(tx).await?.language;
    // The language is the person's; whoever acts for them is written to in the tenant's.
    let theirs = request.language.clone().unwrap_or_else(|| usual.clone());
    let person = person.map(|to| (to, theirs));
    for (to, language) in person.into_iter().chain(agent.map(|agent| (agent.email, usual))) {
        let mail = NewMail {
            template,
            to,
            language,
            values: values(request, more.clone()),
        };
        mails::enqueue(tx, ctx, mail).await?;
    }
    Ok(mailed)
}

/// Writes to members of the tenant with one of these roles that a request needs them.
pub(super) async fn tell_deciders(
    tx: &TenantTx,
    ctx: &Ctx,
    request: &request::Model,
    roles: &[Role],
    more: Value,
) -> Result<()> {
    officers::tell(tx, ctx, roles, "request_reminder", values(request, more)).await
}

/// What all mails about a request may use.
fn values(request: &request::Model, more: Value) -> Value {
    let time = |at: DateTime<Utc>| at.to_rfc3339();
    let mut values = json!({
        "request_id": request.id,
        "kind": request.kind,
        "jurisdiction": request.jurisdiction,
        "received_at": time(request.received_at),
        "due_at": time(request.due_at),
    });
    if let (Some(values), Value::Object(more)) = (values.as_object_mut(), more) {
        values.extend(more);
    }
    values
}
