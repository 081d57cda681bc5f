//! A tenant's key while it is being replaced: two of them, of which one seals and either opens.

use crate::{
    chance::Chance,
    error::VaultError,
    key::{BucketKey, SigningSeed, SubjectKey, TenantKey},
    wrap::Wrapped,
};

/// The key of a tenant that seals now, and the other one while one replaces the other: the next, so that what others seal
/// with it already opens, or the one before, until nothing is under it any more.
#[derive(Debug)]
pub struct TenantRing {
    sealing: TenantKey,
    other: Option<TenantKey>,
}

impl From<TenantKey> for TenantRing {
    fn from(sealing: TenantKey) -> Self {
        Self { sealing, other: None }
    }
}

impl TenantRing {
    /// Two keys.
    #[must_use]
    pub fn of_two(sealing: TenantKey, other: TenantKey) -> Self {
        Self {
            sealing,
            other: Some(other),
        }
    }

    /// The key that seals.
    #[must_use]
    pub fn sealing(&self) -> &TenantKey {
        &self.sealing
    }

    /// The other key.
    #[must_use]
    pub fn other(&self) -> Option<&TenantKey> {
        self.other.as_ref()
    }

    /// Tries the key that seals, then the other one. The error is the first one's.
    fn open<T>(&self, open: impl Fn(&TenantKey) -> Result<T, VaultError>) -> Result<T, VaultError> {
        open(&self.sealing).or_else(|refused| match &self.other {
            Some(other) => open(other).map_err(|_| refused),
            None => Err(refused),
        })
    }

    /// What opens with the other key alone; none when the key that seals opens it, or neither does.
    fn left_behind<T>(&self, open: impl Fn(&TenantKey) -> Result<T, VaultError>) -> Option<T> {
        let other = self.other.as_ref()?;
        if open(&self.sealing).is_ok() {
            return None;
        }
        open(other).ok()
    }

    /// See [`crate::value`].
    #[must_use]
    pub fn seal_value(&self, context: &str, plaintext: &[u8], chance: &dyn Chance) -> Vec<u8> {
        self.sealing.seal_value(context, plaintext, chance)
    }

    /// See [`crate::value`].
    pub fn open_value(&self, context: &str, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
        self.open(|key| key.open_value(context, sealed))
    }

    /// A value that is under the other key, sealed anew under the one that seals. None when there is nothing to do.
    #[must_use]
    pub fn reseal_value(&self, context: &str, sealed: &[u8], chance: &dyn Chance) -> Option<Vec<u8>> {
        let plain = self.left_behind(|key| key.open_value(context, sealed))?;
        Some(self.sealing.seal_value(context, &plain, chance))
    }

    /// See [`crate::value`].
    #[must_use]
    pub fn seal_chunk(
        &self,
        context: &str,
        number: u64,
        last: bool,
        plaintext: &[u8],
        chance: &dyn Chance,
    ) -> Vec<u8> {
        self.sealing.seal_chunk(context, number, last, plaintext, chance)
    }

    /// See [`crate::value`].
    pub fn open_chunk(
        &self,
        context: &str,
        number: u64,
        last: bool,
        sealed: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        self.open(|key| key.open_chunk(context, number, last, sealed))
    }

    /// A chunk that is under the other key, sealed anew. None when there is nothing to do.
    #[must_use]
    pub fn reseal_chunk(
        &self,
        context: &str,
        number: u64,
        last: bool,
        sealed: &[u8],
        chance: &dyn Chance,
    ) -> Option<Vec<u8>> {
        let plain = self.left_behind(|key| key.open_chunk(context, number, last, sealed))?;
        Some(self.sealing.seal_chunk(context, number, last, &plain, chance))
    }
}

