//! Who somebody is in the tenant's words: `user_data` of a sign-in, `channel_data` of a presence channel. Both were signed by
//! the tenant, and both come through the hands of a client.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, SeqAccess},
};
use serde_json::value::RawValue;

use super::{
    names::{MAX_USER, is_user_id},
    text::is_deeper,
};

/// Most users that one connection watches.
pub(crate) const MAX_WATCHED: usize = 100;
/// Largest `user_info`, in bytes.
pub(crate) const MAX_INFO: usize = 1_024;
/// Deepest nesting of `user_info`.
const MAX_DEPTH: usize = 16;

/// Who signs in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UserData {
    /// The user's id.
    pub(crate) id: Box<str>,
    /// What others on a presence channel are told of them: JSON.
    pub(crate) user_info: Option<Box<str>>,
    /// Whose coming and going they want to hear of: the first [`MAX_WATCHED`].
    pub(crate) watchlist: Vec<Box<str>>,
    /// Whether the list was longer.
    pub(crate) watches_too_many: bool,
}

/// Who joins a presence channel.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ChannelData {
    /// The member's id.
    pub(crate) user_id: Box<str>,
    /// What the others are told of them: JSON.
    pub(crate) user_info: Option<Box<str>>,
}

/// Why data that was signed says nothing all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UserFault {
    /// Not an object with an id, or with something else where the list or the id should be.
    #[error("{0} is an object with an id, a text or a whole number")]
    Shape(&'static str),
    /// Empty, too long, or not printable.
    #[error("the id of a user has 1 to {MAX_USER} printable characters")]
    Id,
    /// More than the others are told.
    #[error("user_info has at most {MAX_INFO} bytes and {MAX_DEPTH} levels")]
    Info,
}

impl UserData {
    /// Reads the data of a sign-in: `{id, watchlist?}` and whatever else the tenant puts there for its clients.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, UserFault> {
        #[derive(Deserialize)]
        struct Data<'a> {
            id: Id,
            #[serde(borrow)]
            user_info: Option<&'a RawValue>,
            #[serde(default)]
            watchlist: Option<Watchlist>,
        }

        let data: Data<'_> = serde_json::from_str(text).map_err(|_| UserFault::Shape("user_data"))?;
        let watchlist = data.watchlist.unwrap_or_default();
        if !watchlist
            .users
            .iter()
            .chain([&data.id])
            .all(|id| is_user_id(&id.0))
        {
            return Err(UserFault::Id);
        }
        Ok(Self {
            id: data.id.0,
            // Larger than others are told of anybody, it is the tenant's own affair.
            user_info: info(data.user_info).unwrap_or_default(),
            watchlist: watchlist.users.into_iter().map(|id| id.0).collect(),
            watches_too_many: watchlist.cut,
        })
    }
}

impl ChannelData {
    /// Reads the data of a presence channel: `{user_id, user_info?}`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, UserFault> {
        #[derive(Deserialize)]
        struct Data<'a> {
            user_id: Id,
            #[serde(borrow)]
            user_info: Option<&'a RawValue>,
        }

        let data: Data<'_> = serde_json::from_str(text).map_err(|_| UserFault::Shape("channel_data"))?;
        if !is_user_id(&data.user_id.0) {
            return Err(UserFault::Id);
        }
        Ok(Self {
            user_id: data.user_id.0,
            user_info: info(data.user_info)?,
        })
    }
}

/// What others are told of somebody, as it was written.
fn info(info: Option<&RawValue>) -> Result<Option<Box<str>>, UserFault> {
    match info.map(RawValue::get) {
        Some(info) if info.len() > MAX_INFO || is_deeper(info, MAX_DEPTH) => Err(UserFault::Info),
        info => Ok(info.map(Into::into)),
    }
}

