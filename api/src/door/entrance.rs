//! Who may come in: the endpoint is there and open, the token is believed, the law allows it.

use std::sync::Arc;

use broker::{Close, origin::OriginRule};
use chrono::{DateTime, Utc};
use domain::{
    admission, connect_tokens, endpoints,
    pictures::{self, Endpoint},
    standings::Standing,
    subjects, tenants,
};
use entity::id::SubjectId;

use crate::{gatekeeper::refusal, state::State};

/// A socket that may be opened.
pub(super) struct Entrance {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) subject: SubjectId,
    pub(super) expires_at: DateTime<Utc>,
    /// Held for the session's life: that keeps it in the gate's truth table.
    pub(super) _standing: Arc<Standing>,
}

impl Entrance {
    /// The pages that may open a socket here.
    pub(super) fn origins(&self) -> Vec<OriginRule> {
        self.endpoint
            .allowed_origins
            .iter()
            .filter_map(|origin| origin.parse().ok())
            .collect()
    }
}

/// Decides. The close code says why not.
pub(super) async fn admit(
    state: &State,
    tenant: &str,
    endpoint: &str,
    token: Option<&str>,
) -> Result<Entrance, Close> {
    let internal = |error: domain::Error| {
        tracing::error!(error = format!("{error:#}"), "a socket could not be admitted");
        Close::INTERNAL
    };
    let ctx = &state.ctx;
    let Some(scope) = tenants::public_scope(ctx, tenant).await.map_err(internal)? else {
        return Err(Close::NO_ENDPOINT);
    };
    let picture = pictures::load(ctx, &scope).await.map_err(internal)?;
    let Some(found) = picture.endpoint_by_slug(endpoint).cloned() else {
        return Err(Close::NO_ENDPOINT);
    };
    if !found.row.enabled {
        return Err(Close::DISABLED);
    }
    let token = token.ok_or(Close::UNAUTHORIZED)?;
    let secrets = endpoints::secrets(ctx, &found.row).await.map_err(internal)?;
    let key_set = state.key_sets.of(&found.row).await.map_err(internal)?;
    let claims = connect_tokens::verify(token, &found.row, &secrets, key_set.as_deref(), ctx.now()).map_err(
        |fault| {
            tracing::debug!(endpoint.id = %found.row.id, %fault, "refused a token");
            Close::UNAUTHORIZED
        },
    )?;
    let connected = i64::try_from(state.broker.count_tenant(scope.tenant().0)).unwrap_or(i64::MAX);
    if connected >= picture.quotas.connections {
        return Err(Close::OVER_QUOTA);
    }
    let subject = subjects::get_or_create(ctx, &scope, &claims.sub)
        .await
        .map_err(internal)?;
    let standing = ctx
        .standings
        .load(&ctx.store, &scope, subject)
        .await
        .map_err(internal)?;
    admission::may_stay(ctx, found.row.id, Some(subject)).map_err(|denied| Close::from(refusal(denied)))?;
    Ok(Entrance {
        endpoint: found,
        subject,
        expires_at: claims.expires_at(),
        _standing: standing,
    })
}
