//! The way down: sockets, port, worker, journal, records, stores, in that order. What takes too long is cut.

use broker::Broker;
use domain::{Ctx, authentication};
use worker::Handle;

use super::{chores::Chores, front::Front};
use crate::{
    data_folder::Lock,
    house,
    settings::Settings,
    signals::Signals,
    trouble::{Trouble, chain},
};

/// Everything that is open.
pub(super) struct Open {
    pub(super) ctx: Ctx,
    pub(super) chores: Chores,
    pub(super) front: Option<Front>,
    pub(super) worker: Option<Handle>,
    /// Reaches the sockets of other processes, where this one has none.
    pub(super) envoy: Option<Broker>,
    /// Given back last: nobody else may open the stores before they are closed.
    pub(super) lock: Option<Lock>,
}

impl Open {
    /// Waits until something ends that must not.
    pub(super) async fn failure(&mut self) -> Trouble {
        match &mut self.front {
            Some(front) => front.failure().await,
            None => std::future::pending().await,
        }
    }

    /// Closes everything in its order, within the time of the settings; a second signal cuts at once.
    ///
    /// # Errors
    /// When it was cut. What was acknowledged is safe even then: it was committed first.
    pub(super) async fn stop(self, settings: &Settings, signals: &mut Signals) -> Result<(), Trouble> {
        let within = settings.shutdown.within();
        tokio::select! {
            () = self.close(settings) => {
                tracing::info!("stopped");
                Ok(())
            }
            () = tokio::time::sleep(within) => Err(Trouble::new(
                format!("stopping took longer than {} seconds and was cut", within.as_secs()),
                "nothing acknowledged is lost; raise shutdown.within_seconds if this happens often",
            )),
            signal = signals.next_apart() => Err(Trouble::new(
                format!("a second signal ({signal}) cut the stopping short"),
                "nothing acknowledged is lost; the next start cleans up",
            )),
        }
    }

    async fn close(self, settings: &Settings) {
        let Self {
            ctx,
            chores,
            mut front,
            worker,
            envoy,
            lock,
        } = self;
        if let Some(front) = &mut front {
            front.close_doors(settings.shutdown.drain()).await;
        }
        if let Some(worker) = worker {
            worker.stop().await;
        }
        if let Some(front) = front {
            front.finish().await;
        }
        if let Some(envoy) = envoy {
            envoy.leave().await;
        }
        chores.stop().await;
        if let Err(error) = authentication::flush(&ctx).await {
            tracing::warn!(
                error = chain(&error),
                "when credentials were last used is not written down"
            );
        }
        house::close_stores(&ctx).await;
        drop(lock);
    }
}
