//! Everything that is sealed under a tenant's key, and a look at all of it for what is still under the one before.
//!
//! A new sealed column gets its line here; a test knows all tables.

use std::sync::Arc;

use entity::{
    TenantOwned, anonymised_message, consent_import_part, endpoint, export, export_part,
    id::{
        AnonymisedMessageId, ConsentImportId, EndpointId, ExportId, IdempotencyId, MailId, PortalCodeId,
        PortalSignInId, ReportId, RequestId, RequestMessageId, WebhookDeliveryId, WebhookId,
    },
    idempotency, mail, opendsr_key, portal_code, portal_sign_in, report, request, request_message, webhook,
    webhook_part,
};
use sea_orm::{
    ColumnTrait, Condition, QueryFilter, QueryOrder, QuerySelect, Set, TryGetable, Value,
    sea_query::{Expr, Query},
};
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
            let found = rows.into_iter().filter_map(|(row, old)| {
                let new = self.keys.tenant.reseal_value(&context(row), &old, chance)?;
                Some((Condition::all().add(id.eq(row)), old, new))
            });
            anew += self.replace::<E>(sealed, found.collect()).await?;
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
        use export_part::Column;
        let nobodys = Query::select()
            .column(export::Column::Id)
            .from(export::Entity)
            .and_where(export::Column::SubjectId.is_null())
            .take();
        let nobodys = Condition::all().add(Column::ExportId.in_subquery(nobodys));
        self.parts::<export_part::Entity, i32>(
            (Column::ExportId, Column::Number, Column::Sealed),
            nobodys,
            PIECES,
            |export, number, sealed| {
                let (context, number) = (exports::context(ExportId(export)), u64::try_from(number).ok()?);
                // Whether it is the last one, a part says itself; while an export is made, nobody else knows.
                [false, true].into_iter().find_map(|last| {
                    self.keys
                        .tenant
                        .reseal_chunk(&context, number, last, sealed, &*self.ctx.chance)
                })
            },
        )
        .await
    }

    /// Lines of imports that wait.
    async fn imports(&self) -> Result<u64> {
        use consent_import_part::Column;
        self.parts::<consent_import_part::Entity, i64>(
            (Column::ImportId, Column::FirstLine, Column::Sealed),
            Condition::all(),
            PIECES,
            |import, first_line, sealed| {
                let context = consents::import_context(ConsentImportId(import), first_line);
                self.keys.tenant.reseal_value(&context, sealed, &*self.ctx.chance)
            },
        )
        .await
    }

    /// What webhooks are to be told about nobody; the rest is under its person's key.
    async fn deliveries(&self) -> Result<u64> {
        use webhook_part::Column;
        let nobodys = Condition::all()
            .add(Column::SubjectId.is_null())
            .add(Column::ClassId.is_null());
        self.parts::<webhook_part::Entity, i32>(
            (Column::DeliveryId, Column::Number, Column::Sealed),
            nobodys,
            ROWS,
            |delivery, number, sealed| {
                let context = webhooks::part_context(WebhookDeliveryId(delivery), number);
                self.keys.tenant.reseal_value(&context, sealed, &*self.ctx.chance)
            },
        )
        .await
    }

    /// Rows whose key is an id and a number: those of `which`, so many at a time. `reseal` answers none where there is nothing to
    /// do.
    async fn parts<E: TenantOwned, N: Number>(
        &self,
        (id, number, sealed): (E::Column, E::Column, E::Column),
        which: Condition,
        at_once: u64,
        reseal: impl Fn(Uuid, N, &[u8]) -> Option<Vec<u8>>,
    ) -> Result<u64> {
        let (mut after, mut anew) = (None, 0);
        loop {
            let view = self.ctx.store.read(self.scope).await?;
            let mut rows = view
                .find::<E>()
                .select_only()
                .column(id)
                .column(number)
                .column(sealed)
                .filter(which.clone())
                .order_by_asc(id)
                .order_by_asc(number)
                .limit(at_once);
            if let Some((last_id, last_number)) = after {
                rows = rows.filter(behind(id, number, last_id, last_number));
            }
            let rows: Vec<(Uuid, N, Vec<u8>)> = rows.into_tuple().all(view.conn()).await?;
            drop(view);
            let Some((last_id, last_number, _)) = rows.last() else {
                return Ok(anew);
            };
            after = Some((*last_id, *last_number));
            let found = rows.into_iter().filter_map(|(of, at, old)| {
                let new = reseal(of, at, &old)?;
                Some((Condition::all().add(id.eq(of)).add(number.eq(at)), old, new))
            });
            anew += self.replace::<E>(sealed, found.collect()).await?;
        }
    }

    /// Puts new values in the place of old ones. What was replaced meanwhile is under the new key already. Answers how many there
    /// were.
    async fn replace<E: TenantOwned>(
        &self,
        sealed: E::Column,
        found: Vec<(Condition, Vec<u8>, Vec<u8>)>,
    ) -> Result<u64> {
        if found.is_empty() {
            return Ok(0);
        }
        let count = found.len() as u64;
        let tx = self.ctx.store.begin(self.scope).await?;
        for (row, old, new) in found {
            tx.update_many::<E>()
                .col_expr(sealed, Expr::value(new))
                .filter(row)
                .filter(sealed.eq(old))
                .exec(tx.conn())
                .await?;
        }
        tx.save().await?;
        Ok(count)
    }
}

/// What the second column of a key holds.
trait Number: Copy + Into<Value> + TryGetable + Send + Sync {}
impl Number for i32 {}
impl Number for i64 {}

/// Rows behind a place, in the order of two columns.
fn behind<C: ColumnTrait, N: Number>(first: C, second: C, id: Uuid, number: N) -> Condition {
    Condition::any()
        .add(first.gt(id))
        .add(Condition::all().add(first.eq(id)).add(second.gt(number)))
}
