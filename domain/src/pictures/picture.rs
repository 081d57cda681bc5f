//! One tenant's picture.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, OnceLock},
    time::Duration,
};

use chrono::{DateTime, Utc};
use entity::{
    data_type, dpia, endpoint,
    id::{DataTypeId, DpiaId, EndpointId, PurposeId, TenantId},
    purpose, retention_rule, tenant, webhook,
};
use sea_orm::{ColumnTrait, QueryFilter};

use super::Slot;
use crate::{
    ctx::Ctx,
    dpias,
    duration::Kept,
    endpoints::{AUTHENTICATE_WITHIN, Access, Opened},
    error::{Error, Result},
    ids::Ids,
    minimise::Compiled,
    quotas::Quotas,
    retention::{Case, Class, ClassKey, Classes, Cut, Rules},
    tenancy::TenantScope,
    usage::{self, Counters},
    webhooks::Listening,
};

/// An endpoint and what hangs on it.
#[derive(Debug)]
pub struct Endpoint {
    /// As stored.
    pub row: endpoint::Model,
    /// What its messages are processed for.
    pub purpose: Option<Arc<purpose::Model>>,
    /// It needs an impact assessment that found it acceptable, and has none: closed.
    pub dpia_missing: bool,
    /// Origins that browsers may connect from; empty: any.
    pub allowed_origins: Vec<String>,
    /// Who is told what happens on it.
    pub listening: Listening,
    /// What its tokens and requests are signed with, as opened from the row.
    secrets: Opened,
    /// The class of its messages in which nothing was found, where that hangs on nothing else.
    plain: OnceLock<Option<Arc<Class>>>,
}

impl Endpoint {
    /// Whether anybody may connect, and anything pass.
    pub fn is_open(&self) -> bool {
        self.row.enabled && !self.dpia_missing
    }

    /// The secrets that are accepted now, the newest first. Empty when they could not be opened: then nothing that is
    /// signed is believed.
    pub fn secrets(&self, now: DateTime<Utc>) -> impl Iterator<Item = &str> {
        let overlap = self.row.previous_secret_until.is_some_and(|until| now < until);
        let previous = self.secrets.previous.as_ref().filter(|_| overlap);
        let all = self.secrets.current.iter().chain(previous);
        all.map(|secret| secret.expose().as_str())
    }

    /// What its back end is shown and known by; none where it could not be opened.
    pub fn access(&self) -> Option<&Access> {
        self.secrets.access.as_ref()
    }

    /// How long an open socket may stay without saying whose it is; none: for ever.
    pub fn authenticate_within(&self) -> Option<Duration> {
        let waits = self
            .purpose
            .as_ref()
            .is_some_and(|purpose| purpose.requires_consent);
        let usual = waits.then_some(AUTHENTICATE_WITHIN);
        let seconds = self.row.authenticate_within_seconds.or(usual)?;
        Some(Duration::from_secs(u64::try_from(seconds).unwrap_or_default()))
    }
}

/// Everything of a tenant that decides about messages.
pub struct Picture {
    /// The tenant.
    pub tenant: TenantId,
    /// Ceilings.
    pub quotas: Quotas,
    /// The catalogue, compiled.
    pub data_types: Vec<Compiled>,
    /// The rules, in order.
    pub rules: Rules,
    /// Since when these rules have been known here.
    pub(crate) rules_since: DateTime<Utc>,
    /// When they became what they are, as far as is known.
    pub(crate) rules_changed: DateTime<Utc>,
    /// What passed and is not yet written down.
    pub counters: Arc<Counters>,
    pub(crate) classes: Arc<Classes>,
    endpoints: HashMap<EndpointId, Arc<Endpoint>>,
    purposes: HashMap<PurposeId, Arc<purpose::Model>>,
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Picture")
            .field("tenant", &self.tenant)
            .finish_non_exhaustive()
    }
}

impl Picture {
    /// One endpoint.
    pub fn endpoint(&self, id: EndpointId) -> Option<&Arc<Endpoint>> {
        self.endpoints.get(&id)
    }

    /// The endpoint with this slug.
    pub fn endpoint_by_slug(&self, slug: &str) -> Option<&Arc<Endpoint>> {
        self.endpoints.values().find(|endpoint| endpoint.row.slug == slug)
    }

    /// All endpoints.
    pub fn endpoints(&self) -> impl Iterator<Item = &Arc<Endpoint>> {
        self.endpoints.values()
    }

    /// One purpose.
    pub fn purpose(&self, id: PurposeId) -> Option<&Arc<purpose::Model>> {
        self.purposes.get(&id)
    }

    /// All purposes.
    pub fn purposes(&self) -> impl Iterator<Item = &Arc<purpose::Model>> {
        self.purposes.values()
    }

    /// The purpose with this slug.
    pub fn purpose_by_slug(&self, slug: &str) -> Option<&Arc<purpose::Model>> {
        self.purposes.values().find(|purpose| purpose.slug == slug)
    }

    /// The data type's name in answers.
    pub fn data_type_slug(&self, id: DataTypeId) -> Option<&str> {
        self.data_types
            .iter()
            .find(|data_type| data_type.id == id)
            .map(|data_type| data_type.slug.as_str())
    }

