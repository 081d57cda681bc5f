//! The life of a serving process: everything is checked, then opened from the bottom up; on a signal it is closed from
//! the top down, so that nothing that was acknowledged is lost.

mod banner;
mod chores;
mod front;
mod others;
mod stopping;

use std::sync::Arc;

use api::relays::Relays;
use broker::egress::Egress;
use tokio::net::TcpListener;
use worker::{NoSockets, Sockets, Worker};

use self::{chores::Chores, front::Front, stopping::Open};
use crate::{
    data_folder::DataFolder,
    house, mail, reach,
    settings::{Flags, Layers, Settings},
    signals::Signals,
    stores::{Stores, Upgrade},
    telemetry, tls,
    trouble::Trouble,
};

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// All of it.
    Everything,
    /// The API and the sockets.
    Api,
    /// What happens later.
    Worker,
}

impl Role {
    fn serves(self) -> bool {
        self != Self::Worker
    }

    fn works(self) -> bool {
        self != Self::Api
    }
}

/// Runs until a signal says stop, or until something fails that the process cannot do without.
pub(crate) async fn run(role: Role, flags: &Flags) -> anyhow::Result<()> {
    let settings = Layers::load(flags)?.settings()?;
    telemetry::start_logs(&settings)?;
    telemetry::start_metrics()?;
    let mut signals = Signals::listen()?;
    let mut open = tokio::select! {
        open = open(role, &settings) => open?,
        signal = signals.next() => {
            let what = format!("{signal} came before everything was open");
            return Err(Trouble::new(what, "nothing was acknowledged yet; start weir again").into());
        }
    };
    let failed = tokio::select! {
        signal = signals.next() => {
            tracing::info!(signal, "stopping");
            None
        }
        trouble = open.failure() => Some(trouble),
    };
    open.stop(&settings, &mut signals).await?;
    match failed {
        None => Ok(()),
        Some(trouble) => Err(trouble.into()),
    }
}

/// Checks everything, then opens it from the bottom up.
async fn open(role: Role, settings: &Settings) -> anyhow::Result<Open> {
    // What only needs looking at comes first: nothing is made or changed if it is not as it should be.
    let tls = settings.tls().as_ref().map(tls::server_config).transpose()?;
    if let Some(url) = settings.redis_url() {
        for trouble in reach::redis(url).await? {
            tracing::warn!(%trouble, "others of the Redis Cluster answer");
        }
    }
    let embedded = settings
        .database_url()
        .is_none_or(|url| url.starts_with("sqlite:"));
    if embedded && role != Role::Everything {
        let remedy = "use `weir serve`, or set database_url and vault_url to Postgres databases";
        return Err(Trouble::new("on SQLite everything runs in one process", remedy).into());
    }
    let listener = if role.serves() {
        Some(listen(settings).await?)
    } else {
        None
    };
    let bound = listener
        .as_ref()
        .map_or(Ok(settings.listen()), TcpListener::local_addr)?;
    let public_url = settings.public_url(bound)?;

    let folder = DataFolder::prepare(&settings.data_dir)?;
    let lock = if embedded { Some(folder.lock()?) } else { None };
    let mailer = if role.works() {
        Some(mail::open(settings, &folder, &public_url).await?)
    } else {
        None
    };
    // Processes that share a store must not change it under each other.
    let upgrade = if role == Role::Everything {
        Upgrade::Do
    } else {
        Upgrade::Refuse
    };
    let stores = Stores::open(settings, &folder, upgrade).await?;
    for name in &stores.applied {
        tracing::info!(migration = %name, "applied");
    }
    let ctx = house::context(settings, &folder, stores, public_url.clone()).await?;
    if !embedded && settings.redis_url().is_none() {
        tracing::warn!(
            "no redis_url: other processes on this store are not told what happens here; set it to run more than one"
        );
    }

    let egress = Egress::new(settings.egress()?);
    let chores = Chores::start(&ctx);
    let front = match listener {
        Some(listener) => Some(Front::open(settings, &folder, &ctx, &egress, listener, tls, &chores).await?),
        None => None,
    };
    let envoy = if front.is_none() {
        let nodes = others::nodes(settings, &ctx, &Relays::new(egress.clone())).await?;
        nodes.map(|nodes| others::envoy(settings, &ctx, nodes))
    } else {
        None
    };
    let worker = mailer.map(|mailer| {
        let sockets: Arc<dyn Sockets> = match (&front, &envoy) {
            (Some(front), _) => Arc::new(front.broker()),
            (None, Some(envoy)) => Arc::new(envoy.clone()),
            (None, None) => Arc::new(NoSockets),
        };
        let name = format!("{}-{}", settings.node_name(), std::process::id());
        Worker::new(
            ctx.clone(),
            settings.worker.clone(),
            name,
            sockets,
            mailer,
            egress.clone(),
        )
        .start()
    });
    if let (Some(front), Some(worker)) = (&front, &worker) {
        chores.carry_nudges(front.nudge(), worker.nudger());
    }
    banner::show(settings, &folder, &public_url, role)?;
    Ok(Open {
        ctx,
        chores,
        front,
        worker,
        envoy,
        lock,
    })
}

async fn listen(settings: &Settings) -> Result<TcpListener, Trouble> {
    let address = settings.listen();
    TcpListener::bind(address).await.map_err(|error| {
        let remedy = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                "stop what listens there, or choose another with --listen or WEIR_LISTEN"
            }
            std::io::ErrorKind::PermissionDenied => {
                "choose a port above 1023, or allow this one to the user that runs weir"
            }
            _ => "choose an address of this machine with --listen or WEIR_LISTEN",
        };
        Trouble::new(format!("{address} cannot be listened on"), remedy).because(error)
    })
}
