//! The endpoints of a plan.

use anyhow::Context;
use domain::{
    Error,
    endpoints::{self, EndpointPatch, Limits, NewEndpoint},
    purposes,
    tenancy::TenantScope,
};
use entity::{
    endpoint::{self, EndpointKind, RecordMode, UpstreamState},
    id::{EndpointId, PurposeId},
};
use serde::Serialize;

use super::{
    apply::{Apply, told},
    plan::EndpointPlan,
};
use crate::trouble::Trouble;

/// An endpoint as it is printed.
#[derive(Debug, Serialize)]
pub(super) struct MadeEndpoint {
    id: EndpointId,
    slug: String,
    kind: EndpointKind,
    app_id: String,
    key: String,
    secret: String,
}

impl Apply<'_> {
    pub(super) fn check_upstream(&self, plan: &EndpointPlan) -> Result<(), Trouble> {
        let Some(upstream) = &plan.upstream else {
            return Ok(());
        };
        let refused = |cause: String| {
            Trouble::new(
                format!("the endpoint {} may not have this upstream", plan.slug),
                "use wss://…, or allow its network in [egress] of the settings",
            )
            .because(cause)
        };
        let url = upstream.parse().map_err(|error| refused(format!("{error}")))?;
        self.egress
            .check_url(&url)
            .map_err(|fault| refused(fault.to_string()))
    }

    pub(super) async fn endpoint(
        &self,
        scope: &TenantScope,
        plan: &EndpointPlan,
    ) -> anyhow::Result<endpoint::Model> {
        let tx = self.ctx.store.begin(scope).await?;
        let purpose_id = match &plan.purpose {
            None => None,
            Some(slug) => {
                let found = purposes::by_slug(&tx, slug).await.map_err(told)?;
                Some(found.with_context(|| format!("there is no purpose {slug}"))?.id)
            }
        };
        let current = match endpoints::by_slug(&tx, &plan.slug).await {
            Ok(current) => current,
            Err(Error::NotFound { .. }) => {
                let kind = plan.kind().unwrap_or(EndpointKind::Channel);
                let mut new = NewEndpoint::new(&plan.slug, kind).with_pool(plan.pool_min, plan.pool_max);
                new.name.clone_from(&plan.name);
                new.upstream_url.clone_from(&plan.upstream);
                // A plan is the operator's own word.
                new.upstream_state = UpstreamState::Proven;
                new.subprotocol.clone_from(&plan.subprotocol);
                new.purpose_id = purpose_id;
                new.jwks_url.clone_from(&plan.jwks_url);
                new.allowed_origins = plan.allowed_origins.clone().unwrap_or_default();
                new.record = plan.record.unwrap_or(RecordMode::Before);
                new.on_withdrawal = plan.on_withdrawal.unwrap_or(new.on_withdrawal);
                new.max_message_bytes = plan.max_message_bytes.unwrap_or(new.max_message_bytes);
                new.limits = new.limits.with(&plan.limits);
                let (row, _) = endpoints::create(&tx, self.ctx, new).await.map_err(told)?;
                tx.save().await?;
                return Ok(row);
            }
            Err(error) => return Err(told(error)),
        };
        if let Some(kind) = plan.kind().filter(|kind| *kind != current.kind) {
            return Err(Trouble::new(
                format!("it is a {} already and cannot become a {kind}", current.kind),
                "choose another slug, or delete the endpoint first",
            )
            .into());
        }
        let Some(patch) = difference(plan, &current, purpose_id) else {
            return Ok(current);
        };
        let row = endpoints::update(&tx, self.ctx, current.id, None, patch)
            .await
            .map_err(told)?;
        tx.save().await?;
        Ok(row)
    }

    pub(super) async fn describe(&self, row: endpoint::Model) -> anyhow::Result<MadeEndpoint> {
        let secret = endpoints::secrets(self.ctx, &row).await.map_err(told)?;
        Ok(MadeEndpoint {
            id: row.id,
            slug: row.slug,
            kind: row.kind,
            app_id: row.app_id,
            key: row.app_key,
            secret: secret.into_iter().next().context("the endpoint has no secret")?,
        })
    }
}

/// What the plan says and the endpoint is not, if anything.
fn difference(
    plan: &EndpointPlan,
    current: &endpoint::Model,
    purpose: Option<PurposeId>,
) -> Option<EndpointPatch> {
    fn other<T: Clone + PartialEq>(wanted: Option<&T>, current: &T) -> Option<T> {
        wanted.filter(|wanted| *wanted != current).cloned()
    }
    let origins: Vec<String> = serde_json::from_value(current.allowed_origins.clone()).unwrap_or_default();
    // A field that takes nothing as a value is cleared by an inner none; a plan has no word for that.
    let patch = EndpointPatch {
        name: other(plan.name.as_ref(), &current.name),
        upstream_url: plan
            .upstream
            .clone()
            .filter(|url| Some(url) != current.upstream_url.as_ref()),
        upstream_state: Some(UpstreamState::Proven),
        subprotocol: plan
            .subprotocol
            .clone()
            .filter(|wanted| Some(wanted) != current.subprotocol.as_ref())
            .map(Some),
        pool_min: other(plan.pool_min.as_ref(), &current.pool_min),
        pool_max: other(plan.pool_max.as_ref(), &current.pool_max),
        record: other(plan.record.as_ref(), &current.record),
        purpose_id: purpose
            .filter(|wanted| Some(*wanted) != current.purpose_id)
            .map(Some),
        on_withdrawal: other(plan.on_withdrawal.as_ref(), &current.on_withdrawal),
        allowed_origins: other(plan.allowed_origins.as_ref(), &origins),
        jwks_url: plan
            .jwks_url
            .clone()
            .filter(|wanted| Some(wanted) != current.jwks_url.as_ref())
            .map(Some),
        max_message_bytes: other(plan.max_message_bytes.as_ref(), &current.max_message_bytes),
        limits: plan.limits.beyond(&Limits::of(current)),
        ..Default::default()
    };
    let differs = patch.name.is_some()
        || patch.upstream_url.is_some()
        || patch.subprotocol.is_some()
        || patch.pool_min.is_some()
        || patch.pool_max.is_some()
        || patch.record.is_some()
        || patch.purpose_id.is_some()
        || patch.on_withdrawal.is_some()
        || patch.allowed_origins.is_some()
        || patch.jwks_url.is_some()
        || patch.max_message_bytes.is_some()
        || !patch.limits.is_empty();
    differs.then_some(patch)
}
