//! Everything that is sealed under a tenant's key, and a look at all of it for what is still under the one before.
//!
//! A new sealed column gets its line here; a test knows all tables.

use std::sync::Arc;

use entity::{
    TenantOwned, anonymised_message, consent_import_part, endpoint, export, export_part,
    id::{
        AnonymisedMessageId, EndpointId, IdempotencyId, MailId, PortalCodeId, PortalSignInId, ReportId,
        RequestId, RequestMessageId, WebhookId,
    },
    idempotency, mail, opendsr_key, portal_code, portal_sign_in, report, request, request_message, webhook,
    webhook_part,
};
use sea_orm::{ColumnTrait, Condition, QueryFilter, QueryOrder, QuerySelect, Set, sea_query::Expr};
use uuid::Uuid;

use crate::{
    anonymised, consents, ctx::Ctx, endpoints, error::Result, exports, idempotency as remembered,
    installation, keys::TenantKeys, mails, opendsr, portal, reports, requests, tenancy::TenantScope,
    webhooks,
};

/// Rows looked at in one go.
const ROWS: u64 = 200;
/// Large pieces looked at in one go.
const PIECES: u64 = 8;

/// Looks at everything, and seals anew what is under the key of before. Answers how much that was.
pub(super) async fn all(ctx: &Ctx, scope: &TenantScope) -> Result<u64> {
    let tenant = scope.tenant();
    let keys = ctx.keys.tenant(tenant).await?;
    let sweep = Sweep { ctx, scope, keys };
    let mut anew = ctx.keys.rewrap_under_new(tenant).await?;
    anew += sweep.values().await?;
    anew += sweep.opendsr_key().await?;
    anew += sweep.exports().await?;
    anew += sweep.imports().await?;
    anew += sweep.deliveries().await?;
    anew += installation::reseal_kept(ctx, tenant).await?;
    Ok(anew)
}

struct Sweep<'a> {
    ctx: &'a Ctx,
    scope: &'a TenantScope,
    keys: Arc<TenantKeys>,
}

