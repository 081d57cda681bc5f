//! What back ends answer to a call, and what is said to a session from elsewhere.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use broker::{
    Close,
    called::Answered,
    host::{Opcode, Payload},
};
use serde::Deserialize;
use serde_json::Value;

/// The body of an answer. An empty one, or none at all, says nothing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    #[serde(default)]
    messages: Vec<Message>,
    close: Option<Ending>,
}

/// Text, JSON, or bytes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    data: Option<Value>,
    base64: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ending {
    code: u16,
    #[serde(default)]
    reason: String,
}

/// A string goes out as it is, anything else as JSON; what is in base64 goes out as bytes.
pub(crate) fn payload(data: Option<Value>, base64: Option<&str>) -> Option<Payload> {
    match (data, base64) {
        (Some(Value::String(text)), None) => Some(Payload::new(Opcode::Text, text.into())),
        (Some(other), None) => Some(Payload::new(Opcode::Text, other.to_string().into())),
        (None, Some(base64)) => Some(Payload::new(Opcode::Binary, STANDARD.decode(base64).ok()?.into())),
        _ => None,
    }
}

/// Reads an answer; none where it breaks the rules.
pub(super) fn read(status: u16, body: &[u8]) -> Option<Answered> {
    if status == 204 || body.trim_ascii().is_empty() {
        return Some(Answered::default());
    }
    let answer: Answer = serde_json::from_slice(body).ok()?;
    let messages = answer
        .messages
        .into_iter()
        .map(|message| payload(message.data, message.base64.as_deref()))
        .collect::<Option<Vec<_>>>()?;
    let close = match answer.close {
        None => None,
        // RFC 6455 §7.4.2: those that an application may use, and the plain goodbye.
        Some(Ending { code, reason }) => {
            matches!(code, 1000 | 3000..=4999).then(|| Some(Close::received(code, &reason)))?
        }
    };
    Some(Answered { messages, close })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &str) -> Option<Answered> {
        read(200, body.as_bytes())
    }

    #[test]
    fn an_answer_says_nothing_something_or_goodbye() {
        assert_eq!(of(""), Some(Answered::default()));
        assert_eq!(of("{}"), Some(Answered::default()));
        assert_eq!(read(204, b"whatever"), Some(Answered::default()));
        let said = of(
            r#"{"messages":[{"data":"a"},{"data":{"b":1}},{"base64":"AQL/"}],"close":{"code":4000,"reason":"done"}}"#,
        );
        let said = said.unwrap();
        assert_eq!(
            said.messages,
            [
                Payload::new(Opcode::Text, "a".into()),
                Payload::new(Opcode::Text, r#"{"b":1}"#.into()),
                Payload::new(Opcode::Binary, vec![1, 2, 255].into()),
            ]
        );
        assert_eq!(said.close, Some(Close::received(4000, "done")));
    }

    #[test]
    fn an_answer_that_breaks_the_rules_is_none() {
        for body in [
            "ok",
            "[]",
            r#"{"message":[]}"#,
            r#"{"messages":[{}]}"#,
            r#"{"messages":[{"data":1,"base64":""}]}"#,
            r#"{"messages":[{"base64":"%"}]}"#,
            r#"{"close":{"code":1006}}"#,
            r#"{"close":{"code":200}}"#,
        ] {
            assert_eq!(of(body), None, "{body}");
        }
    }
}
