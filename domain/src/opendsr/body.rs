//! What a controller sends, read and checked as a whole: it hears of everything that is wrong at once.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, TimeDelta, Utc};
use entity::{request::RequestKind, tenant};
use serde_json::Value;
use url::Url;
use uuid::Uuid;

use super::hashed::{Format, Hashed, What};
use crate::{error::Faults, subjects};

/// What is wrong: why, and in words.
type Faulty = Vec<(&'static str, String)>;

/// Callbacks of one request.
const MAX_CALLBACKS: usize = 10;
/// Identities of one request.
const MAX_IDENTITIES: usize = 10;
/// What the clocks of two systems may differ by.
const SKEW: TimeDelta = TimeDelta::minutes(5);

/// A request, understood.
#[derive(Debug)]
pub(super) struct Demand {
    pub(super) regulation: &'static str,
    pub(super) subject_request_id: Uuid,
    pub(super) kind: RequestKind,
    pub(super) customer_ids: Vec<String>,
    pub(super) email: Option<String>,
    pub(super) hashed: Vec<Hashed>,
    pub(super) submitted_at: DateTime<Utc>,
    pub(super) api_version: String,
    pub(super) callback_urls: Vec<String>,
}

impl Demand {
    /// Reads a request.
    ///
    /// # Errors
    /// All that is wrong with it. Nothing of what it says of the person is repeated.
    pub(super) fn read(raw: &[u8], now: DateTime<Utc>) -> Result<Self, Faulty> {
        let body: Value = serde_json::from_slice(raw)
            .map_err(|error| vec![("malformed", format!("the body is not JSON: {error}"))])?;
        let mut faults = Faulty::new();
        let regulation = match body["regulation"].as_str() {
            Some("gdpr") => Some("gdpr"),
            Some("ccpa") => Some("ccpa"),
            Some(_) => wrong(&mut faults, "regulation must be gdpr or ccpa"),
            None => missing(&mut faults, "regulation"),
        };
        let id = match body["subject_request_id"].as_str() {
            Some(text) => match text.parse::<Uuid>() {
                // As the specification has it: lower case, version 4.
                Ok(id) if id.get_version_num() == 4 && id.to_string() == text => Some(id),
                _ => wrong(
                    &mut faults,
                    "subject_request_id must be a UUID of version 4 in lower case",
                ),
            },
            None => missing(&mut faults, "subject_request_id"),
        };
        let kind = match body["subject_request_type"].as_str() {
            Some("access") => Some(RequestKind::Access),
            Some("portability") => Some(RequestKind::Portability),
            Some("erasure") => Some(RequestKind::Erasure),
            Some(_) => wrong(
                &mut faults,
                "subject_request_type must be access, portability or erasure",
            ),
            None => missing(&mut faults, "subject_request_type"),
        };
        let submitted = match body["submitted_time"].as_str() {
            Some(text) => match DateTime::parse_from_rfc3339(text) {
                Ok(at) if at <= now + SKEW => Some(at.to_utc().min(now)),
                Ok(_) => wrong(&mut faults, "submitted_time is in the future"),
                Err(_) => wrong(&mut faults, "submitted_time must be a time of RFC 3339"),
            },
            None => missing(&mut faults, "submitted_time"),
        };
        let named = Named::read(&body["subject_identities"], &mut faults);
        let callback_urls = callbacks(&body["status_callback_urls"], &mut faults);
        let extensions = &body["extensions"];
        if !extensions.is_null() && !extensions.is_object() {
            wrong::<()>(&mut faults, "extensions must be an object keyed by domain");
        }
        match (regulation, id, kind, submitted) {
            (Some(regulation), Some(subject_request_id), Some(kind), Some(submitted_at))
                if faults.is_empty() =>
            {
                Ok(Self {
                    regulation,
                    subject_request_id,
                    kind,
                    customer_ids: named.customer_ids,
                    email: named.email,
                    hashed: named.hashed,
                    submitted_at,
                    api_version: body["api_version"]
                        .as_str()
                        .unwrap_or(super::VERSION)
                        .chars()
                        .take(20)
                        .collect(),
                    callback_urls,
                })
            }
            _ => Err(faults),
        }
    }

    /// The profile of deadlines that goes with the regulation.
    pub(super) fn jurisdiction<'a>(&self, tenant: &'a tenant::Model) -> &'a str {
        match (self.regulation, tenant.jurisdiction.as_str()) {
            ("ccpa", _) => "ccpa",
            // The United Kingdom's and Brazil's laws have no word of their own in the specification.
            (_, "ccpa") => "gdpr",
            (_, own) => own,
        }
    }
}

