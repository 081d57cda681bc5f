//! The tenant over REST: what it is and what it uses.

use chrono::{DateTime, NaiveDate, Utc};
use domain::{
    controllers::Controller,
    permissions::Permission,
    tenants::{self, TenantPatch},
};
use entity::{
    id::TenantId,
    tenant::{self, OpendsrTrust, RequestApproval},
    usage_day,
};
use poem_openapi::{
    Object, OpenApi,
    param::{Header, Query},
    payload::Json,
    types::MaybeUndefined,
};
use serde::Deserialize;

use crate::{
    body::Body, caller::Caller, problem::ApiError, responses::Versioned, state::State, tags::Tag,
    versions::expected,
};

/// A customer organisation: the unit of isolation.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct Tenant {
    id: TenantId,
    /// Part of `/connect/{tenant}/…` and `/privacy/{tenant}`; never changes.
    slug: String,
    name: String,
    /// Shown to data subjects as the address for questions.
    contact_email: Option<String>,
    /// Of pages and mails, BCP 47.
    language: String,
    /// Whose deadlines apply to requests: `gdpr`, `uk_gdpr`, `ccpa`, `lgpd`.
    jurisdiction: String,
    /// How long a change of the retention rules waits that would destroy something before that; ISO 8601, `P0D`: not at
    /// all.
    retention_grace: String,
    /// Whether such a change needs a second member's consent.
    retention_approval: bool,
    /// The time zone that days are counted in (IANA).
    time_zone: String,
    /// Whose public holidays move deadlines, by country (ISO 3166-1).
    holidays: Option<String>,
    /// Which requests from the privacy page wait for a decision.
    request_approval: RequestApproval,
    /// Whether a decision to carry a request out takes two.
    four_eyes: bool,
    /// Who vouches for persons in requests through OpenDSR.
    opendsr_trust: OpendsrTrust,
    /// Who answers for the processing, as records and notifications say it.
    controller: Option<ControllerOut>,
    created_at: DateTime<Utc>,
    version: i32,
}

impl From<tenant::Model> for Tenant {
    fn from(row: tenant::Model) -> Self {
        // We wrote it ourselves; what is damaged says nothing.
        let controller = Controller::of(&row).ok().filter(|_| row.controller.is_some());
        let controller = controller.map(ControllerOut::from);
        Self {
            id: row.id,
            slug: row.slug,
            name: row.name,
            contact_email: row.contact_email,
            language: row.language,
            controller,
            jurisdiction: row.jurisdiction,
            retention_grace: row.retention_grace,
            retention_approval: row.retention_approval,
            time_zone: row.time_zone,
            holidays: row.holidays,
            request_approval: row.request_approval,
            four_eyes: row.four_eyes,
            opendsr_trust: row.opendsr_trust,
            created_at: row.created_at,
            version: row.version,
        }
    }
}

/// Who answers for the processing (GDPR Art. 13(1), 30(1)(a), 33(3)).
#[derive(Clone, Debug, Default, Object, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[oai(skip_serializing_if_is_none, rename = "Controller", default)]
pub(crate) struct ControllerOut {
    /// As registered. Default the tenant's name.
    legal_name: Option<String>,
    /// Postal.
    address: Option<String>,
    /// ISO 3166-1, two capital letters.
    country: Option<String>,
    phone: Option<String>,
    dpo_name: Option<String>,
    dpo_email: Option<String>,
    dpo_phone: Option<String>,
    /// In the Union, of a controller outside (Art. 27).
    representative: Option<String>,
    /// The lead supervisory authority.
    authority: Option<String>,
    /// Countries or regions where the data are.
    storage_locations: Vec<String>,
    /// Transfers to third countries, and their safeguards.
    transfers: Option<String>,
    /// Security measures beyond those that Weir takes itself (Art. 32(1)).
    security_measures: Vec<String>,
}

impl From<Controller> for ControllerOut {
    fn from(said: Controller) -> Self {
        Self {
            legal_name: said.legal_name,
            address: said.address,
            country: said.country,
            phone: said.phone,
            dpo_name: said.dpo_name,
            dpo_email: said.dpo_email,
            dpo_phone: said.dpo_phone,
            representative: said.representative,
            authority: said.authority,
            storage_locations: said.storage_locations,
            transfers: said.transfers,
            security_measures: said.security_measures,
        }
    }
}

