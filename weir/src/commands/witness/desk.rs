//! The one thing that a witness is asked: `POST add-checkpoint`.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use ledger::{
    Continuation, Witness,
    witness::{Refusal, Seen},
};
use poem::{Response, handler, http::StatusCode, web::Data};

use super::memory::Memory;
use crate::print;

/// The body of a 409: where the witness stands (c2sp.org/tlog-witness).
const SIZE: &str = "text/x.tlog.size";

/// Judges, and remembers before it answers.
pub(super) struct Desk {
    witness: Witness,
    // One question at a time: between looking up and keeping, nothing else is cosigned.
    memory: Mutex<Memory>,
}

/// Why there is no cosignature.
enum No {
    Refused(Refusal),
    /// The disk failed. What was not kept is not said.
    Broken(io::Error),
}

impl Desk {
    pub(super) fn new(witness: Witness, memory: Memory) -> Self {
        Self {
            witness,
            memory: Mutex::new(memory),
        }
    }

    fn judge(&self, body: &str) -> Result<Seen, No> {
        let request = Continuation::parse(body).map_err(|error| No::Refused(Refusal::Malformed(error)))?;
        let origin = self.witness.log_of(&request).map_err(No::Refused)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let time = now
            .map_err(|error| No::Broken(io::Error::other(error)))?
            .as_secs();
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let last = memory.last(origin).map_err(No::Broken)?;
        let seen = self
            .witness
            .judge(&request, last.as_ref(), time)
            .map_err(No::Refused)?;
        if last.as_ref() != Some(&seen.checkpoint) {
            memory.keep(&seen.checkpoint).map_err(No::Broken)?;
        }
        Ok(seen)
    }
}

#[handler]
pub(super) async fn add_checkpoint(body: String, Data(desk): Data<&Arc<Desk>>) -> Response {
    let desk = desk.clone();
    let judged = tokio::task::spawn_blocking(move || desk.judge(&body)).await;
    match judged {
        Ok(Ok(seen)) => Response::builder()
            .content_type("text/plain; charset=utf-8")
            .body(seen.cosignature),
        Ok(Err(No::Refused(refusal))) => refused(&refusal),
        Ok(Err(No::Broken(error))) => broken(&error),
        Err(error) => broken(&error),
    }
}

fn refused(refusal: &Refusal) -> Response {
    let status = match refusal {
        Refusal::Malformed(_) => StatusCode::BAD_REQUEST,
        Refusal::NotSigned => StatusCode::FORBIDDEN,
        Refusal::UnknownLog => StatusCode::NOT_FOUND,
        Refusal::Conflict { .. } => StatusCode::CONFLICT,
        Refusal::NotProven => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let response = Response::builder().status(status);
    match refusal {
        Refusal::Conflict { size } => response.content_type(SIZE).body(format!("{size}\n")),
        other => response
            .content_type("text/plain; charset=utf-8")
            .body(format!("{other}\n")),
    }
}

fn broken(error: &dyn std::error::Error) -> Response {
    print::note(format!("weir witness: {error}"));
    StatusCode::INTERNAL_SERVER_ERROR.into()
}
