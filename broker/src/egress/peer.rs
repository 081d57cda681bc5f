//! TLS with one particular peer: the certificate that it is shown, and the authority that it is known by.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use super::{EgressFault, native_roots};

/// What one peer is shown and known by, in PEM. Nothing of it: nothing is shown, and the operating system's roots count.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PeerTls {
    /// A certificate chain, our own first, and its private key.
    pub certificate: Option<(String, String)>,
    /// The authorities that may vouch for the peer, and no others.
    pub authority: Option<String>,
}

impl std::fmt::Debug for PeerTls {
    /// Without what is in it: a key among it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PeerTls").finish_non_exhaustive()
    }
}

/// Why something in PEM is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerTlsFault {
    /// The chain.
    #[error("this is no certificate: paste PEM that begins with -----BEGIN CERTIFICATE-----, your own first")]
    Certificate,
    /// The key.
    #[error(
        "this is no private key: paste PEM that begins with -----BEGIN PRIVATE KEY-----, without a passphrase"
    )]
    Key,
    /// Each by itself is good.
    #[error("this key does not belong to the certificate")]
    Mismatch,
    /// The authority.
    #[error("this is no certificate of an authority: paste PEM that begins with -----BEGIN CERTIFICATE-----")]
    Authority,
    /// The machine has no roots.
    #[error("no root certificates were found on this machine")]
    NoRoots,
}

fn chain(pem: &str) -> Option<Vec<CertificateDer<'static>>> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    chain.ok().filter(|chain| !chain.is_empty())
}

/// When a certificate expires, in seconds since 1970 (RFC 5280 §4.1).
#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the method is of one lifetime, and what is asked for is of any"
)]
fn not_after(der: &[u8]) -> yasna::ASN1Result<i64> {
    yasna::parse_der(der, |certificate| {
        certificate.read_sequence(|certificate| {
            let at = certificate.next().read_sequence(|signed| {
                signed.read_optional(|version| {
                    version.read_tagged(yasna::Tag::context(0), |version| version.read_der())
                })?;
                // Serial number, algorithm, issuer.
                for _ in 0..3 {
                    signed.next().read_der()?;
                }
                let at = signed.next().read_sequence(|validity| {
                    validity.next().read_der()?;
                    let until = validity.next();
                    Ok(if until.lookahead_tag()? == yasna::tags::TAG_UTCTIME {
                        until.read_utctime()?.datetime().unix_timestamp()
                    } else {
                        until.read_generalized_time()?.datetime().unix_timestamp()
                    })
                })?;
                while signed.read_optional(|rest| rest.read_der())?.is_some() {}
                Ok(at)
            })?;
            // Algorithm and signature.
            for _ in 0..2 {
                certificate.next().read_der()?;
            }
            Ok(at)
        })
    })
}

impl PeerTls {
    /// Whether there is nothing particular about the peer.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// Checks all of it. Answers when our certificate expires, in seconds since 1970.
    ///
    /// # Errors
    /// What is of no use.
    pub fn check(&self) -> Result<Option<i64>, PeerTlsFault> {
        match self.config() {
            // Whether this machine knows authorities is not the tenant's affair.
            Ok(_) | Err(PeerTlsFault::NoRoots) => {}
            Err(fault) => return Err(fault),
        }
        let Some((pem, _)) = &self.certificate else {
            return Ok(None);
        };
        let chain = chain(pem).ok_or(PeerTlsFault::Certificate)?;
        let own = chain.first().ok_or(PeerTlsFault::Certificate)?;
        not_after(own).map(Some).map_err(|_| PeerTlsFault::Certificate)
    }

    /// What the library needs.
    ///
    /// # Errors
    /// What is of no use.
    pub fn config(&self) -> Result<ClientConfig, PeerTlsFault> {
        let own = match &self.certificate {
            None => None,
            Some((pem, key)) => {
                let chain = chain(pem).ok_or(PeerTlsFault::Certificate)?;
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| PeerTlsFault::Key)?;
                Some((chain, key))
            }
        };
        let roots = match &self.authority {
            None => native_roots().map_err(|_: EgressFault| PeerTlsFault::NoRoots)?,
            Some(pem) => {
                let mut roots = RootCertStore::empty();
                for authority in chain(pem).ok_or(PeerTlsFault::Authority)? {
                    roots.add(authority).map_err(|_| PeerTlsFault::Authority)?;
                }
                roots
            }
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| PeerTlsFault::NoRoots)?
            .with_root_certificates(roots);
        match own {
            None => Ok(builder.with_no_client_auth()),
            Some((chain, key)) => builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| match error {
                    rustls::Error::InconsistentKeys(_) => PeerTlsFault::Mismatch,
                    rustls::Error::InvalidCertificate(_) => PeerTlsFault::Certificate,
                    _ => PeerTlsFault::Key,
                }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (String, String) {
        let own = rcgen::generate_simple_self_signed(["back-end.example".to_owned()]).unwrap();
        (own.cert.pem(), own.signing_key.serialize_pem())
    }

    fn with(certificate: &str, key: &str) -> PeerTls {
        PeerTls {
            certificate: Some((certificate.to_owned(), key.to_owned())),
            authority: None,
        }
    }

    #[test]
    fn what_is_no_use_is_told_apart() {
        let ((certificate, key), (other, _)) = (pair(), pair());
        // The far future in which what the library makes expires: 4096-01-01, which needs the longer form of a time.
        assert_eq!(with(&certificate, &key).check(), Ok(Some(67_090_118_400)));
        for (peer, fault) in [
            (with("", &key), PeerTlsFault::Certificate),
            (with(&key, &key), PeerTlsFault::Certificate),
            (
                with(&certificate.replace("MII", "MIX"), &key),
                PeerTlsFault::Certificate,
            ),
            (with(&certificate, ""), PeerTlsFault::Key),
            (with(&certificate, &certificate), PeerTlsFault::Key),
            (with(&other, &key), PeerTlsFault::Mismatch),
        ] {
            assert_eq!(peer.check(), Err(fault));
        }
        let authority = |pem: &str| PeerTls {
            certificate: None,
            authority: Some(pem.to_owned()),
        };
        assert_eq!(authority(&certificate).check(), Ok(None));
        assert_eq!(authority("hello").check(), Err(PeerTlsFault::Authority));
        assert_eq!(authority(&key).check(), Err(PeerTlsFault::Authority));
    }
}
