//! Logs and metrics.

use std::{io::IsTerminal, sync::OnceLock, time::Duration};

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, fmt};

use crate::{
    settings::{LogFormat, Settings},
    trouble::Trouble,
};

/// Logs of the libraries below, quiet unless the filter names them.
const QUIET: &str =
    "sqlx=warn,sea_orm=warn,sea_orm_migration=warn,poem=warn,hyper=warn,rustls=warn,lettre=warn,h2=warn";

/// Starts to log to standard error.
pub(crate) fn start_logs(settings: &Settings) -> Result<(), Trouble> {
    let text = format!("{QUIET},{}", settings.log.filter);
    let filter = EnvFilter::try_new(&text).map_err(|error| {
        Trouble::new(
            format!("the setting log.filter is not valid: {}", settings.log.filter),
            "use a level (error, warn, info, debug, trace) or target=level parts separated by commas",
        )
        .because(error)
    })?;
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match settings.log.format {
        LogFormat::Human => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .try_init(),
    };
    started.map_err(|error| Trouble::new("logging did not start", "please report this").because(error))
}

static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();

/// Seconds: from the cost of a write to what makes somebody look.
const BUCKETS: &[f64] = &[
    0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Seconds: of what should follow within one, and of what should follow within a minute.
const LAGS: &[f64] = &[
    0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 300.0, 3600.0,
];

/// Starts to count. Before anything takes a handle: what was taken earlier counts nowhere.
pub(crate) fn start_metrics() -> Result<(), Trouble> {
    let handle = recorder()
        .map_err(|error| Trouble::new("counting did not start", "please report this").because(error))?;
    metrics::describe_gauge!("weir_build_info", "always 1; the label says which version runs");
    metrics::gauge!("weir_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1);
    // Only the first recorder of a process counts, and so does its handle.
    let _ = METRICS.set(handle);
    Ok(())
}

fn recorder() -> Result<PrometheusHandle, BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), BUCKETS)?
        .set_buckets_for_metric(Matcher::Suffix("_lag_seconds".to_owned()), LAGS)?
        .install_recorder()
}

/// What `/metrics` answers: Prometheus text.
pub(crate) fn render_metrics() -> String {
    METRICS.get().map(PrometheusHandle::render).unwrap_or_default()
}

/// Keeps memory of the counting small. Runs until dropped.
pub(crate) async fn keep_metrics() {
    let mut every = tokio::time::interval(Duration::from_secs(5));
    loop {
        every.tick().await;
        if let Some(handle) = METRICS.get() {
            handle.run_upkeep();
        }
    }
}
