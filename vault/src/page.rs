//! The layer around stored keys that makes destroying one of them true for every copy.
//!
//! Deleting a row does not destroy what was in it: write-ahead logs, free pages, replicas and copies of the store go on
//! having it. So rows are put on *pages* of a few dozen, and each page has a key that is kept outside the store, in one
//! small file that is overwritten in place. To destroy a row, what stays on its page is sealed under a new page key, and
//! the old page key is overwritten. From then on no older copy of the row opens, whoever has the keys above it.
//!
//! What lies on a page is sealed as it is: the layer knows nothing of the keys above and below, so it can be renewed
//! without them.

use crate::{
    chance::Chance,
    envelope,
    error::VaultError,
    key::{PageKey, Wrapped},
};

const WHAT: &str = "key on its page";

impl PageKey {
    /// Reads a page key from the 32 bytes it is kept as.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, VaultError> {
        Self::from_slice(bytes)
    }

    /// The bytes to keep, outside the store.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        self.bytes()
    }

    /// Puts a wrapped key on the page. `table` and `aad` say which row it is.
    #[must_use]
    pub fn lay(&self, table: &'static str, inner: &Wrapped, aad: &[u8], chance: &dyn Chance) -> Vec<u8> {
        envelope::seal(self.bytes(), &info(table), aad, &inner.0, chance)
    }

    /// Takes a wrapped key from the page, with the same `table` and `aad`.
    pub fn take(&self, table: &'static str, laid: &[u8], aad: &[u8]) -> Result<Wrapped, VaultError> {
        envelope::open(self.bytes(), &info(table), aad, laid, WHAT).map(Wrapped)
    }
}

fn info(table: &'static str) -> [&'static [u8]; 2] {
    [b"weir/v1/page/", table.as_bytes()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        chance::SeededChance,
        key::{SubjectKey, TenantKey},
    };

    #[test]
    fn a_key_comes_back_from_its_page_and_from_no_other_row_or_page() {
        let chance = SeededChance::new(1);
        let (tenant, page) = (TenantKey::generate(&chance), PageKey::generate(&chance));
        let inner = tenant.wrap_subject(&SubjectKey::generate(&chance), b"ada", &chance);
        let laid = page.lay("subject_key", &inner, b"ada", &chance);
        let kept = PageKey::from_bytes(page.expose()).unwrap();
        assert_eq!(kept.take("subject_key", &laid, b"ada").unwrap(), inner);
        let refused = VaultError::WrongKeyOrDamaged { what: WHAT };
        assert_eq!(kept.take("subject_key", &laid, b"bob").unwrap_err(), refused);
        assert_eq!(kept.take("bucket_key", &laid, b"ada").unwrap_err(), refused);
        let renewed = PageKey::generate(&chance);
        assert_eq!(renewed.take("subject_key", &laid, b"ada").unwrap_err(), refused);
        // Without its page, the tenant's key does not open it.
        assert!(tenant.unwrap_subject(&Wrapped(laid), b"ada").is_err());
    }
}