macro_rules! wraps {
    ($($wrap:ident, $unwrap:ident, $rewrap:ident, $child:ident;)*) => {
        impl TenantRing {$(
            #[doc = concat!("Seals a [`", stringify!($child), "`] under the key that seals, bound to `aad`.")]
            #[must_use]
            pub fn $wrap(&self, key: &$child, aad: &[u8], chance: &dyn Chance) -> Wrapped {
                self.sealing.$wrap(key, aad, chance)
            }

            #[doc = concat!("Opens a [`", stringify!($child), "`] that was wrapped under either key with the same `aad`.")]
            pub fn $unwrap(&self, wrapped: &Wrapped, aad: &[u8]) -> Result<$child, VaultError> {
                self.open(|key| key.$unwrap(wrapped, aad))
            }

            #[doc = concat!("A [`", stringify!($child), "`] that is under the other key, wrapped anew. None when there is nothing to do.")]
            #[must_use]
            pub fn $rewrap(&self, wrapped: &Wrapped, aad: &[u8], chance: &dyn Chance) -> Option<Wrapped> {
                let key = self.left_behind(|key| key.$unwrap(wrapped, aad))?;
                Some(self.sealing.$wrap(&key, aad, chance))
            }
        )*}
    };
}

wraps! {
    wrap_subject, unwrap_subject, rewrap_subject, SubjectKey;
    wrap_bucket, unwrap_bucket, rewrap_bucket, BucketKey;
    wrap_signing, unwrap_signing, rewrap_signing, SigningSeed;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::SeededChance;

    fn key(byte: u8) -> TenantKey {
        TenantKey::filled(|bytes| *bytes = [byte; 32])
    }

    #[test]
    fn either_key_opens_and_one_seals() {
        let chance = SeededChance::new(1);
        let (old, new) = (TenantRing::from(key(1)), TenantRing::from(key(2)));
        let (announced, turned) = (
            TenantRing::of_two(key(1), key(2)),
            TenantRing::of_two(key(2), key(1)),
        );
        let of_old = announced.seal_value("c", b"v", &chance);
        assert_eq!(old.open_value("c", &of_old).unwrap(), b"v");
        let of_new = turned.seal_value("c", b"v", &chance);
        assert_eq!(new.open_value("c", &of_new).unwrap(), b"v");
        for ring in [&announced, &turned] {
            assert_eq!(ring.open_value("c", &of_old).unwrap(), b"v");
            assert_eq!(ring.open_value("c", &of_new).unwrap(), b"v");
            assert!(ring.open_value("d", &of_new).is_err());
        }
        assert!(old.open_value("c", &of_new).is_err());
    }

    #[test]
    fn what_is_under_the_other_key_is_found_once_and_nothing_else_is_touched() {
        let chance = SeededChance::new(1);
        let (old, new) = (TenantRing::from(key(1)), TenantRing::from(key(2)));
        let turned = TenantRing::of_two(key(2), key(1));
        let stale = old.seal_value("c", b"v", &chance);
        let fresh = turned.reseal_value("c", &stale, &chance).unwrap();
        assert_eq!(new.open_value("c", &fresh).unwrap(), b"v");
        assert_eq!(turned.reseal_value("c", &fresh, &chance), None);
        assert_eq!(turned.reseal_value("other", &stale, &chance), None);
        assert_eq!(old.reseal_value("c", &stale, &chance), None, "there is one key");
        let chunk = old.seal_chunk("c", 3, true, b"v", &chance);
        let fresh = turned.reseal_chunk("c", 3, true, &chunk, &chance).unwrap();
        assert_eq!(new.open_chunk("c", 3, true, &fresh).unwrap(), b"v");
        let person = SubjectKey::generate(&chance);
        let wrapped = old.wrap_subject(&person, b"a", &chance);
        let anew = turned.rewrap_subject(&wrapped, b"a", &chance).unwrap();
        assert_eq!(new.unwrap_subject(&anew, b"a").unwrap().bytes(), person.bytes());
        assert_eq!(turned.rewrap_subject(&anew, b"a", &chance), None);
    }
}
