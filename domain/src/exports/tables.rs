//! Rows of an export, as CSV for people and as JSON for programs.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, SecondsFormat, Utc};
use entity::{connection, correction};
use serde_json::{Value, json};

use super::contents::About;
use crate::{journal::Said, messages::Message, portal, requests::Corrected};

/// The columns of `messages.csv`.
pub(super) const MESSAGES: [&str; 13] = [
    "id",
    "time",
    "endpoint",
    "channel",
    "direction",
    "purpose",
    "data_types",
    "kept_until",
    "bytes",
    "event",
    "member",
    "encoding",
    "content",
];

/// The columns of `connections.csv`.
pub(super) const CONNECTIONS: [&str; 11] = [
    "id",
    "endpoint",
    "opened",
    "authenticated",
    "last_activity",
    "closed",
    "network",
    "bytes_in",
    "bytes_out",
    "messages_in",
    "messages_out",
];

/// The columns of `consents.csv`.
pub(super) const CONSENTS: [&str; 8] = [
    "id",
    "purpose",
    "state",
    "time",
    "recorded",
    "method",
    "notice_sha256",
    "evidence",
];

/// A message, its content opened.
pub(super) struct Row<'a> {
    about: &'a About,
    message: &'a Message,
    said: Option<&'a Said>,
}

impl<'a> Row<'a> {
    pub(super) fn new(about: &'a About, message: &'a Message, said: Option<&'a Said>) -> Self {
        Self { about, message, said }
    }

    /// Text as it is, everything else in base64; what cannot be opened any more is said to be so.
    fn content(&self) -> (&'static str, String) {
        match self
            .said
            .map(|said| (&said.data, std::str::from_utf8(&said.data)))
        {
            None => ("none", String::new()),
            Some((_, Ok(text))) if !self.message.binary => {
                ("text", self.about.redactor.text(text).into_owned())
            }
            Some((bytes, _)) => ("base64", STANDARD.encode(bytes)),
        }
    }

    fn direction(&self) -> &'static str {
        if self.message.outbound {
            "outbound"
        } else {
            "inbound"
        }
    }

    fn purpose(&self) -> Option<&str> {
        self.message.purpose.map(|id| self.about.purpose(id))
    }

    /// What the message is called, where its sender named it.
    fn event(&self) -> Option<&str> {
        self.said.and_then(|said| said.event.as_deref())
    }

    /// The tenant's own id of the member who sent it.
    fn member(&self) -> Option<&str> {
        let member = self.said.and_then(|said| said.user.as_deref())?;
        Some(self.about.redactor.id(member))
    }

    pub(super) fn cells(&self) -> [String; 13] {
        let message = self.message;
        let (encoding, content) = self.content();
        [
            message.id.0.to_string(),
            time(message.created_at),
            self.about.endpoint(message.endpoint).to_owned(),
            message.channel.to_string(),
            self.direction().to_owned(),
            self.purpose().unwrap_or_default().to_owned(),
            portal::spelled(&self.about.data_types, &message.data_types).join("; "),
            time(message.expires_at),
            message.size.to_string(),
            self.event().unwrap_or_default().to_owned(),
            self.member().unwrap_or_default().to_owned(),
            encoding.to_owned(),
            content,
        ]
    }

    pub(super) fn json(&self) -> Value {
        let message = self.message;
        let (encoding, content) = self.content();
        let mut row = json!({
            "id": message.id.0.to_string(),
            "time": time(message.created_at),
            "endpoint": self.about.endpoint(message.endpoint),
            "channel": &*message.channel,
            "direction": self.direction(),
            "purpose": self.purpose(),
            "data_types": portal::spelled(&self.about.data_types, &message.data_types),
            "kept_until": time(message.expires_at),
            "bytes": message.size,
            "event": self.event(),
            "member": self.member(),
            "encoding": encoding,
        });
        // What is JSON stays JSON, so that a program need not parse twice.
        row["content"] = match encoding {
            "text" => serde_json::from_str(&content).unwrap_or(Value::String(content)),
            _ => Value::String(content),
        };
        row
    }
}

pub(super) fn connection(about: &About, row: &connection::Model) -> [String; 11] {
    [
        row.id.to_string(),
        about.endpoint(row.endpoint_id).to_owned(),
        time(row.opened_at),
        row.authenticated_at.map(time).unwrap_or_default(),
        time(row.last_activity_at),
        row.closed_at.map(time).unwrap_or_default(),
        row.address.clone().unwrap_or_default(),
        row.bytes_in.to_string(),
        row.bytes_out.to_string(),
        row.messages_in.to_string(),
        row.messages_out.to_string(),
    ]
}

