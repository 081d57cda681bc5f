//! Signatures of the Pusher protocol: HMAC-SHA256, written in hexadecimal, under the endpoint's secret. What a client shows
//! (`auth = key:signature`), what the tenant's back end signs (query strings, in [`request`]), and webhooks.
//!
//! Comparisons take the same time whatever differs. Every secret of the endpoint is tried, so that a rotation breaks nothing
//! that was signed before it. The shared secret of an encrypted channel never comes here: it is the tenant's affair.

pub mod request;

use ring::hmac;
use subtle::ConstantTimeEq;

pub use request::{SignatureFault, verify_request};

use crate::host::Signing;

/// Longest `auth` that is looked at. Keys have 20 characters, signatures 64.
const MAX_AUTH: usize = 256;

/// Whether `auth` lets this connection subscribe to this channel. `channel_data` is what was signed with it on a presence
/// channel, byte for byte.
pub fn verify_channel(
    signing: &Signing,
    socket_id: &str,
    channel: &str,
    channel_data: Option<&str>,
    auth: &str,
) -> bool {
    let (parts, count) = channel_parts(socket_id, channel, channel_data);
    verify_auth(signing, &parts[..count], auth)
}

/// What is signed for a subscription, and how many of the parts are.
fn channel_parts<'a>(
    socket_id: &'a str,
    channel: &'a str,
    channel_data: Option<&'a str>,
) -> ([&'a str; 5], usize) {
    let parts = [socket_id, ":", channel, ":", channel_data.unwrap_or_default()];
    (parts, if channel_data.is_some() { 5 } else { 3 })
}

/// Whether `auth` lets this connection sign in as the user that `user_data` names.
pub fn verify_user(signing: &Signing, socket_id: &str, user_data: &str, auth: &str) -> bool {
    verify_auth(signing, &[socket_id, "::user::", user_data], auth)
}

/// What a tenant's back end answers to a client that wants to subscribe.
pub fn sign_channel(
    key: &str,
    secret: &hmac::Key,
    socket_id: &str,
    channel: &str,
    channel_data: Option<&str>,
) -> String {
    let (parts, count) = channel_parts(socket_id, channel, channel_data);
    [key, ":", &sign(secret, &parts[..count])].concat()
}

/// What a tenant's back end answers to a client that wants to sign in.
pub fn sign_user(key: &str, secret: &hmac::Key, socket_id: &str, user_data: &str) -> String {
    [key, ":", &sign(secret, &[socket_id, "::user::", user_data])].concat()
}

/// The signature of a webhook's body (`X-Pusher-Signature`).
pub fn sign_body(secret: &hmac::Key, body: &[u8]) -> String {
    hex::encode(hmac::sign(secret, body))
}

/// Whether a webhook's body was signed with one of the secrets.
pub fn verify_body(signing: &Signing, body: &[u8], signature: &str) -> bool {
    is_signed(signing, signature, |context| context.update(body))
}

fn verify_auth(signing: &Signing, signed: &[&str], auth: &str) -> bool {
    let Some((key, signature)) = (auth.len() <= MAX_AUTH).then(|| auth.rsplit_once(':')).flatten() else {
        return false;
    };
    key == &*signing.key
        && is_signed(signing, signature, |context| {
            for part in signed {
                context.update(part.as_bytes());
            }
        })
}

/// Whether `signature` is that of what `write` writes, under any secret.
fn is_signed(signing: &Signing, signature: &str, write: impl Fn(&mut hmac::Context)) -> bool {
    let mut shown = [0; 32];
    if hex::decode_to_slice(signature, &mut shown).is_err() {
        return false;
    }
    signing.secrets.iter().any(|secret| {
        let mut context = hmac::Context::with_key(secret);
        write(&mut context);
        context.sign().as_ref().ct_eq(&shown).into()
    })
}

fn sign(secret: &hmac::Key, parts: &[&str]) -> String {
    let mut context = hmac::Context::with_key(secret);
    for part in parts {
        context.update(part.as_bytes());
    }
    hex::encode(context.sign())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const KEY: &str = "278d425bdf160c739803";
    const SOCKET: &str = "1234.1234";

    pub(crate) fn secret(text: &str) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes())
    }

    pub(crate) fn signing(secrets: &[&str]) -> Signing {
        Signing {
            key: KEY.into(),
            secrets: secrets.iter().copied().map(secret).collect(),
        }
    }

    fn documented() -> Signing {
        signing(&["7ad3773142a6692b25b8"])
    }

    #[test]
    fn the_documented_signature_of_a_private_channel_is_accepted() {
        let auth = format!("{KEY}:58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4");
        assert!(verify_channel(
            &documented(),
            SOCKET,
            "private-foobar",
            None,
            &auth
        ));
        assert_eq!(
            sign_channel(
                KEY,
                &secret("7ad3773142a6692b25b8"),
                SOCKET,
                "private-foobar",
                None
            ),
            auth
        );
        // On another connection, for another channel, with data that was not signed, under another secret: nothing.
        assert!(!verify_channel(
            &documented(),
            "1234.1235",
            "private-foobar",
            None,
            &auth
        ));
        assert!(!verify_channel(
            &documented(),
            SOCKET,
            "private-foobaz",
            None,
            &auth
        ));
        assert!(!verify_channel(
            &documented(),
            SOCKET,
            "private-foobar",
            Some(""),
            &auth
        ));
        assert!(!verify_channel(
            &signing(&["other"]),
            SOCKET,
            "private-foobar",
            None,
            &auth
        ));
    }

    #[test]
    fn the_documented_signature_of_a_presence_channel_is_accepted() {
        // The documentation gives the first signature, but since a renaming next to the second name, whose signature is the second.
        for (name, signature) in [
            (
                "Mr. Pusher",
                "afaed3695da2ffd16931f457e338e6c9f2921fa133ce7dac49f529792be6304c",
            ),
            (
                "Mr. Channels",
                "31935e7d86dba64c2a90aed31fdc61869f9b22ba9d8863bba239c03ca481bc80",
            ),
        ] {
            let data = format!(r#"{{"user_id":10,"user_info":{{"name":"{name}"}}}}"#);
            let auth = format!("{KEY}:{signature}");
            assert!(verify_channel(
                &documented(),
                SOCKET,
                "presence-foobar",
                Some(&data),
                &auth
            ));
            assert_eq!(
                sign_channel(
                    KEY,
                    &secret("7ad3773142a6692b25b8"),
                    SOCKET,
                    "presence-foobar",
                    Some(&data)
                ),
                auth
            );
            let other = data.replace("10", "11");
            assert!(!verify_channel(
                &documented(),
                SOCKET,
                "presence-foobar",
                Some(&other),
                &auth
            ));
            assert!(!verify_channel(
                &documented(),
                SOCKET,
                "presence-foobar",
                None,
                &auth
            ));
        }
    }

    #[test]
    fn the_documented_signature_of_a_user_is_accepted() {
        let data = r#"{"id":"12345"}"#;
        let auth = format!("{KEY}:4708d583dada6a56435fb8bc611c77c359a31eebde13337c16ab43aa6de336ba");
        assert!(verify_user(&documented(), SOCKET, data, &auth));
        assert_eq!(
            sign_user(KEY, &secret("7ad3773142a6692b25b8"), SOCKET, data),
            auth
        );
        assert!(!verify_user(&documented(), SOCKET, r#"{"id":"12346"}"#, &auth));
        assert!(!verify_user(&documented(), "1234.1235", data, &auth));
    }

    #[test]
    fn a_malformed_auth_is_refused() {
        let good = sign_channel(KEY, &secret("7ad3773142a6692b25b8"), SOCKET, "private-a", None);
        assert!(verify_channel(&documented(), SOCKET, "private-a", None, &good));
        let signature = good.split_once(':').unwrap().1;
        for auth in [
            "",
            ":",
            KEY,
            signature,
            &format!("{KEY}:"),
            &format!("other:{signature}"),
            &format!("{KEY}:{signature}00"),
            &format!("{KEY}:{}", &signature[2..]),
            &format!("{KEY}:{}", signature.replace(|c: char| c.is_ascii_digit(), "x")),
            &format!("{}{good}", " ".repeat(MAX_AUTH)),
        ] {
            assert!(
                !verify_channel(&documented(), SOCKET, "private-a", None, auth),
                "{auth}"
            );
        }
    }

    #[test]
    fn the_secret_before_a_rotation_still_counts() {
        let auth = sign_user(KEY, &secret("old"), SOCKET, "{}");
        assert!(verify_user(&signing(&["new", "old"]), SOCKET, "{}", &auth));
        assert!(!verify_user(&signing(&["new"]), SOCKET, "{}", &auth));
        assert!(!verify_user(&signing(&[]), SOCKET, "{}", &auth));
    }

    #[test]
    fn a_webhook_is_signed_over_its_body() {
        let body = br#"{"time_ms":1327078148132,"events":[]}"#;
        let signature = sign_body(&secret("s"), body);
        assert!(verify_body(&signing(&["s"]), body, &signature));
        assert!(!verify_body(&signing(&["s"]), b"{}", &signature));
        // RFC 4231, test case 2.
        assert_eq!(
            sign_body(&secret("Jefe"), b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
