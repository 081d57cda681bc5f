//! Which web pages may open a socket. Browsers send no preflight for WebSockets, so without this check any page could use
//! what the browser holds for ours (CWE-1385).

use std::str::FromStr;

use url::Url;

/// One line of an endpoint's list of origins: `https://app.example.com`, `https://*.example.com` or `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OriginRule {
    /// Every page. For endpoints that are open by design.
    Any,
    /// Exactly this origin, in the form that browsers send it.
    Exact(String),
    /// Every subdomain, at any depth, but not the domain itself.
    Subdomains {
        /// `https`, or `http` while developing.
        scheme: String,
        /// The domain, with the dot before it.
        suffix: String,
        /// The port, where it is not the scheme's own.
        port: Option<u16>,
    },
}

/// The rule does not read as an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an origin reads https://app.example.com, https://*.example.com or *")]
pub struct OriginRuleFault;

impl FromStr for OriginRule {
    type Err = OriginRuleFault;

    fn from_str(rule: &str) -> Result<Self, OriginRuleFault> {
        if rule == "*" {
            return Ok(Self::Any);
        }
        let (scheme, host) = rule.split_once("://").ok_or(OriginRuleFault)?;
        let Some(domain) = host.strip_prefix("*.") else {
            let url = parse(rule).ok_or(OriginRuleFault)?;
            return Ok(Self::Exact(url.origin().ascii_serialization()));
        };
        let url = parse(&format!("{scheme}://{domain}")).ok_or(OriginRuleFault)?;
        let domain = url.domain().ok_or(OriginRuleFault)?;
        // `https://*.com` would be half of the web.
        if !domain.contains('.') {
            return Err(OriginRuleFault);
        }
        Ok(Self::Subdomains {
            scheme: url.scheme().into(),
            suffix: format!(".{domain}"),
            port: url.port(),
        })
    }
}

impl OriginRule {
    /// Whether a page of this origin may connect.
    pub fn admits(&self, origin: &str) -> bool {
        match (self, parse(origin)) {
            (Self::Any, _) => true,
            (_, None) => false,
            (Self::Exact(own), Some(url)) => url.origin().ascii_serialization() == *own,
            (Self::Subdomains { scheme, suffix, port }, Some(url)) => {
                url.scheme() == scheme
                    && url.port() == *port
                    && url
                        .domain()
                        .is_some_and(|host| host.len() > suffix.len() && host.ends_with(suffix))
            }
        }
    }
}

/// Whether a request may open a socket under these rules. No rules leave every page in, and a request without
/// `Origin` comes from no page: both rest on the token alone, which is why a cookie must never be enough.
pub fn may_open(rules: &[OriginRule], origin: Option<&str>) -> bool {
    match origin {
        Some(origin) => rules.is_empty() || rules.iter().any(|rule| rule.admits(origin)),
        None => true,
    }
}

/// An origin and nothing else: no path, no query, no user.
fn parse(origin: &str) -> Option<Url> {
    let url = Url::parse(origin).ok()?;
    let bare = matches!(url.scheme(), "http" | "https")
        && !origin.contains('*')
        && url.path() == "/"
        && !origin.ends_with('/')
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    bare.then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(rule: &str, origin: &str) -> bool {
        rule.parse::<OriginRule>().unwrap().admits(origin)
    }

    #[test]
    fn an_exact_rule_takes_its_origin_in_any_spelling() {
        assert!(admits("https://app.example.com", "https://app.example.com"));
        assert!(admits("https://APP.example.com:443", "https://app.example.com"));
        assert!(admits("http://localhost:5173", "http://localhost:5173"));
        for other in [
            "http://app.example.com",
            "https://app.example.com:8443",
            "https://app.example.com.evil.test",
            "https://example.com",
            "https://app.example.com/",
            "null",
            "",
        ] {
            assert!(!admits("https://app.example.com", other), "{other}");
        }
    }

    #[test]
    fn a_star_takes_subdomains_and_nothing_that_looks_like_one() {
        assert!(admits("https://*.example.com", "https://a.example.com"));
        assert!(admits("https://*.example.com", "https://a.b.example.com"));
        for other in [
            "https://example.com",
            "https://evilexample.com",
            "https://a.example.com.evil.test",
            "https://a.example.com@evil.test",
            "http://a.example.com",
            "https://a.example.com:444",
        ] {
            assert!(!admits("https://*.example.com", other), "{other}");
        }
    }

    #[test]
    fn rules_that_mean_too_much_or_nothing_are_refused() {
        for rule in [
            "",
            "example.com",
            "https://",
            "https://*.com",
            "https://a.*.com",
            "ftp://example.com",
            "https://x.test/path",
        ] {
            assert_eq!(rule.parse::<OriginRule>(), Err(OriginRuleFault), "{rule}");
        }
    }

    #[test]
    fn a_request_without_a_page_passes_and_a_strange_page_does_not() {
        let rules = ["https://app.example.com".parse().unwrap()];
        assert!(may_open(&rules, None));
        assert!(may_open(&[], Some("https://anything.test")));
        assert!(!may_open(&rules, Some("https://anything.test")));
        assert!(may_open(&["*".parse().unwrap()], Some("null")));
    }
}
