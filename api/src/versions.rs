//! `If-Match` (RFC 9110 §13.1.1): change only what the caller has seen.

use domain::error::{Error, Result};

/// The version that the caller expects, or none for any (`*` or no header).
pub fn expected(if_match: Option<&str>) -> Result<Option<i32>> {
    let Some(value) = if_match.map(str::trim).filter(|value| *value != "*") else {
        return Ok(None);
    };
    let version = value
        .strip_prefix("\"v")
        .and_then(|rest| rest.strip_suffix('"'))
        .and_then(|digits| digits.parse().ok());
    version
        .map(Some)
        .ok_or_else(|| Error::invalid("If-Match", "malformed", "send an ETag as you got it, like \"v3\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_etag_comes_back_as_the_version() {
        assert_eq!(expected(Some("\"v3\"")).unwrap(), Some(3));
        assert_eq!(expected(Some("*")).unwrap(), None);
        assert_eq!(expected(None).unwrap(), None);
    }

    #[test]
    fn something_else_is_refused() {
        assert!(expected(Some("W/\"v3\"")).is_err());
        assert!(expected(Some("3")).is_err());
    }
}
