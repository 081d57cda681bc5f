//! Receipts: made, carried away, checked with nothing but a key, and spoilt in every possible bit.

use std::str::from_utf8;

use ledger::{
    Checkpoint, Cosigner, Frontier, Hash, LedgerError, Receipt, Signer, Verified, Verifier, leaf_hash, proof,
};
use proptest::prelude::*;

use crate::{
    notes::peter,
    support::{leaves, tiles},
};

/// Made by a Go implementation of the formats: entry 257 of 300, signed by the log, cosigned by a witness.
const REFERENCE: &str = include_str!("data/reference.tlog-proof");
const WITNESS: &str = "witness.example/w1+a7e12144+BGG3op9v3HIXXDPBmFc/0CioJHhGCXc+pyvvFPlBZdYO";
/// SHA-256 of `witness`.
const WITNESS_SEED: &str = "ba1c566a4bad288c22a0b7511458c92ca5822cd41632e51806e9ea75ed12d13d";

fn receipt_of(index: u64, size: u64, log: &Signer) -> Receipt {
    let leaves = leaves(size);
    let mut frontier = Frontier::new();
    frontier.extend(leaves.iter().copied());
    Receipt {
        extra: Some(format!("entry {index}").into_bytes()),
        index,
        hashes: proof::inclusion(index, size, &tiles(&leaves)).unwrap(),
        checkpoint: Checkpoint::new(log.name(), size, frontier.root())
            .sign(log)
            .unwrap(),
    }
}

fn log() -> Signer {
    Signer::new("weir.example/log/acme", [42; 32]).unwrap()
}

fn open(bytes: &[u8], log: &Verifier) -> Option<Verified> {
    Receipt::parse(from_utf8(bytes).ok()?)
        .ok()?
        .verify(log, None)
        .ok()
}

#[test]
fn a_receipt_of_an_independent_implementation_verifies() {
    let witness = Verifier::parse(WITNESS).unwrap();
    let receipt = Receipt::parse(REFERENCE).unwrap();
    let verified = receipt
        .verify_cosigned(&peter().verifier(), &[witness], 1, None)
        .unwrap();
    assert_eq!(verified.entry, b"entry 257");
    assert_eq!(
        (verified.index, verified.size, verified.origin.as_str()),
        (257, 300, "PeterNeumann")
    );
    assert_eq!(verified.cosignatures[0].time, Some(1_679_315_147));
}

#[test]
fn our_receipt_is_to_the_letter_that_of_an_independent_implementation() {
    let mut seed = [0; 32];
    hex::decode_to_slice(WITNESS_SEED, &mut seed).unwrap();
    let witness = Cosigner::new("witness.example/w1", seed).unwrap();
    assert_eq!(witness.verifier_key(), WITNESS);
    let mut receipt = receipt_of(257, 300, &peter());
    receipt.checkpoint = witness.cosign(&receipt.checkpoint, 1_679_315_147).unwrap();
    assert_eq!(receipt.render(), REFERENCE);
}

#[test]
fn a_receipt_of_every_entry_verifies_with_only_the_key() {
    let key = Verifier::parse(&log().verifier_key()).unwrap();
    for size in [1, 2, 3, 7, 8, 21] {
        for index in 0..size {
            let verified = open(receipt_of(index, size, &log()).render().as_bytes(), &key).unwrap();
            assert_eq!(verified.entry, format!("entry {index}").into_bytes());
            assert_eq!((verified.index, verified.size), (index, size));
            assert_eq!(verified.origin, "weir.example/log/acme");
            assert_eq!(verified.cosignatures, []);
        }
    }
}

#[test]
fn every_turned_bit_of_a_receipt_is_noticed() {
    let key = log().verifier();
    for (index, size) in [(0, 1), (2, 3), (257, 300)] {
        let good = receipt_of(index, size, &log()).render().into_bytes();
        assert!(open(&good, &key).is_some());
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                assert_eq!(
                    open(&bad, &key),
                    None,
                    "byte {at}, bit {bit}, entry {index} of {size}"
                );
            }
        }
    }
}

#[test]
fn every_other_byte_in_a_receipt_is_noticed() {
    let key = log().verifier();
    let good = receipt_of(2, 3, &log()).render().into_bytes();
    for at in 0..good.len() {
        for byte in (0..=u8::MAX).filter(|byte| *byte != good[at]) {
            let mut bad = good.clone();
            bad[at] = byte;
            assert_eq!(open(&bad, &key), None, "byte {at} as {byte:#04x}");
        }
    }
}

#[test]
fn every_cut_off_or_lost_or_doubled_byte_is_noticed() {
    let key = log().verifier();
    let good = receipt_of(2, 5, &log()).render().into_bytes();
    for at in 0..good.len() {
        assert_eq!(open(&good[..at], &key), None, "cut off at {at}");
        let lost = [&good[..at], &good[at + 1..]].concat();
        assert_eq!(open(&lost, &key), None, "byte {at} lost");
        let doubled = [&good[..at], &good[at..=at], &good[at..]].concat();
        assert_eq!(open(&doubled, &key), None, "byte {at} doubled");
    }
}

