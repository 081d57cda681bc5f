//! The stored formats, held by known answers that another implementation of HKDF, HMAC and AES-GCM gave. When one of these
//! tests fails, what customers have stored no longer opens: raise the version byte and keep reading the old format.

use crate::{
    Chance, code,
    key::{BucketKey, Key, Kind, RootKey, SubjectKey, TenantKey},
    message::{Aad, PairKey},
};

/// The salt `00 01 02 … 0f`.
struct Counting;

impl Chance for Counting {
    fn fill(&self, out: &mut [u8]) {
        (0..).zip(out).for_each(|(number, byte)| *byte = number);
    }
}

fn key<K: Kind>(byte: u8) -> Key<K> {
    Key::filled(|bytes| *bytes = [byte; 32])
}

#[test]
fn a_wrapped_key_keeps_its_stored_form() {
    let (root, tenant): (RootKey, TenantKey) = (key(7), key(8));
    assert_eq!(
        hex::encode(root.wrap_tenant(&tenant, b"acme", &Counting).0),
        "01000102030405060708090a0b0c0d0e0f8d947e951067ec285f889cfa3caf8c1006c0cb161514edcfdd2802e1bb12cfcc\
         dacc4e423bc97592382061faa100aede"
    );
}

#[test]
fn a_sealed_value_keeps_its_stored_form() {
    let tenant: TenantKey = key(7);
    assert_eq!(
        hex::encode(tenant.seal_value("subject.email", b"a@example.org", &Counting)),
        "01000102030405060708090a0b0c0d0e0fdfa0e987b34e59c587fccde53b58152e3a5a8652513af0b18022f79ecf"
    );
}

#[test]
fn a_sealed_chunk_keeps_its_stored_form() {
    let subject: SubjectKey = key(7);
    assert_eq!(
        hex::encode(subject.seal_chunk("export", 258, true, b"a@example.org", &Counting)),
        "01000102030405060708090a0b0c0d0e0f8bb4912e22db46d5e7cb395e54b1c4036f08b8be429423c3b6c0d684cc"
    );
}

#[test]
fn a_sealed_message_keeps_its_stored_form() {
    let (subject, bucket): (SubjectKey, BucketKey) = (key(1), key(2));
    let aad = Aad::new([1; 16], [2; 16]).subject([3; 16]).class(4).bytes();
    let sealed = PairKey::derive(&subject, &bucket)
        .seal(-2, &aad, b"hello".to_vec())
        .unwrap();
    assert_eq!(
        hex::encode(sealed),
        "d298173cca942f24567dfb1fd66ef14c9f4e77b9b601"
    );
}

#[test]
fn what_is_derived_from_a_key_stays_the_same() {
    let (root, tenant): (RootKey, TenantKey) = (key(7), key(7));
    assert_eq!(
        hex::encode(root.check_value()),
        "30664ecbba30c94d57e89c23bf167c76"
    );
    let index = tenant.index_key();
    assert_eq!(
        hex::encode(index.blind("email", "a@example.org")),
        "ab710dec8727f83adec5fc7fe5de106a6be3412da1086428b2105e51d0bc287a"
    );
    assert_eq!(
        hex::encode(code::fingerprint(&index, "r", "123456")),
        "34d9e50c20e46ca45c918a3e13c96157347c6d89c47a4c2ff1bcf3d49a007db3"
    );
}
