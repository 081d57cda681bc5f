//! Who actually got what passed (GDPR Art. 15(1)(c), CJEU C-154/21): back ends behind relays, and webhooks with the
//! number of events about the person that they took.

use std::collections::HashMap;

use entity::{
    endpoint::{self, EndpointKind},
    id::{EndpointId, SubjectId},
};
use url::Url;

use crate::{Result, callbacks, tenancy::TenantTx};

/// Somebody who got data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Recipient {
    /// Where the data passed, by name.
    pub(super) endpoint: String,
    /// `back_end`, `webhook` or `connected`.
    pub(super) kind: &'static str,
    /// Where it is; none for those who connect.
    pub(super) host: Option<String>,
    /// How many events about the person it took, where that is on record.
    pub(super) deliveries: Option<u64>,
}

/// The recipients of what passed these endpoints and is about a person.
pub(super) async fn of(
    tx: &TenantTx,
    endpoints: &HashMap<EndpointId, endpoint::Model>,
    passed: &[EndpointId],
    subjects: &[SubjectId],
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
    for row in callbacks::recipients_of(tx, subjects).await? {
        all.push(Recipient {
            endpoint: endpoints
                .get(&row.endpoint_id)
                .map_or_else(String::new, |endpoint| endpoint.name.clone()),
            kind: "webhook",
            host: row.host,
            deliveries: u64::try_from(row.events).ok(),
        });
    }
    Ok(all)
}

fn host(url: &str) -> Option<String> {
    Url::parse(url).ok()?.host_str().map(str::to_owned)
}