fn wrong<T>(faults: &mut Faulty, message: &str) -> Option<T> {
    faults.push(("invalid", message.to_owned()));
    None
}

fn missing<T>(faults: &mut Faulty, field: &str) -> Option<T> {
    faults.push(("required", format!("{field} field is required")));
    None
}

/// Whom a request is about.
#[derive(Default)]
struct Named {
    customer_ids: Vec<String>,
    email: Option<String>,
    hashed: Vec<Hashed>,
}

impl Named {
    fn read(said: &Value, faults: &mut Faulty) -> Self {
        let mut named = Self::default();
        let Some(said) = said.as_array().filter(|said| !said.is_empty()) else {
            missing::<()>(faults, "subject_identities");
            return named;
        };
        if said.len() > MAX_IDENTITIES {
            wrong::<()>(faults, "there are too many subject_identities");
            return named;
        }
        for identity in said {
            named.add(identity, faults);
        }
        named
    }

    fn add(&mut self, identity: &Value, faults: &mut Faulty) {
        let text = |name: &str| identity[name].as_str().unwrap_or_default();
        let value = text("identity_value").trim();
        let what = match text("identity_type") {
            "controller_customer_id" => What::CustomerId,
            "email" => What::Email,
            _ => {
                let message = "identity_type must be controller_customer_id or email; see /discovery";
                wrong::<()>(faults, message);
                return;
            }
        };
        match (Format::read(text("identity_format")), text("identity_format")) {
            (Some(format), _) => match hex::decode(value) {
                Ok(hash) if hash.len() == format.length() => self.hashed.push(Hashed { what, format, hash }),
                _ => drop(wrong::<()>(
                    faults,
                    "a hashed identity_value must be the hash of its identity_format in hexadecimal digits",
                )),
            },
            (None, "raw") => self.add_raw(what, value, faults),
            (None, _) => drop(wrong::<()>(
                faults,
                "identity_format must be raw, md5, sha1 or sha256",
            )),
        }
    }

    fn add_raw(&mut self, what: What, value: &str, faults: &mut Faulty) {
        let mut checked = Faults::default();
        match what {
            What::CustomerId => {
                subjects::check_external_id(&mut checked, "", value);
                match checked.finish() {
                    Ok(()) => self.customer_ids.push(value.to_owned()),
                    Err(_) => drop(wrong::<()>(faults, "a controller_customer_id is not one")),
                }
            }
            What::Email => {
                subjects::check_email(&mut checked, "", value);
                match checked.finish() {
                    Ok(()) if self.email.is_none() => self.email = Some(value.to_lowercase()),
                    Ok(()) => drop(wrong::<()>(faults, "name one e-mail address at most")),
                    Err(_) => drop(wrong::<()>(faults, "an e-mail address is not one")),
                }
            }
        }
    }
}

fn callbacks(said: &Value, faults: &mut Faulty) -> Vec<String> {
    let said = match said {
        Value::Null => return Vec::new(),
        Value::Array(said) if said.len() <= MAX_CALLBACKS => said,
        _ => {
            wrong::<()>(faults, "status_callback_urls must be an array of at most 10");
            return Vec::new();
        }
    };
    let mut urls = Vec::new();
    for url in said {
        let text = url.as_str().unwrap_or_default();
        let fits = Url::parse(text).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.host_str().is_some()
                && url.username().is_empty()
                && url.password().is_none()
        });
        if fits && text.len() <= 2_000 {
            urls.push(text.to_owned());
        } else {
            wrong::<()>(faults, "a status_callback_url is no address of the web");
        }
    }
    urls.dedup();
    urls
}

