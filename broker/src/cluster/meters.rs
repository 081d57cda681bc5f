//! What is counted of the traffic between nodes.

use metrics::{Counter, Gauge, Histogram};

pub(super) struct Meters {
    pub(super) up: Gauge,
    pub(super) serving: Gauge,
    pub(super) nodes: Gauge,
    pub(super) topics: Gauge,
    pub(super) sent: Counter,
    pub(super) heard: Counter,
    /// From handing a group of parcels over to its answer.
    pub(super) answer: Histogram,
    pub(super) made_up: Counter,
    pub(super) sent_away: Counter,
    pub(super) alone: Counter,
    pub(super) unread: Counter,
    /// From an order to the last node's word.
    pub(super) order: Histogram,
    pub(super) unheeded: Counter,
}

impl Meters {
    pub(super) fn new() -> Self {
        metrics::describe_gauge!(
            "weir_backplane_up",
            "1 while the backplane is reached and nothing is missing"
        );
        metrics::describe_gauge!(
            "weir_node_serving",
            "1 while this node knows what the others changed"
        );
        metrics::describe_gauge!("weir_nodes", "nodes that are heard of, this one included");
        metrics::describe_gauge!("weir_backplane_topics", "channels that this node listens to");
        metrics::describe_counter!(
            "weir_backplane_parcels_total",
            "what went to (out) and came from (in) other nodes"
        );
        metrics::describe_histogram!(
            "weir_backplane_answer_seconds",
            metrics::Unit::Seconds,
            "how long the backplane took to take a group of parcels"
        );
        metrics::describe_counter!(
            "weir_backplane_gaps_total",
            "channels of which something was missed: made up for from the journal, or told by sending subscribers away"
        );
        metrics::describe_counter!(
            "weir_backplane_alone_total",
            "messages that only this node's subscribers got, since the backplane was cut off"
        );
        metrics::describe_counter!(
            "weir_backplane_unread_total",
            "what came from other nodes and did not open"
        );
        metrics::describe_histogram!(
            "weir_order_seconds",
            metrics::Unit::Seconds,
            "from an order to all nodes to the last one's word"
        );
        metrics::describe_counter!(
            "weir_orders_unheeded_total",
            "orders that some node did not confirm, and whose lease was waited for"
        );
        Self {
            up: metrics::gauge!("weir_backplane_up"),
            serving: metrics::gauge!("weir_node_serving"),
            nodes: metrics::gauge!("weir_nodes"),
            topics: metrics::gauge!("weir_backplane_topics"),
            sent: metrics::counter!("weir_backplane_parcels_total", "direction" => "out"),
            heard: metrics::counter!("weir_backplane_parcels_total", "direction" => "in"),
            answer: metrics::histogram!("weir_backplane_answer_seconds"),
            made_up: metrics::counter!("weir_backplane_gaps_total", "outcome" => "made_up"),
            sent_away: metrics::counter!("weir_backplane_gaps_total", "outcome" => "sent_away"),
            alone: metrics::counter!("weir_backplane_alone_total"),
            unread: metrics::counter!("weir_backplane_unread_total"),
            order: metrics::histogram!("weir_order_seconds"),
            unheeded: metrics::counter!("weir_orders_unheeded_total"),
        }
    }
}
