//! A witness: cosigns the checkpoints of logs that it was told of, and never two that contradict each other
//! (c2sp.org/tlog-witness).
//!
//! What it last cosigned is its caller's to keep, on a disk, before anybody gets the cosignature: a witness that forgets
//! vouches for nothing.

use crate::{
    checkpoint::Checkpoint, continuation::Continuation, cosignature::Cosigner, error::LedgerError,
    key::Verifier, verify::verify_consistency,
};

/// Judges checkpoints of known logs.
#[derive(Debug)]
pub struct Witness {
    cosigner: Cosigner,
    logs: Vec<Verifier>,
}

/// A checkpoint that a witness vouches for, once its caller has kept it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// What the log signed.
    pub checkpoint: Checkpoint,
    /// The body of the answer: the witness's signature line.
    pub cosignature: String,
}

/// Why a witness does not vouch. Each stands for a status of the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 400: this is no request.
    #[error("{0}")]
    Malformed(LedgerError),
    /// 404: nobody told this witness of such a log.
    #[error("this witness was not told of a log of that name")]
    UnknownLog,
    /// 403: none of the log's known keys signed the checkpoint.
    #[error("the checkpoint is not signed by a key of that log")]
    NotSigned,
    /// 409: it does not start where the witness stands, or contradicts what the witness saw at that size.
    #[error("this witness stands at {size} entries of that log, with another proof to ask for")]
    Conflict {
        /// Where the witness stands.
        size: u64,
    },
    /// 422: the log did not only grow.
    #[error("the proof does not show that the log only grew")]
    NotProven,
}

impl Witness {
    /// A witness that signs with this key, and knows these logs: their names are those of their keys. A log whose key was
    /// replaced is named twice.
    pub fn new(cosigner: Cosigner, logs: Vec<Verifier>) -> Self {
        Self { cosigner, logs }
    }

    /// Which log an `add-checkpoint` request is about, so that the caller can look up what was last seen of it.
    pub fn log_of(&self, request: &Continuation) -> Result<&str, Refusal> {
        let claimed = Checkpoint::parse_signed(&request.checkpoint).map_err(Refusal::Malformed)?;
        let mut known = self.logs.iter().filter(|key| key.name() == claimed.origin);
        known.next().map(Verifier::name).ok_or(Refusal::UnknownLog)
    }

