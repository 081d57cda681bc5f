//! Opening what messages say.

use std::collections::HashSet;

use chrono::TimeDelta;
use entity::{
    id::{SubjectId, TenantId},
    subject,
};
use sea_orm::{ColumnTrait, QueryFilter, QuerySelect};
use serde_json::json;
use vault::message::PairKey;

use super::Message;
use crate::{
    audit::{self, Event},
    ctx::Ctx,
    error::{Error, Result},
    journal::{self, NAMED, Said},
    keys::{PairName, SubjectKeyName},
    tenancy::{TenantScope, TenantTx},
};

/// What opening a message came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsealed {
    /// What it says.
    Says(Said),
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
            Some(said) => Unsealed::Says(said),
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
pub async fn open(ctx: &Ctx, scope: &TenantScope, messages: &[Message]) -> Result<Vec<Option<Said>>> {
    let opened = open_each(ctx, scope.tenant(), messages).await?;
    opened.into_iter().map(Option::transpose).collect()
}

/// Opens messages, each for itself: one that is damaged keeps nobody from the others.
pub(super) async fn open_each(
    ctx: &Ctx,
    tenant: TenantId,
    messages: &[Message],
) -> Result<Vec<Option<Result<Said>>>> {
    let pair = |message: &Message| -> PairName {
        let name = SubjectKeyName::for_messages(tenant, message.subject, message.purpose);
        (name, message.row.bucket_id)
    };
    let pairs = ctx.keys.pairs_to_open(messages.iter().map(pair)).await?;
    let mut opened = Vec::with_capacity(messages.len());
    for message in messages {
        let name = pair(message);
        let one = pairs.get(&name).map(|key| open_one(tenant, key, message));
        opened.push(match one {
            // Sealed under a key that is gone, and another has taken its place: of a consent that came back.
            Some(Err(_)) if is_of_an_older_key(ctx, name.0, message).await? => None,
            one => one,
        });
    }
    Ok(opened)
}

/// Clocks of different nodes are closer together than this.
const SKEW: TimeDelta = TimeDelta::minutes(1);

async fn is_of_an_older_key(ctx: &Ctx, name: SubjectKeyName, message: &Message) -> Result<bool> {
    let made_at = ctx.keys.subject_made_at(name).await?;
    Ok(made_at.is_none_or(|made_at| message.created_at < made_at + SKEW))
}

fn open_one(tenant: TenantId, key: &PairKey, message: &Message) -> Result<Said> {
    let row = &message.row;
    let aad = journal::aad(tenant, message.endpoint, message.subject, row.class_id);
    let opened = key.open(row.id, &aad, row.sealed.clone())?;
    journal::take_apart(opened, row.flags & NAMED != 0)
        .ok_or_else(|| Error::internal(anyhow::anyhow!("a named message has no name in it")))
}
