//! Doors for the fuzz targets: one function for each parser that strangers feed. Not for use. `broker/tests/fuzz` drives them.

use ring::hmac;
use serde_json::value::RawValue;

use crate::{
    host::Signing,
    pusher::{
        client::{ClientEvent, MAX_CHANNELS, MAX_ID},
        names::{ChannelName, Kind, MAX_CHANNEL, MAX_EVENT, MAX_USER, is_user_id, user_channel},
        signature::{self, request::sign_request},
        user::{ChannelData, MAX_INFO, MAX_WATCHED, UserData},
    },
    wire::{
        Side,
        reader::{Heard, Reader},
    },
};

/// A target.
pub type Target = fn(&[u8]);

/// All targets, with the names of their folders in `broker/tests/corpus`.
pub const TARGETS: [(&str, Target); 7] = [
    ("frames", frames),
    ("client_events", client_events),
    ("channel_names", channel_names),
    ("user_data", user_data),
    ("channel_data", channel_data),
    ("channel_auth", channel_auth),
    ("requests", requests),
];

/// The largest message of these readers.
const MAX_MESSAGE: usize = 4096;

/// Reads frames as a server does and as a client does: all bytes at once and, split as the first ones say, in pieces.
///
/// # Panics
/// When the two differ, or something came out that must not.
pub fn frames(data: &[u8]) {
    frames_as(Side::Server, data);
    frames_as(Side::Client, data);
}

fn frames_as(side: Side, data: &[u8]) {
    let (cuts, bytes) = data.split_at(data.len().min(8));
    let whole = read(side, bytes, std::iter::once(bytes.len().max(1)));
    let sizes = cuts.iter().map(|cut| usize::from(*cut).max(1));
    assert_eq!(whole, read(side, bytes, sizes), "pieces change the outcome");
    let mut over = false;
    for heard in &whole {
        assert!(!over, "something follows the end");
        match heard {
            Heard::Message(opcode, bytes) => {
                assert!(bytes.len() <= MAX_MESSAGE, "too big");
                let is_text = *opcode == crate::host::Opcode::Text;
                assert!(!is_text || std::str::from_utf8(bytes).is_ok(), "not utf-8");
            }
            Heard::Ping(payload) => assert!(payload.len() <= 125, "a long ping"),
            Heard::Pong => {}
            Heard::Closed(_) | Heard::Fault(_) => over = true,
        }
    }
}

/// Everything that is heard in bytes that come in pieces of these sizes, over and over.
fn read(side: Side, mut bytes: &[u8], sizes: impl Iterator<Item = usize> + Clone) -> Vec<Heard> {
    let mut reader = Reader::new(side, MAX_MESSAGE);
    let mut all = Vec::new();
    let mut sizes = sizes.cycle();
    while !bytes.is_empty() {
        let length = sizes.next().unwrap_or(1).min(bytes.len());
        let (mut piece, rest) = bytes.split_at(length);
        bytes = rest;
        while let Some(heard) = reader.next(&mut piece) {
            all.push(heard);
        }
    }
    all
}

/// Reads what a client says.
///
/// # Panics
/// When something came out that must not.
pub fn client_events(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match ClientEvent::parse(text) {
        Ok(ClientEvent::Client(said)) => {
            assert!(said.event.starts_with("client-"), "no client event");
            assert!(said.event.chars().count() <= MAX_EVENT, "a long name");
            if let Some(id) = said.id {
                assert!((1..=MAX_ID).contains(&id.chars().count()), "a long id");
            }
        }
        Ok(ClientEvent::Hello(hello)) => {
            assert!(
                hello.recover.len() <= MAX_CHANNELS && hello.rewind.len() <= MAX_CHANNELS,
                "many channels"
            );
        }
        Ok(ClientEvent::History(asked)) => {
            assert!((1..=MAX_ID).contains(&asked.id.chars().count()), "a long id");
        }
        // Answered with a sentence of ours, which has a bound.
        Err(fault) => assert!(fault.to_string().len() < 200, "many words"),
        Ok(_) => {}
    }
}

/// Reads the name of a channel.
///
/// # Panics
/// When it means something else than it says.
pub fn channel_names(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(name) = ChannelName::parse(text) else {
        return;
    };
    assert_eq!(name.as_str(), text);
    if let Some(user) = name.server_to_user() {
        assert_eq!((name.kind(), user_channel(user).as_str()), (Kind::User, text));
        assert!(is_user_id(user) && user.chars().count() <= MAX_USER, "no user");
        return;
    }
    assert!(
        text.is_ascii() && (1..=MAX_CHANNEL).contains(&text.len()),
        "no name"
    );
    let is_guarded = text.starts_with("private-") || text.starts_with("presence-");
    assert_eq!(name.needs_auth(), is_guarded, "who may subscribe");
    assert!(
        !name.allows_client_events() || name.needs_auth(),
        "anybody could publish"
    );
}

