//! The name of a session in the Pusher protocol: two decimal numbers with a dot between them, which are the halves of the
//! session's own id. One is made from the other and back, so nobody keeps a table.

use std::{fmt, str::FromStr};

use uuid::Uuid;

/// A session's id, written as the Pusher protocol writes it.
///
/// ```
/// use broker::SocketId;
///
/// let socket = SocketId(uuid::Uuid::from_u64_pair(123, 456));
/// assert_eq!(socket.to_string(), "123.456");
/// assert_eq!("123.456".parse(), Ok(socket));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SocketId(pub Uuid);

/// The text is not a socket id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a socket id is two decimal numbers with a dot between them")]
pub struct SocketIdFault;

impl fmt::Display for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (high, low) = self.0.as_u64_pair();
        write!(f, "{high}.{low}")
    }
}

impl FromStr for SocketId {
    type Err = SocketIdFault;

    fn from_str(text: &str) -> Result<Self, SocketIdFault> {
        let (high, low) = text.split_once('.').ok_or(SocketIdFault)?;
        Ok(Self(Uuid::from_u64_pair(half(high)?, half(low)?)))
    }
}

/// Digits alone: the standard library would take a sign.
fn half(text: &str) -> Result<u64, SocketIdFault> {
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(SocketIdFault);
    }
    text.parse().map_err(|_| SocketIdFault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_session_has_one_and_it_leads_back() {
        for id in [
            Uuid::nil(),
            Uuid::max(),
            Uuid::from_u128(0x0192_7f00_dead_beef_8000_0000_0000_0001),
        ] {
            assert_eq!(SocketId(id).to_string().parse(), Ok(SocketId(id)));
        }
    }

    #[test]
    fn what_is_no_socket_id_is_refused() {
        for text in [
            "",
            ".",
            "1",
            "1.",
            ".1",
            "+1.2",
            "1.-2",
            "1.2.3",
            "1.2 ",
            "a.b",
            "18446744073709551616.1",
        ] {
            assert_eq!(text.parse::<SocketId>(), Err(SocketIdFault), "{text:?}");
        }
    }
}
