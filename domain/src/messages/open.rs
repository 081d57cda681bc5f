//! Opening what messages say.

use entity::id::SubjectId;
use serde_json::json;

use super::Message;
use crate::{
    audit::{self, Event},
    ctx::Ctx,
    error::Result,
    journal,
    keys::SubjectKeyName,
    tenancy::TenantScope,
};

/// Opens messages for somebody of the tenant. That this was done is in the audit log before anything is answered:
/// `why` says how the messages were come by, and `subject` whom they were looked up for.
/// None stands for a message whose key is destroyed.
pub async fn unseal(
    ctx: &Ctx,
    scope: &TenantScope,
    messages: &[Message],
    subject: Option<SubjectId>,
    why: serde_json::Value,
) -> Result<Vec<Option<Vec<u8>>>> {
    let tx = ctx.store.begin(scope).await?;
    let mut event = Event::new("messages.unsealed").facts(json!({ "count": messages.len(), "by": why }));
    if let Some(subject) = subject {
        event = event.subject(subject);
    }
    audit::record(&tx, ctx, event).await?;
    tx.save().await?;
    open(ctx, scope, messages).await
}

/// Opens messages without a word in the audit log: for exports to the person, which are recorded as such, and for
/// deliveries.
pub async fn open(ctx: &Ctx, scope: &TenantScope, messages: &[Message]) -> Result<Vec<Option<Vec<u8>>>> {
    let tenant = scope.tenant();
    let mut opened = Vec::with_capacity(messages.len());
    for message in messages {
        let row = &message.row;
        let name = SubjectKeyName::for_messages(tenant, message.subject, message.purpose);
        let pair = ctx.keys.pair_to_open(name, row.bucket_id).await?;
        opened.push(match pair {
            Some(pair) => {
                let aad = journal::aad(tenant, message.endpoint, message.subject, row.class_id);
                Some(pair.open(row.id, &aad, row.sealed.clone())?)
            }
            None => None,
        });
    }
    Ok(opened)
}
