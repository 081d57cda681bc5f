//! Days and times in words.

use chrono::{DateTime, Datelike, Utc};
use minijinja::{Error, ErrorKind, State, Value};

fn parse(text: &str) -> Result<DateTime<Utc>, Error> {
    DateTime::parse_from_rfc3339(text)
        .map(|at| at.to_utc())
        .map_err(|_| Error::new(ErrorKind::InvalidOperation, "this is not a time"))
}

/// The months, as they stand after the day: in Polish and others in the genitive.
fn months(language: &str) -> Option<[&'static str; 12]> {
    #[rustfmt::skip]
    let months = match language {
        "en" => ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"],
        "de" => ["Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"],
        "fr" => ["janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"],
        "es" => ["enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre"],
        "nl" => ["januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober", "november", "december"],
        "pl" => ["stycznia", "lutego", "marca", "kwietnia", "maja", "czerwca", "lipca", "sierpnia", "września", "października", "listopada", "grudnia"],
        _ => return None,
    };
    Some(months)
}

/// A day in words: `21 December 2026`, `21. Dezember 2026`, `21 de diciembre de 2026`.
pub(super) fn day(state: &State<'_, '_>, text: &str) -> Result<String, Error> {
    let at = parse(text)?;
    let language = state.lookup("language");
    let language = language.as_ref().and_then(Value::as_str).unwrap_or("en");
    let (day, year) = (at.day(), at.year());
    // The one spelling that everybody reads the same way.
    let Some(months) = months(language) else {
        return Ok(at.format("%Y-%m-%d").to_string());
    };
    let month = months[at.month0() as usize % 12];
    Ok(match language {
        "de" => format!("{day}. {month} {year}"),
        "fr" if day == 1 => format!("1er {month} {year}"),
        "es" => format!("{day} de {month} de {year}"),
        _ => format!("{day} {month} {year}"),
    })
}

/// A time in words: `21 December 2026, 14:05 UTC`.
pub(super) fn time(state: &State<'_, '_>, text: &str) -> Result<String, Error> {
    Ok(format!(
        "{}, {} UTC",
        day(state, text)?,
        parse(text)?.format("%H:%M")
    ))
}
