//! TLS on our own port: a certificate chain and its key, read once at the start.

use std::sync::Arc;

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::{settings::Tls, trouble::Trouble};

/// Reads what answers of OpenDSR are signed with.
pub(crate) fn opendsr_identity(files: &Tls) -> Result<domain::opendsr::Identity, Trouble> {
    let (cert, key) = (files.cert.display(), files.key.display());
    let unreadable = |what: String, error: &dyn std::fmt::Display| {
        Trouble::new(
            format!("OpenDSR: {what} cannot be read"),
            "name PEM files: a certificate chain, and its key without a passphrase",
        )
        .because(error)
    };
    let certificate =
        std::fs::read_to_string(&files.cert).map_err(|error| unreadable(cert.to_string(), &error))?;
    let private =
        PrivateKeyDer::from_pem_file(&files.key).map_err(|error| unreadable(key.to_string(), &error))?;
    let identity = domain::opendsr::Identity {
        certificate,
        key: private.secret_der().to_vec(),
    };
    if identity.is_usable() {
        return Ok(identity);
    }
    Err(Trouble::new(
        format!("OpenDSR: nothing can be signed with {key}"),
        "use a key of RSA, or ECDSA on P-256, in PKCS #8 (BEGIN PRIVATE KEY), for opendsr_cert and opendsr_key",
    ))
}

/// Reads certificate and key, and checks that they belong together.
pub(crate) fn server_config(files: &Tls) -> Result<Arc<ServerConfig>, Trouble> {
    let (cert, key) = (files.cert.display(), files.key.display());
    let chain = CertificateDer::pem_file_iter(&files.cert).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(|error| {
        Trouble::new(
            format!("tls_cert: {cert} cannot be read as a certificate"),
            "name a PEM file that begins with -----BEGIN CERTIFICATE-----, the server's own first",
        )
        .because(error)
    })?;
    if chain.is_empty() {
        return Err(Trouble::new(
            format!("tls_cert: there is no certificate in {cert}"),
            "name a PEM file that begins with -----BEGIN CERTIFICATE-----",
        ));
    }
    let private = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| {
        Trouble::new(
            format!("tls_key: {key} cannot be read as a private key"),
            "name a PEM file that begins with -----BEGIN PRIVATE KEY-----, without a passphrase",
        )
        .because(error)
    })?;
    let builder = ServerConfig::builder().with_no_client_auth();
    let mut config = builder.with_single_cert(chain, private).map_err(|error| {
        Trouble::new(
            format!("the certificate in {cert} and the key in {key} cannot be used together"),
            "name the key that the certificate was made for",
        )
        .because(error)
    })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
