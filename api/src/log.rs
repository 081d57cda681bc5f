//! A tenant's transparency log, for anybody: checkpoint, tiles and entry bundles (C2SP tlog-tiles). Nothing personal
//! is in there; see `domain::audit`.

use domain::{Error, log, tenancy::TenantScope, tenants};
use ledger::TileId;
use poem::{
    IntoResponse, Response, handler,
    http::header,
    web::{Data, Path},
};

use crate::{problem::ApiError, state::State};

/// The newest checkpoint: a signed note.
#[handler]
pub async fn checkpoint(Path(tenant): Path<String>, Data(state): Data<&State>) -> Response {
    answer(
        head(state, &tenant).await,
        "text/plain; charset=utf-8",
        "no-cache",
    )
}

/// A tile of hashes, `tile/<level>/<index>[.p/<width>]`, or a bundle of entries, `tile/entries/<index>[.p/<width>]`.
#[handler]
pub async fn tile(Path((tenant, path)): Path<(String, String)>, Data(state): Data<&State>) -> Response {
    // A full tile never changes again; a partial one is a cut of what it will be, so it does not either.
    answer(
        tile_bytes(state, &tenant, &path).await,
        "application/octet-stream",
        "public, max-age=31536000, immutable",
    )
}

fn answer(bytes: domain::Result<Vec<u8>>, content_type: &'static str, cache: &'static str) -> Response {
    let bytes = match bytes {
        Ok(bytes) => bytes,
        Err(error) => return ApiError::from(error).into_response(),
    };
    Response::builder()
        .content_type(content_type)
        .header(header::CACHE_CONTROL, cache)
        .body(bytes)
}

async fn scope(state: &State, tenant: &str) -> domain::Result<TenantScope> {
    tenants::public_scope(&state.ctx, tenant)
        .await?
        .ok_or(Error::NotFound { what: "log" })
}

async fn head(state: &State, tenant: &str) -> domain::Result<Vec<u8>> {
    let scope = scope(state, tenant).await?;
    Ok(log::head(&state.ctx, &scope).await?.checkpoint.into_bytes())
}

async fn tile_bytes(state: &State, tenant: &str, path: &str) -> domain::Result<Vec<u8>> {
    let scope = scope(state, tenant).await?;
    let path = format!("tile/{path}");
    let tx = state.ctx.store.read(&scope).await?;
    let missing = |_| Error::NotFound { what: "tile" };
    if path.starts_with("tile/entries/") {
        return log::entries_bytes(&tx, TileId::parse_entries(&path).map_err(missing)?).await;
    }
    log::tile_bytes(&tx, TileId::parse(&path).map_err(missing)?).await
}
