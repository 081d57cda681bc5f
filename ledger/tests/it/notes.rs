//! Signed notes, checkpoints and cosignatures, with the keys and texts of the reference implementation's own tests.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ledger::{Checkpoint, Cosigner, Hash, LedgerError, Note, Signer, Verifier, leaf_hash};
use proptest::prelude::*;

const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const PETER_SECRET: &str = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const PETER_LINE: &str = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const ENOCH: &str = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
const ENOCH_LINE: &str = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";
const TEXT: &str =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";

fn key(verifier_key: &str) -> Verifier {
    Verifier::parse(verifier_key).unwrap()
}

pub(crate) fn peter() -> Signer {
    let secret = STANDARD.decode(PETER_SECRET).unwrap();
    Signer::new("PeterNeumann", secret[1..].try_into().unwrap()).unwrap()
}

fn names(note: &Note) -> Vec<&str> {
    note.signatures
        .iter()
        .map(|signature| signature.by.name())
        .collect()
}

#[test]
fn the_signer_makes_the_published_key_and_signature() {
    assert_eq!(peter().verifier_key(), PETER);
    assert_eq!(peter().verifier(), key(PETER));
    assert_eq!(peter().sign(TEXT).unwrap(), format!("{TEXT}\n{PETER_LINE}"));
}

#[test]
fn a_signer_shows_only_its_public_half() {
    assert_eq!(format!("{:?}", peter()), format!("Signer({PETER})"));
    let witness = Cosigner::new("w", [1; 32]).unwrap();
    assert_eq!(
        format!("{witness:?}"),
        format!("Cosigner({})", witness.verifier_key())
    );
}

