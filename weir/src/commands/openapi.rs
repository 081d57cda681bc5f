//! `weir openapi`: the description of the API, as it is published at `/api/openapi.json`.

use crate::print;

/// Print the API's description (OpenAPI 3.1, JSON).
#[derive(clap::Args, Debug)]
pub(crate) struct Args {}

/// Prints it. Needs no settings and no store.
pub(crate) fn run(_: &Args) -> anyhow::Result<()> {
    print::line(serde_json::to_string_pretty(&::api::description())?)?;
    Ok(())
}
