//! A witness of logs over HTTP: `POST add-checkpoint` (c2sp.org/tlog-witness). Nothing else of the API is there.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use domain::clock::Clock;
use ledger::{
    Checkpoint, Continuation, Witness,
    witness::{Refusal, Seen},
};
use poem::{
    EndpointExt, Response, Route, Server, handler,
    http::StatusCode,
    listener::{Acceptor, Listener, TcpListener},
    middleware::SizeLimit,
    post,
    web::Data,
};

/// The body of a 409: where the witness stands.
const SIZE: &str = "text/x.tlog.size";
/// No checkpoint and its proof are longer, in bytes.
const MAX_BODY: usize = 2 << 20;
/// What is under way when it stops gets so long.
const GRACE: Duration = Duration::from_secs(5);

/// What a witness must not forget: the last checkpoint of each log that it cosigned.
pub trait Memory: Send + 'static {
    /// What was last cosigned of a log.
    fn last(&self, origin: &str) -> io::Result<Option<Checkpoint>>;
    /// Keeps a checkpoint, on the disk, before anybody hears of it.
    fn keep(&self, checkpoint: &Checkpoint) -> io::Result<()>;
}

/// Vouches until it is told to stop. `listening` hears where.
pub async fn serve(
    witness: Witness,
    memory: impl Memory,
    clock: impl Clock + 'static,
    listen: &str,
    listening: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let memory: Box<dyn Memory> = Box::new(memory);
    let desk = Arc::new(Desk {
        witness,
        memory: Mutex::new(memory),
        clock: Box::new(clock),
    });
    let app = Route::new()
        .at("/add-checkpoint", post(add_checkpoint))
        .data(desk)
        .with(SizeLimit::new(MAX_BODY));
    let acceptor = TcpListener::bind(listen.to_owned()).into_acceptor().await?;
    let address = acceptor.local_addr();
    if let Some(address) = address.iter().find_map(|one| one.as_socket_addr()) {
        listening(*address);
    }
    Server::new_with_acceptor(acceptor)
        .run_with_graceful_shutdown(app, stop, Some(GRACE))
        .await
}

/// Judges, and remembers before it answers.
struct Desk {
    witness: Witness,
    // One question at a time: between looking up and keeping, nothing else is cosigned.
    memory: Mutex<Box<dyn Memory>>,
    clock: Box<dyn Clock>,
}

/// Why there is no cosignature.
enum No {
    Refused(Refusal),
    /// The disk failed. What was not kept is not said.
    Broken(io::Error),
}

impl Desk {
    fn judge(&self, body: &str) -> Result<Seen, No> {
        let request = Continuation::parse(body).map_err(|error| No::Refused(Refusal::Malformed(error)))?;
        let origin = self.witness.log_of(&request).map_err(No::Refused)?;
        let now = self.clock.now().timestamp();
        let time = u64::try_from(now).map_err(|error| No::Broken(io::Error::other(error)))?;
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
async fn add_checkpoint(body: String, Data(desk): Data<&Arc<Desk>>) -> Response {
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
    tracing::error!(%error, "a checkpoint was not judged");
    StatusCode::INTERNAL_SERVER_ERROR.into()
}
