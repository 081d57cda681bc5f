//! What a back end is shown when it is dialled, and what it is known by: headers of the opening request, a client certificate, an
//! authority. Headers and keys are secrets of the tenant: sealed, and never shown again.

use chrono::{DateTime, Utc};
use entity::{endpoint, id::EndpointId, id::TenantId};
use sea_orm::ActiveValue::Set;
use serde_json::{Value, json};
use vault::Redacted;

use crate::{
    ctx::Ctx,
    error::{Error, Faults, Result},
    keys::TenantKeys,
};

/// Headers by name.
pub type Headers = Vec<(String, Redacted<String>)>;

/// A client certificate as somebody gave it, after it was found good.
#[derive(Clone, Debug)]
pub struct ClientCertificate {
    /// The chain, in PEM.
    pub chain: String,
    /// Its key, in PEM.
    pub key: Redacted<String>,
    /// When it is no good any more.
    pub expires_at: Option<DateTime<Utc>>,
}

/// All of it, opened.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Sent in the opening request.
    pub headers: Headers,
    /// Chain and key, in PEM.
    pub certificate: Option<(String, Redacted<String>)>,
    /// Authorities, in PEM.
    pub authority: Option<String>,
}

/// Names that are not a tenant's to say: those of the connection itself (RFC 9110 §7.6.1), of the message's frame, and of the
/// handshake.
const RESERVED: [&str; 14] = [
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
const MOST: usize = 20;
const LONGEST_NAME: usize = 100;
const LONGEST_VALUE: usize = 4096;
const LARGEST_PEM: usize = 64 << 10;

/// RFC 9110 §5.6.2.
fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

pub(super) fn check_headers(faults: &mut Faults, headers: &[(String, Redacted<String>)]) {
    const FIELD: &str = "/upstream_headers";
    faults.check(
        headers.len() <= MOST,
        FIELD,
        "out_of_range",
        "use 20 headers at most",
    );
    for (index, (name, value)) in headers.iter().enumerate() {
        // As in a JSON pointer (RFC 6901).
        let field = format!("{FIELD}/{}", name.replace('~', "~0").replace('/', "~1"));
        if !is_token(name) || name.len() > LONGEST_NAME {
            faults.add(
                field,
                "malformed",
                "use the name of a header, of 100 characters at most",
            );
            continue;
        }
        let lower = name.to_ascii_lowercase();
        let reserved = RESERVED.contains(&lower.as_str()) || lower.starts_with("sec-websocket-");
        faults.check(
            !reserved,
            field.clone(),
            "reserved",
            "this header belongs to the connection or the handshake; leave it out",
        );
        let again = headers
            .iter()
            .take(index)
            .any(|(before, _)| before.eq_ignore_ascii_case(name));
        faults.check(!again, field.clone(), "duplicate", "give each header once");
        let fits = value.expose().len() <= LONGEST_VALUE
            && value.expose().trim() == value.expose().as_str()
            && value.expose().bytes().all(|b| (0x20..0x7f).contains(&b));
        faults.check(
            fits,
            field,
            "malformed",
            "use up to 4096 printable ASCII characters without spaces around them",
        );
    }
}

pub(super) fn check_pem(faults: &mut Faults, certificate: Option<&ClientCertificate>, ca: Option<&str>) {
    let fits = |pem: Option<&str>| pem.is_none_or(|pem| pem.len() <= LARGEST_PEM);
    let detail = "use 64 KiB at most";
    let chain = certificate.map(|certificate| certificate.chain.as_str());
    faults.check(fits(chain), "/upstream_certificate", "out_of_range", detail);
    faults.check(fits(ca), "/upstream_ca", "out_of_range", detail);
}

pub(crate) fn headers_context(id: EndpointId) -> String {
    format!("endpoint-upstream-headers:{id}")
}

pub(crate) fn certificate_context(id: EndpointId) -> String {
    format!("endpoint-upstream-certificate:{id}")
}

/// Writes headers into a row; what was there before goes.
pub(super) async fn seal_headers(
    ctx: &Ctx,
    tenant: TenantId,
    id: EndpointId,
    headers: &[(String, Redacted<String>)],
    row: &mut endpoint::ActiveModel,
) -> Result<()> {
    if headers.is_empty() {
        row.upstream_headers_sealed = Set(None);
        row.upstream_header_names = Set(None);
        return Ok(());
    }
    let keys = ctx.keys.tenant(tenant).await?;
    let pairs: Vec<(&str, &str)> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose().as_str()))
        .collect();
    let plain = serde_json::to_vec(&pairs)?;
    let sealed = keys.tenant.seal_value(&headers_context(id), &plain, &*ctx.chance);
    let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    row.upstream_headers_sealed = Set(Some(sealed));
    row.upstream_header_names = Set(Some(json!(names)));
    Ok(())
}

