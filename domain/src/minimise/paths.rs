//! Which JSONPath expressions a data type may have.
//!
//! RFC 9535 lets a short expression mean an enormous amount of work (`$..*..*..*`), and ours run for every message of an
//! endpoint, on a machine that others share. So an expression may search the whole depth once, look at the whole message
//! from inside a filter never, and list a handful of alternatives: the work is then at most proportional to the size of
//! the message times its depth.

use serde_json_path::JsonPath;

use crate::error::Fault;

/// Most expressions of one data type.
pub const MAX_PATHS: usize = 32;
/// Longest expression, in bytes.
const MAX_LENGTH: usize = 500;
/// Most commas in one expression, each of which may double the work.
const MAX_COMMAS: usize = 4;

/// Compiles an expression, or says what is wrong with it and where.
pub fn check_path(field: impl Into<String>, text: &str) -> Result<JsonPath, Fault> {
    if text.len() > MAX_LENGTH {
        return Err(Fault::new(
            field,
            "too_long",
            format!("use at most {MAX_LENGTH} bytes"),
        ));
    }
    let field = field.into();
    if !text.starts_with('$') {
        return Err(Fault::new(
            field,
            "not_a_path",
            "at position 1, a path (RFC 9535) starts with $",
        ));
    }
    let path = match JsonPath::parse(text) {
        Ok(path) => path,
        Err(error) => {
            // The parser counts bytes from 0.
            let (position, cause) = (error.position() + 1, error.message());
            let detail = format!("not a path (RFC 9535): at position {position}, {cause}");
            return Err(Fault::new(field, "not_a_path", detail));
        }
    };
    let weight = Weight::of(text);
    let refused = if weight.descents > 1 {
        Some("search the whole depth (`..`) at most once")
    } else if weight.roots > 1 {
        Some("in a filter, start from `@`, not from `$`")
    } else if weight.commas > MAX_COMMAS {
        Some("list fewer alternatives, or use several paths")
    } else {
        None
    };
    match refused {
        Some(detail) => Err(Fault::new(field, "too_costly", detail)),
        None => Ok(path),
    }
}

#[derive(Debug, Default)]
struct Weight {
    descents: usize,
    roots: usize,
    commas: usize,
}

impl Weight {
    /// Counts outside of quotes. `text` is a valid expression, so quotes are closed.
    fn of(text: &str) -> Self {
        let mut weight = Self::default();
        let mut quote = None;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match (quote, c) {
                (Some(_), '\\') => drop(chars.next()),
                (Some(open), c) if c == open => quote = None,
                (None, '\'' | '"') => quote = Some(c),
                (None, '.') if chars.peek() == Some(&'.') => {
                    chars.next();
                    weight.descents += 1;
                }
                (None, '$') => weight.roots += 1,
                (None, ',') => weight.commas += 1,
                _ => {}
            }
        }
        weight
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tenants_need_is_allowed() {
        for text in [
            "$",
            "$.email",
            "$.user['e-mail']",
            "$..email",
            "$.items[*].price",
            "$.items[0,1,-1]",
            "$[?@.kind == 'person'].name",
            "$..[?match(@.contact, '.+@.+')]",
            "$['a..b', '$', ',,,,,', \"it's\"]",
        ] {
            assert!(check_path("/paths/0", text).is_ok(), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused_with_its_position() {
        for (text, position) in [
            ("email", "position 1"),
            ("$.a[", "position 4"),
            ("$.a b", "position 4"),
        ] {
            let fault = check_path("/paths/0", text).unwrap_err();
            assert_eq!(fault.code, "not_a_path", "{text}");
            assert!(fault.detail.contains(position), "{}", fault.detail);
        }
    }

    #[test]
    fn what_would_cost_too_much_is_refused() {
        for text in [
            "$..*..*",
            "$..[?@..x]",
            "$..[?count($.a[*]) > 1]",
            "$[*,*][*,*][*,*][*,*][*,*]",
        ] {
            assert_eq!(
                check_path("/paths/0", text).unwrap_err().code,
                "too_costly",
                "{text}"
            );
        }
    }
}
