//! What is stored: tables and typed ids. No rules, no queries.
//!
//! One table, one file. A table whose rows belong to a tenant says so with [`tenant_owned!`]; `domain::tenancy`
//! hands out nothing else. The tables of [`vault`] live in a store of their own.

#![expect(clippy::disallowed_methods, reason = "SeaORM's derives expand to them")]

pub mod account;
pub mod anonymised_message;
pub mod api_key;
pub mod audit_event;
pub mod balance;
pub mod callback;
pub mod channel;
pub mod class_count;
pub mod connection;
pub mod consent_event;
pub mod consent_import;
pub mod consent_import_fault;
pub mod consent_import_part;
pub mod consent_state;
pub mod correction;
pub mod data_type;
pub mod dpia;
pub mod endpoint;
pub mod export;
pub mod export_part;
pub mod held_message;
pub mod hold;
pub mod id;
pub mod idempotency;
pub mod incident;
pub mod incident_notice;
pub mod incident_subject;
pub mod invitation;
pub mod job;
pub mod lifecycle_event;
pub mod log_checkpoint;
pub mod log_head;
pub mod log_key;
pub mod log_leaf;
pub mod log_tile;
pub mod log_witness;
mod macros;
pub mod mail;
pub mod mailed_token;
pub mod member;
pub mod message;
pub mod node;
pub mod notice;
pub mod notice_version;
pub mod objection;
pub mod opendsr_key;
pub mod opendsr_request;
pub mod portal_code;
pub mod portal_sign_in;
pub mod purpose;
pub mod recipient;
pub mod report;
pub mod report_schedule;
pub mod request;
pub mod request_event;
pub mod request_message;
pub mod retention_change;
pub mod retention_class;
pub mod retention_rule;
pub mod retention_rule_version;
pub mod sign_in;
pub mod store_meta;
pub mod subject;
pub mod tenant;
pub mod usage_day;
pub mod vault;
pub mod webhook;
pub mod webhook_attempt;
pub mod webhook_delivery;
pub mod webhook_occupancy;
pub mod webhook_part;

use sea_orm::EntityTrait;

/// A table whose rows belong to tenants.
pub trait TenantOwned: EntityTrait {
    /// The column that says to whom.
    const TENANT: Self::Column;
}
