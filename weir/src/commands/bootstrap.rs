//! `weir bootstrap`: for scripts and provisioning. What is asked for is there afterwards, however often it is asked.

use std::path::PathBuf;

use entity::endpoint::{EndpointKind, RecordMode};

use crate::{
    bootstrap::{Apply, EndpointPlan, Plan},
    data_folder::DataFolder,
    house, print,
    settings::{Flags, Layers},
    stores::{Stores, Upgrade},
    telemetry,
};

/// Create or find a tenant with its owner, an API key, endpoints and rules; print them as JSON.
///
/// Works on the stores themselves, whether the server runs or not. Running it again changes only what differs and
/// prints the same. Everything that flags say of endpoints applies to all --endpoint given.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The tenant's slug
    #[arg(long, value_name = "SLUG", required_unless_present = "file")]
    tenant: Option<String>,
    /// The tenant's name, when it is created [default: the slug]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The owner's e-mail address, when the tenant is created
    #[arg(long, value_name = "EMAIL", required_unless_present = "file")]
    owner: Option<String>,
    /// The slug of an endpoint. May be given several times
    #[arg(long, value_name = "SLUG")]
    endpoint: Vec<String>,
    /// Who the back end is [default: relay with --upstream, channel without]
    #[arg(long, value_name = "channel|relay", value_parser = kind, requires = "endpoint")]
    kind: Option<EndpointKind>,
    /// The WebSocket of your own back end: makes the endpoint a relay
    #[arg(long, value_name = "URL", requires = "endpoint")]
    upstream: Option<String>,
    /// When messages are recorded, relative to delivery [default: before]
    #[arg(long, value_name = "before|after|never", value_parser = record, requires = "endpoint")]
    record: Option<RecordMode>,
    /// How long messages are kept, ISO 8601 [default: P30D]
    #[arg(long, value_name = "DURATION", requires = "endpoint")]
    retain: Option<String>,
    /// A TOML file with tenant, purposes, data types, endpoints and rules; flags win over it
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    settings: Flags,
}

fn kind(text: &str) -> Result<EndpointKind, &'static str> {
    EndpointKind::parse(text).ok_or("use channel or relay")
}

fn record(text: &str) -> Result<RecordMode, &'static str> {
    RecordMode::parse(text).ok_or("use before, after or never")
}

impl Args {
    fn plan(&self) -> anyhow::Result<Plan> {
        let mut plan = match &self.file {
            Some(file) => Plan::read(file)?,
            None => Plan::default(),
        };
        if let Some(slug) = &self.tenant {
            plan.tenant.slug.clone_from(slug);
        }
        if let Some(owner) = &self.owner {
            plan.tenant.owner.clone_from(owner);
        }
        if self.name.is_some() {
            plan.tenant.name.clone_from(&self.name);
        }
        for slug in &self.endpoint {
            plan.endpoints.push(EndpointPlan {
                kind: self.kind,
                upstream: self.upstream.clone(),
                record: self.record,
                retain: self.retain.clone(),
                ..EndpointPlan::new(slug)
            });
        }
        Ok(plan)
    }
}

/// Makes it so, and prints what a program needs to go on.
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let settings = Layers::load(&args.settings)?.settings()?;
    telemetry::start_logs(&settings)?;
    let plan = args.plan()?;
    let folder = DataFolder::prepare(&settings.data_dir)?;
    // A server that runs has the folder, and has brought the stores up to date.
    let lock = folder.lock().ok();
    let upgrade = if lock.is_some() {
        Upgrade::Do
    } else {
        Upgrade::Refuse
    };
    let stores = Stores::open(&settings, &folder, upgrade).await?;
    let ctx = house::context(
        &settings,
        &folder,
        stores,
        settings.public_url(settings.listen())?,
    )
    .await?;
    let apply = Apply {
        ctx: &ctx,
        egress: broker::egress::Egress::new(settings.egress()?),
    };
    let made = Box::pin(apply.run(plan)).await?;
    house::close_stores(&ctx).await;
    print::line(serde_json::to_string_pretty(&made)?)?;
    Ok(())
}