/// Writes a client certificate into a row, or takes it away.
pub(super) async fn seal_certificate(
    ctx: &Ctx,
    tenant: TenantId,
    id: EndpointId,
    certificate: Option<&ClientCertificate>,
    row: &mut endpoint::ActiveModel,
) -> Result<()> {
    let Some(certificate) = certificate else {
        row.upstream_certificate_sealed = Set(None);
        row.upstream_certificate_expires_at = Set(None);
        return Ok(());
    };
    let keys = ctx.keys.tenant(tenant).await?;
    let plain = serde_json::to_vec(&(&certificate.chain, certificate.key.expose()))?;
    let sealed = keys
        .tenant
        .seal_value(&certificate_context(id), &plain, &*ctx.chance);
    row.upstream_certificate_sealed = Set(Some(sealed));
    row.upstream_certificate_expires_at = Set(certificate.expires_at);
    Ok(())
}

/// Opens what a row holds.
pub(super) fn open(keys: &TenantKeys, row: &endpoint::Model) -> Result<Access> {
    let plain = |context: String, sealed: &Option<Vec<u8>>| {
        let sealed = sealed.as_ref();
        sealed
            .map(|sealed| keys.tenant.open_value(&context, sealed))
            .transpose()
    };
    let headers: Headers = match plain(headers_context(row.id), &row.upstream_headers_sealed)? {
        None => Vec::new(),
        Some(plain) => {
            let pairs: Vec<(String, String)> = serde_json::from_slice(&plain).map_err(Error::internal)?;
            pairs
                .into_iter()
                .map(|(name, value)| (name, value.into()))
                .collect()
        }
    };
    let certificate = match plain(certificate_context(row.id), &row.upstream_certificate_sealed)? {
        None => None,
        Some(plain) => {
            let (chain, key): (String, String) = serde_json::from_slice(&plain).map_err(Error::internal)?;
            Some((chain, key.into()))
        }
    };
    Ok(Access {
        headers,
        certificate,
        authority: row.upstream_ca.clone(),
    })
}

/// The names of a row's headers.
pub fn header_names(row: &endpoint::Model) -> Vec<String> {
    let names = row.upstream_header_names.as_ref().and_then(Value::as_array);
    let names = names.into_iter().flatten().filter_map(Value::as_str);
    names.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(headers: &[(&str, &str)]) -> Vec<(String, String)> {
        let headers: Headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned().into()))
            .collect();
        let mut faults = Faults::default();
        check_headers(&mut faults, &headers);
        match faults.finish() {
            Ok(()) => Vec::new(),
            Err(Error::Invalid(faults)) => faults
                .into_iter()
                .map(|fault| (fault.field, fault.code.to_owned()))
                .collect(),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn headers_of_the_connection_and_the_handshake_are_not_a_tenants() {
        assert_eq!(
            faults(&[
                ("Authorization", "Bearer x"),
                ("X-Api-Key", ""),
                ("Origin", "https://a")
            ]),
            []
        );
        for name in [
            "Host",
            "CONNECTION",
            "upgrade",
            "Sec-WebSocket-Key",
            "sec-websocket-anything",
            "TE",
        ] {
            let said = faults(&[(name, "x")]);
            assert_eq!(
                said,
                [(format!("/upstream_headers/{name}"), "reserved".to_owned())]
            );
        }
        for (name, value) in [
            ("", "x"),
            ("a b", "x"),
            ("a:", "x"),
            ("ä", "x"),
            ("a", "x\r\nHost: b"),
            ("a", " x"),
            ("a", "ü"),
        ] {
            let said = faults(&[(name, value)]);
            assert_eq!(said.len(), 1, "{name}: {value}");
            assert_eq!(said[0].1, "malformed", "{name}: {value}");
        }
        assert_eq!(faults(&[("a/b", "x")])[0].0, "/upstream_headers/a~1b");
        assert_eq!(faults(&[("a", "1"), ("A", "2")])[0].1, "duplicate");
    }
}
