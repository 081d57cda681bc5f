//! The one table of WebSocket close codes that this server sends, and what each tells the client to do next.
//!
//! The ranges say whether to come back, so that a client needs no list: 40xx do not reconnect unchanged,
//! 41xx reconnect after a pause, 42xx reconnect now. They are those of the Pusher Channels protocol 7, whose clients
//! follow them already. Codes below 4000 are RFC 6455 §7.4.1.

use std::{borrow::Cow, fmt};

use crate::host::{JournalFault, Refusal};

/// Why a socket closes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// The code, as on the wire.
    pub code: u16,
    /// One line for a developer; at most 123 bytes, never anything personal.
    pub reason: Cow<'static, str>,
}

/// What a client should do after a [`Close`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Not until something changed: the token, the endpoint, the consent.
    Never,
    /// After a pause of at least a second that grows each time.
    Later,
    /// At once.
    Now,
}

/// RFC 6455 §5.5: a control frame carries 125 bytes, two of which are the code.
const MAX_REASON: usize = 123;

impl Close {
    /// The conversation is over and complete. Come back when there is something to say.
    pub const NORMAL: Self = Self::new(1000, "done");
    /// This server goes away, or a client's page did. Reconnect after a pause.
    pub const GOING_AWAY: Self = Self::new(1001, "going away");
    /// The client broke the framing rules, an unmasked frame for instance. Reconnecting will not mend it.
    pub const PROTOCOL_ERROR: Self = Self::new(1002, "protocol error");
    /// This kind of message (text or binary) is not taken here.
    pub const UNSUPPORTED: Self = Self::new(1003, "this kind of message is not taken here");
    /// Nobody said why. Never sent: it stands for a close frame without a code (RFC 6455 §7.1.5).
    pub const NO_STATUS: Self = Self::new(1005, "no reason given");
    /// The connection broke without a close frame. Never sent: it is only recorded.
    pub const ABNORMAL: Self = Self::new(1006, "the connection was lost");
    /// A text message was not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self::new(1007, "text must be utf-8");
    /// A rule of this server or of the endpoint forbids what the client did.
    pub const POLICY: Self = Self::new(1008, "not allowed here");
    /// A message was larger than the endpoint takes.
    pub const TOO_BIG: Self = Self::new(1009, "message too big");
    /// Something broke here, and nothing was acknowledged. Reconnect after a pause.
    pub const INTERNAL: Self = Self::new(1011, "internal error");
    /// Try again later (RFC 6455 registry).
    pub const TRY_AGAIN: Self = Self::new(1013, "try again later");

    /// There is no such endpoint.
    pub const NO_ENDPOINT: Self = Self::new(4001, "no such endpoint");
    /// The endpoint is switched off.
    pub const DISABLED: Self = Self::new(4003, "endpoint disabled");
    /// A quota of the tenant is used up.
    pub const OVER_QUOTA: Self = Self::new(4004, "over quota");
    /// The token is missing, wrong or was expired from the start. Fetch another one first.
    pub const UNAUTHORIZED: Self = Self::new(4009, "unauthorized");
    /// The endpoint's purpose waits for a consent that is not there. Ask the person first.
    pub const CONSENT_MISSING: Self = Self::new(4030, "consent missing");
    /// The person withdrew the consent. Nothing was delivered after it.
    pub const CONSENT_WITHDRAWN: Self = Self::new(4031, "consent withdrawn");
    /// The person restricted the processing (GDPR Art. 18).
    pub const PROCESSING_RESTRICTED: Self = Self::new(4032, "processing restricted");
    /// The person was erased; the token's subject means nobody any more.
    pub const SUBJECT_ERASED: Self = Self::new(4033, "subject erased");
    /// The tenant ended this session.
    pub const DISCONNECTED_BY_TENANT: Self = Self::new(4034, "disconnected by the tenant");

    /// More than this server takes now. Come back after a second or more.
    pub const OVER_CAPACITY: Self = Self::new(4100, "over capacity");
    /// The tenant's back end cannot be reached, or has no socket to spare.
    pub const UPSTREAM_UNAVAILABLE: Self = Self::new(4101, "upstream unavailable");
    /// The client did not read fast enough, and what waited for it was dropped.
    pub const SLOW_CONSUMER: Self = Self::new(4102, "slow consumer");

