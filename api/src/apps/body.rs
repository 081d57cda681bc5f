//! The body of a signed request: read whole, since its hash is part of what was signed.

use bytes::Bytes;
use poem::{
    Request,
    http::{StatusCode, header},
};
use tokio::io::AsyncReadExt;

use super::answer::Fault;

/// The largest body: ten events of 10 KB whose every byte is escaped.
const MAX_BODY: usize = 1 << 20;
/// How much of a body that is too large is read and thrown away. A client that is still sending when the connection closes
/// sees a reset instead of the answer.
const MAX_DISCARDED: u64 = 16 << 20;

/// Reads it.
pub(super) async fn read(req: &mut Request) -> Result<Bytes, Fault> {
    let incomplete = |_| Fault::bad("the body is incomplete");
    let length = req
        .header(header::CONTENT_LENGTH)
        .and_then(|length| length.parse::<usize>().ok());
    if length.is_some_and(|length| length <= MAX_BODY) {
        // The server reads exactly so many bytes, and as a rule they are here already, in one piece.
        return req.take_body().into_bytes().await.map_err(incomplete);
    }
    let mut reader = req.take_body().into_async_read();
    let mut bytes = Vec::new();
    let mut limited = (&mut reader).take(MAX_BODY as u64 + 1);
    limited
        .read_to_end(&mut bytes)
        .await
        .map_err(|_| Fault::bad("the body is incomplete"))?;
    if bytes.len() <= MAX_BODY {
        return Ok(Bytes::from(bytes));
    }
    drop(bytes);
    // Whether that works out does not matter any more.
    let _ = tokio::io::copy(&mut reader.take(MAX_DISCARDED), &mut tokio::io::sink()).await;
    Err(Fault::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "the body is larger than 1 MiB",
    ))
}