    /// Judges a request, when `last` is what was last cosigned of that log. `time` is now, in POSIX seconds.
    ///
    /// The caller keeps the checkpoint before it hands out the cosignature, and judges nothing else of that log meanwhile.
    pub fn judge(
        &self,
        request: &Continuation,
        last: Option<&Checkpoint>,
        time: u64,
    ) -> Result<Seen, Refusal> {
        let origin = self.log_of(request)?;
        let keys = self.logs.iter().filter(|key| key.name() == origin);
        let mut opened = keys.map(|key| Checkpoint::open(&request.checkpoint, key));
        let checkpoint = opened.find_map(Result::ok).ok_or(Refusal::NotSigned)?;
        if request.old_size > checkpoint.size {
            return Err(Refusal::Malformed(LedgerError::BadContinuation {
                reason: "it starts after it ends",
            }));
        }
        let size = last.map_or(0, |last| last.size);
        if request.old_size != size {
            return Err(Refusal::Conflict { size });
        }
        if let Some(last) = last.filter(|last| last.size > 0) {
            if last.size == checkpoint.size && last.root != checkpoint.root {
                return Err(Refusal::Conflict { size });
            }
            let (old, new) = (last.size, checkpoint.size);
            verify_consistency(old, new, &request.hashes, &last.root, &checkpoint.root)
                .map_err(|_| Refusal::NotProven)?;
        } else if !request.hashes.is_empty() {
            return Err(Refusal::NotProven);
        }
        let cosignature = self
            .cosigner
            .line(&request.checkpoint, time)
            .map_err(Refusal::Malformed)?;
        Ok(Seen {
            checkpoint,
            cosignature,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Frontier, Hash, Signer, Tiles, leaf_hash, proof, tile};

    const LOG: &str = "log.example/x";

    /// A log whose entries are told apart by a letter.
    struct Log(char);

    impl Log {
        fn leaves(&self, size: u64) -> Vec<Hash> {
            (0..size)
                .map(|n| leaf_hash(format!("{}{n}", self.0).as_bytes()))
                .collect()
        }

        fn checkpoint(&self, size: u64) -> Checkpoint {
            let mut frontier = Frontier::new();
            frontier.extend(self.leaves(size));
            Checkpoint::new(LOG, size, frontier.root())
        }

        fn request(&self, old: u64, new: u64) -> Continuation {
            let tiles: Tiles = tile::grow(0, &self.leaves(new), &Tiles::new())
                .unwrap()
                .into_iter()
                .collect();
            Continuation {
                old_size: old,
                hashes: proof::consistency(old, new, &tiles).unwrap(),
                checkpoint: self.checkpoint(new).sign(&signer(7)).unwrap(),
            }
        }
    }

    fn signer(seed: u8) -> Signer {
        Signer::new(LOG, [seed; 32]).unwrap()
    }

    fn witness() -> Witness {
        let cosigner = Cosigner::new("witness.example", [9; 32]).unwrap();
        Witness::new(cosigner, vec![signer(6).verifier(), signer(7).verifier()])
    }

    #[test]
    fn what_continues_is_cosigned_and_the_word_counts() {
        let (witness, log) = (witness(), Log('a'));
        let mut last = None;
        for (old, new) in [(0, 1), (1, 1), (1, 9), (9, 300)] {
            let request = log.request(old, new);
            let seen = witness.judge(&request, last.as_ref(), 1_700_000_000).unwrap();
            let cosigner = Cosigner::new("witness.example", [9; 32]).unwrap().verifier();
            let note = crate::cosignature::add(&request.checkpoint, &seen.cosignature, &cosigner)
                .unwrap()
                .unwrap();
            let log_key = signer(7).verifier();
            let believed =
                Checkpoint::open_cosigned(&note, &log_key, std::slice::from_ref(&cosigner), 1).unwrap();
            assert_eq!(believed.checkpoint, log.checkpoint(new));
            assert_eq!(believed.cosignatures[0].time, Some(1_700_000_000));
            assert_eq!(
                crate::cosignature::add(&note, &seen.cosignature, &cosigner).unwrap(),
                None,
                "once is enough"
            );
            last = Some(seen.checkpoint);
        }
    }

    #[test]
    fn another_past_another_start_and_another_signer_are_refused_each_in_its_way() {
        let (witness, log, fork) = (witness(), Log('a'), Log('b'));
        let at = |size| Some(log.checkpoint(size));
        let judge =
            |request: &Continuation, last: Option<Checkpoint>| witness.judge(request, last.as_ref(), 1);
        assert_eq!(
            judge(&log.request(3, 9), at(5)),
            Err(Refusal::Conflict { size: 5 })
        );
        assert_eq!(
            judge(&log.request(3, 9), None),
            Err(Refusal::Conflict { size: 0 })
        );
        assert_eq!(judge(&fork.request(5, 9), at(5)), Err(Refusal::NotProven));
        assert_eq!(
            judge(&fork.request(5, 5), at(5)),
            Err(Refusal::Conflict { size: 5 })
        );
        let mut padded = log.request(0, 9);
        padded.hashes.push(leaf_hash(b"more"));
        assert_eq!(judge(&padded, None), Err(Refusal::NotProven));
        let mut backwards = log.request(1, 5);
        backwards.old_size = 9;
        assert!(matches!(judge(&backwards, at(9)), Err(Refusal::Malformed(_))));
        let mut strange = log.request(0, 1);
        strange.checkpoint = log.checkpoint(1).sign(&signer(8)).unwrap();
        assert_eq!(judge(&strange, None), Err(Refusal::NotSigned));
        let other = Signer::new("log.example/y", [7; 32]).unwrap();
        strange.checkpoint = Checkpoint::new("log.example/y", 1, leaf_hash(b"a0"))
            .sign(&other)
            .unwrap();
        assert_eq!(judge(&strange, None), Err(Refusal::UnknownLog));
    }
}
