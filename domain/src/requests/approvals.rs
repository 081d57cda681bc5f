//! When a machine should not decide alone.

use chrono::TimeDelta;
use entity::{
    member::Role,
    message,
    purpose::{self, LawfulBasis},
    request::{self, RequestKind, RequestOrigin, RequestState},
    retention_class,
    tenant::RequestApproval,
};
use sea_orm::{ColumnTrait, PaginatorTrait, QueryFilter, QuerySelect};
use serde_json::json;

use super::{
    correspondence::tell_deciders,
    steps::{Changes, step},
};
use crate::{Result, ctx::Ctx, holds, tenancy::TenantTx, tenants};

/// Why a request waits for a person's decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// Some of what would be erased is kept because a law says so (GDPR Art. 17(3)(b)).
    LegalObligation,
    /// A legal hold covers some of what would be erased (GDPR Art. 17(3)(e)).
    Hold,
    /// It repeats requests that were answered just now (GDPR Art. 12(5)).
    Repeated,
    /// Whether the data are wrong is for a person to say (Art. 16).
    Accuracy,
    /// The tenant wants to see every request.
    Policy,
}

/// This many answers within a day, and the next request of the kind is looked at first.
const REPEATED: u64 = 3;

impl Doubt {
    /// For the people who decide.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LegalObligation => "some of the data are kept for a legal obligation (Art. 17(3)(b) GDPR)",
            Self::Hold => "a legal hold covers some of the data (Art. 17(3)(e) GDPR)",
            Self::Accuracy => "somebody must see whether the data are wrong (Art. 16 GDPR)",
            Self::Policy => "every request waits for one here",
            Self::Repeated => "it repeats requests that were answered within a day (Art. 12(5) GDPR)",
        }
    }
}

/// Whether somebody must look at a request before it is carried out. What the tenant asks for itself is decided.
async fn doubt(tx: &TenantTx, ctx: &Ctx, request: &request::Model) -> Result<Option<Doubt>> {
    if request.origin != RequestOrigin::Portal {
        return Ok(None);
    }
    let always = tenants::read(tx).await?.request_approval == RequestApproval::Always;
    let policy = always.then_some(Doubt::Policy);
    let doubt = match request.kind {
        RequestKind::Erasure if is_held(tx, ctx, request).await? => Ok(Some(Doubt::Hold)),
        RequestKind::Erasure => Ok(is_kept_by_law(tx, request)
            .await?
            .then_some(Doubt::LegalObligation)),
        RequestKind::Rectification => Ok(Some(Doubt::Accuracy)),
        RequestKind::Portability | RequestKind::Restriction | RequestKind::Objection => Ok(None),
        RequestKind::Access => {
            let Some(index) = &request.email_index else {
                return Ok(policy);
            };
            let answered = tx
                .find::<request::Entity>()
                .filter(request::Column::EmailIndex.eq(index.clone()))
                .filter(request::Column::SubjectId.eq(request.subject_id))
                .filter(request::Column::Kind.eq(RequestKind::Access))
                .filter(request::Column::State.eq(RequestState::Completed))
                .filter(request::Column::CompletedAt.gt(ctx.now() - TimeDelta::days(1)))
                .count(tx.conn())
                .await?;
            Ok((answered >= REPEATED).then_some(Doubt::Repeated))
        }
    };
    doubt.map(|doubt| doubt.or(policy))
}

/// Whether it is to be refused as long as the hold stands, or carried out but for what is held, a person decides.
async fn is_held(tx: &TenantTx, ctx: &Ctx, request: &request::Model) -> Result<bool> {
    match request.subject_id {
        Some(subject) => holds::is_waiting(tx, ctx, subject, None).await,
        None => Ok(false),
    }
}

async fn is_kept_by_law(tx: &TenantTx, request: &request::Model) -> Result<bool> {
    let Some(subject) = request.subject_id else {
        return Ok(false);
    };
    let purposes: Vec<_> = tx
        .find::<purpose::Entity>()
        .filter(purpose::Column::LawfulBasis.eq(LawfulBasis::LegalObligation))
        .all(tx.conn())
        .await?
        .into_iter()
        .map(|purpose| purpose.id)
        .collect();
    if purposes.is_empty() {
        return Ok(false);
    }
    let classes: Vec<i64> = tx
        .find::<retention_class::Entity>()
        .filter(retention_class::Column::PurposeId.is_in(purposes))
        .select_only()
        .column(retention_class::Column::Id)
        .into_tuple()
        .all(tx.conn())
        .await?;
    let held = tx
        .find::<message::Entity>()
        .filter(message::Column::SubjectId.eq(subject))
        .filter(message::Column::ClassId.is_in(classes))
        .select_only()
        .column(message::Column::Id)
        .limit(1)
        .into_tuple::<i64>()
        .one(tx.conn())
        .await?;
    Ok(held.is_some())
}

/// Begins to carry a verified request out, or has it wait for a decision. Answers the request as it is then.
pub(super) async fn begin(tx: &TenantTx, ctx: &Ctx, request: request::Model) -> Result<request::Model> {
    // While the clock stands still, the person must act first.
    if request.state != RequestState::Verified || request.paused_at.is_some() {
        return Ok(request);
    }
    let Some(doubt) = doubt(tx, ctx, &request).await? else {
        return step(tx, ctx, &request, RequestState::InProgress, Changes::default()).await;
    };
    let changes = Changes {
        note: Some(format!("waits for a decision: {}", doubt.as_str())),
        ..Changes::default()
    };
    let waiting = step(tx, ctx, &request, RequestState::Approval, changes).await?;
    tell_deciders(
        tx,
        ctx,
        &waiting,
        &[Role::Owner, Role::Dpo],
        json!({ "stage": "approval", "why": doubt.as_str() }),
    )
    .await?;
    Ok(waiting)
}
