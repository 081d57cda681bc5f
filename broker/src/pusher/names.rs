//! Channel names of the Pusher protocol: what they may look like, and what their prefix means.

/// Longest channel name, in characters. All of them are ASCII but those of a person's own channel.
pub const MAX_CHANNEL: usize = 164;
/// Longest event name, in characters.
pub const MAX_EVENT: usize = 200;
/// Longest id of a user, in characters.
pub const MAX_USER: usize = 128;

const SERVER_TO_USER: &str = "#server-to-user-";

/// What a channel's prefix says about who may subscribe and what is known of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// No prefix: anybody.
    Public,
    /// `private-`: whom the tenant signed for.
    Private,
    /// `presence-`: like private, and the members know of each other.
    Presence,
    /// `private-encrypted-`: like private, and what is said is sealed between the tenant and the members. It passes here
    /// as it is.
    Encrypted,
    /// `#server-to-user-<id>`: what the tenant says to one person, on all their signed-in connections. Nobody subscribes to
    /// it but that person.
    User,
}

/// Why a text is not the name of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameFault {
    /// There is nothing.
    #[error("the channel has no name")]
    Empty,
    /// More than [`MAX_CHANNEL`] characters.
    #[error("a channel's name has at most {MAX_CHANNEL} characters")]
    TooLong,
    /// A character that no channel's name has.
    #[error("a channel's name consists of A-Z, a-z, 0-9 and _ - = @ , . ;")]
    Character,
}

/// The name of a channel.
///
/// ```
/// use broker::pusher::names::{ChannelName, Kind};
///
/// let name = ChannelName::parse("presence-cache-room.7")?;
/// assert_eq!(name.kind(), Kind::Presence);
/// assert!(name.is_cache() && name.needs_auth() && name.allows_client_events());
/// # Ok::<(), broker::pusher::names::NameFault>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChannelName<'a> {
    text: &'a str,
    kind: Kind,
    cache: bool,
}

impl<'a> ChannelName<'a> {
    /// Reads a name.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &'a str) -> Result<Self, NameFault> {
        if let Some(user) = text.strip_prefix(SERVER_TO_USER) {
            if !is_user_id(user) {
                return Err(NameFault::Character);
            }
            return Ok(Self {
                text,
                kind: Kind::User,
                cache: false,
            });
        }
        if text.is_empty() {
            return Err(NameFault::Empty);
        }
        // Whether all are ASCII is not known yet, but then there are fewer characters than bytes.
        if text.len() > MAX_CHANNEL && text.chars().count() > MAX_CHANNEL {
            return Err(NameFault::TooLong);
        }
        if !text.bytes().all(is_name_byte) {
            return Err(NameFault::Character);
        }
        let (kind, rest) = if let Some(rest) = text.strip_prefix("private-encrypted-") {
            (Kind::Encrypted, rest)
        } else if let Some(rest) = text.strip_prefix("private-") {
            (Kind::Private, rest)
        } else if let Some(rest) = text.strip_prefix("presence-") {
            (Kind::Presence, rest)
        } else {
            (Kind::Public, text)
        };
        Ok(Self {
            text,
            kind,
            cache: rest.starts_with("cache-"),
        })
    }

    /// The name as it is written.
    pub fn as_str(self) -> &'a str {
        self.text
    }

    /// What its prefix says.
    pub fn kind(self) -> Kind {
        self.kind
    }

    /// Whether the last event is kept for those who come later.
    pub fn is_cache(self) -> bool {
        self.cache
    }

    /// Whether a subscription needs the tenant's signature.
    pub fn needs_auth(self) -> bool {
        matches!(self.kind, Kind::Private | Kind::Presence | Kind::Encrypted)
    }

    /// Whether clients may publish on it at all. Nobody but the tenant could read what a client says on an encrypted channel,
    /// and on a public one nobody vouches for them.
    pub fn allows_client_events(self) -> bool {
        matches!(self.kind, Kind::Private | Kind::Presence)
    }

    /// The user whose own channel it is.
    pub fn server_to_user(self) -> Option<&'a str> {
        self.text.strip_prefix(SERVER_TO_USER)
    }
}

/// The name of the channel on which the tenant speaks to one person.
pub fn user_channel(user: &str) -> String {
    [SERVER_TO_USER, user].concat()
}

/// Whether a text may be the id of a user: anything printable, neither empty nor longer than [`MAX_USER`] characters.
pub fn is_user_id(text: &str) -> bool {
    !text.is_empty()
        && text.chars().take(MAX_USER + 1).count() <= MAX_USER
        && !text.chars().any(char::is_control)
}

/// Whether a text may be the name of an event: neither empty nor longer than [`MAX_EVENT`] characters.
pub fn is_event(text: &str) -> bool {
    !text.is_empty() && (text.len() <= MAX_EVENT || text.chars().take(MAX_EVENT + 1).count() <= MAX_EVENT)
}

fn is_name_byte(byte: u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'=' | b'@' | b',' | b'.' | b';')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_says_what_a_channel_is() {
        for (text, kind, cache, auth, client_events) in [
            ("news", Kind::Public, false, false, false),
            ("cache-news", Kind::Public, true, false, false),
            ("private-a", Kind::Private, false, true, true),
            ("private-cache-a", Kind::Private, true, true, true),
            ("private-encrypted-a", Kind::Encrypted, false, true, false),
            ("private-encrypted-cache-a", Kind::Encrypted, true, true, false),
            ("presence-a", Kind::Presence, false, true, true),
            ("presence-cache-a", Kind::Presence, true, true, true),
            ("privately", Kind::Public, false, false, false),
            ("presence", Kind::Public, false, false, false),
            ("my-private-a", Kind::Public, false, false, false),
            ("#server-to-user-ada@x", Kind::User, false, false, false),
        ] {
            let name = ChannelName::parse(text).unwrap();
            assert_eq!((name.kind(), name.is_cache()), (kind, cache), "{text}");
            assert_eq!(name.needs_auth(), auth, "{text}");
            assert_eq!(name.allows_client_events(), client_events, "{text}");
            assert_eq!(name.as_str(), text);
        }
    }

    #[test]
    fn a_persons_own_channel_names_the_person() {
        let name = user_channel("Ada Lövelace");
        assert_eq!(
            ChannelName::parse(&name).unwrap().server_to_user(),
            Some("Ada Lövelace")
        );
        assert_eq!(ChannelName::parse("news").unwrap().server_to_user(), None);
        for user in ["", "a\u{7}b", &"x".repeat(MAX_USER + 1)] {
            assert!(ChannelName::parse(&user_channel(user)).is_err(), "{user}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let (longest, too_long) = ("x".repeat(MAX_CHANNEL), "x".repeat(MAX_CHANNEL + 1));
        assert!(ChannelName::parse(&longest).is_ok());
        assert!(ChannelName::parse("aZ09_-=@,.;").is_ok());
        for (text, fault) in [
            ("", NameFault::Empty),
            (too_long.as_str(), NameFault::TooLong),
            ("a b", NameFault::Character),
            ("a:b", NameFault::Character),
            ("a#b", NameFault::Character),
            ("#other", NameFault::Character),
            ("a/b", NameFault::Character),
            ("ä", NameFault::Character),
            ("a\0", NameFault::Character),
        ] {
            assert_eq!(ChannelName::parse(text), Err(fault), "{text:?}");
        }
    }

    #[test]
    fn the_length_of_an_event_counts_characters() {
        assert!(is_event(&"ü".repeat(MAX_EVENT)));
        assert!(!is_event(&"ü".repeat(MAX_EVENT + 1)));
        assert!(!is_event(""));
    }
}
