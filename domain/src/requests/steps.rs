//! The state machine: which step may follow which, and the one function that takes a step.

use chrono::{DateTime, Utc};
use entity::{
    id::{ExportId, RequestId, SubjectId},
    request::{self, RequestKind, RequestState},
    request_event::{self, RequestStep},
};
use sea_orm::{
    ColumnTrait, QueryFilter, Set,
    sea_query::{Expr, ExprTrait, IntoCondition},
};

use crate::{Error, Result, ctx::Ctx, opendsr, tenancy::TenantTx};

/// The states in which a request still waits for its answer.
pub const OPEN: [RequestState; 4] = [
    RequestState::Received,
    RequestState::Verified,
    RequestState::Approval,
    RequestState::InProgress,
];

/// Whether a request of this kind may go from one state to another.
///
/// An erasure that has begun can no more be stopped: half of it would leave a person neither kept nor erased.
pub fn may_follow(kind: RequestKind, from: RequestState, to: RequestState) -> bool {
    use RequestState as S;
    match (from, to) {
        (S::Received, S::Verified | S::Refused | S::Withdrawn | S::Expired)
        | (S::Verified, S::Approval | S::InProgress | S::Refused | S::Withdrawn)
        | (S::Approval, S::InProgress | S::Refused | S::Withdrawn)
        | (S::InProgress, S::Completed) => true,
        // An export can be thrown away; what acts already cannot be taken back.
        (S::InProgress, S::Refused | S::Withdrawn) => {
            matches!(kind, RequestKind::Access | RequestKind::Portability)
        }
        _ => false,
    }
}

/// What a step changes besides the state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    pub(crate) note: Option<String>,
    pub(crate) completed_at: Option<DateTime<Utc>>,
    /// The code, and words for the person.
    pub(crate) refusal: Option<(String, Option<String>)>,
    pub(crate) result: Option<serde_json::Value>,
    pub(crate) export: Option<ExportId>,
    pub(crate) audit_index: Option<i64>,
    /// The person is unlinked.
    pub(crate) forget_subject: bool,
    /// The address is forgotten; requests of it stay findable by this value, which says nothing.
    pub(crate) pseudonym: Option<Vec<u8>>,
}

/// Takes a step and records it.
///
/// # Errors
/// `wrong_state` when the step may not follow the state the request is in by now.
pub(crate) async fn step(
    tx: &TenantTx,
    ctx: &Ctx,
    request: &request::Model,
    to: RequestState,
    changes: Changes,
) -> Result<request::Model> {
    let from = request.state;
    if !may_follow(request.kind, from, to) {
        return Err(wrong_state(from, to));
    }
    let mut row = request::ActiveModel {
        state: Set(to),
        ..Default::default()
    };
    if to == RequestState::Verified {
        row.verified_at = Set(Some(ctx.now()));
    }
    if let Some(at) = changes.completed_at {
        row.completed_at = Set(Some(at));
    }
    if let Some((code, text)) = changes.refusal {
        row.refusal_code = Set(Some(code));
        row.refusal_text = Set(text);
    }
    if let Some(result) = changes.result {
        row.result = Set(Some(result));
    }
    if let Some(export) = changes.export {
        row.export_id = Set(Some(export));
    }
    if let Some(index) = changes.audit_index {
        row.audit_index = Set(Some(index));
    }
    if changes.forget_subject {
        row.subject_id = Set(None::<SubjectId>);
    }
    if let Some(pseudonym) = changes.pseudonym {
        row.email_sealed = Set(None);
        row.email_index = Set(Some(pseudonym));
    }
    // The state is checked again where it is written: two deciders may have read the same request.
    if !amend(tx, request.id, row, request::Column::State.eq(from)).await? {
        return Err(wrong_state(from, to));
    }
    note(tx, ctx, request, to, Said::noted(changes.note)).await?;
    opendsr::status_changed(tx, ctx, request.id, from, to).await?;
    super::read(tx, request.id).await
}

