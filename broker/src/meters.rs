//! What this crate counts. The handles are taken once, since looking a metric up costs more than a delivery: install the
//! recorder before [`crate::Broker::new`]. No label names a tenant, an endpoint or a person.

use metrics::{Counter, Gauge, Histogram};

use crate::close::Close;

pub(crate) struct Meters {
    pub(crate) sessions: Gauge,
    pub(crate) messages_in: Counter,
    pub(crate) messages_out: Counter,
    pub(crate) bytes_in: Counter,
    pub(crate) bytes_out: Counter,
    pub(crate) slow: Counter,
    /// Subscriptions to channels.
    pub(crate) subscriptions: Gauge,
    /// Messages that made room for newer ones.
    pub(crate) dropped: Counter,
    /// From a ping to the first sign of life after it.
    pub(crate) rtt: Histogram,
    /// From the call of publish to the moment the socket took it; one sample a write, of its oldest message.
    pub(crate) lag: Histogram,
}

impl Meters {
    pub(crate) fn new() -> Self {
        metrics::describe_gauge!("weir_sessions", "open end-user sockets");
        metrics::describe_counter!("weir_messages_total", "messages from (in) and to (out) end-users");
        metrics::describe_counter!("weir_message_bytes_total", metrics::Unit::Bytes, "their payload");
        metrics::describe_counter!("weir_closes_total", "ended end-user sockets, by close code");
        metrics::describe_counter!(
            "weir_slow_consumers_total",
            "sockets closed for reading too slowly"
        );
        metrics::describe_histogram!(
            "weir_publish_to_deliver_seconds",
            metrics::Unit::Seconds,
            "from publish to the socket, the oldest message of each write"
        );
        metrics::describe_gauge!(
            "weir_subscriptions",
            "subscriptions of end-user sockets to channels"
        );
        metrics::describe_counter!(
            "weir_messages_dropped_total",
            "messages that a slow socket missed because newer ones came"
        );
        metrics::describe_counter!("weir_protocol_errors_total", "errors told to end-users, by code");
        metrics::describe_histogram!(
            "weir_ping_rtt_seconds",
            metrics::Unit::Seconds,
            "from a ping to the first sign of life after it"
        );
        Self {
            sessions: metrics::gauge!("weir_sessions"),
            subscriptions: metrics::gauge!("weir_subscriptions"),
            dropped: metrics::counter!("weir_messages_dropped_total"),
            rtt: metrics::histogram!("weir_ping_rtt_seconds"),
            messages_in: metrics::counter!("weir_messages_total", "direction" => "in"),
            messages_out: metrics::counter!("weir_messages_total", "direction" => "out"),
            bytes_in: metrics::counter!("weir_message_bytes_total", "direction" => "in"),
            bytes_out: metrics::counter!("weir_message_bytes_total", "direction" => "out"),
            slow: metrics::counter!("weir_slow_consumers_total"),
            lag: metrics::histogram!("weir_publish_to_deliver_seconds"),
        }
    }

    pub(crate) fn closed(&self, why: &Close) {
        self.sessions.decrement(1);
        if why.code == Close::SLOW_CONSUMER.code {
            self.slow.increment(1);
        }
        // A peer can invent any code, and each would be a time series for ever.
        let code = match why.code {
            1000..=1015 | 4000..=4009 | 4030..=4034 | 4100..=4102 | 4200..=4203 => why.code.to_string(),
            _ => "other".to_owned(),
        };
        metrics::counter!("weir_closes_total", "code" => code).increment(1);
    }
}

/// Counts what was told an end-user without ending the session. The codes are ours, so there are few.
pub(crate) fn count_error(code: Option<u16>) {
    let code = code.map_or_else(|| "none".to_owned(), |code| code.to_string());
    metrics::counter!("weir_protocol_errors_total", "code" => code).increment(1);
}

pub(crate) struct UpstreamMeters {
    pub(crate) idle: Gauge,
    pub(crate) active: Gauge,
    pub(crate) waiting: Gauge,
    pub(crate) leased: Gauge,
    pub(crate) rtt: Histogram,
    pub(crate) wait: Histogram,
    pub(crate) connects: Counter,
    pub(crate) failures: Counter,
    /// Sessions that were sent away because too many waited.
    pub(crate) crowded: Counter,
}

impl UpstreamMeters {
    pub(crate) fn new() -> Self {
        metrics::describe_gauge!("weir_upstream_idle", "warm sockets to back ends");
        metrics::describe_gauge!(
            "weir_upstream_active",
            "sockets to back ends that serve a session"
        );
        metrics::describe_gauge!(
            "weir_upstream_waiting",
            "sessions that wait for a socket to a back end"
        );
        metrics::describe_gauge!(
            "weir_upstream_leased",
            "sockets to back ends that this node may have"
        );
        metrics::describe_histogram!(
            "weir_upstream_rtt_seconds",
            metrics::Unit::Seconds,
            "from a ping to a back end to the first sign of life after it"
        );
        metrics::describe_histogram!(
            "weir_upstream_wait_seconds",
            metrics::Unit::Seconds,
            "how long a session waited for a socket to a back end, or in vain"
        );
        metrics::describe_counter!(
            "weir_upstream_wait_refused_total",
            "sessions sent away because too many waited for sockets to back ends"
        );
        metrics::describe_counter!("weir_upstream_connects_total", "sockets opened to back ends");
        metrics::describe_counter!("weir_upstream_connect_failures_total", "attempts that failed");
        Self {
            idle: metrics::gauge!("weir_upstream_idle"),
            active: metrics::gauge!("weir_upstream_active"),
            waiting: metrics::gauge!("weir_upstream_waiting"),
            leased: metrics::gauge!("weir_upstream_leased"),
            rtt: metrics::histogram!("weir_upstream_rtt_seconds"),
            wait: metrics::histogram!("weir_upstream_wait_seconds"),
            connects: metrics::counter!("weir_upstream_connects_total"),
            failures: metrics::counter!("weir_upstream_connect_failures_total"),
            crowded: metrics::counter!("weir_upstream_wait_refused_total"),
        }
    }
}
