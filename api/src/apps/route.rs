//! Which call it is. Paths are compared as they came: they are part of what was signed.

use std::borrow::Cow;

use poem::http::{Method, StatusCode};

use super::answer::Fault;

/// A call, and what its path names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Events,
    BatchEvents,
    Channels,
    Channel(Cow<'a, str>),
    Users(Cow<'a, str>),
    TerminateConnections(Cow<'a, str>),
}

impl Route<'_> {
    /// What it is called in metrics and logs.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::BatchEvents => "batch_events",
            Self::Channels => "channels",
            Self::Channel(_) => "channel",
            Self::Users(_) => "users",
            Self::TerminateConnections(_) => "terminate_connections",
        }
    }
}

/// The application's id, where the path names it, and the call.
pub(super) fn parse<'a>(method: &Method, path: &'a str) -> Result<(Option<&'a str>, Route<'a>), Fault> {
    let unknown = || Fault::new(StatusCode::NOT_FOUND, "there is nothing under this path");
    let (app_id, rest) = if path.starts_with("/users/") {
        (None, &path[1..])
    } else {
        let path = path.strip_prefix("/apps/").ok_or_else(unknown)?;
        let (app_id, rest) = path.split_once('/').ok_or_else(unknown)?;
        (Some(app_id), rest)
    };
    let named = |name| decode(name).filter(|name| !name.is_empty()).ok_or_else(unknown);
    let (wanted, route) = match rest.split_once('/') {
        None => match rest {
            "events" => (Method::POST, Route::Events),
            "batch_events" => (Method::POST, Route::BatchEvents),
            "channels" => (Method::GET, Route::Channels),
            _ => return Err(unknown()),
        },
        Some(("channels", rest)) => match rest.split_once('/') {
            None => (Method::GET, Route::Channel(named(rest)?)),
            Some((name, "users")) => (Method::GET, Route::Users(named(name)?)),
            Some(_) => return Err(unknown()),
        },
        Some(("users", rest)) => match rest.split_once('/') {
            Some((user, "terminate_connections")) => {
                (Method::POST, Route::TerminateConnections(named(user)?))
            }
            _ => return Err(unknown()),
        },
        Some(_) => return Err(unknown()),
    };
    if *method != wanted {
        let text = format!("use {wanted} for this");
        return Err(Fault::new(StatusCode::METHOD_NOT_ALLOWED, text));
    }
    Ok((app_id, route))
}

/// A segment of a path without its percent escapes (RFC 3986 §2.1); none when what they stand for is not UTF-8.
fn decode(segment: &str) -> Option<Cow<'_, str>> {
    if !segment.contains('%') {
        return Some(Cow::Borrowed(segment));
    }
    let mut decoded = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let (byte, after) = match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                (u8::try_from(digit(high)? * 16 + digit(low)?).ok()?, after)
            }
            (b'%', _) => return None,
            (byte, after) => (*byte, after),
        };
        decoded.push(byte);
        rest = after;
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_found_by_its_path() {
        let channel = |name: &'static str| Cow::Borrowed(name);
        for (method, path, route) in [
            (Method::POST, "/apps/7/events", Route::Events),
            (Method::POST, "/apps/7/batch_events", Route::BatchEvents),
            (Method::GET, "/apps/7/channels", Route::Channels),
            (
                Method::GET,
                "/apps/7/channels/presence-a",
                Route::Channel(channel("presence-a")),
            ),
            (
                Method::GET,
                "/apps/7/channels/a%40b%2Cc",
                Route::Channel(channel("a@b,c")),
            ),
            (
                Method::GET,
                "/apps/7/channels/presence-a/users",
                Route::Users(channel("presence-a")),
            ),
            (
                Method::POST,
                "/apps/7/users/%C3%A4da%2F1/terminate_connections",
                Route::TerminateConnections(channel("äda/1")),
            ),
        ] {
            assert_eq!(parse(&method, path).unwrap(), (Some("7"), route), "{path}");
        }
        let terminate = Route::TerminateConnections("ada".into());
        assert_eq!(
            parse(&Method::POST, "/users/ada/terminate_connections").unwrap(),
            (None, terminate),
            "as the Python SDK asks for it"
        );
    }

    #[test]
    fn what_is_no_call_is_not_found_and_another_method_is_told_the_right_one() {
        for path in [
            "/apps/7",
            "/apps/7/",
            "/apps/7/nothing",
            "/apps/7/channels/",
            "/apps/7/channels/a/members",
            "/apps/7/channels/a%2/users",
            "/apps/7/channels/%ff",
            "/apps/7/users/ada",
            "/apps/7/events/1",
        ] {
            let fault = format!("{:?}", parse(&Method::GET, path).unwrap_err());
            assert!(fault.contains("404"), "{path}: {fault}");
        }
        let fault = format!("{:?}", parse(&Method::GET, "/apps/7/events").unwrap_err());
        assert!(fault.contains("405") && fault.contains("POST"), "{fault}");
    }
}
