//! How receivers know that a delivery is ours: signed the Pusher way, with the endpoint's secret, and the way of Standard
//! Webhooks, with the webhook's own, over an id and a time as well, so that it cannot be replayed by somebody else.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use ring::hmac;

/// What a delivery is signed with.
pub(super) struct Signers {
    /// The endpoint's public key.
    pub(super) app_key: String,
    /// The endpoint's secret.
    pub(super) app_secret: String,
    /// The webhook's own: one, or two while a rotation is under way.
    pub(super) own: Vec<hmac::Key>,
}

/// A header of a delivery.
pub type Header = (&'static str, String);

/// The headers of one attempt. `id` stays the same over all attempts at a delivery, `at` does not.
pub(super) fn headers(signers: &Signers, id: &str, at: DateTime<Utc>, body: &[u8]) -> Vec<Header> {
    let pusher = hmac::Key::new(hmac::HMAC_SHA256, signers.app_secret.as_bytes());
    let timestamp = at.timestamp().to_string();
    let signatures: Vec<String> = signers
        .own
        .iter()
        .map(|key| {
            let mut signing = hmac::Context::with_key(key);
            for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
                signing.update(part);
            }
            format!("v1,{}", STANDARD.encode(signing.sign()))
        })
        .collect();
    vec![
        ("content-type", "application/json".to_owned()),
        ("x-pusher-key", signers.app_key.clone()),
        ("x-pusher-signature", hex::encode(hmac::sign(&pusher, body))),
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", timestamp),
        ("webhook-signature", signatures.join(" ")),
    ]
}

/// The same for what is told of an endpoint without a webhook: its own secret signs both ways, the one before a rotation too while
/// that is accepted. In the words of Standard Webhooks the secret is `whsec_` and the base64 of its text.
pub fn by_endpoint(app_key: &str, secrets: &[&str], id: &str, at: DateTime<Utc>, body: &[u8]) -> Vec<Header> {
    let signers = Signers {
        app_key: app_key.to_owned(),
        app_secret: secrets.first().copied().unwrap_or_default().to_owned(),
        own: secrets
            .iter()
            .map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()))
            .collect(),
    };
    headers(&signers, id, at, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(headers: &[Header], name: &str) -> String {
        headers
            .iter()
            .find(|(known, _)| *known == name)
            .unwrap()
            .1
            .clone()
    }

    /// The example of the specification of Standard Webhooks, as its reference libraries test it.
    #[test]
    fn the_signature_is_that_of_the_reference_libraries() {
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signers = Signers {
            app_key: "278d425bdf160c739803".to_owned(),
            app_secret: "7ad3773142a6692b25b8".to_owned(),
            own: vec![
                hmac::Key::new(hmac::HMAC_SHA256, &secret),
                hmac::Key::new(hmac::HMAC_SHA256, b"the one before"),
            ],
        };
        let at = DateTime::from_timestamp(1_614_265_330, 0).unwrap();
        let headers = headers(
            &signers,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            at,
            br#"{"test": 2432232314}"#,
        );
        let signature = header(&headers, "webhook-signature");
        let (newest, before) = signature.split_once(' ').unwrap();
        assert_eq!(newest, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert!(before.starts_with("v1,"));
        assert_eq!(header(&headers, "webhook-timestamp"), "1614265330");
    }

    #[test]
    fn pushers_signature_is_over_the_body_alone() {
        let signers = Signers {
            app_key: "key".to_owned(),
            app_secret: "secret".to_owned(),
            own: Vec::new(),
        };
        let sign = |seconds| {
            let at = DateTime::from_timestamp(seconds, 0).unwrap();
            header(&headers(&signers, "id", at, b"{}"), "x-pusher-signature")
        };
        // printf '{}' | openssl dgst -sha256 -hmac secret
        assert_eq!(
            sign(1),
            "77325902caca812dc259733aacd046b73817372c777b8d95b402647474516e13"
        );
        assert_eq!(sign(1), sign(2));
    }
}
