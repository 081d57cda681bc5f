//! What of an incident nobody can read: the evidence for GDPR Art. 34(3)(a). When in doubt, it can be read.

use std::collections::HashSet;

use entity::{
    consent_state,
    id::SubjectId,
    incident::{self, Exposure},
};
use sea_orm::{ColumnTrait, QueryFilter};
use uuid::Uuid;

use crate::{ctx::Ctx, error::Result, keys::SubjectKeyName, standings::is_valid, tenancy::TenantTx};

/// What nobody can read.
pub(super) enum Unintelligible {
    /// It was seen as it passed.
    Nothing,
    /// Whoever has the store has no keys.
    Everything,
    /// What was sealed for these persons and purposes.
    WithoutKeys(HashSet<(SubjectId, Uuid)>),
}

impl Unintelligible {
    pub(super) async fn of(tx: &TenantTx, ctx: &Ctx, incident: &incident::Model) -> Result<Self> {
        match incident.exposure {
            Exposure::Live => Ok(Self::Nothing),
            Exposure::Stored => Ok(Self::Everything),
            Exposure::StoredWithKeys => Ok(Self::WithoutKeys(without_keys(tx, ctx, incident).await?)),
        }
    }

    /// Whether nobody can read what was sealed for somebody and a purpose.
    pub(super) fn is(&self, subject: SubjectId, purpose: Uuid) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::WithoutKeys(names) => names.contains(&(subject, purpose)),
        }
    }
}

/// Persons and purposes whose key was destroyed before the incident began: it is gone, and the consent that it rested on
/// had ended by then. A key that went later may be in the copy.
async fn without_keys(
    tx: &TenantTx,
    ctx: &Ctx,
    incident: &incident::Model,
) -> Result<HashSet<(SubjectId, Uuid)>> {
    use consent_state::Column;
    let ended = tx
        .find::<consent_state::Entity>()
        .filter(Column::At.lte(incident.started_at))
        .all(tx.conn())
        .await?;
    let keys = ctx.keys.subjects_with_keys(tx.tenant()).await?;
    let gone = ended
        .into_iter()
        .filter(|state| {
            let expired = state.expires_at.is_some_and(|at| at <= incident.started_at);
            expired || !is_valid(state.state)
        })
        .map(|state| {
            let purpose = Some(state.purpose_id);
            let name = SubjectKeyName::for_messages(tx.tenant(), Some(state.subject_id), purpose);
            (name.subject, name.purpose)
        })
        .filter(|name| !keys.contains(name));
    Ok(gone.collect())
}
