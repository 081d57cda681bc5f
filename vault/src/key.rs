//! The keys: 32 random bytes each, told apart by type, wiped when dropped, never printed.
//!
//! A key is stored only wrapped by the key above it (see [`Wrapped`] and the `wrap_…` methods). There is no `Clone`, so
//! that a key is in one place and dropping it there is enough; share it with an `Arc`.

use std::{fmt, marker::PhantomData};

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use zeroize::Zeroizing;

use crate::{chance::Chance, crypt, error::VaultError, redact::Redacted};

pub use crate::wrap::Wrapped;

/// Standard base64 (RFC 4648 section 4), as `openssl rand -base64 32` prints it; padding may be left out when read.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A key of kind `K`. Use the aliases: [`RootKey`], [`TenantKey`], [`SubjectKey`], [`BucketKey`], [`IndexKey`], [`SigningSeed`].
pub struct Key<K: Kind> {
    // Boxed, so that moving the key does not leave copies of it behind on the stack.
    bytes: Box<Zeroizing<[u8; 32]>>,
    kind: PhantomData<K>,
}

/// What a key is for. Sealed: the kinds are the ones in [`kind`].
pub trait Kind: private::Kind {}
impl<K: private::Kind> Kind for K {}

pub(crate) mod private {
    /// The part of [`super::Kind`] that only this crate can give to a type.
    pub trait Kind {
        /// The name in derivation labels: part of the stored format, never to be changed.
        const LABEL: &'static str;
        /// The name in `Debug`.
        const TYPE: &'static str;
        /// The name in errors.
        const WHAT: &'static str;
    }
}

/// The kinds of key, as types without values.
pub mod kind {
    use super::private::Kind;

    macro_rules! kinds {
        ($($(#[$doc:meta])* $name:ident = $label:literal, $type:literal, $what:literal;)*) => {$(
            $(#[$doc])*
            #[derive(Debug)]
            pub enum $name {}
            impl Kind for $name {
                const LABEL: &'static str = $label;
                const TYPE: &'static str = $type;
                const WHAT: &'static str = $what;
            }
        )*};
    }

    kinds! {
        /// The key above all others.
        Root = "root", "RootKey", "root key";
        /// The key of a tenant.
        Tenant = "tenant", "TenantKey", "tenant key";
        /// The key around a page of stored keys.
        Page = "page", "PageKey", "page key";
        /// The key of a subject.
        Subject = "subject", "SubjectKey", "subject key";
        /// The key of a retention bucket.
        Bucket = "bucket", "BucketKey", "bucket key";
        /// The key of blind indexes.
        Index = "index", "IndexKey", "index key";
        /// The seed of a signature key.
        Signing = "signing", "SigningSeed", "signing seed";
    }
}

/// The one key that is kept outside the stores. Without it nothing opens.
pub type RootKey = Key<kind::Root>;
/// Wraps the keys of one tenant and seals its fields. Destroying it destroys the tenant's data.
pub type TenantKey = Key<kind::Tenant>;
/// Lies around the stored form of a few dozen other keys, and is itself kept outside the stores. Replacing it takes every
/// older copy of what it lay around out of reach: that is how a stored key is destroyed (see [`crate::page`]).
pub type PageKey = Key<kind::Page>;
/// The first lock of a message, and the key of a subject's fields. Destroyed by erasure and withdrawal.
pub type SubjectKey = Key<kind::Subject>;
/// The second lock of a message. Destroyed when its retention bucket expires; a hold has one of its own.
pub type BucketKey = Key<kind::Bucket>;
/// Makes fingerprints by which sealed values can be found (see [`crate::index`]) and codes be checked ([`crate::code`]).
pub type IndexKey = Key<kind::Index>;
/// The secret half of an Ed25519 key pair (RFC 8032 section 5.1.5). The signing itself is done elsewhere.
pub type SigningSeed = Key<kind::Signing>;

impl<K: Kind> Key<K> {
    /// A new random key.
    #[must_use]
    pub fn generate(chance: &dyn Chance) -> Self {
        Self::filled(|bytes| chance.fill(bytes))
    }

    /// A key whose bytes `fill` writes in their final place.
    pub(crate) fn filled(fill: impl FnOnce(&mut [u8; 32])) -> Self {
        let mut bytes = Box::new(Zeroizing::new([0; 32]));
        fill(&mut bytes);
        Self {
            bytes,
            kind: PhantomData,
        }
    }

    /// A key from bytes that were kept elsewhere, if they are 32.
    pub(crate) fn from_slice(slice: &[u8]) -> Result<Self, VaultError> {
        if slice.len() != 32 {
            return Err(VaultError::Malformed { what: K::WHAT });
        }
        Ok(Self::filled(|bytes| bytes.copy_from_slice(slice)))
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// 32 bytes that follow from this key and a label. Always the same; nothing about the key can be told from them.
    fn derive(&self, label: &str, out: &mut [u8; 32]) {
        let info: [&[u8]; 4] = [b"weir/v1/derive/", K::LABEL.as_bytes(), b"/", label.as_bytes()];
        crypt::expand(&crypt::extract(b"", self.bytes()), &info, out);
    }

    fn derive_index_key(&self) -> IndexKey {
        Key::filled(|bytes| self.derive("index", bytes))
    }
}

impl<K: Kind> fmt::Debug for Key<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}([redacted])", K::TYPE)
    }
}