#[test]
fn every_mangled_verifier_key_is_refused() {
    for (begin, end) in (0..PETER.len()).flat_map(|begin| (begin..=PETER.len()).map(move |end| (begin, end)))
    {
        let whole = (begin, end) == (0, PETER.len());
        assert_eq!(
            Verifier::parse(&PETER[begin..end]).is_ok(),
            whole,
            "{begin}..{end}"
        );
    }
    for at in 0..PETER.len() {
        let mut bytes = PETER.as_bytes().to_vec();
        bytes[at] += 1;
        assert!(
            Verifier::parse(std::str::from_utf8(&bytes).unwrap()).is_err(),
            "byte {at}"
        );
    }
    // A key of the wrong length and one of an unknown type, each with a hash that fits.
    for bad in [
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ] {
        assert!(Verifier::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_key_name_has_no_space_and_no_plus() {
    for name in ["", "a b", "a+b", "a\u{2003}b", "a\nb", "a\tb"] {
        assert_eq!(
            Signer::new(name, [0; 32]).unwrap_err(),
            LedgerError::BadKeyName,
            "{name:?}"
        );
    }
    assert!(Signer::new("example.com/ténant", [0; 32]).is_ok());
}

#[test]
fn signatures_by_unknown_keys_are_ignored() {
    let signed = format!("{TEXT}\n{PETER_LINE}{ENOCH_LINE}");
    let note = Note::open(&signed, &[key(PETER)]).unwrap();
    assert_eq!(
        (note.text.as_str(), names(&note), note.unknown),
        (TEXT, vec!["PeterNeumann"], 1)
    );
    let note = Note::open(&signed, &[key(ENOCH), key(PETER)]).unwrap();
    assert_eq!(
        (names(&note), note.unknown),
        (vec!["PeterNeumann", "EnochRoot"], 0)
    );
    assert_eq!(Note::open(&signed, &[]), Err(LedgerError::NoKnownSignature));
}

#[test]
fn a_key_counts_once_and_every_signature_of_it_is_checked() {
    let twice = format!("{TEXT}\n{PETER_LINE}{PETER_LINE}{ENOCH_LINE}{ENOCH_LINE}");
    let note = Note::open(&twice, &[key(PETER)]).unwrap();
    assert_eq!((names(&note), note.unknown), (vec!["PeterNeumann"], 2));

    let spoilt = ENOCH_LINE.replace("5n2t", "5n2s");
    let signed = format!("{TEXT}\n{PETER_LINE}{ENOCH_LINE}{spoilt}");
    assert_eq!(Note::open(&signed, &[key(PETER)]).unwrap().unknown, 2);
    let refused = Note::open(&signed, &[key(PETER), key(ENOCH)]);
    assert_eq!(
        refused,
        Err(LedgerError::BadSignature {
            name: "EnochRoot".to_owned(),
            id: 0xaf0c_fe78
        })
    );
}

#[test]
fn a_bad_signature_by_a_known_key_spoils_the_note() {
    let id = 0xc74f_20a3;
    let name = "PeterNeumann".to_owned();
    let other_text = TEXT.replace("answer", "ANSWER");
    let refused = Note::open(&format!("{other_text}\n{PETER_LINE}{ENOCH_LINE}"), &[key(PETER)]);
    assert_eq!(refused, Err(LedgerError::BadSignature { name, id }));
}

#[test]
fn a_malformed_note_is_refused() {
    let signed = |lines: &str| format!("{TEXT}\n{lines}");
    for bad in [
        String::new(),
        TEXT.to_owned(),
        signed(""),
        signed("\n"),
        signed(PETER_LINE.trim_end()),
        format!("\u{1}{TEXT}\n{PETER_LINE}"),
        format!("{TEXT}\t\n\n{PETER_LINE}"),
        format!("{TEXT}\r\n\n{PETER_LINE}"),
        signed(&PETER_LINE.replace("PeterNeumann", "Bad Name")),
        signed(&PETER_LINE.replace("PeterNeumann", "Bad+Name")),
        signed(&PETER_LINE.replace('—', "-")),
        signed(&PETER_LINE.replace("nAM=", "nAN=")),
        signed(&PETER_LINE.replace("nAM=", "nAM")),
        signed(&format!("{PETER_LINE}Unexpected line.\n")),
        signed("— PeterNeumann x08gow==\n"),
        signed("— PeterNeumann \n"),
        signed(&PETER_LINE.repeat(101)),
        format!("{}{TEXT}\n{PETER_LINE}", "x\n".repeat(1 << 19)),
    ] {
        let refused = Note::open(&bad, &[key(PETER)]);
        let start: String = bad.chars().rev().take(120).collect();
        assert!(
            matches!(refused, Err(LedgerError::BadNote { .. })),
            "{start:?}: {refused:?}"
        );
    }
    assert!(Note::open(&signed(&PETER_LINE.repeat(100)), &[key(PETER)]).is_ok());
}

#[test]
fn the_last_empty_line_ends_the_text() {
    let text = "Ognuno sta solo\n\ned è subito sera.\n";
    let signed = peter().sign(text).unwrap();
    assert_eq!(Note::open(&signed, &[key(PETER)]).unwrap().text, text);
}

#[test]
fn what_could_not_be_opened_is_not_signed() {
    for bad in ["", "no newline", "tab\t\n", "nul\0\n", "return\r\n"] {
        assert!(
            matches!(peter().sign(bad), Err(LedgerError::BadNote { .. })),
            "{bad:?}"
        );
    }
}

#[test]
fn a_second_key_can_sign_the_same_note() {
    let successor = Signer::new("PeterNeumann", [9; 32]).unwrap();
    let both = successor.add_to(&peter().sign(TEXT).unwrap()).unwrap();
    let keys = [key(PETER), successor.verifier()];
    assert_eq!(Note::open(&both, &keys).unwrap().signatures.len(), 2);
    assert_eq!(Note::open(&both, &keys[1..]).unwrap().unknown, 1);
    assert!(successor.add_to(TEXT).is_err());
}

fn head() -> Checkpoint {
    Checkpoint::new("PeterNeumann", 20_852_163, leaf_hash(b"root"))
}

#[test]
fn a_checkpoint_reads_back() {
    let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    let root = Hash::from_base64("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=").unwrap();
    let checkpoint = Checkpoint::new("example.com/behind-the-sofa", 20_852_163, root);
    assert_eq!(checkpoint.to_string(), text);
    assert_eq!(Checkpoint::parse(text), Ok(checkpoint.clone()));
    assert_eq!(
        Checkpoint::parse(&format!("{text}an extension\n")),
        Ok(checkpoint)
    );
    assert_eq!(
        Checkpoint::open(&head().sign(&peter()).unwrap(), &key(PETER)),
        Ok(head())
    );
}

#[test]
fn a_malformed_checkpoint_is_refused() {
    let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    for bad in [
        String::new(),
        "\n".to_owned(),
        "log\n1\n".to_owned(),
        format!("log\n1\n{root}"),
        format!("\n1\n{root}\n"),
        format!("log\n01\n{root}\n"),
        format!("log\n+1\n{root}\n"),
        format!("log\n\n{root}\n"),
        format!("log\n18446744073709551616\n{root}\n"),
        format!("log\n1\n{}\n", &root[4..]),
        format!("log\n1\n{}\n", root.replace("2I=", "2J=")),
        format!("log\n1\n{root}\n\n"),
        format!("log\n1\n{root}\n\nextension\n"),
    ] {
        let refused = Checkpoint::parse(&bad);
        assert!(
            matches!(refused, Err(LedgerError::BadCheckpoint { .. })),
            "{bad:?}: {refused:?}"
        );
    }
}

#[test]
fn a_key_speaks_for_its_own_log_only() {
    let foreign = Checkpoint {
        origin: "another.example".to_owned(),
        ..head()
    };
    let wrong = LedgerError::WrongOrigin {
        expected: "PeterNeumann".to_owned(),
        found: "another.example".to_owned(),
    };
    assert_eq!(foreign.sign(&peter()), Err(wrong.clone()));
    let signed = peter().sign(&foreign.to_string()).unwrap();
    assert_eq!(Checkpoint::open(&signed, &key(PETER)), Err(wrong));
}

#[test]
fn an_origin_cannot_smuggle_in_lines() {
    let signer = Signer::new("log", [3; 32]).unwrap();
    let smuggled = Checkpoint {
        origin: "log\n5".to_owned(),
        ..head()
    };
    assert!(smuggled.sign(&signer).is_err());
}

#[test]
fn a_published_witness_key_is_read() {
    let text = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2";
    let witness = key(text);
    assert!(witness.is_cosigner() && !key(PETER).is_cosigner());
    assert_eq!(
        (witness.id(), witness.verifier_key().as_str()),
        (0xda77_ade7, text)
    );
}

#[test]
fn witnesses_vouch_for_a_checkpoint() {
    let witnesses = [1, 2, 3].map(|n| Cosigner::new(format!("witness{n}.example"), [n; 32]).unwrap());
    let mut signed = head().sign(&peter()).unwrap();
    for (time, witness) in (1_679_315_147..).zip(&witnesses[..2]) {
        signed = witness.cosign(&signed, time).unwrap();
    }
    let trusted = witnesses.each_ref().map(Cosigner::verifier);
    let cosigned = Checkpoint::open_cosigned(&signed, &key(PETER), &trusted, 2).unwrap();
    assert_eq!(cosigned.checkpoint, head());
    let seen: Vec<_> = cosigned
        .cosignatures
        .iter()
        .map(|one| (one.by.name(), one.time))
        .collect();
    let expected = [
        ("witness1.example", Some(1_679_315_147)),
        ("witness2.example", Some(1_679_315_148)),
    ];
    assert_eq!(seen, expected);

    let too_few = Err(LedgerError::TooFewCosignatures { needed: 3, found: 2 });
    assert_eq!(
        Checkpoint::open_cosigned(&signed, &key(PETER), &trusted, 3),
        too_few
    );
    // Without asking for witnesses, their lines are unknown keys' lines.
    assert_eq!(Checkpoint::open(&signed, &key(PETER)), Ok(head()));
}

#[test]
fn a_witness_under_two_names_counts_once_and_the_log_is_not_its_own_witness() {
    let names = ["a.example", "b.example"].map(|name| Cosigner::new(name, [7; 32]).unwrap());
    let log = Signer::new("log.example", [8; 32]).unwrap();
    let itself = Cosigner::new("c.example", [8; 32]).unwrap();
    let mut signed = Checkpoint::new("log.example", 1, leaf_hash(b"root"))
        .sign(&log)
        .unwrap();
    for witness in names.iter().chain([&itself]) {
        signed = witness.cosign(&signed, 1).unwrap();
    }
    let trusted = [names[0].verifier(), names[1].verifier(), itself.verifier()];
    let refused = Checkpoint::open_cosigned(&signed, &log.verifier(), &trusted, 2);
    assert_eq!(
        refused,
        Err(LedgerError::TooFewCosignatures { needed: 2, found: 1 })
    );
}

#[test]
fn witnesses_do_not_stand_in_for_the_log() {
    let witness = Cosigner::new("PeterNeumann", [1; 32]).unwrap();
    let stranger = Signer::new("stranger.example", [2; 32]).unwrap();
    let signed = stranger.sign(&head().to_string()).unwrap();
    let cosigned = witness.cosign(&signed, 5).unwrap();
    let refused = Checkpoint::open_cosigned(&cosigned, &key(PETER), &[witness.verifier()], 1);
    assert_eq!(refused, Err(LedgerError::NoKnownSignature));
}

#[test]
fn a_cosignature_is_bound_to_its_time_and_its_kind() {
    let witness = Cosigner::new("witness.example", [1; 32]).unwrap();
    let signed = witness.cosign(&head().sign(&peter()).unwrap(), 1000).unwrap();
    let (rest, line) = signed.trim_end().rsplit_once(' ').unwrap();
    let mut bytes = STANDARD.decode(line).unwrap();
    assert_eq!(bytes.len(), 4 + 8 + 64);
    bytes[11] ^= 1;
    let later = format!("{rest} {}\n", STANDARD.encode(&bytes));
    assert!(matches!(
        Note::open(&later, &[witness.verifier()]),
        Err(LedgerError::BadSignature { .. })
    ));
    // The same seed as a log's key has another id, so that neither signature passes for the other.
    let log = Signer::new("witness.example", [1; 32]).unwrap();
    assert_ne!(log.verifier().id(), witness.verifier().id());
    assert_eq!(
        Note::open(&signed, &[log.verifier()]),
        Err(LedgerError::NoKnownSignature)
    );
    assert!(witness.cosign(&signed, u64::MAX).is_err());
    assert!(
        witness
            .cosign(&peter().sign("not a checkpoint\n").unwrap(), 1)
            .is_err()
    );
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(text in "(\\PC|\n|\\t|— ){0,200}") {
        let _ = Note::open(&text, &[key(PETER)]);
        let _ = Checkpoint::parse(&text);
        let _ = Verifier::parse(&text);
    }

    #[test]
    fn any_allowed_text_survives_signing(text in "(\\PC|\n){0,200}") {
        let text = text.replace(|c: char| c.is_ascii_control() && c != '\n', "") + "\n";
        let signed = peter().sign(&text).unwrap();
        prop_assert_eq!(Note::open(&signed, &[key(PETER)]).unwrap().text, text);
    }
}
