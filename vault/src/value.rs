//! Sealing of single fields and of large exports under the root's, a tenant's or a subject's key.
//!
//! The `context` says where the value belongs, e.g. `subject.email/<id>`. It is not stored with the value: whoever opens
//! gives it again, so a value copied to another field or another row does not open. Messages have their own, faster way
//! ([`crate::message`]).
//!
//! A large export is cut into chunks, numbered from 0, the last one marked. The reader opens chunk by chunk with the number
//! it expects and `last` only at the end: chunks left out, doubled or in another order do not open, and neither does an
//! export that was cut off, because its final chunk was not sealed as the last. The context must name the one export, or
//! chunks could be exchanged between two of them.

use crate::{
    chance::Chance,
    envelope,
    error::VaultError,
    key::{Key, Kind, kind},
};

/// How many bytes a sealed value or chunk is longer than its plaintext.
pub const OVERHEAD: usize = envelope::OVERHEAD;

/// The kinds of key that seal values.
pub trait Seals: Kind {}
impl Seals for kind::Root {}
impl Seals for kind::Tenant {}
impl Seals for kind::Subject {}

impl<K: Seals> Key<K> {
    /// Seals a value, bound to `context`.
    ///
    /// # Panics
    /// When `plaintext` is longer than 64 GiB; seal that in chunks.
    #[must_use]
    pub fn seal_value(&self, context: &str, plaintext: &[u8], chance: &dyn Chance) -> Vec<u8> {
        envelope::seal(self.bytes(), &value::<K>(), context.as_bytes(), plaintext, chance)
    }

    /// Opens a value that was sealed by the same key with the same `context`.
    pub fn open_value(&self, context: &str, sealed: &[u8]) -> Result<Vec<u8>, VaultError> {
        envelope::open(self.bytes(), &value::<K>(), context.as_bytes(), sealed, "value")
    }

    /// Seals chunk `number` (from 0) of a stream that `context` names. `last` marks the final one.
    ///
    /// # Panics
    /// When `plaintext` is longer than 64 GiB.
    #[must_use]
    pub fn seal_chunk(
        &self,
        context: &str,
        number: u64,
        last: bool,
        plaintext: &[u8],
        chance: &dyn Chance,
    ) -> Vec<u8> {
        let (number, last) = (number.to_be_bytes(), [u8::from(last)]);
        envelope::seal(
            self.bytes(),
            &chunk::<K>(&number, &last),
            context.as_bytes(),
            plaintext,
            chance,
        )
    }

    /// Opens chunk `number`. `last` must be true for the final chunk and for no other.
    pub fn open_chunk(
        &self,
        context: &str,
        number: u64,
        last: bool,
        sealed: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        let (number, last) = (number.to_be_bytes(), [u8::from(last)]);
        envelope::open(
            self.bytes(),
            &chunk::<K>(&number, &last),
            context.as_bytes(),
            sealed,
            "chunk",
        )
    }
}

fn value<K: Seals>() -> [&'static [u8]; 2] {
    [b"weir/v1/value/", K::LABEL.as_bytes()]
}

fn chunk<'a, K: Seals>(number: &'a [u8; 8], last: &'a [u8; 1]) -> [&'a [u8]; 5] {
    [b"weir/v1/chunk/", K::LABEL.as_bytes(), b"/", number, last]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        chance::SeededChance,
        key::{RootKey, SubjectKey, TenantKey},
    };

    const REFUSED: VaultError = VaultError::WrongKeyOrDamaged { what: "value" };
    const REFUSED_CHUNK: VaultError = VaultError::WrongKeyOrDamaged { what: "chunk" };

    fn tenant() -> TenantKey {
        TenantKey::filled(|bytes| *bytes = [1; 32])
    }

    proptest! {
        #[test]
        fn any_value_comes_back_in_its_context_and_in_no_other(
            plaintext: Vec<u8>, context: String, other: String, seed: u64,
        ) {
            let chance = SeededChance::new(seed);
            let sealed = tenant().seal_value(&context, &plaintext, &chance);
            prop_assert_eq!(sealed.len(), plaintext.len() + OVERHEAD);
            prop_assert_eq!(tenant().open_value(&context, &sealed).unwrap(), plaintext);
            if other != context {
                prop_assert_eq!(tenant().open_value(&other, &sealed).unwrap_err(), REFUSED);
            }
        }
    }

    #[test]
    fn another_key_and_another_kind_of_key_do_not_open() {
        let sealed = tenant().seal_value("c", b"v", &SeededChance::new(1));
        let other = TenantKey::filled(|bytes| *bytes = [2; 32]);
        assert_eq!(other.open_value("c", &sealed).unwrap_err(), REFUSED);
        let subject = SubjectKey::filled(|bytes| *bytes = [1; 32]);
        assert_eq!(subject.open_value("c", &sealed).unwrap_err(), REFUSED);
        let root = RootKey::filled(|bytes| *bytes = [1; 32]);
        assert_eq!(root.open_value("c", &sealed).unwrap_err(), REFUSED);
    }

    #[test]
    fn a_stream_opens_in_its_order_and_to_its_end_only() {
        let chance = SeededChance::new(1);
        let parts: [&[u8]; 3] = [b"one", b"two", b"three"];
        let chunks: Vec<_> = (0..)
            .zip(parts)
            .map(|(number, part)| tenant().seal_chunk("export/1", number, number == 2, part, &chance))
            .collect();
        let open = |context: &str, chunks: &[&Vec<u8>]| -> Result<Vec<Vec<u8>>, VaultError> {
            let end = chunks.len() as u64;
            (0..)
                .zip(chunks)
                .map(|(number, chunk)| tenant().open_chunk(context, number, number + 1 == end, chunk))
                .collect()
        };
        let [one, two, three] = [&chunks[0], &chunks[1], &chunks[2]];
        assert_eq!(
            open("export/1", &[one, two, three]).unwrap(),
            parts.map(<[u8]>::to_vec)
        );
        assert_eq!(open("export/2", &[one, two, three]).unwrap_err(), REFUSED_CHUNK);
        assert_eq!(
            open("export/1", &[one, two]).unwrap_err(),
            REFUSED_CHUNK,
            "cut off"
        );
        assert_eq!(
            open("export/1", &[two, three]).unwrap_err(),
            REFUSED_CHUNK,
            "without its head"
        );
        assert_eq!(
            open("export/1", &[two, one, three]).unwrap_err(),
            REFUSED_CHUNK,
            "reordered"
        );
        assert_eq!(
            open("export/1", &[one, one, three]).unwrap_err(),
            REFUSED_CHUNK,
            "doubled"
        );
        assert_eq!(
            open("export/1", &[one, two, three, three]).unwrap_err(),
            REFUSED_CHUNK,
            "lengthened"
        );
    }

    #[test]
    fn a_value_is_no_chunk_and_a_chunk_no_value() {
        let chance = SeededChance::new(1);
        let value = tenant().seal_value("c", b"v", &chance);
        let chunk = tenant().seal_chunk("c", 0, true, b"v", &chance);
        assert_eq!(
            tenant().open_chunk("c", 0, true, &value).unwrap_err(),
            REFUSED_CHUNK
        );
        assert_eq!(tenant().open_value("c", &chunk).unwrap_err(), REFUSED);
    }
}
