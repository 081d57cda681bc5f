//! How the store changes. Knows no entity: a migration describes the store as it was on its day.
//!
//! There are two stores, so there are two lists: [`DataMigrator`] for the data, [`VaultMigrator`] for the keys.
//! Both run on SQLite and on Postgres. A released migration is never edited; a change is a new file.

#![expect(
    elided_lifetimes_in_paths,
    reason = "the trait of sea-orm-migration is declared that way"
)]
#![cfg_attr(
    not(test),
    expect(
        clippy::wildcard_imports,
        reason = "a migration is written in the vocabulary of `columns`"
    )
)]

mod applied;
mod columns;
mod fence;
mod m0001_people_who_sign_in;
mod m0002_catalogue;
mod m0003_journal;
mod m0004_data_subjects;
mod m0005_audit_log;
mod m0006_background_work;
mod m0007_endpoint_limits;
mod m0008_webhooks;
mod m0010_rule_changes;
mod m0011_holds_and_balance;
mod m0012_log_history;
mod m0014_rights;
mod m0015_correspondence;
mod m0016_consent_in_full;
mod m0017_incidents_and_assessments;
mod m0018_audit_reports;
mod m0019_pool_states;
mod m0020_pool_modes;
mod m0021_anonymisation;
mod m0023_magic_links_and_recipients;
mod m0024_opendsr;
mod m0025_upstream_proofs;
mod m0026_upstream_access;
mod m0031_language_of_requests;
mod m0034_log_witnesses;
mod m0035_steps_of_requests;
mod v0001_keys;
mod v0003_pages;
mod v0004_tenant_key_rotation;

use sea_orm_migration::prelude::*;

pub use applied::applied;
pub use fence::{fence, unfenced};
/// What runs the lists: `up`, `status`.
pub use sea_orm_migration::MigratorTrait;

/// The tables of the data.
pub struct DataMigrator;

#[async_trait::async_trait]
impl MigratorTrait for DataMigrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_people_who_sign_in::Migration),
            Box::new(m0002_catalogue::Migration),
            Box::new(m0003_journal::Migration),
            Box::new(m0004_data_subjects::Migration),
            Box::new(m0005_audit_log::Migration),
            Box::new(m0006_background_work::Migration),
            Box::new(m0007_endpoint_limits::Migration),
            Box::new(m0008_webhooks::Migration),
            Box::new(m0010_rule_changes::Migration),
            Box::new(m0011_holds_and_balance::Migration),
            Box::new(m0012_log_history::Migration),
            Box::new(m0014_rights::Migration),
            Box::new(m0015_correspondence::Migration),
            Box::new(m0016_consent_in_full::Migration),
            Box::new(m0017_incidents_and_assessments::Migration),
            Box::new(m0018_audit_reports::Migration),
            Box::new(m0019_pool_states::Migration),
            Box::new(m0020_pool_modes::Migration),
            Box::new(m0021_anonymisation::Migration),
            Box::new(m0023_magic_links_and_recipients::Migration),
            Box::new(m0024_opendsr::Migration),
            Box::new(m0025_upstream_proofs::Migration),
            Box::new(m0026_upstream_access::Migration),
            Box::new(m0031_language_of_requests::Migration),
            Box::new(m0034_log_witnesses::Migration),
            Box::new(m0035_steps_of_requests::Migration),
        ]
    }
}

/// The tables of the vault.
pub struct VaultMigrator;

#[async_trait::async_trait]
impl MigratorTrait for VaultMigrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(v0001_keys::Migration),
            Box::new(v0003_pages::Migration),
            Box::new(v0004_tenant_key_rotation::Migration),
        ]
    }

    // The two lists may share one Postgres database in a small installation.
    fn migration_table_name() -> DynIden {
        "vault_migrations".into_iden()
    }
}