/// Whoever asks for the witness notices a change of its line; whoever does not learns the same facts as before.
#[test]
fn every_turned_bit_of_a_cosigned_receipt_is_noticed() {
    let (key, witness) = (peter().verifier(), Verifier::parse(WITNESS).unwrap());
    let good = open(REFERENCE.as_bytes(), &key).unwrap();
    let witness_line = REFERENCE.rfind("— ").unwrap();
    for at in 0..REFERENCE.len() {
        for bit in 0..8 {
            let mut bad = REFERENCE.as_bytes().to_vec();
            bad[at] ^= 1 << bit;
            if at < witness_line {
                assert_eq!(open(&bad, &key), None, "byte {at}, bit {bit}");
            } else if let Some(verified) = open(&bad, &key) {
                assert_eq!(verified, good, "byte {at}, bit {bit}");
            }
            let receipt = from_utf8(&bad).ok().and_then(|text| Receipt::parse(text).ok());
            let cosigned =
                receipt.map(|it| it.verify_cosigned(&key, std::slice::from_ref(&witness), 1, None));
            assert!(!matches!(cosigned, Some(Ok(_))), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn an_entry_may_travel_beside_the_receipt() {
    let key = log().verifier();
    let inside = receipt_of(4, 9, &log());
    let beside = Receipt {
        extra: None,
        ..inside.clone()
    };
    assert!(!beside.render().contains("extra"));
    assert_eq!(Receipt::parse(&beside.render()), Ok(beside.clone()));

    assert_eq!(beside.verify(&key, Some(b"entry 4")).unwrap().entry, b"entry 4");
    assert_eq!(beside.verify(&key, None), Err(LedgerError::NoEntry));
    assert_eq!(
        beside.verify(&key, Some(b"entry 5")),
        Err(LedgerError::RootMismatch)
    );
    assert!(inside.verify(&key, Some(b"entry 4")).is_ok());
    assert_eq!(
        inside.verify(&key, Some(b"entry 5")),
        Err(LedgerError::EntryMismatch)
    );
}

#[test]
fn a_receipt_of_another_log_is_refused() {
    let receipt = receipt_of(4, 9, &log());
    let same_name = Signer::new("weir.example/log/acme", [43; 32]).unwrap();
    assert_eq!(
        receipt.verify(&same_name.verifier(), None),
        Err(LedgerError::NoKnownSignature)
    );
    let same_key = Signer::new("weir.example/log/other", [42; 32]).unwrap();
    assert_eq!(
        receipt.verify(&same_key.verifier(), None),
        Err(LedgerError::NoKnownSignature)
    );
}

#[test]
fn a_node_does_not_pass_for_an_entry() {
    // Without the leaf prefix, the two hashes under a node would be an entry of a smaller tree with the same root.
    let log = log();
    let leaves = leaves(2);
    let pretended = [leaves[0].as_ref(), leaves[1].as_ref()].concat();
    let mut receipt = receipt_of(0, 2, &log);
    receipt.extra = Some(pretended.clone());
    receipt.hashes = Vec::new();
    assert!(receipt.verify(&log.verifier(), None).is_err());
    assert_ne!(leaf_hash(&pretended), ledger::node_hash(&leaves[0], &leaves[1]));
}

#[test]
fn a_malformed_receipt_is_refused() {
    let good = receipt_of(2, 3, &log());
    let text = good.render();
    let long_path = Receipt {
        hashes: vec![leaf_hash(b""); 65],
        ..good.clone()
    }
    .render();
    for bad in [
        String::new(),
        format!("\n{text}"),
        text.replace("@v1", "@v2"),
        text.replace("index 2", "index 02"),
        text.replace("index 2", "index  2"),
        text.replace("index 2", "Index 2"),
        text.replace("index 2\n", ""),
        text.replace("index 2\n", "index 2\nindex 2\n"),
        text.replace("extra ", "extra"),
        text.replace("extra ", "extra \nextra "),
        text.replace('\n', "\r\n"),
        format!("{text}\n"),
        long_path,
        text.replace("extra ", &format!("extra {}", "AAAA".repeat(1 << 20))),
    ] {
        assert!(
            Receipt::parse(&bad).is_err(),
            "{}",
            bad.chars().take(300).collect::<String>()
        );
    }
}

proptest! {
    #[test]
    fn a_receipt_survives_its_text(
        extra in prop::option::of(prop::collection::vec(any::<u8>(), 0..200)),
        index: u64,
        hashes in prop::collection::vec(any::<[u8; 32]>().prop_map(Hash::from_bytes), 0..64),
    ) {
        let checkpoint = receipt_of(0, 1, &log()).checkpoint;
        let receipt = Receipt { extra, index, hashes, checkpoint };
        prop_assert_eq!(Receipt::parse(&receipt.render()), Ok(receipt));
    }

    #[test]
    fn what_parses_renders_to_the_same_bytes(
        at in any::<prop::sample::Index>(),
        with in "(\\PC|\n|extra |index ){0,3}",
    ) {
        let mut text = receipt_of(2, 3, &log()).render();
        let at = at.index(text.len());
        if text.is_char_boundary(at) {
            text.insert_str(at, &with);
        }
        if let Ok(receipt) = Receipt::parse(&text) {
            prop_assert_eq!(receipt.render(), text);
        }
    }
}