/// Writes changes of a request into a version of its own, if it is still as it was read. Answers whether it was.
pub(super) async fn amend(
    tx: &TenantTx,
    id: RequestId,
    changes: request::ActiveModel,
    as_read: impl IntoCondition,
) -> Result<bool> {
    let done = tx
        .update_many::<request::Entity>()
        .set(changes)
        .col_expr(
            request::Column::Version,
            Expr::col(request::Column::Version).add(1),
        )
        .filter(request::Column::Id.eq(id))
        .filter(as_read.into_condition())
        .exec(tx.conn())
        .await?;
    Ok(done.rows_affected == 1)
}

/// What is noted of a step.
pub(super) struct Said {
    /// What it was, where the state stayed.
    pub(super) what: Option<RequestStep>,
    /// For those who answer.
    pub(super) note: Option<String>,
    /// What the person was told with it.
    pub(super) words: Option<String>,
}

impl Said {
    /// A note, or none.
    fn noted(note: Option<String>) -> Self {
        Self {
            what: None,
            note,
            words: None,
        }
    }

    /// Something happened, and nobody said more.
    pub(super) fn that(what: RequestStep, note: impl Into<String>) -> Self {
        Self {
            what: Some(what),
            ..Self::noted(Some(note.into()))
        }
    }

    /// And the person was told this.
    pub(super) fn telling(self, words: &str) -> Self {
        Self {
            words: Some(words.to_owned()),
            ..self
        }
    }
}

/// Records a step, or with `to` the state it is in, something that happened meanwhile.
pub(super) async fn note(
    tx: &TenantTx,
    ctx: &Ctx,
    request: &request::Model,
    to: RequestState,
    said: Said,
) -> Result<()> {
    tx.insert(request_event::ActiveModel {
        id: Set(ctx.ids.next()),
        request_id: Set(request.id),
        at: Set(ctx.now()),
        from_state: Set(Some(request.state)),
        to_state: Set(to),
        actor: Set(tx.actor().to_string()),
        what: Set(said.what),
        note: Set(said.note),
        words: Set(said.words),
        ..Default::default()
    })
    .await?;
    Ok(())
}

/// Records something that happened meanwhile, of a request that may be gone.
pub(crate) async fn remark(tx: &TenantTx, ctx: &Ctx, id: RequestId, said: String) -> Result<()> {
    match super::read(tx, id).await {
        Ok(request) => note(tx, ctx, &request, request.state, Said::noted(Some(said))).await,
        Err(Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

fn wrong_state(from: RequestState, to: RequestState) -> Error {
    Error::conflict(
        "wrong_state",
        format!("a request that is {from} cannot become {to}"),
    )
}

#[cfg(test)]
mod tests {
    use sea_orm::Iterable;

    use super::*;

    #[test]
    fn what_has_ended_stays_ended() {
        for kind in RequestKind::iter() {
            for from in RequestState::iter().filter(|state| !OPEN.contains(state)) {
                assert!(
                    RequestState::iter().all(|to| !may_follow(kind, from, to)),
                    "{from}"
                );
            }
        }
    }

    #[test]
    fn nothing_is_done_before_the_identity_is_proven() {
        for kind in RequestKind::iter() {
            for to in [
                RequestState::Approval,
                RequestState::InProgress,
                RequestState::Completed,
            ] {
                assert!(!may_follow(kind, RequestState::Received, to), "{to}");
            }
        }
    }

    #[test]
    fn an_erasure_that_has_begun_cannot_be_stopped_but_an_export_can() {
        for to in [RequestState::Refused, RequestState::Withdrawn] {
            assert!(!may_follow(RequestKind::Erasure, RequestState::InProgress, to));
            assert!(may_follow(RequestKind::Access, RequestState::InProgress, to));
        }
    }

    #[test]
    fn every_state_but_the_first_can_be_reached() {
        for to in RequestState::iter().filter(|state| *state != RequestState::Received) {
            assert!(
                RequestState::iter().any(|from| may_follow(RequestKind::Access, from, to)),
                "{to}"
            );
        }
    }
}
