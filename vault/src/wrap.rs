//! Wrapping: a key sealed by the key above it, which is the only form in which a key is stored.
//!
//! The associated data (`aad`) says whose key it is, e.g. the bytes of the tenant's and the subject's id. It is not stored
//! with the key: whoever unwraps gives it again, so a key moved to another row does not open.

use zeroize::Zeroizing;

use crate::{
    chance::Chance,
    envelope,
    error::VaultError,
    key::{BucketKey, IndexKey, Key, Kind, RootKey, SigningSeed, SubjectKey, TenantKey},
};

/// A key sealed by another: `version (1) ‖ salt (16) ‖ ciphertext (32) ‖ tag (16)`, 65 bytes. No secret; made to be stored.
///
/// The wrapping key is HKDF-SHA256(parent, salt) with both kinds in its label, so a subject key does not open as a bucket
/// key. It seals once, since the salt is 128 fresh random bits.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Wrapped(pub Vec<u8>);

fn wrap<P: Kind, C: Kind>(parent: &Key<P>, child: &Key<C>, aad: &[u8], chance: &dyn Chance) -> Wrapped {
    Wrapped(envelope::seal(
        parent.bytes(),
        &info::<P, C>(),
        aad,
        child.bytes(),
        chance,
    ))
}

fn unwrap<P: Kind, C: Kind>(parent: &Key<P>, wrapped: &Wrapped, aad: &[u8]) -> Result<Key<C>, VaultError> {
    let bytes = Zeroizing::new(envelope::open(
        parent.bytes(),
        &info::<P, C>(),
        aad,
        &wrapped.0,
        C::WHAT,
    )?);
    Key::from_slice(&bytes)
}

fn info<P: Kind, C: Kind>() -> [&'static [u8]; 4] {
    [b"weir/v1/wrap/", P::LABEL.as_bytes(), b"/", C::LABEL.as_bytes()]
}

macro_rules! wraps {
    ($parent:ident: $($wrap:ident, $unwrap:ident, $child:ident;)*) => {
        impl $parent {$(
            #[doc = concat!("Seals a [`", stringify!($child), "`] under this key, bound to `aad`.")]
            #[must_use]
            pub fn $wrap(&self, key: &$child, aad: &[u8], chance: &dyn Chance) -> Wrapped {
                wrap(self, key, aad, chance)
            }

            #[doc = concat!("Opens a [`", stringify!($child), "`] that was wrapped under this key with the same `aad`.")]
            pub fn $unwrap(&self, wrapped: &Wrapped, aad: &[u8]) -> Result<$child, VaultError> {
                unwrap(self, wrapped, aad)
            }
        )*}
    };
}

wraps! { RootKey:
    wrap_tenant, unwrap_tenant, TenantKey;
}

wraps! { TenantKey:
    wrap_subject, unwrap_subject, SubjectKey;
    wrap_bucket, unwrap_bucket, BucketKey;
    wrap_signing, unwrap_signing, SigningSeed;
    wrap_index, unwrap_index, IndexKey;
    wrap_other, unwrap_other, TenantKey;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::SeededChance;

    struct Keys {
        chance: SeededChance,
        root: RootKey,
        tenant: TenantKey,
    }

    fn keys() -> Keys {
        let chance = SeededChance::new(1);
        Keys {
            root: RootKey::generate(&chance),
            tenant: TenantKey::generate(&chance),
            chance,
        }
    }

    #[test]
    fn every_kind_of_key_comes_back_as_it_was() {
        let Keys { chance, root, tenant } = keys();
        let wrapped = root.wrap_tenant(&tenant, b"t", &chance);
        assert_eq!(wrapped.0.len(), 65);
        assert_eq!(
            root.unwrap_tenant(&wrapped, b"t").unwrap().bytes(),
            tenant.bytes()
        );

        let subject = SubjectKey::generate(&chance);
        let wrapped = tenant.wrap_subject(&subject, b"s", &chance);
        assert_eq!(
            tenant.unwrap_subject(&wrapped, b"s").unwrap().bytes(),
            subject.bytes()
        );

        let bucket = BucketKey::generate(&chance);
        let wrapped = tenant.wrap_bucket(&bucket, b"b", &chance);
        assert_eq!(
            tenant.unwrap_bucket(&wrapped, b"b").unwrap().bytes(),
            bucket.bytes()
        );

        let seed = SigningSeed::generate(&chance);
        let wrapped = tenant.wrap_signing(&seed, b"x", &chance);
        assert_eq!(
            tenant.unwrap_signing(&wrapped, b"x").unwrap().expose(),
            seed.expose()
        );
    }

    #[test]
    fn a_wrong_root_key_is_told_from_a_newer_format() {
        let Keys { chance, root, tenant } = keys();
        let mut wrapped = root.wrap_tenant(&tenant, b"t", &chance);
        let other = RootKey::generate(&chance);
        assert_eq!(
            other.unwrap_tenant(&wrapped, b"t").unwrap_err(),
            VaultError::WrongKeyOrDamaged { what: "tenant key" }
        );
        wrapped.0[0] = 2;
        assert_eq!(
            root.unwrap_tenant(&wrapped, b"t").unwrap_err(),
            VaultError::UnknownVersion {
                what: "tenant key",
                version: 2
            }
        );
    }

    #[test]
    fn a_key_moved_to_another_owner_or_another_use_does_not_open() {
        let Keys { chance, tenant, .. } = keys();
        let wrapped = tenant.wrap_subject(&SubjectKey::generate(&chance), b"alice", &chance);
        assert_eq!(
            tenant.unwrap_subject(&wrapped, b"bob").unwrap_err(),
            VaultError::WrongKeyOrDamaged { what: "subject key" }
        );
        assert_eq!(
            tenant.unwrap_bucket(&wrapped, b"alice").unwrap_err(),
            VaultError::WrongKeyOrDamaged { what: "bucket key" }
        );
    }

    #[test]
    fn a_value_of_32_bytes_is_not_taken_for_a_key() {
        let Keys { chance, tenant, .. } = keys();
        let value = Wrapped(tenant.seal_value("s", &[0; 32], &chance));
        assert!(tenant.unwrap_subject(&value, b"s").is_err());
    }

    #[test]
    fn any_flipped_bit_of_a_wrapped_key_fails() {
        let Keys { chance, root, tenant } = keys();
        let wrapped = root.wrap_tenant(&tenant, b"t", &chance);
        for bit in 0..wrapped.0.len() * 8 {
            let mut bad = wrapped.clone();
            bad.0[bit / 8] ^= 1 << (bit % 8);
            assert!(root.unwrap_tenant(&bad, b"t").is_err(), "bit {bit}");
        }
    }
}