/// Reads what was signed with a sign-in.
///
/// # Panics
/// When something came out that must not.
pub fn user_data(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(user) = UserData::parse(text) {
        assert!(is_user_id(&user.id), "no user");
        assert!(user.watchlist.len() <= MAX_WATCHED, "a long list");
        assert!(user.watchlist.iter().all(|user| is_user_id(user)), "no user");
        is_info(user.user_info.as_deref());
    }
}

/// Reads what was signed with a presence channel.
///
/// # Panics
/// When something came out that must not.
pub fn channel_data(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(member) = ChannelData::parse(text) {
        assert!(is_user_id(&member.user_id), "no user");
        is_info(member.user_info.as_deref());
    }
}

/// What others are told of somebody is put between other JSON as it is.
fn is_info(info: Option<&str>) {
    if let Some(info) = info {
        assert!(info.len() <= MAX_INFO, "much to tell");
        assert!(serde_json::from_str::<&RawValue>(info).is_ok(), "no json");
    }
}

const KEY: &str = "278d425bdf160c739803";
const NOW: u64 = 1_790_000_000;

fn secret() -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, b"7ad3773142a6692b25b8")
}

fn signing() -> Signing {
    Signing {
        key: KEY.into(),
        secrets: vec![secret()],
    }
}

/// Checks a signature for a channel and a sign-in: the first line is the signature, the rest is what was signed.
///
/// # Panics
/// When it is taken though it is another than ours, or ours is not taken.
pub fn channel_auth(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (auth, signed) = text.split_once('\n').unwrap_or((text, ""));
    let (channel, channel_data) = signed.split_once('\n').unzip();
    let channel = channel.unwrap_or(signed);
    let signing = signing();
    let ours = signature::sign_channel(KEY, &secret(), "1.2", channel, channel_data);
    assert!(signature::verify_channel(
        &signing,
        "1.2",
        channel,
        channel_data,
        &ours
    ));
    let taken = signature::verify_channel(&signing, "1.2", channel, channel_data, auth);
    // Hexadecimal may be written in capitals.
    assert_eq!(
        taken,
        auth.eq_ignore_ascii_case(&ours) && auth.starts_with(KEY),
        "{auth}"
    );
    let ours = signature::sign_user(KEY, &secret(), "1.2", signed);
    assert!(signature::verify_user(&signing, "1.2", signed, &ours));
    let taken = signature::verify_user(&signing, "1.2", signed, auth);
    assert_eq!(
        taken,
        auth.eq_ignore_ascii_case(&ours) && auth.starts_with(KEY),
        "{auth}"
    );
}

/// Checks a signed request: the first line is its query, the second its path, the rest its body.
///
/// # Panics
/// When one is taken that nobody signed, or what we sign ourselves is not taken.
pub fn requests(data: &[u8]) {
    let mut parts = data.splitn(3, |byte| *byte == b'\n');
    let mut part = || parts.next().unwrap_or_default();
    let (Ok(query), Ok(path), body) = (std::str::from_utf8(part()), std::str::from_utf8(part()), part())
    else {
        return;
    };
    let signing = signing();
    let taken = signature::verify_request(&signing, "POST", path, query, body, NOW);
    // Those that are in the corpus are signed; changed by chance, none is.
    if taken.is_ok() {
        let other = Signing {
            key: KEY.into(),
            secrets: vec![hmac::Key::new(hmac::HMAC_SHA256, b"another")],
        };
        let other = signature::verify_request(&other, "POST", path, query, body, NOW);
        assert!(other.is_err(), "whatever the secret");
    }
    let signed = sign_request(KEY, &secret(), "POST", path, &[("name", query)], body, NOW);
    let verified = signature::verify_request(&signing, "POST", path, &signed, body, NOW);
    // What could be signed for two queries is refused, and one that is longer than any is looked at.
    let is_refused = query.contains('&') || signed.len() > 16 * 1024;
    assert_eq!(verified.is_err(), is_refused, "{verified:?}");
    let replayed = signature::verify_request(&signing, "POST", path, &signed, body, NOW + 601);
    assert!(replayed.is_err(), "too old");
}
