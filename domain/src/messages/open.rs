//! Opening what messages say.

use std::collections::HashSet;

use entity::{id::SubjectId, subject};
use sea_orm::{ColumnTrait, QueryFilter, QuerySelect};
use serde_json::json;

use super::Message;
use crate::{
    audit::{self, Event},
    ctx::Ctx,
    error::Result,
    journal,
    keys::SubjectKeyName,
    tenancy::{TenantScope, TenantTx},
};

/// What opening a message came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsealed {
    /// What it says.
    Says(Vec<u8>),
    /// A key of it is destroyed: nobody can open it any more, here or in any copy.
    KeyDestroyed,
    /// The person restricted the processing (GDPR Art. 18): it is stored, and not read.
    Restricted,
}

/// Opens messages for somebody of the tenant. That this was done is in the audit log before anything is answered:
/// `why` says how the messages were come by, and `subject` whom they were looked up for.
pub async fn unseal(
    ctx: &Ctx,
    scope: &TenantScope,
    messages: &[Message],
    subject: Option<SubjectId>,
    why: serde_json::Value,
) -> Result<Vec<Unsealed>> {
    let tx = ctx.store.begin(scope).await?;
    let restricted = restricted(&tx, messages).await?;
    let mut event = Event::new("messages.unsealed").facts(json!({ "count": messages.len(), "by": why }));
    if let Some(subject) = subject {
        event = event.subject(subject);
    }
    audit::record(&tx, ctx, event).await?;
    tx.save().await?;
    let opened = open(ctx, scope, messages).await?;
    Ok(messages
        .iter()
        .zip(opened)
        .map(|(message, opened)| match opened {
            _ if message
                .subject
                .is_some_and(|subject| restricted.contains(&subject)) =>
            {
                Unsealed::Restricted
            }
            Some(bytes) => Unsealed::Says(bytes),
            None => Unsealed::KeyDestroyed,
        })
        .collect())
}

/// Those of the persons these messages are about who restricted the processing.
async fn restricted(tx: &TenantTx, messages: &[Message]) -> Result<HashSet<SubjectId>> {
    let subjects: HashSet<_> = messages.iter().filter_map(|message| message.subject).collect();
    let rows: Vec<SubjectId> = tx
        .find::<subject::Entity>()
        .select_only()
        .column(subject::Column::Id)
        .filter(subject::Column::Id.is_in(subjects))
        .filter(subject::Column::RestrictedAt.is_not_null())
        .into_tuple()
        .all(tx.conn())
        .await?;
    Ok(rows.into_iter().collect())
}

/// Opens messages without a word in the audit log: for exports to the person, which are recorded as such, and for
/// deliveries. None stands for a message whose key is destroyed.
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