impl RootKey {
    /// Reads 32 bytes in base64, as [`RootKey::encode`] writes them. White space around them is ignored.
    pub fn parse(text: &str) -> Result<Self, VaultError> {
        let malformed = VaultError::Malformed { what: "root key" };
        // Room for every text that can be right, so that decoding neither allocates nor leaves a copy.
        let mut bytes = Zeroizing::new([0; 36]);
        let length = BASE64
            .decode_slice(text.trim(), bytes.as_mut_slice())
            .map_err(|_| malformed.clone())?;
        Self::from_slice(bytes.get(..length).ok_or(malformed)?)
    }

    /// The key in base64, to be written where only the operator reads it.
    #[must_use]
    pub fn encode(&self) -> Redacted<String> {
        Redacted::new(BASE64.encode(self.bytes()))
    }

    /// Stored beside the data, so that a wrong root key is recognised at the start and not at the first reading. Tells
    /// nothing about the key.
    #[must_use]
    pub fn check_value(&self) -> [u8; 16] {
        let mut long = [0; 32];
        self.derive("check", &mut long);
        let mut out = [0; 16];
        out.copy_from_slice(&long[..16]);
        out
    }

    /// The index key for what belongs to no tenant, such as the sign-in names of members.
    #[must_use]
    pub fn index_key(&self) -> IndexKey {
        self.derive_index_key()
    }
}

impl TenantKey {
    /// The index key of this tenant: always the same one, different from every other tenant's.
    #[must_use]
    pub fn index_key(&self) -> IndexKey {
        self.derive_index_key()
    }
}

impl SigningSeed {
    /// The seed itself, for the library that signs.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        self.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::SeededChance;

    fn root(seed: u64) -> RootKey {
        RootKey::generate(&SeededChance::new(seed))
    }

    #[test]
    fn a_root_key_survives_being_written_and_read() {
        let text = root(1).encode();
        assert_eq!(text.expose().len(), 44);
        for variant in [
            text.expose().clone(),
            format!("  {}\n", text.expose()),
            text.expose().replace('=', ""),
        ] {
            assert_eq!(RootKey::parse(&variant).unwrap().bytes(), root(1).bytes());
        }
    }

    #[test]
    fn what_is_not_32_bytes_of_base64_is_no_root_key() {
        let long = BASE64.encode([1; 33]);
        let short = BASE64.encode([1; 31]);
        let endless = "A".repeat(4096);
        for text in ["", "not a key", "====", &long, &short, &endless, &"é".repeat(22)] {
            assert_eq!(
                RootKey::parse(text).unwrap_err(),
                VaultError::Malformed { what: "root key" },
                "{text}"
            );
        }
    }

    #[test]
    fn the_check_value_tells_root_keys_apart_and_stays() {
        assert_eq!(root(1).check_value(), root(1).check_value());
        assert_ne!(root(1).check_value(), root(2).check_value());
    }

    #[test]
    fn index_keys_differ_by_tenant_and_by_kind_of_parent() {
        let tenant = |byte| TenantKey::filled(|bytes| *bytes = [byte; 32]);
        assert_eq!(tenant(1).index_key().bytes(), tenant(1).index_key().bytes());
        assert_ne!(tenant(1).index_key().bytes(), tenant(2).index_key().bytes());
        let root = RootKey::filled(|bytes| *bytes = [1; 32]);
        assert_ne!(tenant(1).index_key().bytes(), root.index_key().bytes());
        assert_ne!(tenant(1).index_key().bytes(), tenant(1).bytes());
    }

    #[test]
    fn debug_prints_the_type_and_no_byte_of_the_key() {
        let chance = SeededChance::new(1);
        assert_eq!(format!("{:?}", RootKey::generate(&chance)), "RootKey([redacted])");
        assert_eq!(
            format!("{:#?}", SubjectKey::generate(&chance)),
            "SubjectKey([redacted])"
        );
        assert_eq!(
            format!("{:?}", SigningSeed::generate(&chance)),
            "SigningSeed([redacted])"
        );
    }
}
