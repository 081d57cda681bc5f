//! Carries a plan out.

use anyhow::Context;
use broker::egress::Egress;
use domain::{
    Ctx, Error, api_keys, authentication, data_types,
    data_types::{MinimiseParts, NewDataType},
    endpoints, installation,
    page::PageIn,
    permissions::Permission,
    purposes::{self, NewPurpose},
    retention_rules::{self, NewRule, RulePatch},
    tenancy::{TenantScope, TenantTx},
    tenants::{self, Provision},
};
use entity::{data_type, id::TenantId};
use serde::Serialize;
use vault::Redacted;

use super::{
    endpoints::MadeEndpoint,
    plan::{DataTypePlan, Plan, PurposePlan, RulePlan},
};
use crate::print;

/// What is printed.
#[derive(Debug, Serialize)]
pub(crate) struct Made {
    tenant: MadeTenant,
    api_key: String,
    endpoints: Vec<MadeEndpoint>,
}

#[derive(Debug, Serialize)]
struct MadeTenant {
    id: TenantId,
    slug: String,
}

/// The name of the API key, for people, and of the place where its token is kept sealed.
const KEY_NAME: &str = "bootstrap";
const KEY_KEPT: &str = "bootstrap_api_key";

/// What a plan is carried out with.
pub(crate) struct Apply<'a> {
    /// Stores and keys.
    pub(crate) ctx: &'a Ctx,
    /// Which upstreams may be named.
    pub(crate) egress: Egress,
}

