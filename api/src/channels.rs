//! Channels of an endpoint and what they hold, over REST.

use chrono::{DateTime, Utc};
use domain::{
    channels, endpoints,
    error::Error,
    messages::{self, Window},
    page::{self, PageIn},
    permissions::Permission,
    pictures,
};
use entity::id::EndpointId;
use poem_openapi::{
    Enum, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};

use crate::{
    caller::Caller,
    messages::{Message, answer},
    problem::ApiError,
    responses::Page,
    state::State,
    tags::Tag,
};

/// A channel on which something was recorded.
#[derive(Clone, Debug, Object)]
pub struct Channel {
    name: String,
    /// Changes when offsets of before mean nothing any more.
    epoch: String,
    /// The newest offset that was given out.
    last_offset: i64,
    /// Sessions on it, on this node.
    subscribers: u64,
    created_at: DateTime<Utc>,
}

/// A channel that somebody is subscribed to.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct LiveChannel {
    name: String,
    /// Sessions on it, on this node.
    subscribers: u64,
    /// On a presence channel: distinct members.
    members: Option<u64>,
}

/// A member of a presence channel.
#[derive(Clone, Debug, Object)]
pub struct ChannelMember {
    /// Your own id of the person.
    user_id: String,
}

/// In which order a channel's history is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum Order {
    /// Oldest first.
    Asc,
    /// Newest first.
    Desc,
}

/// Part of a channel's history. It is complete when the offsets have no gap from the one you asked after up to `top`:
/// what has expired, was erased or was never kept is missing.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct ChannelMessages {
    items: Vec<Message>,
    /// Ask with this as `cursor` for what follows; absent on the last page.
    next_cursor: Option<String>,
    /// Changes when offsets of before mean nothing any more.
    epoch: String,
    /// The newest offset that was given out, whatever became of its message.
    top: i64,
}

/// Channels.
pub struct ChannelsApi(pub State);

#[OpenApi]
impl ChannelsApi {
    /// List channels.
    ///
    /// Those on which something was recorded.
    #[oai(
        path = "/endpoints/:endpoint_id/channels",
        method = "get",
        operation_id = "list_channels",
        tag = "Tag::Endpoints"
    )]
    async fn list(
        &self,
        caller: Caller,
        endpoint_id: Path<EndpointId>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<Channel>>, ApiError> {
        let scope = caller.may(Permission::EndpointsRead)?;
        let page = PageIn::new(limit.0, cursor.0)?;
        let tx = self.0.ctx.store.read(scope).await?;
        let found = channels::list(&tx, endpoint_id.0, &page).await?;
        drop(tx);
        let live = self.0.broker.channels(endpoint_id.0.0, "").await;
        let subscribers = |name: &str| {
            let place = live.binary_search_by(|channel| (*channel.name).cmp(name));
            place.map_or(0, |place| live[place].subscriptions)
        };
        Ok(Page::from(found, |row| Channel {
            subscribers: subscribers(&row.name),
            name: row.name,
            epoch: row.epoch,
            last_offset: row.last_offset,
            created_at: row.created_at,
        }))
    }

    /// List live channels.
    ///
    /// Those that somebody is subscribed to now, whether anything was recorded on them or not, by name. Channels of single users
    /// (`#server-to-user-…`) are left out.
    #[oai(
        path = "/endpoints/:endpoint_id/live-channels",
        method = "get",
        operation_id = "list_live_channels",
        tag = "Tag::Endpoints"
    )]
    async fn list_live(
        &self,
        caller: Caller,
        endpoint_id: Path<EndpointId>,
        /// Only those whose names begin so, such as `presence-`.
        prefix: Query<Option<String>>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<LiveChannel>>, ApiError> {
        let scope = caller.may(Permission::EndpointsRead)?;
        let page = PageIn::new(limit.0, cursor.0)?;
        let tx = self.0.ctx.store.read(scope).await?;
        endpoints::read(&tx, endpoint_id.0).await?;
        drop(tx);
        let prefix = prefix.0.unwrap_or_default();
        let mut live = self.0.broker.channels(endpoint_id.0.0, &prefix).await;
        live.retain(|channel| !channel.name.starts_with('#'));
        let found = page::Page::by_name(live, &page, |channel| &channel.name)?;
        Ok(Page::from(found, |channel| LiveChannel {
            name: channel.name.to_string(),
            subscribers: channel.subscriptions,
            members: channel.users,
        }))
    }

    /// List a live channel's members.
    ///
    /// By id. Only presence channels have members; on any other the list is empty, and so it is where nobody is.
    #[oai(
        path = "/endpoints/:endpoint_id/live-channels/:channel/members",
        method = "get",
        operation_id = "list_channel_members",
        tag = "Tag::Endpoints"
    )]
    async fn members(
        &self,
        caller: Caller,
        endpoint_id: Path<EndpointId>,
        channel: Path<String>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<ChannelMember>>, ApiError> {
        let scope = caller.may(Permission::ConnectionsRead)?;
        let page = PageIn::new(limit.0, cursor.0)?;
        let tx = self.0.ctx.store.read(scope).await?;
        endpoints::read(&tx, endpoint_id.0).await?;
        drop(tx);
        let mut members = self.0.broker.users(endpoint_id.0.0, &channel.0).await;
        members.sort_unstable();
        let found = page::Page::by_name(members, &page, |user| user)?;
        Ok(Page::from(found, |user| ChannelMember {
            user_id: user.into_string(),
        }))
    }

    /// Read a channel's history.
    ///
    /// Oldest first, unless asked otherwise. What has expired is left out, so offsets may have gaps here.
    #[oai(
        path = "/endpoints/:endpoint_id/channels/:channel/messages",
        method = "get",
        operation_id = "list_channel_messages",
        tag = "Tag::Messages"
    )]
    async fn history(
        &self,
        caller: Caller,
        endpoint_id: Path<EndpointId>,
        channel: Path<String>,
        /// Only offsets above this one. Default 0: from the beginning.
        after: Query<Option<i64>>,
        /// Only offsets below this one.
        before: Query<Option<i64>>,
        /// Default `asc`.
        order: Query<Option<Order>>,
        /// Open them: needs `messages:unseal`, and is recorded.
        unseal: Query<Option<bool>>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<ChannelMessages>, ApiError> {
        let scope = caller.may(Permission::MessagesRead)?;
        let unseal = unseal.0.unwrap_or_default();
        if unseal {
            caller.may(Permission::MessagesUnseal)?;
        }
        let page = PageIn::new(limit.0, cursor.0)?;
        pictures::load(&self.0.ctx, scope).await?;
        let tx = self.0.ctx.store.read(scope).await?;
        endpoints::read(&tx, endpoint_id.0).await?;
        let window = Window {
            after: after.0,
            before: before.0,
            newest_first: order.0 == Some(Order::Desc),
        };
        let history = messages::history(&tx, &self.0.ctx, endpoint_id.0, &channel.0, window, &page).await?;
        let history = history.ok_or(Error::NotFound { what: "channel" })?;
        drop(tx);
        let why = unseal.then(|| (None, serde_json::json!({ "history": endpoint_id.0 })));
        let items = answer(&self.0, scope, &history.messages, why).await?;
        Ok(Json(ChannelMessages {
            items,
            next_cursor: history.next_cursor,
            epoch: history.epoch.to_string(),
            top: history.top,
        }))
    }
}