impl From<ControllerOut> for Controller {
    fn from(said: ControllerOut) -> Self {
        Self {
            legal_name: said.legal_name,
            address: said.address,
            country: said.country,
            phone: said.phone,
            dpo_name: said.dpo_name,
            dpo_email: said.dpo_email,
            dpo_phone: said.dpo_phone,
            representative: said.representative,
            authority: said.authority,
            storage_locations: said.storage_locations,
            transfers: said.transfers,
            security_measures: said.security_measures,
        }
    }
}

/// Changes to the tenant. What is absent stays; `null` clears.
#[derive(Debug, Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantPatchIn {
    name: Option<String>,
    /// Shown to data subjects as the address for questions.
    #[serde(default)]
    contact_email: MaybeUndefined<String>,
    /// Of pages and mails, BCP 47.
    language: Option<String>,
    /// Whose deadlines apply to requests that come in from now on: the key of one of `/jurisdictions`.
    jurisdiction: Option<String>,
    /// How long a change of the retention rules waits that would destroy something before that: ISO 8601, at most `P90D`;
    /// `P0D`: not at all.
    retention_grace: Option<String>,
    /// Whether such a change needs a second member's consent.
    retention_approval: Option<bool>,
    /// The time zone that days are counted in, by its name in the IANA database: `Europe/Berlin`.
    time_zone: Option<String>,
    /// Whose public holidays move deadlines, by country (ISO 3166-1): `DE`. Only those of the whole country are known.
    #[serde(default)]
    holidays: MaybeUndefined<String>,
    /// Which requests from the privacy page wait for a decision: those that a machine should not decide, or all.
    request_approval: Option<RequestApproval>,
    /// Whether a decision to carry a request out takes two members.
    four_eyes: Option<bool>,
    /// Who vouches for persons in requests through OpenDSR: the controller's system that hands them on, or each person by
    /// signing in on the privacy page. `closed`, the default, takes none.
    opendsr_trust: Option<OpendsrTrust>,
    /// Who answers for the processing. Replaces what was said before.
    #[serde(default)]
    controller: MaybeUndefined<ControllerOut>,
}

impl From<TenantPatchIn> for TenantPatch {
    fn from(input: TenantPatchIn) -> Self {
        Self {
            name: input.name,
            contact_email: input.contact_email.into(),
            language: input.language,
            jurisdiction: input.jurisdiction,
            retention_grace: input.retention_grace,
            retention_approval: input.retention_approval,
            time_zone: input.time_zone,
            holidays: input.holidays.into(),
            request_approval: input.request_approval,
            four_eyes: input.four_eyes,
            opendsr_trust: input.opendsr_trust,
            controller: Option::<Option<ControllerOut>>::from(input.controller)
                .map(|said| said.map(Controller::from)),
        }
    }
}

/// What the tenant uses, beside what it may use.
#[derive(Clone, Debug, Object)]
pub(crate) struct Usage {
    period: UsagePeriod,
    quotas: UsageQuotas,
    used: UsageNow,
    /// The days of the period on which something passed, newest first.
    days: Vec<UsageDay>,
}

/// The days that are told, UTC.
#[derive(Clone, Debug, Object)]
pub(crate) struct UsagePeriod {
    from: NaiveDate,
    /// Today.
    to: NaiveDate,
}

/// Ceilings.
#[derive(Clone, Debug, Object)]
pub(crate) struct UsageQuotas {
    endpoints: i64,
    /// Open at a time.
    connections: i64,
    /// Per day, UTC.
    messages_per_day: i64,
    /// Payload bytes in the journal.
    stored_bytes: i64,
}

/// What is used now.
#[derive(Clone, Debug, Object)]
pub(crate) struct UsageNow {
    endpoints: i64,
    /// Open now.
    connections: i64,
    /// Passed since midnight UTC.
    messages_today: i64,
    /// In the journal; some seconds old.
    stored_messages: i64,
    /// Payload bytes in the journal; some seconds old.
    stored_bytes: i64,
}

/// What was used on one day, UTC.
#[derive(Clone, Debug, Object)]
pub(crate) struct UsageDay {
    day: NaiveDate,
    /// Passed.
    messages: i64,
    /// Payload bytes of them.
    bytes: i64,
    /// Opened.
    connections: i64,
}