impl Apply<'_> {
    /// Makes everything that is not there and changes what differs.
    pub(crate) async fn run(&self, plan: Plan) -> anyhow::Result<Made> {
        plan.check()?;
        for endpoint in &plan.endpoints {
            self.check_upstream(endpoint)?;
        }
        let (tenant, scope) = self.tenant(&plan).await?;
        for purpose in plan.purposes {
            let slug = purpose.slug.clone();
            self.purpose(&scope, purpose)
                .await
                .map_err(told)
                .with_context(|| format!("the purpose {slug}"))?;
        }
        for data_type in plan.data_types {
            let slug = data_type.slug.clone();
            self.data_type(&scope, data_type)
                .await
                .map_err(told)
                .with_context(|| format!("the data type {slug}"))?;
        }
        let mut made = Vec::new();
        let mut rules = plan.rules;
        for endpoint in plan.endpoints {
            let slug = endpoint.slug.clone();
            let row = self
                .endpoint(&scope, &endpoint)
                .await
                .with_context(|| format!("the endpoint {slug}"))?;
            rules.extend(endpoint.rule(row.record));
            made.push(self.describe(row).await?);
        }
        for rule in rules {
            let name = rule.name.clone();
            self.rule(&scope, rule)
                .await
                .map_err(told)
                .with_context(|| format!("the rule {name}"))?;
        }
        Ok(Made {
            api_key: self.api_key(&scope).await?.into_inner(),
            tenant,
            endpoints: made,
        })
    }

    async fn tenant(&self, plan: &Plan) -> anyhow::Result<(MadeTenant, TenantScope)> {
        let wanted = Provision {
            slug: plan.tenant.slug.clone(),
            name: plan.tenant.name.clone(),
            owner_email: plan.tenant.owner.clone(),
            owner_password: None,
        };
        let (tenant, scope, founded) = tenants::find_or_create(self.ctx, wanted)
            .await
            .map_err(told)
            .context("the tenant")?;
        if founded {
            print::note(format!(
                "tenant {} founded; its owner sets a password by \"forgot password\" in the console",
                tenant.slug
            ));
        }
        let tenant = MadeTenant {
            id: tenant.id,
            slug: tenant.slug,
        };
        Ok((tenant, scope))
    }

    async fn purpose(&self, scope: &TenantScope, plan: PurposePlan) -> domain::Result<()> {
        let tx = self.ctx.store.begin(scope).await?;
        if purposes::by_slug(&tx, &plan.slug).await?.is_some() {
            return Ok(());
        }
        let new = NewPurpose {
            name: plan.name.unwrap_or_else(|| plan.slug.clone()),
            slug: plan.slug,
            description: plan.description,
            lawful_basis: plan.lawful_basis,
            requires_consent: plan.requires_consent,
            consent_validity: plan.consent_validity,
            balancing_note: plan.balancing_note,
            special_basis: plan.special_basis,
            honours_gpc: plan.honours_gpc,
        };
        purposes::create(&tx, self.ctx, new).await?;
        tx.save().await?;
        Ok(())
    }

    async fn data_type(&self, scope: &TenantScope, plan: DataTypePlan) -> domain::Result<()> {
        let tx = self.ctx.store.begin(scope).await?;
        if find_data_type(&tx, &plan.slug).await?.is_some() {
            return Ok(());
        }
        let new = NewDataType {
            name: plan.name.unwrap_or_else(|| plan.slug.clone()),
            slug: plan.slug,
            description: plan.description,
            personal: plan.personal,
            special_category: plan.special_category,
            paths: plan.paths,
            minimise: plan
                .minimise
                .map_or_else(MinimiseParts::none, |minimise| MinimiseParts {
                    strategy: minimise.strategy,
                    keep: minimise.keep,
                    with: minimise.with,
                    to: minimise.to,
                    step: minimise.step,
                }),
            at_expiry: None,
        };
        data_types::create(&tx, self.ctx, new).await?;
        tx.save().await?;
        Ok(())
    }

    async fn rule(&self, scope: &TenantScope, plan: RulePlan) -> domain::Result<()> {
        let tx = self.ctx.store.begin(scope).await?;
        let filter = retention_rules::Filter {
            target: Some(plan.target),
            q: Some(plan.name.clone()),
            ..Default::default()
        };
        let found = retention_rules::list(&tx, &filter, &PageIn::new(Some(200), None)?).await?;
        let Some(current) = found.items.into_iter().find(|rule| rule.name == plan.name) else {
            let new = NewRule {
                target: plan.target,
                endpoint_id: match &plan.endpoint {
                    Some(slug) => Some(endpoints::by_slug(&tx, slug).await?.id),
                    None => None,
                },
                channel_pattern: plan.channel_pattern,
                data_type_id: match &plan.data_type {
                    Some(slug) => Some(
                        find_data_type(&tx, slug)
                            .await?
                            .ok_or(Error::NotFound { what: "data type" })?
                            .id,
                    ),
                    None => None,
                },
                purpose_id: match &plan.purpose {
                    Some(slug) => Some(
                        purposes::by_slug(&tx, slug)
                            .await?
                            .ok_or(Error::NotFound { what: "purpose" })?
                            .id,
                    ),
                    None => None,
                },
                ..NewRule::new(plan.name, plan.duration)
            };
            retention_rules::create(&tx, self.ctx, new).await?;
            tx.save().await?;
            return Ok(());
        };
        if current.duration == plan.duration {
            return Ok(());
        }
        let patch = RulePatch {
            duration: Some(plan.duration),
            ..Default::default()
        };
        retention_rules::update(
            &tx,
            self.ctx,
            current.id,
            None,
            patch,
            Some("weir bootstrap".to_owned()),
        )
        .await?;
        tx.save().await?;
        Ok(())
    }

    /// The same key as last time, while it works. Only its hash is among the API keys; the key itself is kept sealed.
    async fn api_key(&self, scope: &TenantScope) -> anyhow::Result<Redacted<String>> {
        let tenant = scope.tenant();
        if let Some(token) = installation::recall(self.ctx, tenant, KEY_KEPT)
            .await
            .map_err(told)?
        {
            match authentication::authenticate(self.ctx, token.expose()).await {
                Ok(_) => return Ok(token),
                // Revoked, or of a backup.
                Err(Error::Unauthenticated) => {}
                Err(error) => return Err(told(error)),
            }
        }
        api_keys::revoke_named(self.ctx, scope, KEY_NAME)
            .await
            .map_err(told)?;
        let new = api_keys::NewApiKey {
            name: KEY_NAME.to_owned(),
            scopes: Permission::ALL.to_vec(),
            expires_at: None,
        };
        let created = api_keys::create_for_system(self.ctx, scope, new)
            .await
            .map_err(told)?;
        installation::keep(self.ctx, tenant, KEY_KEPT, &created.token)
            .await
            .map_err(told)?;
        Ok(created.token)
    }
}

async fn find_data_type(tx: &TenantTx, slug: &str) -> domain::Result<Option<data_type::Model>> {
    let filter = data_types::Filter {
        q: Some(slug.to_owned()),
        ..Default::default()
    };
    let found = data_types::list(tx, &filter, &PageIn::new(Some(200), None)?).await?;
    Ok(found.items.into_iter().find(|row| row.slug == slug))
}

/// An error of the domain in words for a terminal: the faults of an input, each with its way out.
pub(super) fn told(error: Error) -> anyhow::Error {
    match error {
        Error::Invalid(faults) => {
            let faults: Vec<String> = faults
                .iter()
                .map(|fault| format!("{}: {}", fault.field.trim_start_matches('/'), fault.detail))
                .collect();
            anyhow::anyhow!("{}", faults.join("; "))
        }
        Error::Conflict {
            field: Some(field),
            detail,
            ..
        } => {
            anyhow::anyhow!("{}: {detail}", field.trim_start_matches('/'))
        }
        other => other.into(),
    }
}
