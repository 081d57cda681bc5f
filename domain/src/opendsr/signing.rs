//! What answers and callbacks are signed with: a key of the Digital Signature Standard (FIPS 186), and the certificate that
//! says for which domain. The installation has one of its own where its operator named one; otherwise each tenant gets a
//! key of its own, sealed in the store, with a certificate that nobody vouches for but its own key.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use entity::opendsr_key;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use sea_orm::{Set, sea_query::OnConflict};

use crate::{
    Error, Result,
    ctx::Ctx,
    tenancy::{TenantScope, TenantTx},
};

/// The certificate of the installation, and its key.
#[derive(Clone)]
pub struct Identity {
    /// The chain, in PEM.
    pub certificate: String,
    /// PKCS #8, in DER.
    pub key: Vec<u8>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

impl Identity {
    /// Whether something can be signed with it.
    pub fn is_usable(&self) -> bool {
        signature(&self.key, b"").is_ok()
    }
}

/// What goes along with a body.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The domain of the certificate.
    pub domain: String,
    /// Base64, over the body with SHA-256.
    pub signature: String,
}

/// The domain that requests come in on.
pub fn domain(ctx: &Ctx) -> String {
    let url = &ctx.settings.public_url;
    url.host_str()
        .unwrap_or("localhost")
        .trim_matches(['[', ']'])
        .to_owned()
}

/// The certificate that signatures are checked with, in PEM.
pub async fn certificate(ctx: &Ctx, scope: &TenantScope) -> Result<String> {
    match &ctx.settings.opendsr {
        Some(own) => Ok(own.certificate.clone()),
        None => Ok(key(ctx, scope).await?.certificate),
    }
}

/// Signs a body.
pub async fn sign(ctx: &Ctx, scope: &TenantScope, body: &[u8]) -> Result<Signed> {
    let signature = if let Some(own) = &ctx.settings.opendsr {
        signature(&own.key, body)?
    } else {
        let row = key(ctx, scope).await?;
        let keys = ctx.keys.tenant(scope.tenant()).await?;
        let key = keys.tenant.open_value(&context(&row.domain), &row.key_sealed)?;
        signature(&key, body)?
    };
    Ok(Signed {
        domain: domain(ctx),
        signature: STANDARD.encode(signature),
    })
}

fn signature(key: &[u8], body: &[u8]) -> Result<Vec<u8>> {
    let random = SystemRandom::new();
    if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key, &random) {
        let signed = pair.sign(&random, body);
        return Ok(signed.map_err(|_| unusable())?.as_ref().to_vec());
    }
    let pair = RsaKeyPair::from_pkcs8(key).map_err(|_| unusable())?;
    let mut signed = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &random, body, &mut signed)
        .map_err(|_| unusable())?;
    Ok(signed)
}

fn unusable() -> Error {
    Error::internal(anyhow::anyhow!(
        "the key for OpenDSR is neither ECDSA on P-256 nor RSA, in PKCS #8"
    ))
}

pub(crate) fn context(domain: &str) -> String {
    format!("opendsr-key:{domain}")
}

async fn stored(tx: &TenantTx) -> Result<Option<opendsr_key::Model>> {
    Ok(tx.find::<opendsr_key::Entity>().one(tx.conn()).await?)
}

/// The tenant's key, made when it is first asked for, and again when the domain has changed.
async fn key(ctx: &Ctx, scope: &TenantScope) -> Result<opendsr_key::Model> {
    use opendsr_key::Column;
    let domain = domain(ctx);
    let tx = ctx.store.read(scope).await?;
    if let Some(row) = stored(&tx).await?.filter(|row| row.domain == domain) {
        return Ok(row);
    }
    drop(tx);
    // The library takes its randomness from the system and from nowhere else.
    let pair = rcgen::KeyPair::generate().map_err(Error::internal)?;
    let params = rcgen::CertificateParams::new(vec![domain.clone()]).map_err(Error::internal)?;
    let certificate = params.self_signed(&pair).map_err(Error::internal)?;
    let keys = ctx.keys.tenant(scope.tenant()).await?;
    let sealed = keys
        .tenant
        .seal_value(&context(&domain), &pair.serialize_der(), &*ctx.chance);
    let tx = ctx.store.begin(scope).await?;
    // Of two that make one at once, the later is used by both: what the other signed meanwhile was never sent.
    if let Some(row) = stored(&tx).await?.filter(|row| row.domain == domain) {
        return Ok(row);
    }
    let row = opendsr_key::ActiveModel {
        tenant_id: Set(scope.tenant()),
        domain: Set(domain),
        certificate: Set(certificate.pem()),
        key_sealed: Set(sealed),
        created_at: Set(ctx.now()),
    };
    let clash = OnConflict::column(Column::TenantId)
        .update_columns([
            Column::Domain,
            Column::Certificate,
            Column::KeySealed,
            Column::CreatedAt,
        ])
        .to_owned();
    tx.upsert(row, clash).await?;
    let row = stored(&tx).await?;
    tx.save().await?;
    row.ok_or(Error::NotFound { what: "key" })
}
