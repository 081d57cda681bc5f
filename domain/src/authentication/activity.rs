//! When credentials were last used. Collected in memory and written by a background flush, so that no caller waits.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use entity::{
    api_key,
    id::{ApiKeyId, SignInId},
    sign_in,
};
use parking_lot::Mutex;
use sea_orm::{ColumnTrait, Condition, QueryFilter, Set};

use crate::{ctx::Ctx, error::Result, sign_ins};

/// A credential that was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Credential {
    ApiKey(ApiKeyId),
    SignIn { id: SignInId, created_at: DateTime<Utc> },
}

/// Uses that wait to be written. Beyond this they are not noted, and noted when they are used again.
const MAX: usize = 20_000;
/// Rows per transaction: the writer is not held for longer than that takes.
const AT_ONCE: usize = 200;

/// Uses that are not written yet.
#[derive(Default)]
pub(super) struct ActivityLog(Mutex<HashMap<Credential, DateTime<Utc>>>);

impl ActivityLog {
    /// Notes a use. Answers whether there was room for it.
    pub(super) fn note(&self, credential: Credential, at: DateTime<Utc>) -> bool {
        let mut waiting = self.0.lock();
        if waiting.len() >= MAX && !waiting.contains_key(&credential) {
            return false;
        }
        let last = waiting.entry(credential).or_insert(at);
        *last = at.max(*last);
        true
    }
}

/// Writes down when credentials were last used, and lets sessions that are in use live on. To be called every ten
/// seconds or so. Answers how many were written.
///
/// # Errors
/// What the store said; what was not written is tried again by the next call.
pub async fn flush(ctx: &Ctx) -> Result<usize> {
    let waiting: Vec<_> = std::mem::take(&mut *ctx.authentications.activity.0.lock())
        .into_iter()
        .collect();
    let mut written = 0;
    for some in waiting.chunks(AT_ONCE) {
        if let Err(error) = write(ctx, some).await {
            for (credential, at) in &waiting[written..] {
                ctx.authentications.activity.note(*credential, *at);
            }
            return Err(error);
        }
        written += some.len();
    }
    Ok(written)
}

async fn write(ctx: &Ctx, uses: &[(Credential, DateTime<Utc>)]) -> Result<()> {
    let tx = ctx
        .store
        .system("when the credentials of all tenants were last used")
        .await?;
    for (credential, at) in uses {
        match credential {
            Credential::ApiKey(id) => {
                let row = api_key::ActiveModel {
                    last_used_at: Set(Some(*at)),
                    ..Default::default()
                };
                // Another process may have written a later use.
                let older = Condition::any()
                    .add(api_key::Column::LastUsedAt.is_null())
                    .add(api_key::Column::LastUsedAt.lt(*at));
                tx.update_many::<api_key::Entity>()
                    .set(row)
                    .filter(api_key::Column::Id.eq(*id))
                    .filter(older)
                    .exec(tx.conn())
                    .await?;
            }
            Credential::SignIn { id, created_at } => {
                let row = sign_in::ActiveModel {
                    last_seen_at: Set(*at),
                    expires_at: Set(sign_ins::expiry(*created_at, *at)),
                    ..Default::default()
                };
                tx.update_many::<sign_in::Entity>()
                    .set(row)
                    .filter(sign_in::Column::Id.eq(*id))
                    .filter(sign_in::Column::LastSeenAt.lt(*at))
                    .exec(tx.conn())
                    .await?;
            }
        }
    }
    tx.save().await?;
    Ok(())
}