impl Sweep<'_> {
    /// Columns whose context follows from the row's id.
    async fn values(&self) -> Result<u64> {
        use endpoint::Column as E;
        use request::Column as R;
        use webhook::Column as W;
        let endpoint = |id| endpoints::secret_context(EndpointId(id));
        let webhook = |id| webhooks::secret_context(WebhookId(id));
        let mut anew = 0;
        anew += self
            .column::<endpoint::Entity>(E::Id, E::SecretSealed, endpoint)
            .await?;
        anew += self
            .column::<endpoint::Entity>(E::Id, E::PreviousSecretSealed, endpoint)
            .await?;
        anew += self
            .column::<endpoint::Entity>(E::Id, E::UpstreamHeadersSealed, |id| {
                endpoints::headers_context(EndpointId(id))
            })
            .await?;
        anew += self
            .column::<endpoint::Entity>(E::Id, E::UpstreamCertificateSealed, |id| {
                endpoints::certificate_context(EndpointId(id))
            })
            .await?;
        anew += self
            .column::<webhook::Entity>(W::Id, W::SecretSealed, webhook)
            .await?;
        anew += self
            .column::<webhook::Entity>(W::Id, W::PreviousSecretSealed, webhook)
            .await?;
        anew += self
            .column::<request::Entity>(R::Id, R::EmailSealed, |id| {
                requests::address_context(RequestId(id))
            })
            .await?;
        anew += self
            .column::<request::Entity>(R::Id, R::DetailsSealed, |id| {
                requests::details_context(RequestId(id))
            })
            .await?;
        anew += self
            .column::<request_message::Entity>(
                request_message::Column::Id,
                request_message::Column::Sealed,
                |id| requests::message_context(RequestMessageId(id)),
            )
            .await?;
        anew += self
            .column::<report::Entity>(report::Column::Id, report::Column::Sealed, |id| {
                reports::context(ReportId(id))
            })
            .await?;
        anew += self
            .column::<anonymised_message::Entity>(
                anonymised_message::Column::Id,
                anonymised_message::Column::Sealed,
                |id| anonymised::context(AnonymisedMessageId(id)),
            )
            .await?;
        anew += self
            .column::<mail::Entity>(mail::Column::Id, mail::Column::Sealed, |id| {
                mails::context(MailId(id))
            })
            .await?;
        anew += self
            .column::<idempotency::Entity>(idempotency::Column::Id, idempotency::Column::AnswerSealed, |id| {
                remembered::context(IdempotencyId(id))
            })
            .await?;
        anew += self
            .column::<portal_code::Entity>(
                portal_code::Column::Id,
                portal_code::Column::AddressSealed,
                |id| portal::link_context(PortalCodeId(id)),
            )
            .await?;
        anew += self
            .column::<portal_sign_in::Entity>(
                portal_sign_in::Column::Id,
                portal_sign_in::Column::EmailSealed,
                |id| portal::address_context(PortalSignInId(id)),
            )
            .await?;
        Ok(anew)
    }

    async fn column<E: TenantOwned>(
        &self,
        id: E::Column,
        sealed: E::Column,
        context: impl Fn(Uuid) -> String,
    ) -> Result<u64> {
        let (mut after, mut anew) = (Uuid::nil(), 0);
        loop {
            let view = self.ctx.store.read(self.scope).await?;
            let rows: Vec<(Uuid, Vec<u8>)> = view
                .find::<E>()
                .select_only()
                .column(id)
                .column(sealed)
                .filter(id.gt(after))
                .filter(sealed.is_not_null())
                .order_by_asc(id)
                .limit(ROWS)
                .into_tuple()
                .all(view.conn())
                .await?;
            drop(view);
            let Some((last, _)) = rows.last() else {
                return Ok(anew);
            };
            after = *last;
            let chance = &*self.ctx.chance;
            let found: Vec<_> = rows
                .into_iter()
                .filter_map(|(row, old)| {
                    let new = self.keys.tenant.reseal_value(&context(row), &old, chance)?;
                    Some((row, old, new))
                })
                .collect();
            if found.is_empty() {
                continue;
            }
            anew += found.len() as u64;
            let tx = self.ctx.store.begin(self.scope).await?;
            for (row, old, new) in found {
                // What was replaced meanwhile is under the new key already.
                tx.update_many::<E>()
                    .col_expr(sealed, Expr::value(new))
                    .filter(id.eq(row))
                    .filter(sealed.eq(old))
                    .exec(tx.conn())
                    .await?;
            }
            tx.save().await?;
        }
    }

    async fn opendsr_key(&self) -> Result<u64> {
        let tx = self.ctx.store.begin(self.scope).await?;
        let Some(row) = tx.find::<opendsr_key::Entity>().one(tx.conn()).await? else {
            return Ok(0);
        };
        let context = opendsr::key_context(&row.domain);
        let new = self
            .keys
            .tenant
            .reseal_value(&context, &row.key_sealed, &*self.ctx.chance);
        let Some(new) = new else { return Ok(0) };
        tx.update(opendsr_key::ActiveModel {
            tenant_id: Set(row.tenant_id),
            key_sealed: Set(new),
            ..Default::default()
        })
        .await?;
        tx.save().await?;
        Ok(1)
    }

    /// Parts of exports that are nobody's; the others are under their person's key.
    async fn exports(&self) -> Result<u64> {
        let view = self.ctx.store.read(self.scope).await?;
        let nobodys = view
            .find::<export::Entity>()
            .filter(export::Column::SubjectId.is_null())
            .all(view.conn())
            .await?;
        drop(view);
        let mut anew = 0;
        for export in nobodys {
            let context = exports::context(export.id);
            let mut from = 0;
            loop {
                let tx = self.ctx.store.begin(self.scope).await?;
                let parts = tx
                    .find::<export_part::Entity>()
                    .filter(export_part::Column::ExportId.eq(export.id))
                    .filter(export_part::Column::Number.gte(from))
                    .order_by_asc(export_part::Column::Number)
                    .limit(PIECES)
                    .all(tx.conn())
                    .await?;
                let Some(last) = parts.last() else { break };
                from = last.number + 1;
                for part in parts {
                    let number = u64::try_from(part.number).unwrap_or_default();
                    // Whether it is the last one, a part says itself; while an export is made, nobody else knows.
                    let new = [false, true].into_iter().find_map(|last| {
                        self.keys
                            .tenant
                            .reseal_chunk(&context, number, last, &part.sealed, &*self.ctx.chance)
                    });
                    if let Some(new) = new {
                        anew += 1;
                        tx.update(export_part::ActiveModel {
                            export_id: Set(part.export_id),
                            number: Set(part.number),
                            sealed: Set(new),
                            ..Default::default()
                        })
                        .await?;
                    }
                }
                tx.save().await?;
            }
        }
        Ok(anew)
    }

    /// Lines of imports that wait.
    async fn imports(&self) -> Result<u64> {
        use consent_import_part::Column;
        let (mut after, mut anew) = ((Uuid::nil(), 0), 0);
        loop {
            let tx = self.ctx.store.begin(self.scope).await?;
            let parts = tx
                .find::<consent_import_part::Entity>()
                .filter(behind(Column::ImportId, Column::FirstLine, after))
                .order_by_asc(Column::ImportId)
                .order_by_asc(Column::FirstLine)
                .limit(PIECES)
                .all(tx.conn())
                .await?;
            let Some(last) = parts.last() else { return Ok(anew) };
            after = (last.import_id.0, last.first_line);
            for part in parts {
                let context = consents::import_context(part.import_id, part.first_line);
                let new = self
                    .keys
                    .tenant
                    .reseal_value(&context, &part.sealed, &*self.ctx.chance);
                if let Some(new) = new {
                    anew += 1;
                    tx.update(consent_import_part::ActiveModel {
                        import_id: Set(part.import_id),
                        first_line: Set(part.first_line),
                        sealed: Set(new),
                        ..Default::default()
                    })
                    .await?;
                }
            }
            tx.save().await?;
        }
    }

    /// What webhooks are to be told about nobody; the rest is under its person's key.
    async fn deliveries(&self) -> Result<u64> {
        use webhook_part::Column;
        let (mut after, mut anew) = ((Uuid::nil(), -1), 0);
        loop {
            let tx = self.ctx.store.begin(self.scope).await?;
            let parts = tx
                .find::<webhook_part::Entity>()
                .filter(Column::SubjectId.is_null())
                .filter(Column::ClassId.is_null())
                .filter(behind(Column::DeliveryId, Column::Number, after))
                .order_by_asc(Column::DeliveryId)
                .order_by_asc(Column::Number)
                .limit(ROWS)
                .all(tx.conn())
                .await?;
            let Some(last) = parts.last() else { return Ok(anew) };
            after = (last.delivery_id.0, i64::from(last.number));
            for part in parts {
                let context = webhooks::part_context(part.delivery_id, part.number);
                let new = self
                    .keys
                    .tenant
                    .reseal_value(&context, &part.sealed, &*self.ctx.chance);
                if let Some(new) = new {
                    anew += 1;
                    tx.update(webhook_part::ActiveModel {
                        delivery_id: Set(part.delivery_id),
                        number: Set(part.number),
                        sealed: Set(new),
                        ..Default::default()
                    })
                    .await?;
                }
            }
            tx.save().await?;
        }
    }
}

/// Rows behind a place, in the order of two columns.
fn behind<C: ColumnTrait>(first: C, second: C, after: (Uuid, i64)) -> Condition {
    Condition::any()
        .add(first.gt(after.0))
        .add(Condition::all().add(first.eq(after.0)).add(second.gt(after.1)))
}
