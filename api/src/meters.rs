//! Numbers about sockets that are looked at now and then rather than kept with each message: what waits, and what each
//! tenant has. Never a person, and of tenants only so many that the series stay few.

use std::collections::HashSet;

use broker::Broker;
use parking_lot::Mutex;
use uuid::Uuid;

/// Tenants with series of their own: the largest.
const TENANTS: usize = 1_000;

/// Publishes the numbers, and remembers for whom, so that a tenant whose last socket closed is set to zero.
#[derive(Debug, Default)]
pub struct SocketMeters(Mutex<HashSet<Uuid>>);

impl SocketMeters {
    /// Describes the series. Install the recorder first.
    pub fn new() -> Self {
        metrics::describe_gauge!("weir_queue_depth", "deliveries that wait for sockets");
        metrics::describe_gauge!("weir_tenant_sessions", "open end-user sockets, by tenant");
        metrics::describe_gauge!(
            "weir_tenant_subscriptions",
            "subscriptions to channels, by tenant"
        );
        metrics::describe_gauge!("weir_tenant_channels", "channels that somebody is on, by tenant");
        Self::default()
    }

    /// Looks, and publishes.
    pub fn publish(&self, broker: &Broker) {
        #[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
        metrics::gauge!("weir_queue_depth").set(broker.queue_depth() as f64);
        let mut census = broker.census();
        census.sort_unstable_by_key(|tenant| std::cmp::Reverse(tenant.sessions));
        census.truncate(TENANTS);
        let now: HashSet<_> = census.iter().map(|tenant| tenant.tenant).collect();
        let before = std::mem::replace(&mut *self.0.lock(), now.clone());
        for gone in before.difference(&now) {
            set(*gone, 0, 0, 0);
        }
        for tenant in census {
            set(
                tenant.tenant,
                tenant.sessions,
                tenant.subscriptions,
                tenant.channels,
            );
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
fn set(tenant: Uuid, sessions: u64, subscriptions: u64, channels: u64) {
    let tenant = tenant.to_string();
    metrics::gauge!("weir_tenant_sessions", "tenant" => tenant.clone()).set(sessions as f64);
    metrics::gauge!("weir_tenant_subscriptions", "tenant" => tenant.clone()).set(subscriptions as f64);
    metrics::gauge!("weir_tenant_channels", "tenant" => tenant).set(channels as f64);
}
