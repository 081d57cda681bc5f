//! What stands before the routes: the doors that are used so often that they go through no middleware, which gives every
//! request an id, a line in the log and a place in three tables. They count for themselves, and write down no path.

use poem::{Endpoint, IntoResponse, Request, Response, Result};

use crate::{apps, door::pusher, state::State};

/// The doors, and the routes behind them.
pub(crate) struct Doors<E> {
    state: State,
    routes: E,
}

impl<E> Doors<E> {
    pub(crate) fn before(routes: E, state: State) -> Self {
        Self { state, routes }
    }
}

impl<E: Endpoint> Endpoint for Doors<E> {
    type Output = Response;

    async fn call(&self, req: Request) -> Result<Response> {
        let path = req.uri().path();
        if path.starts_with("/apps/") || path.starts_with("/users/") {
            return Ok(Box::pin(apps::call(req, &self.state)).await);
        }
        if path.starts_with("/app/") {
            return Ok(Box::pin(pusher::app(&req, &self.state)).await);
        }
        Box::pin(self.routes.call(req))
            .await
            .map(IntoResponse::into_response)
    }
}