    /// This node is going; another one answers. Reconnect at once.
    pub const RECONNECT: Self = Self::new(4200, "reconnect");
    /// A ping was not answered in time. Reconnect at once.
    pub const NO_PONG: Self = Self::new(4201, "no pong");
    /// Nothing was said for too long. Reconnect at once.
    pub const INACTIVITY: Self = Self::new(4202, "inactivity");
    /// The token expired while connected. Fetch another one and reconnect at once.
    pub const TOKEN_EXPIRED: Self = Self::new(4203, "token expired");

    /// A code and a reason that is part of the program.
    pub const fn new(code: u16, reason: &'static str) -> Self {
        Self {
            code,
            reason: Cow::Borrowed(reason),
        }
    }

    /// One that another node names.
    pub(crate) fn known(code: u16, reason: &str) -> Self {
        let ours = [
            Self::NO_ENDPOINT,
            Self::DISABLED,
            Self::UNAUTHORIZED,
            Self::CONSENT_MISSING,
            Self::CONSENT_WITHDRAWN,
            Self::PROCESSING_RESTRICTED,
            Self::SUBJECT_ERASED,
            Self::DISCONNECTED_BY_TENANT,
            Self::RECONNECT,
        ];
        let ours = ours
            .into_iter()
            .find(|close| close.code == code && close.reason == reason);
        ours.unwrap_or_else(|| Self::received(code, reason))
    }

    /// What a peer sent, to be passed on: the reason is cut to what fits a frame.
    pub fn received(code: u16, reason: &str) -> Self {
        let mut end = reason.len().min(MAX_REASON);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        Self {
            code,
            reason: Cow::Owned(reason[..end].into()),
        }
    }

    /// The same close without words that somebody else chose, which are not ours to keep in a record.
    #[must_use]
    pub fn recorded(&self) -> Self {
        match &self.reason {
            Cow::Borrowed(reason) => Self::new(self.code, reason),
            Cow::Owned(_) => Self::new(self.code, "closed by the peer"),
        }
    }

    /// What the client should do next.
    pub const fn retry(&self) -> Retry {
        match self.code {
            1001 | 1006 | 1011..=1013 | 4100..=4199 => Retry::Later,
            4200..=4299 => Retry::Now,
            _ => Retry::Never,
        }
    }

    /// Whether the code may stand in a close frame (RFC 6455 §7.4.2).
    pub(crate) const fn is_sendable(&self) -> bool {
        matches!(self.code, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.reason)
    }
}

impl From<Refusal> for Close {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoEndpoint => Self::NO_ENDPOINT,
            Refusal::Disabled => Self::DISABLED,
            Refusal::ConsentMissing => Self::CONSENT_MISSING,
            Refusal::Restricted => Self::PROCESSING_RESTRICTED,
            Refusal::Gone => Self::SUBJECT_ERASED,
            Refusal::NotAllowed => Self::POLICY,
            Refusal::TooLarge => Self::TOO_BIG,
            Refusal::Opaque => Self::UNSUPPORTED,
            Refusal::OverQuota => Self::OVER_QUOTA,
            Refusal::Unavailable => Self::TRY_AGAIN,
        }
    }
}

impl From<JournalFault> for Close {
    fn from(fault: JournalFault) -> Self {
        match fault {
            JournalFault::Full => Self::OVER_CAPACITY,
            JournalFault::Failed => Self::INTERNAL,
            JournalFault::Stopping => Self::RECONNECT,
            JournalFault::Refused => Self::POLICY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_says_whether_to_come_back() {
        assert_eq!(Close::CONSENT_WITHDRAWN.retry(), Retry::Never);
        assert_eq!(Close::PROTOCOL_ERROR.retry(), Retry::Never);
        assert_eq!(Close::OVER_CAPACITY.retry(), Retry::Later);
        assert_eq!(Close::GOING_AWAY.retry(), Retry::Later);
        assert_eq!(Close::TOKEN_EXPIRED.retry(), Retry::Now);
    }

    #[test]
    fn a_peers_reason_is_cut_on_a_character_and_never_recorded() {
        let close = Close::received(4999, &"é".repeat(100));
        assert_eq!(close.reason.len(), 122);
        assert_eq!(close.recorded(), Close::new(4999, "closed by the peer"));
        assert_eq!(Close::NORMAL.recorded(), Close::NORMAL);
    }

    #[test]
    fn codes_that_only_stand_for_something_are_never_sent() {
        for close in [
            Close::NO_STATUS,
            Close::ABNORMAL,
            Close::new(1015, ""),
            Close::new(999, ""),
            Close::new(5000, ""),
        ] {
            assert!(!close.is_sendable(), "{close}");
        }
        assert!(Close::SLOW_CONSUMER.is_sendable());
    }
}
