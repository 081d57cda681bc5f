//! What a named message is called, and by whom: sealed in front of what it says.
//!
//! Length of the event's name (u16, little-endian), the name, length of the member's id (u16, little-endian; 0: none),
//! the id, and then what the message says. That a row is sealed so is said by [`super::NAMED`] in its flags.

use bytes::Bytes;

/// A name of more bytes than this, or a member's id, cannot be told from what follows. Far beyond what passes: an event's
/// name has at most 200 characters, a member's id 128.
const MOST: usize = u16::MAX as usize;

/// A message's name, ready to be sealed.
#[derive(Clone, PartialEq, Eq)]
pub struct Label(Box<[u8]>);

/// A name, or a member's id, that is longer than any that passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event's name or a member's id is longer than {MOST} bytes")]
pub struct TooLong;

impl Label {
    /// The name of an event and, on a presence channel, the tenant's own id of the member who sent it.
    ///
    /// # Errors
    /// [`TooLong`] when one of them has more than 65,535 bytes.
    pub fn new(event: &str, user: Option<&str>) -> Result<Self, TooLong> {
        let user = user.unwrap_or_default();
        let mut bytes = Vec::with_capacity(4 + event.len() + user.len());
        for part in [event, user] {
            let length = u16::try_from(part.len()).map_err(|_| TooLong)?;
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        Ok(Self(bytes.into_boxed_slice()))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Label {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Label({} bytes)", self.0.len())
    }
}

/// A message that was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// What it was called, if it was.
    pub event: Option<Box<str>>,
    /// The tenant's own id of the member who sent it, where it has one.
    pub user: Option<Box<str>>,
    /// What it says.
    pub data: Bytes,
}

/// Takes apart what was sealed. None when it is not what [`Label`] makes.
pub(crate) fn take_apart(opened: Vec<u8>, is_named: bool) -> Option<Said> {
    let mut data = Bytes::from(opened);
    if !is_named {
        return Some(Said {
            event: None,
            user: None,
            data,
        });
    }
    let event = part(&mut data)?;
    let user = part(&mut data)?;
    Some(Said {
        event: Some(event),
        user: (!user.is_empty()).then_some(user),
        data,
    })
}

fn part(bytes: &mut Bytes) -> Option<Box<str>> {
    let length = usize::from(u16::from_le_bytes(bytes.get(..2)?.try_into().ok()?));
    let text = std::str::from_utf8(bytes.get(2..2 + length)?).ok()?.into();
    *bytes = bytes.slice(2 + length..);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(event: &str, user: Option<&str>, data: &[u8]) -> Vec<u8> {
        [Label::new(event, user).unwrap().bytes(), data].concat()
    }

    #[test]
    fn a_name_comes_back_apart_from_what_is_said() {
        for (event, user, data) in [
            ("greeting", None, b"hello".as_slice()),
            ("client-typing", Some("user-7"), b""),
            ("é", Some("\u{1f600}"), b"\x00\xff"),
            ("", None, b"nameless, which is not the same as unnamed"),
        ] {
            let said = take_apart(sealed(event, user, data), true).unwrap();
            assert_eq!(said.event.as_deref(), Some(event));
            assert_eq!(said.user.as_deref(), user);
            assert_eq!(&said.data[..], data);
        }
        let said = take_apart(b"plain".to_vec(), false).unwrap();
        assert_eq!(
            (said.event, said.user, &said.data[..]),
            (None, None, &b"plain"[..])
        );
    }

    #[test]
    fn what_is_cut_short_or_no_text_is_not_taken_apart() {
        let whole = sealed("event", Some("user"), b"");
        for end in 0..whole.len() {
            assert_eq!(take_apart(whole[..end].to_vec(), true), None, "{end} bytes");
        }
        assert_eq!(take_apart(vec![1, 0, 0xff, 0, 0], true), None);
    }

    #[test]
    fn what_is_longer_than_its_length_can_say_is_refused() {
        let longest = "x".repeat(MOST);
        assert!(Label::new(&longest, Some(&longest)).is_ok());
        let longer = "x".repeat(MOST + 1);
        assert_eq!(Label::new(&longer, None), Err(TooLong));
        assert_eq!(Label::new("x", Some(&longer)), Err(TooLong));
    }
}
