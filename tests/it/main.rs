//! Everything that Weir promises, tried from outside on the real binary. One test binary, because linking is what costs.
//!
//! A file per noun. `WEIR_TEST_STORE=postgres` runs the same tests on PostgreSQL.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail the test by panicking"
)]

mod accounts;
mod anonymised;
mod api_keys;
mod architecture;
mod audit;
mod autobahn;
mod balances;
mod bootstrap;
mod bounces;
mod callbacks;
mod catalogue;
mod channels;
mod cluster;
mod compose;
mod connections;
mod consent;
mod consents;
mod crashes;
mod deadlines;
mod demo;
mod description;
mod destruction;
mod durability;
mod egress;
mod endpoints;
mod erasure;
mod etags;
mod forgetting;
mod holds;
mod idempotency;
mod incidents;
mod isolation;
mod jobs;
mod log;
mod manners;
mod members;
mod messages;
mod moving;
mod mux;
mod opendsr;
mod pagination;
mod paths;
mod pools;
mod portal;
mod postgres;
mod problems;
mod rate_limits;
mod readme;
mod recovery;
mod relays;
mod reports;
mod requests;
mod retention;
mod rights;
mod rules;
mod sdks;
mod shutdown;
mod sockets;
mod startup;
mod subjects;
mod tenant_key;
mod tokens;
mod upstream_access;
mod upstreams;
mod web;
mod webhook_relays;
mod webhooks;
mod witnesses;