/// The request as it came, for the answer.
pub(super) fn encoded(raw: &[u8]) -> String {
    STANDARD.encode(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The specification's example, with its two defects mended: `regulation`, which it requires and leaves out, and a
    /// comma before a closing brace.
    const EXAMPLE: &str = r#"{
      "regulation": "gdpr",
      "subject_request_id": "a7551968-d5d6-44b2-9831-815ac9017798",
      "subject_request_type": "erasure",
      "submitted_time": "2018-10-02T15:00:00Z",
      "subject_identities": [
        { "identity_type": "email", "identity_value": "johndoe@example.com", "identity_format": "raw" }
      ],
      "api_version": "2.0",
      "status_callback_urls": ["https://examplecontroller.com/opendsr/callbacks"],
      "extensions": {
        "example-processor.com": { "foo-processor-custom-id": 123456, "property_id": "123456" },
        "example-other-processor.com": { "foo-other-processor-custom-id": 654321 }
      }
    }"#;

    fn now() -> DateTime<Utc> {
        "2026-11-28T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn the_specifications_example_is_understood() {
        let demand = Demand::read(EXAMPLE.as_bytes(), now()).unwrap();
        assert_eq!((demand.regulation, demand.kind), ("gdpr", RequestKind::Erasure));
        assert_eq!(demand.email.as_deref(), Some("johndoe@example.com"));
        assert_eq!(
            demand.callback_urls,
            ["https://examplecontroller.com/opendsr/callbacks"]
        );
    }

    #[test]
    fn the_example_as_it_is_printed_is_refused_for_its_defects() {
        let comma = EXAMPLE.replace("\"property_id\": \"123456\" }", "\"property_id\": \"123456\", }");
        assert_eq!(
            Demand::read(comma.as_bytes(), now()).unwrap_err()[0].0,
            "malformed"
        );
        let without = EXAMPLE.replace("\"regulation\": \"gdpr\",", "");
        let faults = Demand::read(without.as_bytes(), now()).unwrap_err();
        assert_eq!(faults, [("required", "regulation field is required".to_owned())]);
    }

    #[test]
    fn identities_may_be_hashed_and_a_hash_has_its_length() {
        let hash = "55502f40dc8b7c769880b10874abc9d0";
        let hashed = EXAMPLE.replace("johndoe@example.com", hash).replace("raw", "md5");
        let demand = Demand::read(hashed.as_bytes(), now()).unwrap();
        assert_eq!(demand.email, None);
        let wanted = Hashed {
            what: What::Email,
            format: Format::Md5,
            hash: hex::decode(hash).unwrap(),
        };
        assert_eq!(demand.hashed, [wanted]);
        for wrong in [
            hashed.replace("md5", "sha256"),
            hashed.replace(hash, "johndoe@example.com"),
            hashed.replace("md5", "crc32"),
        ] {
            let faults = Demand::read(wrong.as_bytes(), now()).unwrap_err();
            assert_eq!(faults.len(), 1);
            assert!(!format!("{faults:?}").contains("johndoe"));
        }
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once_and_nothing_of_the_person() {
        let body = r#"{ "regulation": "hipaa", "subject_request_id": "A7551968-D5D6-44B2-9831-815AC9017798",
            "subject_request_type": "deletion", "submitted_time": "2999-01-01T00:00:00Z",
            "subject_identities": [{ "identity_type": "email", "identity_value": "ada", "identity_format": "md5" }],
            "status_callback_urls": ["ftp://x"] }"#;
        let faults = Demand::read(body.as_bytes(), now()).unwrap_err();
        assert_eq!(faults.len(), 6, "{faults:?}");
        assert!(!format!("{faults:?}").contains("ada"));
        assert!(Demand::read(b"[]", now()).is_err() && Demand::read(b"", now()).is_err());
    }
}