pub(super) fn connection_json(about: &About, row: &connection::Model) -> Value {
    json!({
        "id": row.id,
        "endpoint": about.endpoint(row.endpoint_id),
        "opened": time(row.opened_at),
        "authenticated": row.authenticated_at.map(time),
        "last_activity": time(row.last_activity_at),
        "closed": row.closed_at.map(time),
        "close_code": row.close_code,
        "network": row.address,
        "bytes_in": row.bytes_in,
        "bytes_out": row.bytes_out,
        "messages_in": row.messages_in,
        "messages_out": row.messages_out,
    })
}

/// `consents.csv`, whole.
pub(super) fn consents(about: &About) -> String {
    let mut out = line(&CONSENTS);
    for detail in &about.consents {
        let event = &detail.event;
        out.push_str(&line(&[
            event.id.to_string(),
            about.purpose(event.purpose_id).to_owned(),
            event.state.to_string(),
            time(event.at),
            time(event.recorded_at),
            event.method.clone(),
            detail.notice_hash.clone().unwrap_or_default(),
            detail
                .evidence
                .as_ref()
                .map(|evidence| json!(evidence).to_string())
                .unwrap_or_default(),
        ]));
    }
    out
}

/// The beginning of `data.json`: an object with all that comes before the long lists.
pub(super) fn head(about: &About) -> Value {
    let person = about.person.as_ref().map(|person| {
        json!({
            "id": person.row.id,
            "external_id": person.external_id,
            "email": person.email,
            "created_at": time(person.row.created_at),
            "last_seen_at": person.row.last_seen_at.map(time),
            "processing_restricted_at": person.row.restricted_at.map(time),
        })
    });
    let held: Vec<_> = about
        .held
        .iter()
        .map(|held| {
            json!({
                "purpose": held.purpose.as_ref().map(|purpose| &purpose.name),
                "lawful_basis": held.purpose.as_ref().map(|purpose| purpose.lawful_basis),
                "endpoint": held.endpoint.name,
                "data_types": held.data_types,
                "messages": held.messages,
                "oldest": time(held.oldest_at),
                "newest": time(held.newest_at),
                "kept_for": held.duration,
                "first_expires": time(held.next_expiry_at),
                "last_expires": time(held.last_expiry_at),
            })
        })
        .collect();
    let consents: Vec<_> = about
        .consents
        .iter()
        .map(|detail| {
            json!({
                "id": detail.event.id,
                "purpose": about.purpose(detail.event.purpose_id),
                "state": detail.event.state,
                "time": time(detail.event.at),
                "recorded": time(detail.event.recorded_at),
                "method": detail.event.method,
                "notice_sha256": detail.notice_hash,
                "evidence": detail.evidence,
            })
        })
        .collect();
    let mut document = json!({
        "format": "weir.export/1",
        "created_at": time(about.at),
        "request": {
            "id": about.request.id,
            "kind": about.request.kind,
            "received_at": time(about.request.received_at),
        },
        "controller": { "name": about.tenant.name, "contact": about.tenant.contact_email },
        "person": person,
    });
    if !about.portable() {
        document["held"] = json!(held);
        document["consents"] = json!(consents);
        document["corrections"] = about.corrections.iter().map(correction_json).collect();
        document["recipients"] = about
            .recipients
            .iter()
            .map(|one| {
                json!({
                    "endpoint": one.endpoint,
                    "kind": one.kind,
                    "host": one.host,
                    "deliveries": one.deliveries,
                })
            })
            .collect();
    }
    document
}

fn correction_json((row, corrected): &(correction::Model, Corrected)) -> Value {
    json!({ "field": row.field, "was": corrected.was, "is": corrected.is, "time": time(row.at) })
}

pub(super) fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// One line of CSV (RFC 4180).
#[expect(
    clippy::expect_used,
    reason = "writing into memory cannot fail, and a line stands alone"
)]
pub(super) fn line<T: AsRef<str>>(cells: &[T]) -> String {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .buffer_capacity(512)
        .from_writer(Vec::new());
    writer
        .write_record(cells.iter().map(|cell| safe(cell.as_ref()).into_owned()))
        .expect("a line is written into memory");
    let bytes = writer.into_inner().expect("a line is written into memory");
    String::from_utf8(bytes).expect("cells are text")
}

/// What a spreadsheet would take for a formula is told to be text. `data.json` has it untouched.
fn safe(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_comes_back_and_none_is_a_formula() {
        let cells = [
            "plain",
            "with \"quotes\", commas",
            "two\r\nlines",
            "=1+1",
            "-5",
            "@x",
            "",
            "ünïcode",
        ];
        let text = line(&cells);
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(text.as_bytes());
        let record = reader.records().next().unwrap().unwrap();
        for (cell, came_back) in cells.iter().zip(&record) {
            let formula = cell.starts_with(['=', '-', '@']);
            let expected = if formula {
                format!("'{cell}")
            } else {
                (*cell).to_owned()
            };
            assert_eq!(came_back, expected);
        }
    }
}
