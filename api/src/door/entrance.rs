//! Who may come in: the endpoint is there and open, the token is believed, the law allows it, there is room.

use std::{net::IpAddr, sync::Arc};

use broker::{Close, SessionOptions, Slow, host::Identity, origin::OriginRule};
use chrono::{DateTime, Utc};
use domain::{
    Ctx, admission, connect_tokens,
    pictures::{self, Endpoint, Picture},
    standings::Standing,
    subjects,
    tenancy::TenantScope,
    tenants,
};
use entity::{
    endpoint::SlowConsumer,
    id::{ConnectionId, SubjectId},
};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    gatekeeper::{known, refusal},
    state::State,
};

/// A socket that may be opened.
pub(super) struct Entrance {
    pub(super) picture: Arc<Picture>,
    pub(super) endpoint: Arc<Endpoint>,
    /// Who it is, where a token said so.
    pub(super) person: Option<Person>,
}

/// Whom a token named.
pub(super) struct Person {
    subject: SubjectId,
    /// The tenant's own id of the person.
    sub: String,
    expires_at: DateTime<Utc>,
    /// Held for the session's life: that keeps it in the gate's truth table.
    standing: Arc<Standing>,
}

/// Decides about a plain socket. The close code says why not.
pub(super) async fn admit(
    state: &State,
    tenant: &str,
    endpoint: &str,
    token: Option<&str>,
    gpc: bool,
) -> Result<Entrance, Close> {
    let ctx = &state.ctx;
    let Some(scope) = tenants::public_scope(ctx, tenant).await.map_err(internal)? else {
        return Err(Close::NO_ENDPOINT);
    };
    let picture = pictures::load(ctx, &scope).await.map_err(internal)?;
    let Some(endpoint) = picture.endpoint_by_slug(endpoint).cloned() else {
        return Err(Close::NO_ENDPOINT);
    };
    if !endpoint.is_open() {
        return Err(Close::DISABLED);
    }
    let token = token.ok_or(Close::UNAUTHORIZED)?;
    let person = Some(believe(state, &scope, &endpoint, token, gpc).await?);
    Ok(Entrance {
        picture,
        endpoint,
        person,
    })
}

