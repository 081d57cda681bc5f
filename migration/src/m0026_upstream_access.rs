//! What a back end is shown when it is dialled, and what it is known by: headers, a client certificate, an authority.

use sea_orm_migration::prelude::*;

use crate::columns::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            ("endpoint", bytes_null("upstream_headers_sealed")),
            // Their names alone, which may be shown.
            ("endpoint", json_null("upstream_header_names")),
            ("endpoint", bytes_null("upstream_certificate_sealed")),
            ("endpoint", time_null("upstream_certificate_expires_at")),
            ("endpoint", text_null("upstream_ca")),
        ];
        add(manager, columns).await
    }
}