    /// The class that a message falls into, or none when nothing is to be kept of it. Never waits.
    pub fn class_for(
        &self,
        endpoint: &Endpoint,
        purpose: Option<PurposeId>,
        data_types: Vec<DataTypeId>,
        channel: &str,
        ids: &Ids,
    ) -> Option<Arc<Class>> {
        let plain =
            data_types.is_empty() && purpose == endpoint.row.purpose_id && !self.rules.ask_for_channels();
        if plain {
            return endpoint
                .plain
                .get_or_init(|| self.resolve(endpoint.row.id, purpose, data_types, channel, ids))
                .clone();
        }
        self.resolve(endpoint.row.id, purpose, data_types, channel, ids)
    }

    fn resolve(
        &self,
        endpoint: EndpointId,
        purpose: Option<PurposeId>,
        data_types: Vec<DataTypeId>,
        channel: &str,
        ids: &Ids,
    ) -> Option<Arc<Class>> {
        let case = Case {
            endpoint,
            purpose,
            data_types: &data_types,
        };
        let rule = self.rules.decide(case, channel).rule()?;
        if rule.kept == Kept::Nothing {
            return None;
        }
        let pattern = rule.channel.clone();
        let key = ClassKey {
            endpoint,
            purpose,
            data_types,
            pattern,
        };
        Some(self.classes.get_or_new(key, ids))
    }

    /// How long a message of this class on this channel is kept now; none: nothing is kept.
    pub fn kept(&self, class: &ClassKey, channel: &str) -> Option<Kept> {
        self.endpoint(class.endpoint)?;
        let kept = self.rules.decide(class.case(), channel).kept();
        (kept != Kept::Nothing).then_some(kept)
    }

    /// What of a class is readable now. Nothing, once its endpoint is gone.
    pub fn cut(&self, class: &ClassKey, now: DateTime<Utc>) -> Cut {
        if self.endpoint(class.endpoint).is_none() {
            return Cut::NOTHING;
        }
        self.rules.cut(class.case(), class.pattern.as_deref(), now)
    }

    /// The class that a stored message names.
    pub fn class(&self, id: i64) -> Option<Arc<Class>> {
        self.classes.by_id(id)
    }

    /// All stored classes, by id.
    pub fn classes(&self) -> Vec<(i64, Arc<Class>)> {
        self.classes.stored()
    }
}

pub(super) async fn read(ctx: &Ctx, scope: &TenantScope, slot: &Slot) -> Result<Picture> {
    let keys = ctx.keys.tenant(scope.tenant()).await?;
    let tx = ctx.store.read(scope).await?;
    let tenant = tx
        .find_shared::<tenant::Entity>()
        .filter(tenant::Column::Id.eq(scope.tenant()))
        .one(tx.conn())
        .await?
        .ok_or(Error::NotFound { what: "tenant" })?;
    let purposes: HashMap<_, _> = tx
        .find::<purpose::Entity>()
        .all(tx.conn())
        .await?
        .into_iter()
        .map(|purpose| (purpose.id, Arc::new(purpose)))
        .collect();
    let hooks = tx.find::<webhook::Entity>().all(tx.conn()).await?;
    let assessed: HashSet<DpiaId> = tx
        .find::<dpia::Entity>()
        .all(tx.conn())
        .await?
        .iter()
        .filter(|dpia| dpias::is_good(dpia))
        .map(|dpia| dpia.id)
        .collect();
    let mut endpoints = HashMap::new();
    for row in tx.find::<endpoint::Entity>().all(tx.conn()).await? {
        let purpose: Option<Arc<purpose::Model>> = row.purpose_id.and_then(|id| purposes.get(&id)).cloned();
        let endpoint = Endpoint {
            dpia_missing: row.dpia_required && !row.dpia_id.is_some_and(|id| assessed.contains(&id)),
            purpose,
            allowed_origins: serde_json::from_value(row.allowed_origins.clone())?,
            listening: Listening::new(hooks.iter().filter(|hook| hook.endpoint_id == row.id)),
            secrets: Opened::of(&keys, &row),
            plain: OnceLock::new(),
            row,
        };
        endpoints.insert(endpoint.row.id, Arc::new(endpoint));
    }
    let data_types = tx
        .find::<data_type::Entity>()
        .all(tx.conn())
        .await?
        .iter()
        .map(|row| Compiled::new(row, keys.clone()))
        .collect::<Result<_>>()?;
    let rows = tx.find::<retention_rule::Entity>().all(tx.conn()).await?;
    let rules = Rules::new(&rows)?;
    let (rules_since, rules_changed) = match slot.picture.load().as_deref() {
        Some(before) if before.rules == rules => (before.rules_since, before.rules_changed),
        Some(_) => (ctx.now(), ctx.now()),
        None => {
            let newest = rows.iter().map(|row| row.updated_at).max();
            (ctx.now(), newest.unwrap_or(DateTime::UNIX_EPOCH))
        }
    };
    slot.classes.read(&tx).await?;
    slot.counters.begin(usage::today(&tx, ctx).await?);
    Ok(Picture {
        tenant: scope.tenant(),
        quotas: Quotas::of(&tenant)?,
        data_types,
        rules,
        rules_since,
        rules_changed,
        counters: slot.counters.clone(),
        classes: slot.classes.clone(),
        endpoints,
        purposes,
    })
}