/// Checks a token, and finds whom it names. `gpc`: the handshake says `Sec-GPC: 1`.
pub(super) async fn believe(
    state: &State,
    scope: &TenantScope,
    endpoint: &Endpoint,
    token: &str,
    gpc: bool,
) -> Result<Person, Close> {
    let (ctx, row) = (&state.ctx, &endpoint.row);
    let key_set = state.key_sets.of(row).await.map_err(internal)?;
    let now = ctx.now();
    let claims = connect_tokens::verify(token, row, endpoint.secrets(now), key_set.as_deref(), now);
    let claims = claims.map_err(|fault| {
        tracing::debug!(endpoint.id = %row.id, %fault, "refused a token");
        Close::UNAUTHORIZED
    })?;
    let subject = subjects::get_or_create(ctx, scope, &claims.sub)
        .await
        .map_err(internal)?;
    let standing = ctx.standings.load(&ctx.store, scope, subject).await;
    let standing = standing.map_err(internal)?;
    if gpc {
        // Before the socket is anything: what the browser says no to is not delivered, not even once.
        let said = state.gpc_signal(state, scope, subject, Some("socket".to_owned()));
        Box::pin(said).await.map_err(internal)?;
        state.broker.settled().await;
    }
    Ok(Person {
        subject,
        expires_at: claims.expires_at(),
        sub: claims.sub,
        standing,
    })
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
fn internal(error: domain::Error) -> Close {
    tracing::error!(error = format!("{error:#}"), "a socket could not be admitted");
    Close::INTERNAL
}

impl Entrance {
    /// Whether a page of this origin may open a socket here. A rule that does not read admits nobody.
    pub(super) fn is_open_to(&self, origin: Option<&str>) -> bool {
        let rules = &self.endpoint.allowed_origins;
        if rules.is_empty() || origin.is_none() {
            return true;
        }
        let rules: Vec<OriginRule> = rules.iter().filter_map(|rule| rule.parse().ok()).collect();
        !rules.is_empty() && broker::origin::may_open(&rules, origin)
    }

    /// What a back end that shares sockets is told of a session: what the token said and was believed.
    pub(super) fn about(&self, session: ConnectionId, protocol: Option<&str>) -> Value {
        let person = self.person.as_ref();
        json!({
            "session": session,
            "sub": person.map(|person| &person.sub),
            "subject": person.map(|person| person.subject),
            "expires_at": person.map(|person| person.expires_at),
            "protocol": protocol,
        })
    }

    /// The last question, to be asked when the socket is open and about to become a session: whether there is room, and
    /// whether the law allows this person here.
    ///
    /// # Errors
    /// The close code that says why not.
    pub(super) fn check(&self, state: &State, address: Option<IpAddr>) -> Result<(), Close> {
        let (row, broker) = (&self.endpoint.row, &state.broker);
        let tenant = row.tenant_id.0;
        let is_full = |count: usize, limit: i64| i64::try_from(count).unwrap_or(i64::MAX) >= limit;
        let full = |limit: Option<i32>, count: &dyn Fn() -> usize| {
            limit.is_some_and(|limit| is_full(count(), limit.into()))
        };
        let subject = self.person.as_ref().map(|person| person.subject);
        if is_full(broker.count_tenant(tenant), self.picture.quotas.connections)
            || full(row.max_connections, &|| broker.count_endpoint(row.id.0))
            || subject.is_some_and(|subject| {
                full(row.max_connections_per_subject, &|| {
                    broker.count_subject_on(tenant, row.id.0, subject.0)
                })
            })
            || address.is_some_and(|address| {
                full(row.max_connections_per_address, &|| {
                    broker.count_address(row.id.0, address)
                })
            })
        {
            return Err(Close::OVER_QUOTA);
        }
        match subject {
            Some(_) => admission::may_stay(&state.ctx, row.id, subject)
                .map_err(|denied| Close::from(refusal(denied))),
            // Who they are is said later, if at all; what needs a person waits for that.
            None => Ok(()),
        }
    }

    /// Who it is, for the broker.
    pub(super) fn identity(&self, ctx: &Ctx, session: ConnectionId) -> Identity {
        let row = &self.endpoint.row;
        let person = self.person.as_ref();
        let person = person.map(|person| known(ctx, person.subject, &person.standing));
        Identity::new(session.0, row.tenant_id.0, row.id.0, person)
    }

    /// The person's id here.
    pub(super) fn subject(&self) -> Option<SubjectId> {
        self.person.as_ref().map(|person| person.subject)
    }

    /// What the session may do.
    pub(super) fn options(&self, state: &State, address: Option<IpAddr>) -> SessionOptions {
        let row = &self.endpoint.row;
        let unsigned = |number: i32| u32::try_from(number).unwrap_or_default();
        let expires_at = self.person.as_ref().and_then(|person| {
            let left = (person.expires_at - state.ctx.now()).to_std().unwrap_or_default();
            // A far future that the timer cannot hold is as good as none.
            Instant::now().checked_add(left)
        });
        SessionOptions {
            max_message: usize::try_from(row.max_message_bytes).unwrap_or(65_536),
            expires_at,
            address,
            messages_per_second: unsigned(row.messages_per_second),
            bytes_per_second: unsigned(row.bytes_per_second),
            slow: match row.slow_consumer {
                SlowConsumer::Disconnect => Slow::Disconnect,
                SlowConsumer::DropOldest => Slow::DropOldest,
                SlowConsumer::Conflate => Slow::Conflate,
            },
            enrolled: row.max_connections_per_subject.is_some() || row.max_connections_per_address.is_some(),
        }
    }
}
