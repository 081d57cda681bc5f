//! What back ends are shown and known by, as the endpoints' operations take it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{
    endpoints::{ClientCertificate, EndpointPatch, Headers, NewEndpoint},
    error::{Error, Result},
};
use poem_openapi::types::MaybeUndefined;

use super::bodies::{EndpointIn, EndpointPatchIn};
use crate::relays::check_pem;

fn headers(of: BTreeMap<String, String>) -> Headers {
    of.into_iter().map(|(name, value)| (name, value.into())).collect()
}

/// A certificate and its key, which go together.
fn pair(chain: Option<String>, key: Option<String>) -> Result<Option<(String, String)>> {
    let missing = |field, detail| Err(Error::invalid(field, "missing", detail));
    match (chain, key) {
        (None, None) => Ok(None),
        (Some(chain), Some(key)) => Ok(Some((chain, key))),
        (Some(_), None) => missing("/upstream_key", "give the certificate's key with it"),
        (None, Some(_)) => missing("/upstream_certificate", "give the key's certificate with it"),
    }
}

fn certificate(
    chain: Option<String>,
    key: Option<String>,
    ca: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Option<ClientCertificate>> {
    let pair = pair(chain, key)?;
    let given = pair.as_ref().map(|(chain, key)| (chain.as_str(), key.as_str()));
    let expires_at = check_pem(given, ca, now)?;
    Ok(pair.map(|(chain, key)| ClientCertificate {
        chain,
        key: key.into(),
        expires_at,
    }))
}

impl EndpointIn {
    /// The endpoint that this describes, once what is in PEM was found good.
    pub(super) fn into_new(mut self, now: DateTime<Utc>) -> Result<NewEndpoint> {
        let (chain, key) = (self.upstream_certificate.take(), self.upstream_key.take());
        let ca = self.upstream_ca.take();
        let certificate = certificate(chain, key, ca.as_deref(), now)?;
        let headers = headers(self.upstream_headers.take().unwrap_or_default());
        let mut new = NewEndpoint::from(self);
        new.upstream_headers = headers;
        new.upstream_certificate = certificate;
        new.upstream_ca = ca;
        Ok(new)
    }
}

impl EndpointPatchIn {
    /// The changes that this describes, once what is in PEM was found good.
    pub(super) fn into_patch(mut self, now: DateTime<Utc>) -> Result<EndpointPatch> {
        let given: Option<Option<BTreeMap<_, _>>> = std::mem::take(&mut self.upstream_headers).into();
        let headers = given.map(|given| headers(given.unwrap_or_default()));
        let ca: Option<Option<String>> = std::mem::take(&mut self.upstream_ca).into();
        let chain = std::mem::take(&mut self.upstream_certificate);
        let key: Option<Option<String>> = std::mem::take(&mut self.upstream_key).into();
        // Either of them cleared clears both.
        let clears = chain == MaybeUndefined::Null || key == Some(None);
        let chain: Option<Option<String>> = chain.into();
        let certificate = certificate(
            chain.flatten(),
            key.flatten(),
            ca.as_ref().and_then(Option::as_deref),
            now,
        )?;
        let mut patch = EndpointPatch::from(self);
        patch.upstream_headers = headers;
        patch.upstream_certificate = match certificate {
            Some(certificate) => Some(Some(certificate)),
            None => clears.then_some(None),
        };
        patch.upstream_ca = ca;
        Ok(patch)
    }
}
