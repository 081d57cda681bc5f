//! Signing in: the tenant vouches for who it is.

use std::sync::Arc;

use super::{Attach, Busy, Session, Then, User};
use crate::{
    close::Close,
    pusher::{
        client::SignIn,
        names::user_channel,
        server,
        signature::verify_user,
        user::{MAX_WATCHED, UserData},
    },
    wire::Socket,
};

/// Watchlist too long.
const WATCHLIST: u16 = 4302;

/// Somebody whose signature is good and whose person is being found.
pub(super) struct Arriving {
    user: Box<str>,
    info: Option<Box<str>>,
    watchlist: Vec<Box<str>>,
    watches_too_many: bool,
    /// What was signed, to be said back.
    user_data: Box<str>,
}

impl<IO: Socket> Session<IO> {
    pub(super) fn sign_in(&mut self, claim: &SignIn) {
        let signing = self.core().admission.signing(self.who().endpoint);
        let socket_id = self.socket_id().to_string();
        let is_signed =
            signing.is_some_and(|signing| verify_user(&signing, &socket_id, &claim.user_data, &claim.auth));
        if !is_signed {
            return self.front.close(Close::UNAUTHORIZED);
        }
        let data = match UserData::parse(&claim.user_data) {
            Ok(data) => data,
            // The tenant's own mistake: say what is wrong before the end.
            Err(fault) => {
                return self.front.close_saying(Close::UNAUTHORIZED, &fault.to_string());
            }
        };
        if self.user.as_ref().is_some_and(|user| user.id != data.id) {
            return self.front.close(Close::UNAUTHORIZED);
        }
        let arriving = Arriving {
            user: data.id,
            info: data.user_info,
            watchlist: data.watchlist,
            watches_too_many: data.watches_too_many,
            user_data: claim.user_data.clone(),
        };
        let user = arriving.user.clone();
        self.find(&user, Then::SignIn(Box::new(arriving)));
    }

    /// The person is known.
    pub(super) fn arrive(&mut self, arriving: Arriving) {
        let own: Arc<str> = user_channel(&arriving.user).into();
        if self.front.life.seat.subscription(&own).is_none()
            && let Some(welcome) = self.front.life.subscribe(&own, None, 0)
        {
            self.front.life.seat.take_place(welcome.subscription);
            if let Some(attaching) = self.front.life.attach(&own) {
                let then = Attach::SignIn(Box::new(arriving));
                self.busy = Some(Busy::Attaching { attaching, then });
                return;
            }
        }
        self.arrived(arriving);
    }

    /// What is said to the user reaches them here.
    pub(super) fn arrived(&mut self, arriving: Arriving) {
        let Arriving {
            user,
            info,
            watchlist,
            watches_too_many,
            user_data,
        } = arriving;
        let arrival = self.front.life.sign_in(&user, watchlist);
        self.user = Some(User { id: user, info });
        self.front.say(|out| server::signin_success(out, &user_data));
        if watches_too_many {
            self.fault(
                Some(WATCHLIST),
                &format!("the watchlist is too long: the first {MAX_WATCHED} are watched"),
            );
        }
        if !arrival.online.is_empty() {
            self.front.say(|out| {
                let online = arrival.online.iter().map(|user| &**user);
                server::watchlist_events(out, online, []);
            });
        }
    }
}
