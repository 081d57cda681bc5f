//! Webhooks and life-cycle events over REST.

mod bodies;

use chrono::{DateTime, Utc};
use domain::{
    page::PageIn,
    permissions::Permission,
    pictures,
    webhooks::{self, NewWebhook, WebhookPatch},
};
use entity::{
    id::{EndpointId, WebhookDeliveryId, WebhookId},
    lifecycle_event::LifecycleKind,
    webhook_delivery::DeliveryState,
};
use poem_openapi::{
    OpenApi,
    param::{Header, Path, Query},
    payload::Json,
};

use self::bodies::{
    LifecycleEvent, RotatedWebhookSecret, Webhook, WebhookDelivery, WebhookDeliveryWithAttempts, WebhookIn,
    WebhookPatchIn, WebhookWithSecret,
};
use crate::{
    body::Body,
    caller::Caller,
    problem::ApiError,
    responses::{Created, NoContent, Page, Versioned},
    state::State,
    tags::Tag,
    versions::expected,
};

/// Webhooks.
pub struct WebhooksApi(pub State);

#[OpenApi(tag = "Tag::Webhooks")]
impl WebhooksApi {
    /// List webhooks.
    #[oai(path = "/webhooks", method = "get", operation_id = "list_webhooks")]
    async fn list(
        &self,
        caller: Caller,
        endpoint_id: Query<Option<EndpointId>>,
        enabled: Query<Option<bool>>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<Webhook>>, ApiError> {
        let scope = caller.may(Permission::WebhooksRead)?;
        let page = PageIn::new(limit.0, cursor.0)?;
        let filter = webhooks::Filter {
            endpoint: endpoint_id.0,
            enabled: enabled.0,
        };
        let tx = self.0.ctx.store.read(scope).await?;
        Ok(Page::from(
            webhooks::list(&tx, &filter, &page).await?,
            Webhook::from,
        ))
    }

    /// Create a webhook.
    ///
    /// The secret is in the answer and is not shown again. What is sent, how it is signed and when it is tried again is in
    /// docs/webhooks.md.
    #[oai(path = "/webhooks", method = "post", operation_id = "create_webhook")]
    async fn create(
        &self,
        caller: Caller,
        body: Body<WebhookIn>,
    ) -> Result<Created<WebhookWithSecret>, ApiError> {
        let scope = caller.may(Permission::WebhooksWrite)?;
        let new = NewWebhook::from(body.0);
        // The address first: what is wrong with it is said in the same words wherever a tenant gives one.
        self.0.relays.check_address(new.url.as_deref(), "/url").await?;
        new.check()?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let (row, secret) = webhooks::create(&tx, &self.0.ctx, new).await?;
        tx.save().await?;
        pictures::reload(&self.0.ctx, scope).await?;
        let version = row.version;
        let webhook = row.into();
        Ok(Created::versioned(version, WebhookWithSecret { webhook, secret }))
    }

    /// Read a webhook.
    #[oai(path = "/webhooks/:webhook_id", method = "get", operation_id = "read_webhook")]
    async fn read(
        &self,
        caller: Caller,
        webhook_id: Path<WebhookId>,
    ) -> Result<Versioned<Webhook>, ApiError> {
        let scope = caller.may(Permission::WebhooksRead)?;
        let tx = self.0.ctx.store.read(scope).await?;
        let row = webhooks::read(&tx, webhook_id.0).await?;
        Ok(Versioned::new(row.version, row))
    }

    /// Change a webhook.
    ///
    /// What already waits goes to the new address. Switching on what was switched off for failing forgets the failures.
    #[oai(
        path = "/webhooks/:webhook_id",
        method = "patch",
        operation_id = "update_webhook"
    )]
    async fn update(
        &self,
        caller: Caller,
        webhook_id: Path<WebhookId>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
        body: Body<WebhookPatchIn>,
    ) -> Result<Versioned<Webhook>, ApiError> {
        let scope = caller.may(Permission::WebhooksWrite)?;
        let patch = WebhookPatch::from(body.0);
        let url = patch.url.as_ref().and_then(Option::as_deref);
        self.0.relays.check_address(url, "/url").await?;
        patch.check()?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let expected = expected(if_match.0.as_deref())?;
        let row = webhooks::update(&tx, &self.0.ctx, webhook_id.0, expected, patch).await?;
        tx.save().await?;
        pictures::reload(&self.0.ctx, scope).await?;
        self.0.nudge.notify_one();
        Ok(Versioned::new(row.version, row))
    }

    /// Delete a webhook.
    ///
    /// Its log and what waits for it go too.
    #[oai(
        path = "/webhooks/:webhook_id",
        method = "delete",
        operation_id = "delete_webhook"
    )]
    async fn delete(
        &self,
        caller: Caller,
        webhook_id: Path<WebhookId>,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
    ) -> Result<NoContent, ApiError> {
        let scope = caller.may(Permission::WebhooksWrite)?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let expected = expected(if_match.0.as_deref())?;
        webhooks::delete(&tx, &self.0.ctx, webhook_id.0, expected).await?;
        tx.save().await?;
        pictures::reload(&self.0.ctx, scope).await?;
        Ok(NoContent::Done)
    }

    /// Give a webhook a new secret.
    ///
    /// For another 24 hours deliveries are signed with the secret before it too.
    #[oai(
        path = "/webhooks/:webhook_id/rotate-secret",
        method = "post",
        operation_id = "rotate_webhook_secret"
    )]
    async fn rotate_secret(
        &self,
        caller: Caller,
        webhook_id: Path<WebhookId>,
    ) -> Result<Json<RotatedWebhookSecret>, ApiError> {
        let scope = caller.may(Permission::WebhooksWrite)?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let (row, secret) = webhooks::rotate_secret(&tx, &self.0.ctx, webhook_id.0).await?;
        tx.save().await?;
        Ok(Json(RotatedWebhookSecret {
            secret,
            previous_signs_until: row.previous_secret_until,
        }))
    }

    /// Send a webhook a test event.
    ///
    /// Answers the delivery, whose outcome can be read a moment later.
    #[oai(
        path = "/webhooks/:webhook_id/test",
        method = "post",
        operation_id = "test_webhook"
    )]
    async fn test(
        &self,
        caller: Caller,
        webhook_id: Path<WebhookId>,
    ) -> Result<Created<WebhookDelivery>, ApiError> {
        let scope = caller.may(Permission::WebhooksWrite)?;
        let row = webhooks::test(&self.0.ctx, scope, webhook_id.0).await?;
        self.0.nudge.notify_one();
        Ok(Created::fixed(row))
    }

    /// List what a webhook was told.
    ///
    /// The log is kept for 30 days. It says what kinds of events were in a delivery, never what they said.
    #[oai(
        path = "/webhooks/:webhook_id/deliveries",
        method = "get",
        operation_id = "list_webhook_deliveries"
    )]
    async fn deliveries(
        &self,
        caller: Caller,
        webhook_id: Path<WebhookId>,
        state: Query<Option<DeliveryState>>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<WebhookDelivery>>, ApiError> {
        let scope = caller.may(Permission::WebhooksRead)?;
        let page = PageIn::new(limit.0, cursor.0)?;
        let filter = webhooks::DeliveryFilter { state: state.0 };
        let tx = self.0.ctx.store.read(scope).await?;
        let rows = webhooks::list_deliveries(&tx, webhook_id.0, filter, &page).await?;
        Ok(Page::from(rows, WebhookDelivery::from))
    }

    /// Read a delivery and its attempts.
    #[oai(
        path = "/webhooks/:webhook_id/deliveries/:delivery_id",
        method = "get",
        operation_id = "read_webhook_delivery"
    )]
    async fn delivery(
        &self,
        caller: Caller,
        webhook_id: Path<WebhookId>,
        delivery_id: Path<WebhookDeliveryId>,
    ) -> Result<Json<WebhookDeliveryWithAttempts>, ApiError> {
        let scope = caller.may(Permission::WebhooksRead)?;
        let tx = self.0.ctx.store.read(scope).await?;
        let (row, attempts) = webhooks::read_delivery(&tx, webhook_id.0, delivery_id.0).await?;
        Ok(Json(WebhookDeliveryWithAttempts::new(row, attempts)))
    }

    /// Send a delivery again.
    ///
    /// Under the same `webhook-id`, as it would be sent now: what was erased, withdrawn or expired since is not in it.
    /// Possible for three days after it ended; one that waits for its next attempt does not wait any longer.
    #[oai(
        path = "/webhooks/:webhook_id/deliveries/:delivery_id/replay",
        method = "post",
        operation_id = "replay_webhook_delivery"
    )]
    async fn replay(
        &self,
        caller: Caller,
        webhook_id: Path<WebhookId>,
        delivery_id: Path<WebhookDeliveryId>,
    ) -> Result<Json<WebhookDelivery>, ApiError> {
        let scope = caller.may(Permission::WebhooksWrite)?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let row = webhooks::replay(&tx, &self.0.ctx, webhook_id.0, delivery_id.0).await?;
        tx.save().await?;
        self.0.nudge.notify_one();
        Ok(Json(row.into()))
    }

    /// List when channels were occupied and vacated.
    ///
    /// Of endpoints with a webhook that wants these events, with or without a `url`. Kept as the retention rules for
    /// connections say, 30 days without one. When sessions came and went is in `/connections`.
    #[oai(
        path = "/lifecycle-events",
        method = "get",
        operation_id = "list_lifecycle_events"
    )]
    async fn lifecycle_events(
        &self,
        caller: Caller,
        endpoint_id: Query<Option<EndpointId>>,
        /// Just this channel.
        channel: Query<Option<String>>,
        kind: Query<Option<LifecycleKind>>,
        /// Not before.
        from: Query<Option<DateTime<Utc>>>,
        /// Before.
        to: Query<Option<DateTime<Utc>>>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<LifecycleEvent>>, ApiError> {
        let scope = caller.may(Permission::ConnectionsRead)?;
        let page = PageIn::new(limit.0, cursor.0)?;
        let filter = webhooks::LifecycleFilter {
            endpoint: endpoint_id.0,
            channel: channel.0,
            kind: kind.0,
            from: from.0,
            to: to.0,
        };
        pictures::load(&self.0.ctx, scope).await?;
        let tx = self.0.ctx.store.read(scope).await?;
        let rows = webhooks::list_lifecycle_events(&tx, &self.0.ctx, &filter, &page).await?;
        Ok(Page::from(rows, LifecycleEvent::from))
    }
}
