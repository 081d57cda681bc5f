//! The end of consents that were given for a time. The gate has closed at the instant already; here the end becomes an
//! event with its leaf, and what rested on the consent begins to go.

use chrono::TimeDelta;
use entity::{
    consent_event::ConsentState,
    consent_state,
    endpoint::OnWithdrawal,
    id::{EndpointId, PurposeId, SubjectId},
};
use sea_orm::{ColumnTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{NewConsent, WhichPurpose, WhichSubject, record};
use crate::{
    ctx::Ctx,
    error::{Error, Result},
    pictures,
    tenancy::{Actor, TenantScope},
};

/// Consents in one run; what is left waits for the next, a second later.
const BATCH: u64 = 500;

/// A consent that ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The right to work on the tenant's data.
    pub scope: TenantScope,
    /// Whose.
    pub subject: SubjectId,
    /// To what.
    pub purpose: PurposeId,
}

/// Writes down the end of consents whose time is over, over all tenants. The caller closes the sockets that rested on them.
pub async fn expire(ctx: &Ctx) -> Result<Vec<Ended>> {
    use consent_state::Column;
    let now = ctx.now();
    let due = {
        let tx = ctx
            .store
            .system_read("consents of all tenants end by the clock")
            .await?;
        tx.find::<consent_state::Entity>()
            .filter(Column::ExpiresAt.lte(now))
            .filter(Column::State.is_in([ConsentState::Given, ConsentState::Renewed]))
            .order_by_asc(Column::ExpiresAt)
            .limit(BATCH)
            .all(tx.conn())
            .await?
    };
    let mut ended = Vec::with_capacity(due.len());
    for state in due {
        let scope = TenantScope::new(state.tenant_id, Actor::System);
        let tx = ctx.store.begin(&scope).await?;
        // Another process may have been here, or the person renewed it meanwhile.
        let current = tx
            .find_by_id::<consent_state::Entity, _>((state.subject_id, state.purpose_id))
            .one(tx.conn())
            .await?;
        if current.as_ref() != Some(&state) {
            continue;
        }
        let expired = NewConsent {
            // To the microsecond that stores keep, and never before what it ends.
            at: state
                .expires_at
                .map(|at| at.max(state.at + TimeDelta::microseconds(1))),
            ..NewConsent::new(
                WhichSubject::Id(state.subject_id),
                WhichPurpose::Id(state.purpose_id),
                ConsentState::Expired,
                "clock",
            )
        };
        match record(&tx, ctx, expired).await {
            Ok(_) => tx.save().await?,
            // Erased meanwhile: nothing of theirs is left to end.
            Err(Error::Invalid(_) | Error::NotFound { .. } | Error::Gone { .. }) => continue,
            Err(error) => return Err(error),
        }
        ended.push(Ended {
            scope,
            subject: state.subject_id,
            purpose: state.purpose_id,
        });
    }
    Ok(ended)
}

/// The endpoints that rest on a purpose, and what becomes of a person's sockets there when their consent ends.
pub async fn resting_on(
    ctx: &Ctx,
    scope: &TenantScope,
    purpose: PurposeId,
) -> Result<Vec<(EndpointId, OnWithdrawal)>> {
    let picture = pictures::load(ctx, scope).await?;
    Ok(picture
        .endpoints()
        .map(|endpoint| &endpoint.row)
        .filter(|row| row.purpose_id == Some(purpose))
        .map(|row| (row.id, row.on_withdrawal))
        .collect())
}
