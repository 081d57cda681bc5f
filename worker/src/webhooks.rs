//! Sends what webhooks are told. What is sent, when and how often is decided in `domain`; here it goes out, to addresses
//! that were checked a moment before, and never anywhere else.

mod turns;

pub(crate) use turns::work;

pub(crate) fn describe_metrics() {
    metrics::describe_counter!(
        "weir_webhook_attempts_total",
        "ended attempts at webhook deliveries, by outcome"
    );
    metrics::describe_histogram!(
        "weir_webhook_seconds",
        metrics::Unit::Seconds,
        "how long an attempt at a webhook delivery took"
    );
}
