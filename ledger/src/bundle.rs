//! Entry bundles: the entries themselves, in the same groups of 256 as the level-0 tiles (c2sp.org/tlog-tiles).

use crate::{error::LedgerError, tile::WIDTH};

/// The longest entry, in bytes: a bundle writes the length in 16 bits.
pub const MAX_ENTRY: usize = u16::MAX as usize;

/// Adds one entry to a bundle: its length as two bytes, big-endian, then the entry.
pub fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), LedgerError> {
    let length = u16::try_from(entry.len()).map_err(|_| LedgerError::EntryTooLong { bytes: entry.len() })?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

/// Writes a bundle of 1 to 256 entries.
pub fn encode_bundle<E: AsRef<[u8]>>(entries: impl IntoIterator<Item = E>) -> Result<Vec<u8>, LedgerError> {
    let (mut bundle, mut count) = (Vec::new(), 0);
    for entry in entries {
        push_entry(&mut bundle, entry.as_ref())?;
        count += 1;
    }
    if (1..=usize::from(WIDTH)).contains(&count) {
        Ok(bundle)
    } else {
        Err(LedgerError::BadBundle {
            reason: "a bundle holds 1 to 256 entries",
        })
    }
}

/// Reads a bundle of 1 to 256 entries.
pub fn decode_bundle(mut bytes: &[u8]) -> Result<Vec<Vec<u8>>, LedgerError> {
    let bad = |reason| LedgerError::BadBundle { reason };
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes
            .split_first_chunk()
            .ok_or(bad("the length of an entry is cut off"))?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, rest) = rest.split_at_checked(length).ok_or(bad("an entry is cut off"))?;
        entries.push(entry.to_vec());
        bytes = rest;
    }
    if entries.is_empty() || entries.len() > usize::from(WIDTH) {
        return Err(bad("a bundle holds 1 to 256 entries"));
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_gives_back_its_entries() {
        let entries = vec![b"one".to_vec(), Vec::new(), vec![0xff; MAX_ENTRY]];
        let bundle = encode_bundle(&entries).unwrap();
        assert_eq!(&bundle[..7], b"\0\x03one\0\0");
        assert_eq!(decode_bundle(&bundle), Ok(entries));
    }

    #[test]
    fn a_cut_bundle_is_refused() {
        let bundle = encode_bundle([b"one", b"two"]).unwrap();
        for cut in (0..bundle.len()).filter(|cut| *cut != 5) {
            assert!(decode_bundle(&bundle[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn a_bundle_has_no_room_for_more() {
        assert_eq!(
            push_entry(&mut Vec::new(), &vec![0; MAX_ENTRY + 1]),
            Err(LedgerError::EntryTooLong { bytes: 65_536 })
        );
        assert!(encode_bundle([[0_u8; 1]; 256]).is_ok());
        assert!(encode_bundle([[0_u8; 1]; 257]).is_err());
        assert!(encode_bundle::<&[u8]>([]).is_err());
        assert!(decode_bundle(&[0; 2 * 257]).is_err());
    }
}
