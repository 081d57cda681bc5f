//! Who actually got what passed (GDPR Art. 15(1)(c), CJEU C-154/21): back ends behind relays, and webhooks with the number
//! of deliveries on record.

use std::collections::HashMap;

use entity::{
    endpoint::{self, EndpointKind},
    id::EndpointId,
    webhook,
    webhook_delivery::{self, DeliveryState},
};
use sea_orm::{ColumnTrait, PaginatorTrait, QueryFilter, QueryOrder};
use url::Url;

use crate::{Result, tenancy::TenantTx};

/// Somebody who got data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Recipient {
    /// Where the data passed, by name.
    pub(super) endpoint: String,
    /// `back_end`, `webhook` or `connected`.
    pub(super) kind: &'static str,
    /// Where it is; none for those who connect.
    pub(super) host: Option<String>,
    /// How often it was told, where that is on record.
    pub(super) deliveries: Option<u64>,
}

/// The recipients of what passed these endpoints.
pub(super) async fn of(
    tx: &TenantTx,
    endpoints: &HashMap<EndpointId, endpoint::Model>,
    passed: &[EndpointId],
) -> Result<Vec<Recipient>> {
    let mut all = Vec::new();
    for endpoint in passed.iter().filter_map(|id| endpoints.get(id)) {
        let relay = endpoint.kind == EndpointKind::Relay;
        all.push(Recipient {
            endpoint: endpoint.name.clone(),
            kind: if relay { "back_end" } else { "connected" },
            host: endpoint.upstream_url.as_deref().and_then(host),
            deliveries: None,
        });
    }
    let hooks = tx
        .find::<webhook::Entity>()
        .filter(webhook::Column::EndpointId.is_in(passed.iter().copied()))
        .order_by_asc(webhook::Column::Id)
        .all(tx.conn())
        .await?;
    for hook in hooks {
        let Some(url) = hook.url.as_deref() else { continue };
        let deliveries = tx
            .find::<webhook_delivery::Entity>()
            .filter(webhook_delivery::Column::WebhookId.eq(hook.id))
            .filter(webhook_delivery::Column::State.eq(DeliveryState::Delivered))
            .count(tx.conn())
            .await?;
        if let Some(endpoint) = endpoints.get(&hook.endpoint_id).filter(|_| deliveries > 0) {
            all.push(Recipient {
                endpoint: endpoint.name.clone(),
                kind: "webhook",
                host: host(url),
                deliveries: Some(deliveries),
            });
        }
    }
    Ok(all)
}

fn host(url: &str) -> Option<String> {
    Url::parse(url).ok()?.host_str().map(str::to_owned)
}
