//! The lines of an import: a JSON object in each, or the rows of a table in CSV, which become the same objects.

use chrono::{DateTime, Utc};
use entity::{consent_event::ConsentState, id::NoticeVersionId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    consents::{NewConsent, WhichPurpose, WhichSubject},
    error::{Error, Fault, Result},
};

/// A line and where it stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Numbered {
    pub(super) number: i64,
    text: String,
}

/// What a line says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    /// The tenant's own id of the event.
    id: Option<String>,
    /// The tenant's own id of the person.
    subject: String,
    /// The purpose's slug.
    purpose: String,
    state: ConsentState,
    at: Option<DateTime<Utc>>,
    method: Option<String>,
    place: Option<String>,
    valid_for: Option<String>,
    notice_version_id: Option<NoticeVersionId>,
    evidence: Option<Map<String, Value>>,
}

/// Longest line, in bytes.
const MAX_LINE: usize = 32 << 10;

pub(super) fn of_ndjson(bytes: &[u8]) -> Result<Vec<Numbered>> {
    let text = text(bytes)?;
    let lines = text.lines().zip(1..);
    Ok(lines
        .filter(|(line, _)| !line.trim().is_empty())
        .map(|(line, number)| Numbered {
            number,
            text: line.to_owned(),
        })
        .collect())
}

pub(super) fn of_csv(bytes: &[u8]) -> Result<Vec<Numbered>> {
    text(bytes)?;
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    let malformed = |error: csv::Error| Error::invalid("", "not_csv", error.to_string());
    let names = reader.headers().map_err(malformed)?.clone();
    for needed in ["subject", "purpose", "state"] {
        if !names.iter().any(|name| name == needed) {
            return Err(Error::invalid(
                "",
                "not_csv",
                format!("the first line names the columns; {needed} is missing"),
            ));
        }
    }
    let mut lines = Vec::new();
    for record in reader.records() {
        let record = record.map_err(malformed)?;
        let number = record.position().map_or(0, csv::Position::line);
        let cells = names.iter().zip(record.iter());
        let said = cells.filter(|(_, cell)| !cell.is_empty()).map(|(name, cell)| {
            let value = match name {
                // The one cell with something inside.
                "evidence" => serde_json::from_str(cell).unwrap_or_else(|_| Value::from(cell)),
                _ => Value::from(cell),
            };
            (name.to_owned(), value)
        });
        lines.push(Numbered {
            number: i64::try_from(number).map_err(Error::internal)?,
            text: Value::Object(said.collect()).to_string(),
        });
    }
    Ok(lines)
}

fn text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes)
        .map(|text| text.trim_start_matches('\u{feff}'))
        .map_err(|_| Error::invalid("", "not_utf8", "send the lines in UTF-8"))
}

impl Line {
    pub(super) fn parse(line: &Numbered) -> std::result::Result<Self, Vec<Fault>> {
        if line.text.len() > MAX_LINE {
            let detail = format!("use at most {MAX_LINE} bytes in a line");
            return Err(vec![Fault::new("", "too_long", detail)]);
        }
        let parsed: Self = serde_json::from_str(&line.text).map_err(|error| {
            // Categories only: the words of a data error may quote what the line says.
            let (code, detail) = match error.classify() {
                serde_json::error::Category::Data => ("wrong_type", shape(&error.to_string())),
                _ => ("not_json", "a line is one JSON object".to_owned()),
            };
            vec![Fault::new("", code, detail)]
        })?;
        if parsed.id.is_none() && parsed.at.is_none() {
            let detail = "say at or id, so that repeating the import changes nothing";
            return Err(vec![Fault::new("/at", "missing", detail)]);
        }
        Ok(parsed)
    }

    /// What tells it apart from every other line.
    pub(super) fn identity(&self) -> String {
        match &self.id {
            Some(id) => format!("id\u{1f}{id}"),
            None => format!(
                "said\u{1f}{}\u{1f}{}\u{1f}{}\u{1f}{}",
                self.subject,
                self.purpose,
                self.state,
                self.at.map(|at| at.to_rfc3339()).unwrap_or_default()
            ),
        }
    }

    pub(super) fn into_consent(self, key: Vec<u8>) -> NewConsent {
        NewConsent {
            notice_version_id: self.notice_version_id,
            evidence: self.evidence,
            at: self.at,
            place: self.place,
            valid_for: self.valid_for,
            import_key: Some(key),
            ..NewConsent::new(
                WhichSubject::External(self.subject),
                WhichPurpose::Slug(self.purpose),
                self.state,
                self.method.as_deref().unwrap_or("import"),
            )
        }
    }
}

/// What is wrong with a line's shape, without what it says.
fn shape(text: &str) -> String {
    for beginning in ["missing field `", "unknown field `"] {
        if let Some(rest) = text.strip_prefix(beginning) {
            let field = rest.split('`').next().unwrap_or_default();
            // Names of fields only: a name that is no word could be anything.
            if field.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') && field.len() <= 40 {
                return format!("{beginning}{field}`");
            }
        }
    }
    "a field has a value of the wrong kind: state is a consent state, at a time with its zone, evidence an object"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_table_are_the_same_lines() {
        let csv = "subject,purpose,state,at,evidence\n\
                   ada,news,given,2026-01-02T03:04:05Z,\"{\"\"form\"\":\"\"footer\"\"}\"\n\
                   \"bob\n2\",news,withdrawn,2026-01-02T03:04:05Z,\n\
                   eve,news,given,2026-01-02T03:04:05Z,\n";
        let lines = of_csv(csv.as_bytes()).unwrap();
        let numbers: Vec<_> = lines.iter().map(|line| line.number).collect();
        assert_eq!(numbers, [2, 3, 5], "a cell may span lines");
        let ada = Line::parse(&lines[0]).unwrap();
        assert_eq!((ada.subject.as_str(), ada.state), ("ada", ConsentState::Given));
        assert_eq!(ada.evidence.unwrap()["form"], "footer");
    }

    #[test]
    fn a_fault_says_nothing_of_what_the_line_says() {
        for (line, code) in [
            ("nonsense about ada", "not_json"),
            (
                r#"{"subject":"ada","purpose":"news","state":"ada"}"#,
                "wrong_type",
            ),
            (
                r#"{"subject":"ada","ada":1,"purpose":"news","state":"given"}"#,
                "wrong_type",
            ),
            (
                r#"{"subject":"ada","purpose":"news","state":"given","at":"ada"}"#,
                "wrong_type",
            ),
            (r#"{"subject":"ada","purpose":"news","state":"given"}"#, "missing"),
        ] {
            let line = Numbered {
                number: 1,
                text: line.to_owned(),
            };
            let faults = Line::parse(&line).unwrap_err();
            assert_eq!(faults[0].code, code);
            assert!(
                code == "wrong_type" && line.text.contains("\"ada\":1") || !faults[0].detail.contains("ada")
            );
        }
    }
}
