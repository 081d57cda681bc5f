//! The sessions of this node whose back ends are called, so that something can be said to one of them from elsewhere.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

use parking_lot::Mutex;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{
    Answered, CallFault, Callee, Said, Told,
    line::{CallLine, Chan, call},
};
use crate::{broker::Core, host::Payload, options::Slow};

/// By session, with the endpoint that each is on.
#[derive(Default)]
pub(crate) struct Called(Mutex<HashMap<Uuid, (Uuid, Weak<Chan>)>>);

impl Called {
    /// Says something to a session; none where it is not here.
    pub(crate) fn say(&self, endpoint: Uuid, session: Uuid, payload: Payload) -> Option<Said> {
        let chan = {
            let all = self.0.lock();
            let (of, chan) = all.get(&session)?;
            (*of == endpoint).then(|| chan.upgrade()).flatten()?
        };
        chan.say(payload)
    }

    /// Tells a back end that a session began, and begins its calls.
    pub(crate) async fn begin(
        core: &Arc<Core>,
        endpoint: Uuid,
        session: Uuid,
        slow: Slow,
        callee: Box<dyn Callee>,
    ) -> Result<(CallLine, Answered), CallFault> {
        let (line, chan) = CallLine::new(&core.settings, slow);
        core.called
            .0
            .lock()
            .insert(session, (endpoint, Arc::downgrade(&chan)));
        let of = Arc::downgrade(core);
        let (first, answer) = oneshot::channel();
        // A task of its own, so that who heard of the beginning hears of the end, however soon the session goes. Tracked: what is
        // told last is told before the process ends.
        core.tracker.spawn(async move {
            let answered = callee.tell(vec![Told::Connected]).await;
            let goes_on = answered.is_ok();
            // Nobody waits any more where the session went meanwhile.
            let _ = first.send(answered);
            if goes_on {
                call(chan, callee).await;
            }
            if let Some(core) = of.upgrade() {
                core.called.0.lock().remove(&session);
            }
        });
        let answered = answer.await.unwrap_or(Err(CallFault))?;
        Ok((line, answered))
    }
}
