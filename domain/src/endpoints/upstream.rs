//! Whose a back end is. Before a relay is dialled for the first time, its host answers a challenge that only somebody can answer who
//! knows the endpoint's secret: as ACME does for certificates (RFC 8555 §8.3), a file at a well-known address of the same host and
//! port. So nobody makes this server open sockets to somebody else's.

use entity::{
    endpoint::{self, ProofFault, UpstreamState},
    id::EndpointId,
};
use ring::hmac;
use sea_orm::{ActiveValue::Set, IntoActiveModel};
use url::Url;
use vault::chance;

use super::{
    access::{self, Access},
    pools::read_relay,
    secrets,
};
use crate::{
    audit::{self, Event},
    ctx::Ctx,
    error::{Error, Result},
    tenancy::TenantTx,
};

/// Where hosts answer, before the token (RFC 8615).
const WELL_KNOWN: &str = "/.well-known/weir-challenge/";

/// What a host is asked, and what it should answer.
#[derive(Clone, Debug)]
pub struct Challenge {
    /// Where it is asked, by `GET`.
    pub url: Url,
    /// Good answers: by the endpoint's secret, and by the one before while that is accepted.
    pub answers: Vec<String>,
    token: String,
    /// What the host is shown and known by.
    pub access: Access,
}

/// A token that stands in addresses.
pub(super) fn token(ctx: &Ctx) -> String {
    hex::encode(chance::bytes::<16>(&*ctx.chance))
}

/// What a token is answered with: HMAC-SHA256 of it under the endpoint's secret, in hexadecimal digits.
fn answer(secret: &str, token: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hex::encode(hmac::sign(&key, token.as_bytes()))
}

/// The host and port that a URL leads to.
fn host(url: &str) -> Option<(String, u16)> {
    let url = Url::parse(url).ok()?;
    Some((url.host_str()?.to_owned(), url.port_or_known_default()?))
}

/// Whether two URLs lead to different hosts or ports.
pub(super) fn moves(before: Option<&str>, after: &str) -> bool {
    before.and_then(host) != host(after)
}

/// Begins again: nothing is known of the host that the row leads to now, other than what the caller found out.
pub(super) fn forget(ctx: &Ctx, row: &mut endpoint::ActiveModel, state: UpstreamState) {
    row.upstream_state = Set(state);
    row.upstream_token = Set(Some(token(ctx)));
    row.upstream_proven_at = Set(None);
    row.upstream_tried_at = Set(None);
    row.upstream_fault = Set(None);
}

/// What the host of a relay's back end is asked. A relay of the time before challenges gets its token now.
pub async fn challenge(tx: &TenantTx, ctx: &Ctx, id: EndpointId) -> Result<(endpoint::Model, Challenge)> {
    let mut row = read_relay(tx, id).await?;
    let token = if let Some(token) = &row.upstream_token {
        token.clone()
    } else {
        let token = token(ctx);
        let mut changed = row.into_active_model();
        changed.upstream_token = Set(Some(token.clone()));
        row = tx.update(changed).await?;
        token
    };
    let url = row.upstream_url.as_deref().and_then(|url| Url::parse(url).ok());
    let mut url = url.ok_or_else(|| Error::conflict("wrong_kind", "this relay leads nowhere"))?;
    let scheme = match url.scheme() {
        "wss" | "https" => "https",
        _ => "http",
    };
    // `ws` to `http` and the like are of one kind, which the parser lets pass.
    url.set_scheme(scheme)
        .map_err(|()| Error::conflict("wrong_kind", "this relay leads nowhere"))?;
    url.set_path(&format!("{WELL_KNOWN}{token}"));
    url.set_query(None);
    let answers = secrets::open(ctx, &row).await?;
    let answers = answers.iter().map(|secret| answer(secret, &token)).collect();
    let access = access::open(&*ctx.keys.tenant(row.tenant_id).await?, &row)?;
    let challenge = Challenge {
        url,
        answers,
        token,
        access,
    };
    Ok((row, challenge))
}

/// Notes what became of asking. A host that was good once stays so whatever it answers later: the question is asked before the
/// first use. An answer to a challenge that was replaced meanwhile says nothing.
pub async fn challenged(
    tx: &TenantTx,
    ctx: &Ctx,
    id: EndpointId,
    challenge: &Challenge,
    outcome: std::result::Result<(), ProofFault>,
) -> Result<endpoint::Model> {
    let current = read_relay(tx, id).await?;
    if current.upstream_token.as_ref() != Some(&challenge.token) {
        return Ok(current);
    }
    let was = current.upstream_state;
    let now = ctx.now();
    let mut row = current.into_active_model();
    row.upstream_tried_at = Set(Some(now));
    row.upstream_fault = Set(outcome.err());
    if outcome.is_ok() {
        row.upstream_state = Set(UpstreamState::Proven);
        row.upstream_proven_at = Set(Some(now));
    }
    // Not a new version, as for pools: whoever edits the endpoint meanwhile has not seen anything change.
    let row = tx.update(row).await?;
    if row.upstream_state != was {
        let event = Event::new("endpoint.upstream_proven").target("endpoint", id);
        audit::record(tx, ctx, event).await?;
        ctx.forget_picture_after(tx);
    }
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_what_openssl_says() {
        // printf %s 00ff | openssl dgst -sha256 -hmac secret
        assert_eq!(
            answer("secret", "00ff"),
            "a419e3eda5e21d540b5db84e410017d2f1758cd45856d93387279bcde613a418"
        );
    }

    #[test]
    fn a_host_is_another_when_its_name_or_port_is() {
        let before = Some("wss://a.example/socket");
        assert!(!moves(before, "wss://a.example:443/other?x=1"));
        assert!(!moves(before, "wss://A.EXAMPLE/"));
        assert!(moves(before, "ws://a.example/socket"), "another port");
        assert!(moves(before, "wss://a.example:8443/socket"));
        assert!(moves(before, "wss://b.a.example/socket"));
        assert!(moves(None, "wss://a.example/socket"));
    }
}