impl From<usage_day::Model> for UsageDay {
    fn from(row: usage_day::Model) -> Self {
        Self {
            day: row.day,
            messages: row.messages,
            bytes: row.bytes,
            connections: row.connections,
        }
    }
}

impl From<tenants::Usage> for Usage {
    fn from(usage: tenants::Usage) -> Self {
        Self {
            period: UsagePeriod {
                from: usage.from,
                to: usage.to,
            },
            quotas: UsageQuotas {
                endpoints: usage.quotas.endpoints,
                connections: usage.quotas.connections,
                messages_per_day: usage.quotas.messages_per_day,
                stored_bytes: usage.quotas.stored_bytes,
            },
            used: UsageNow {
                endpoints: usage.endpoints,
                connections: usage.connections,
                messages_today: usage.messages_today,
                stored_messages: usage.stored.messages,
                stored_bytes: usage.stored.bytes,
            },
            days: usage.days.into_iter().map(UsageDay::from).collect(),
        }
    }
}

/// What a tenant that was deleted takes along.
#[derive(Clone, Debug, Object)]
pub(crate) struct TenantDeleted {
    /// A `c2sp.org/tlog-proof@v1`: proves offline that the tenant was deleted, and when. Keep it: the log goes too.
    receipt: String,
    /// What it is checked with.
    verifier_key: String,
}

/// The tenant.
pub(crate) struct TenantApi(pub(crate) State);

#[OpenApi(tag = "Tag::Tenant")]
impl TenantApi {
    /// Read the tenant.
    #[oai(path = "/tenant", method = "get", operation_id = "read_tenant")]
    async fn read(&self, caller: Caller) -> Result<Versioned<Tenant>, ApiError> {
        let scope = caller.may(Permission::TenantRead)?;
        let tx = self.0.ctx.store.read(scope).await?;
        let tenant = tenants::read(&tx).await?;
        Ok(Versioned::new(tenant.version, tenant))
    }

    /// Change the tenant.
    #[oai(path = "/tenant", method = "patch", operation_id = "update_tenant")]
    async fn update(
        &self,
        caller: Caller,
        #[oai(name = "If-Match")] if_match: Header<Option<String>>,
        body: Body<TenantPatchIn>,
    ) -> Result<Versioned<Tenant>, ApiError> {
        let scope = caller.may(Permission::TenantWrite)?;
        let expected = expected(if_match.0.as_deref())?;
        let tx = self.0.ctx.store.begin(scope).await?;
        let tenant = tenants::update(&tx, &self.0.ctx, expected, body.0.into()).await?;
        tx.save().await?;
        Ok(Versioned::new(tenant.version, tenant))
    }

    /// Delete the tenant.
    ///
    /// Its key is destroyed, and with it everything it has, in every backup; its sockets are closed, its members and keys
    /// have no access any more. When this is answered, nothing of it can be read. Its rows are removed right after. It
    /// cannot be undone; `confirm` is its slug.
    #[oai(path = "/tenant", method = "delete", operation_id = "delete_tenant")]
    async fn delete(
        &self,
        caller: Caller,
        confirm: Query<Option<String>>,
    ) -> Result<Json<TenantDeleted>, ApiError> {
        let scope = caller.may(Permission::TenantDelete)?;
        let confirm = confirm.0.unwrap_or_default();
        let leaving = tenants::begin_delete(&self.0.ctx, scope, &confirm).await?;
        self.0.tenant_gone(scope, &leaving.endpoints).await?;
        tenants::finish_delete(&self.0.ctx, scope).await?;
        Ok(Json(TenantDeleted {
            receipt: leaving.receipt,
            verifier_key: leaving.verifier_key,
        }))
    }

    /// Read what the tenant uses.
    ///
    /// The last 30 days, and the quotas.
    #[oai(path = "/tenant/usage", method = "get", operation_id = "read_tenant_usage")]
    async fn usage(&self, caller: Caller) -> Result<Json<Usage>, ApiError> {
        let scope = caller.may(Permission::TenantRead)?;
        let usage = tenants::usage(&self.0.ctx, scope).await?;
        Ok(Json(usage.into()))
    }
}
