//! Balances of what is kept, over REST.

use chrono::{DateTime, Utc};
use domain::{
    error::Error,
    page::PageIn,
    permissions::Permission,
    retention::{self, BalanceFilter},
};
use entity::{balance, id::BalanceId};
use poem_openapi::{
    Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};

use crate::{
    caller::Caller, holds::receipt_url, problem::ApiError, responses::Page, state::State, tags::Tag,
};

/// What became of all that came into a retention class: ingested = live + deleted + anonymised + held.
#[derive(Clone, Debug, Object)]
pub struct Balance {
    id: BalanceId,
    /// The retention class.
    class_id: String,
    at: DateTime<Utc>,
    /// Recorded, ever.
    ingested: i64,
    /// Stored now.
    live: i64,
    /// Gone for good.
    deleted: i64,
    /// Gone but for what is left when personal data are taken away, in a class of its own.
    anonymised: i64,
    /// Gone, but for what a legal hold keeps.
    held: i64,
    /// Ingested less all others; 0, or something is wrong.
    difference: i64,
    /// Its leaf in the log.
    log_index: i64,
    /// Where the receipt is that proves it offline.
    receipt_url: String,
}

impl From<balance::Model> for Balance {
    fn from(row: balance::Model) -> Self {
        Self {
            id: row.id,
            class_id: row.class_id.to_string(),
            at: row.at,
            ingested: row.ingested,
            live: row.live,
            deleted: row.deleted,
            anonymised: row.anonymised,
            held: row.held,
            difference: row.difference,
            log_index: row.log_index,
            receipt_url: receipt_url(row.log_index),
        }
    }
}

/// What was drawn just now.
#[derive(Clone, Debug, Object)]
pub struct DrawnBalances {
    /// The balances of classes in which something changed since their last one.
    items: Vec<Balance>,
}

/// Balances.
pub struct BalancesApi(pub State);

#[OpenApi(tag = "Tag::Retention")]
impl BalancesApi {
    /// List balances.
    ///
    /// Newest first. One is drawn every hour for every retention class in which something changed, and once a day for all.
    #[oai(path = "/balances", method = "get", operation_id = "list_balances")]
    async fn list(
        &self,
        caller: Caller,
        /// Of this retention class.
        class_id: Query<Option<String>>,
        /// Only those that do not add up, or only those that do.
        failing: Query<Option<bool>>,
        limit: Query<Option<u64>>,
        cursor: Query<Option<String>>,
    ) -> Result<Json<Page<Balance>>, ApiError> {
        let scope = caller.may(Permission::RulesRead)?;
        let page = PageIn::new(limit.0, cursor.0)?;
        let class = class_id.0.map(|id| id.parse::<i64>()).transpose();
        let class = class.map_err(|_| Error::invalid("?class_id", "not_a_number", "use decimal digits"))?;
        let filter = BalanceFilter {
            class,
            failing: failing.0,
        };
        let tx = self.0.ctx.store.read(scope).await?;
        Ok(Page::from(
            retention::balances(&tx, filter, &page).await?,
            Balance::from,
        ))
    }

    /// Read a balance.
    #[oai(path = "/balances/:balance_id", method = "get", operation_id = "read_balance")]
    async fn read(&self, caller: Caller, balance_id: Path<BalanceId>) -> Result<Json<Balance>, ApiError> {
        let scope = caller.may(Permission::RulesRead)?;
        let tx = self.0.ctx.store.read(scope).await?;
        Ok(Json(retention::find_balance(&tx, balance_id.0).await?.into()))
    }

    /// Draw balances now.
    ///
    /// Of the retention classes in which something changed since their last one.
    #[oai(path = "/balances", method = "post", operation_id = "draw_balances")]
    async fn draw(&self, caller: Caller) -> Result<Json<DrawnBalances>, ApiError> {
        let scope = caller.may(Permission::RulesWrite)?;
        let drawn = retention::balance(&self.0.ctx, scope).await?;
        Ok(Json(DrawnBalances {
            items: drawn.into_iter().map(Balance::from).collect(),
        }))
    }
}
