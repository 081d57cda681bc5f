//! Places, times and numbers, less exactly. What is no place, time or number becomes `null`: of what cannot be made coarser
//! nothing is left.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, SecondsFormat, Timelike, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

/// What a time is cut down to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeUnit {
    /// Its year.
    Year,
    /// Its month.
    Month,
    /// Its day.
    Day,
    /// Its hour.
    Hour,
    /// Its minute.
    Minute,
}

impl TimeUnit {
    pub(super) fn parse(text: &str) -> Option<Self> {
        serde_json::from_value(Value::String(text.to_owned())).ok()
    }

    /// The published spelling.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Month => "month",
            Self::Day => "day",
            Self::Hour => "hour",
            Self::Minute => "minute",
        }
    }
}

/// A coordinate, or a text of one or two, cut down to so many decimal places.
pub(super) fn place(leaf: &mut Value, places: u32) {
    let cut = |number: f64| -> f64 {
        let scale = 10_f64.powi(places.cast_signed());
        // The shortest text of the result is what is stored, so no digit of before can come back.
        (number * scale).trunc() / scale
    };
    *leaf = match &*leaf {
        Value::Number(number) => number_of(number.as_f64().map(cut)),
        Value::String(text) => {
            let parts: Option<Vec<String>> = text
                .split(',')
                .map(|part| Some(cut(part.trim().parse::<f64>().ok().filter(|n| n.is_finite())?).to_string()))
                .collect();
            parts.map_or(Value::Null, |parts| Value::String(parts.join(",")))
        }
        _ => Value::Null,
    };
}

/// A time, as text (RFC 3339, or a date) or as seconds or milliseconds since 1970, cut down.
pub(super) fn time(leaf: &mut Value, to: TimeUnit) {
    *leaf = match &*leaf {
        Value::String(text) => date(text, to)
            .or_else(|| {
                let at = DateTime::parse_from_rfc3339(text).ok()?;
                // The clock on the wall of whoever wrote it: that is what day it was for them.
                let start = start(at.naive_local().and_utc(), to)?.naive_utc();
                let local = start.and_local_timezone(*at.offset()).single()?;
                Some(local.to_rfc3339_opts(SecondsFormat::Secs, true))
            })
            .map_or(Value::Null, Value::String),
        Value::Number(number) => number
            .as_i64()
            .and_then(|value| {
                // Seconds reach this in the year 5138, milliseconds passed it in 1973.
                let millis = value.abs() >= 100_000_000_000;
                let at = if millis {
                    DateTime::from_timestamp_millis(value)?
                } else {
                    DateTime::from_timestamp(value, 0)?
                };
                let start = start(at, to)?;
                Some(if millis {
                    start.timestamp_millis()
                } else {
                    start.timestamp()
                })
            })
            .map_or(Value::Null, Value::from),
        _ => Value::Null,
    };
}

fn date(text: &str, to: TimeUnit) -> Option<String> {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    let start = start(date.and_time(NaiveTime::MIN).and_utc(), to)?;
    Some(start.date_naive().to_string())
}

fn start(at: DateTime<Utc>, to: TimeUnit) -> Option<DateTime<Utc>> {
    let date = at.date_naive();
    let (date, hour, minute) = match to {
        TimeUnit::Year => (NaiveDate::from_ymd_opt(date.year(), 1, 1)?, 0, 0),
        TimeUnit::Month => (date.with_day(1)?, 0, 0),
        TimeUnit::Day => (date, 0, 0),
        TimeUnit::Hour => (date, at.hour(), 0),
        TimeUnit::Minute => (date, at.hour(), at.minute()),
    };
    Some(date.and_hms_opt(hour, minute, 0)?.and_utc())
}

/// A number becomes the beginning of its step: 37 in steps of ten is 30.
pub(super) fn step(leaf: &mut Value, step: u32) {
    let width = i64::from(step.max(1));
    let begin = |number: i64| number.div_euclid(width) * width;
    *leaf = match &*leaf {
        Value::Number(number) => match number.as_i64() {
            Some(number) => begin(number).into(),
            None => number_of(number.as_f64().map(|number| {
                let width = f64::from(step.max(1));
                (number / width).floor() * width
            })),
        },
        Value::String(text) => match text.trim().parse::<i64>() {
            Ok(number) => Value::String(begin(number).to_string()),
            Err(_) => Value::Null,
        },
        _ => Value::Null,
    };
}

fn number_of(number: Option<f64>) -> Value {
    number
        .and_then(Number::from_f64)
        .map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn after(mut value: Value, change: impl Fn(&mut Value)) -> Value {
        change(&mut value);
        value
    }

    #[test]
    fn places_lose_their_decimals() {
        for (before, kept) in [
            (json!(52.520_008), json!(52.5)),
            (json!(-13.404_954), json!(-13.4)),
            (json!("52.520008"), json!("52.5")),
            (json!("52.520008, 13.404954"), json!("52.5,13.4")),
            (json!("Unter den Linden 1"), json!(null)),
            (json!("nan"), json!(null)),
            (json!(true), json!(null)),
        ] {
            assert_eq!(after(before.clone(), |value| place(value, 1)), kept, "{before}");
        }
        assert_eq!(after(json!(52.9), |value| place(value, 0)), json!(52.0));
    }

    #[test]
    fn times_lose_what_is_finer() {
        let at = json!("2026-11-28T23:45:12.345+02:00");
        for (to, kept) in [
            (TimeUnit::Year, "2026-01-01T00:00:00+02:00"),
            (TimeUnit::Month, "2026-11-01T00:00:00+02:00"),
            (TimeUnit::Day, "2026-11-28T00:00:00+02:00"),
            (TimeUnit::Hour, "2026-11-28T23:00:00+02:00"),
            (TimeUnit::Minute, "2026-11-28T23:45:00+02:00"),
        ] {
            assert_eq!(after(at.clone(), |value| time(value, to)), json!(kept));
            assert_eq!(TimeUnit::parse(to.name()), Some(to));
        }
        for (before, kept) in [
            (json!("1815-12-10"), json!("1815-01-01")),
            (json!(1_790_000_000), json!(1_767_225_600)),
            (json!(1_790_000_000_123_i64), json!(1_767_225_600_000_i64)),
            (json!("yesterday"), json!(null)),
            (json!(1.5), json!(null)),
        ] {
            assert_eq!(
                after(before.clone(), |value| time(value, TimeUnit::Year)),
                kept,
                "{before}"
            );
        }
    }

    #[test]
    fn numbers_become_the_beginning_of_their_step() {
        for (before, kept) in [
            (json!(37), json!(30)),
            (json!(-1), json!(-10)),
            (json!(37.9), json!(30.0)),
            (json!("37"), json!("30")),
            (json!("thirty-seven"), json!(null)),
        ] {
            assert_eq!(after(before.clone(), |value| step(value, 10)), kept, "{before}");
        }
    }
}