/// An id: a text, or a whole number, which is taken for its digits.
#[derive(Debug)]
struct Id(Box<str>);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Id;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a whole number")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Id, E> {
                Ok(Id(text.into()))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Id, E> {
                Ok(Id(number.to_string().into()))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Id, E> {
                Ok(Id(number.to_string().into()))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

/// The first users of a list.
#[derive(Debug, Default)]
struct Watchlist {
    users: Vec<Id>,
    cut: bool,
}

impl<'de> Deserialize<'de> for Watchlist {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Watchlist;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of ids")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Watchlist, A::Error> {
                let mut watchlist = Watchlist::default();
                while watchlist.users.len() < MAX_WATCHED {
                    match list.next_element()? {
                        Some(id) => watchlist.users.push(id),
                        None => return Ok(watchlist),
                    }
                }
                while list.next_element::<IgnoredAny>()?.is_some() {
                    watchlist.cut = true;
                }
                Ok(watchlist)
            }
        }

        deserializer.deserialize_seq(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_names_its_user_and_whom_they_watch() {
        let data =
            UserData::parse(r#"{"id":"12345","name":"Ada","user_info":{"a":1},"watchlist":["bob",7]}"#);
        assert_eq!(
            data,
            Ok(UserData {
                id: "12345".into(),
                user_info: Some(r#"{"a":1}"#.into()),
                watchlist: vec!["bob".into(), "7".into()],
                watches_too_many: false,
            })
        );
        assert_eq!(
            &*UserData::parse(r#"{"id":-5,"watchlist":null}"#).unwrap().id,
            "-5"
        );
    }

    #[test]
    fn of_a_long_watchlist_the_first_hundred_count() {
        let data = |n: u32| {
            UserData::parse(
                &serde_json::json!({"id": "a", "watchlist": (0..n).collect::<Vec<_>>()}).to_string(),
            )
        };
        let exact = data(100).unwrap();
        assert_eq!((exact.watchlist.len(), exact.watches_too_many), (100, false));
        let long = data(150).unwrap();
        assert_eq!((long.watchlist.len(), long.watches_too_many), (100, true));
        assert_eq!(&*long.watchlist[99], "99");
    }

    #[test]
    fn a_member_is_told_of_as_the_tenant_wrote_it() {
        let data =
            ChannelData::parse(r#"{"user_id":10,"user_info":{"name": "Mr. Channels", "n":1.50}}"#).unwrap();
        assert_eq!(&*data.user_id, "10");
        assert_eq!(
            data.user_info.as_deref(),
            Some(r#"{"name": "Mr. Channels", "n":1.50}"#)
        );
        assert_eq!(ChannelData::parse(r#"{"user_id":"a"}"#).unwrap().user_info, None);
    }

    #[test]
    fn what_names_nobody_is_refused() {
        let long = "x".repeat(MAX_USER + 1);
        for text in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"id":null}"#,
            r#"{"id":1.5}"#,
            r#"{"id":["a"]}"#,
            r#"{"id":"a","id":"b"}"#,
        ] {
            assert_eq!(
                UserData::parse(text),
                Err(UserFault::Shape("user_data")),
                "{text}"
            );
        }
        for text in [
            r#"{"id":""}"#,
            r#"{"id":"a\u0000"}"#,
            &format!(r#"{{"id":"{long}"}}"#),
            r#"{"id":"a","watchlist":[""]}"#,
        ] {
            assert_eq!(UserData::parse(text), Err(UserFault::Id), "{text}");
        }
        assert_eq!(
            UserData::parse(r#"{"id":"a","watchlist":{}}"#),
            Err(UserFault::Shape("user_data"))
        );
        assert_eq!(
            ChannelData::parse(r#"{"id":"a"}"#),
            Err(UserFault::Shape("channel_data"))
        );
        for info in [
            format!("\"{}\"", "x".repeat(MAX_INFO)),
            format!("{}{}", "[".repeat(17), "]".repeat(17)),
        ] {
            let text = format!(r#"{{"user_id":"a","user_info":{info}}}"#);
            assert_eq!(ChannelData::parse(&text), Err(UserFault::Info));
        }
    }
}
