//! Whose the back ends of relays are, over REST: what their hosts are asked, and whether they answered. The rules are in
//! `domain::endpoints::upstream`.

use std::{collections::HashMap, sync::Arc, time::Duration};

use broker::egress::{Egress, http};
use chrono::{DateTime, Utc};
use domain::{
    endpoints::{self, Challenge},
    permissions::Permission,
    tenancy::TenantScope,
};
use entity::{
    endpoint::{self, ProofFault, UpstreamState},
    id::EndpointId,
};
use parking_lot::Mutex;
use poem_openapi::{Object, OpenApi, param::Path, payload::Json};
use tokio::time::Instant;

use crate::{caller::Caller, problem::ApiError, relays::peer_tls, state::State, tags::Tag};

/// How long a host may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of an answer that are looked at. A good one has 64.
const MAX_ANSWER: usize = 1 << 10;
/// How soon a host is asked again because somebody came: many who come must not become many requests.
const PAUSE: Duration = Duration::from_secs(10);
/// Relays remembered for that.
const MAX_ASKED: usize = 10_000;

/// When relays were last asked because somebody came.
#[derive(Clone, Default)]
pub struct Askings(Arc<Mutex<HashMap<EndpointId, Instant>>>);

impl Askings {
    /// Whether it is time to ask; if so, it counts as asked.
    fn is_due(&self, endpoint: EndpointId) -> bool {
        let mut asked = self.0.lock();
        if asked.get(&endpoint).is_some_and(|at| at.elapsed() < PAUSE) {
            return false;
        }
        if asked.len() >= MAX_ASKED {
            asked.clear();
        }
        asked.insert(endpoint, Instant::now());
        true
    }
}

/// Whose a relay's back end is.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Upstream {
    /// `unproven`: nobody connects until the host answers. `proven`: it did. `exempt`: the operator of this server vouches for
    /// the networks that it is in.
    state: UpstreamState,
    /// What is asked for by `GET`, at the host and port of `upstream_url`.
    challenge_url: String,
    /// What it has to be answered with, as text: the HMAC-SHA256 of the last part of `challenge_url` under the endpoint's secret,
    /// in hexadecimal digits.
    challenge_answer: String,
    proven_at: Option<DateTime<Utc>>,
    /// When it was last asked.
    tried_at: Option<DateTime<Utc>>,
    /// Why that came to nothing. `unreachable`: no answer, or none from an address that may be reached. `wrong_status`: another
    /// one than 200; redirects are not followed. `wrong_answer`: another text.
    fault: Option<ProofFault>,
}

impl Upstream {
    fn new(row: &endpoint::Model, challenge: Challenge) -> Self {
        Self {
            state: row.upstream_state,
            challenge_url: challenge.url.into(),
            challenge_answer: challenge.answers.into_iter().next().unwrap_or_default(),
            proven_at: row.upstream_proven_at,
            tried_at: row.upstream_tried_at,
            fault: row.upstream_fault,
        }
    }
}

impl State {
    /// Asks a relay's host now, and notes what became of it.
    async fn ask(&self, scope: &TenantScope, id: EndpointId) -> domain::Result<(endpoint::Model, Challenge)> {
        let tx = self.ctx.store.begin(scope).await?;
        let (_, challenge) = endpoints::challenge(&tx, &self.ctx, id).await?;
        tx.save().await?;
        let outcome = ask(self.relays.egress(), &challenge).await;
        let tx = self.ctx.store.begin(scope).await?;
        let row = endpoints::challenged(&tx, &self.ctx, id, &challenge, outcome).await?;
        tx.save().await?;
        self.endpoint_changed(scope, &row).await?;
        Ok((row, challenge))
    }

    /// Somebody came to a relay whose host did not answer yet: it is asked now, unless it was a moment ago.
    pub(crate) fn ask_soon(&self, tenant: &str, id: EndpointId) {
        if !self.relays.askings().is_due(id) {
            return;
        }
        let (state, tenant) = (self.clone(), tenant.to_owned());
        self.sockets.spawn(async move {
            let reason = "somebody came to a relay whose back end has to be proven first";
            let asked = async {
                let scope = domain::tenants::system_scope(&state.ctx, &tenant, reason).await?;
                state.ask(&scope, id).await
            };
            if let Err(error) = asked.await {
                tracing::warn!(endpoint.id = %id, error = format!("{error:#}"), "a back end could not be asked whose it is");
            }
        });
    }
}

/// Asks a host, at an address that was checked a moment before.
async fn ask(egress: &Egress, challenge: &Challenge) -> Result<(), ProofFault> {
    let unreachable = |_| ProofFault::Unreachable;
    // Anybody may be asked; that is what it is for.
    let client = egress
        .http(&challenge.url, &peer_tls(&challenge.access), true)
        .await
        .map_err(|_| ProofFault::Unreachable)?;
    let asked = client.get(challenge.url.clone()).timeout(PATIENCE).send().await;
    let answer = asked.map_err(unreachable)?;
    if answer.status() != reqwest::StatusCode::OK {
        return Err(ProofFault::WrongStatus);
    }
    let body = http::body(answer, MAX_ANSWER).await.map_err(unreachable)?;
    let body = body.ok_or(ProofFault::WrongAnswer)?;
    let said = body.trim_ascii();
    let is_good = challenge.answers.iter().any(|answer| answer.as_bytes() == said);
    is_good.then_some(()).ok_or(ProofFault::WrongAnswer)
}

/// Back ends.
pub struct UpstreamsApi(pub State);

#[OpenApi(tag = "Tag::Endpoints")]
impl UpstreamsApi {
    /// See whose the back end of a relay is.
    ///
    /// Before it is first used, the host that a relay leads to has to answer a challenge, unless the operator vouches for it. A
    /// relay that is led to another host or port has to be proven anew.
    #[oai(
        path = "/endpoints/:endpoint_id/upstream",
        method = "get",
        operation_id = "read_endpoint_upstream"
    )]
    async fn read(&self, caller: Caller, endpoint_id: Path<EndpointId>) -> Result<Json<Upstream>, ApiError> {
        let scope = caller.may(Permission::EndpointsRead)?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let (row, challenge) = endpoints::challenge(&tx, &self.0.ctx, endpoint_id.0).await?;
        tx.save().await?;
        Ok(Json(Upstream::new(&row, challenge)))
    }

    /// Ask the back end of a relay whose it is.
    ///
    /// Now; the answer says what became of it. It is asked by itself, too, when somebody connects to a relay that is not proven.
    #[oai(
        path = "/endpoints/:endpoint_id/upstream/verify",
        method = "post",
        operation_id = "verify_endpoint_upstream"
    )]
    async fn verify(
        &self,
        caller: Caller,
        endpoint_id: Path<EndpointId>,
    ) -> Result<Json<Upstream>, ApiError> {
        let scope = caller.may(Permission::EndpointsWrite)?;
        let (row, challenge) = self.0.ask(scope, endpoint_id.0).await?;
        Ok(Json(Upstream::new(&row, challenge)))
    }
}
