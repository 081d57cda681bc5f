//! The moment when a person's data must stop moving: consent withdrawn, processing restricted, endpoint gone.
//! Called after the change is saved and before it is answered: then nothing passes any more.

use broker::{Close, Cutoff, Notice, Scope, Selector};
use domain::{
    error::{Error, Result},
    pictures,
    tenancy::TenantScope,
};
use entity::{
    endpoint::{self, OnWithdrawal},
    id::{EndpointId, PurposeId, SubjectId},
};
use poem_openapi::Object;
use uuid::Uuid;

use crate::state::{Parts, State};

/// Where an open session stood when a withdrawal took effect: nothing was delivered after it.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct CutoffOut {
    /// The session.
    session_id: Uuid,
    /// The endpoint it was on.
    endpoint_id: Uuid,
    /// Messages delivered since it opened.
    messages_out: u64,
    /// The last recorded message among them.
    last_message_id: Option<String>,
    /// Its position in the channel.
    last_offset: Option<i64>,
    /// False where the socket was stuck and had to be cut: then these are upper bounds.
    exact: bool,
}

impl From<Cutoff> for CutoffOut {
    fn from(cutoff: Cutoff) -> Self {
        Self {
            session_id: cutoff.session,
            endpoint_id: cutoff.endpoint,
            messages_out: cutoff.delivered,
            last_message_id: cutoff
                .last
                .as_ref()
                .and_then(|last| last.id)
                .map(|id| id.to_string()),
            last_offset: cutoff.last.map(|last| last.offset),
            exact: cutoff.exact,
        }
    }
}

/// Closes or silences the person's open sockets on endpoints that rest on this purpose.
pub async fn apply(
    state: &State,
    scope: &TenantScope,
    subject: SubjectId,
    purpose: PurposeId,
) -> Result<Vec<CutoffOut>> {
    let picture = pictures::load(&state.ctx, scope).await?;
    let everywhere = everywhere(scope, subject);
    if let Some(purpose) = picture.purpose(purpose) {
        let purpose = purpose.slug.as_str().into();
        state
            .broker
            .notify(everywhere, Notice::ConsentWithdrawn { purpose });
    }
    let mut cutoffs = Vec::new();
    for endpoint in picture
        .endpoints()
        .map(|endpoint| &endpoint.row)
        .filter(|row| row.purpose_id == Some(purpose))
    {
        let scope = Scope::SubjectOn {
            subject: subject.0,
            endpoint: endpoint.id.0,
        };
        let selector = Selector {
            tenant: endpoint.tenant_id.0,
            scope,
        };
        cutoffs.extend(match endpoint.on_withdrawal {
            OnWithdrawal::Close => state.broker.disconnect(selector, Close::CONSENT_WITHDRAWN).await,
            OnWithdrawal::Silence => state.broker.silence(selector, purpose.0).await,
        });
    }
    // The tenant may publish for this purpose on any endpoint: what waits of that is dropped on all of the person's sockets.
    state.broker.silence(everywhere, purpose.0).await;
    Ok(cutoffs.into_iter().map(CutoffOut::from).collect())
}

/// Tells the person's open sockets that messages of this purpose come again.
pub async fn undone(
    state: &State,
    scope: &TenantScope,
    subject: SubjectId,
    purpose: PurposeId,
) -> Result<()> {
    let picture = pictures::load(&state.ctx, scope).await?;
    if let Some(purpose) = picture.purpose(purpose) {
        let purpose = purpose.slug.as_str().into();
        let notice = Notice::ConsentGiven { purpose };
        state.broker.notify(everywhere(scope, subject), notice);
    }
    Ok(())
}

/// Closes the person's open sockets: the processing of their data is restricted (GDPR Art. 18).
pub async fn restricted(state: &State, scope: &TenantScope, subject: SubjectId) {
    let everywhere = everywhere(scope, subject);
    state.broker.forget(everywhere.tenant, subject.0);
    state.broker.notify(everywhere, Notice::ProcessingRestricted);
    state
        .broker
        .disconnect(everywhere, Close::PROCESSING_RESTRICTED)
        .await;
}

/// All of a person's sockets.
fn everywhere(scope: &TenantScope, subject: SubjectId) -> Selector {
    Selector {
        tenant: scope.tenant().0,
        scope: Scope::Subject(subject.0),
    }
}

impl Parts {
    /// An endpoint changed: memory follows before the change is answered, and a disabled one has no sockets.
    pub async fn endpoint_changed(&self, scope: &TenantScope, endpoint: &endpoint::Model) -> Result<()> {
        pictures::reload(&self.ctx, scope).await?;
        self.relays.follow(&self.ctx);
        if !endpoint.enabled {
            let selector = Selector {
                tenant: scope.tenant().0,
                scope: Scope::Endpoint(endpoint.id.0),
            };
            self.broker.disconnect(selector, Close::DISABLED).await;
            self.relays.close(endpoint.id);
        }
        Ok(())
    }

    /// A tenant is gone: so are its sockets.
    pub async fn tenant_gone(&self, scope: &TenantScope, endpoints: &[EndpointId]) -> Result<()> {
        match pictures::reload(&self.ctx, scope).await {
            // Its key is destroyed already: nothing can be admitted any more.
            Err(Error::Gone { .. } | Error::NotFound { .. }) => self.ctx.pictures.forget(scope.tenant()),
            read => read?,
        }
        let selector = Selector {
            tenant: scope.tenant().0,
            scope: Scope::Tenant,
        };
        self.broker.disconnect(selector, Close::NO_ENDPOINT).await;
        for endpoint in endpoints {
            self.relays.close(*endpoint);
        }
        Ok(())
    }

    /// An endpoint is gone: so are its sockets.
    pub async fn endpoint_gone(&self, scope: &TenantScope, endpoint: EndpointId) -> Result<()> {
        pictures::reload(&self.ctx, scope).await?;
        let selector = Selector {
            tenant: scope.tenant().0,
            scope: Scope::Endpoint(endpoint.0),
        };
        self.broker.disconnect(selector, Close::NO_ENDPOINT).await;
        self.relays.close(endpoint);
        Ok(())
    }
}
