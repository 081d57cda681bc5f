//! Passwords of members: Argon2id (RFC 9106), stored as a PHC string that carries its own parameters.
//!
//! [`hash`] and [`verify`] block: with the default cost, about 20 ms of one core and 19 MiB each. Call them on a blocking
//! thread, and limit how many run at once.
//!
//! The password is taken as it comes: no trimming, no Unicode normalisation. Rules about length and strength are the
//! caller's, up to [`LONGEST`].

use argon2::{
    ARGON2ID_IDENT, Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version,
    password_hash::{self, phc},
};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use thiserror::Error;

use crate::chance::{self, Chance};

/// The longest password that is hashed, in bytes. Beyond it, hashing would be work without gain that anybody can order.
pub const LONGEST: usize = 4096;

const SALT: usize = 16;
const OUTPUT: usize = Params::DEFAULT_OUTPUT_LEN;

/// The work factor. The default is the OWASP Password Storage Cheat Sheet's: 19 MiB, 2 passes, 1 lane.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cost {
    /// Memory in KiB, at least 8 per lane.
    pub memory_kib: u32,
    /// Passes over the memory, at least 1.
    pub passes: u32,
    /// Lanes, at least 1. They are computed one after the other.
    pub lanes: u32,
}

impl Default for Cost {
    fn default() -> Self {
        Self {
            memory_kib: 19_456,
            passes: 2,
            lanes: 1,
        }
    }
}

/// Why a password could not be hashed or compared. A wrong password is not among the reasons.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PasswordError {
    /// The work factor is out of Argon2's range.
    #[error("the password cost is out of range")]
    Cost(#[source] argon2::Error),
    /// The password has more than [`LONGEST`] bytes.
    #[error("the password has more than {LONGEST} bytes")]
    TooLong,
    /// The stored hash is not an Argon2id PHC string.
    #[error("the stored password hash cannot be read")]
    Malformed(#[source] Option<phc::Error>),
    /// Argon2 could not run, e.g. for want of memory.
    #[error("the password could not be hashed")]
    Hash(#[source] password_hash::Error),
}

/// Hashes a password with a fresh salt. Blocks.
pub fn hash(password: &str, cost: &Cost, chance: &dyn Chance) -> Result<String, PasswordError> {
    if password.len() > LONGEST {
        return Err(PasswordError::TooLong);
    }
    let params =
        Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(OUTPUT)).map_err(PasswordError::Cost)?;
    let salt: [u8; SALT] = chance::bytes(chance);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_with_salt(password.as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(PasswordError::Hash)
}

/// Whether `password` belongs to `phc`. Blocks, for as long as the parameters in `phc` ask for, right or wrong.
pub fn verify(password: &str, phc: &str) -> Result<bool, PasswordError> {
    if password.len() > LONGEST {
        // No such password was ever stored; the quick answer tells its sender only what they sent.
        return Ok(false);
    }
    let stored = PasswordHash::new(phc).map_err(|error| PasswordError::Malformed(Some(error)))?;
    if stored.algorithm != ARGON2ID_IDENT || stored.salt.is_none() || stored.hash.is_none() {
        return Err(PasswordError::Malformed(None));
    }
    match Argon2::default().verify_password(password.as_bytes(), &stored) {
        Ok(()) => Ok(true),
        Err(password_hash::Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(PasswordError::Hash(error)),
    }
}

/// Whether `phc` was made otherwise than [`hash`] would now. Ask after a right password, hash it again and store that.
#[must_use]
pub fn needs_rehash(phc: &str, cost: &Cost) -> bool {
    let Ok(stored) = PasswordHash::new(phc) else {
        return true;
    };
    let Ok(params) = Params::try_from(&stored) else {
        return true;
    };
    stored.algorithm != ARGON2ID_IDENT
        || stored.version != Some(Version::V0x13.into())
        || params.output_len() != Some(OUTPUT)
        || (params.m_cost(), params.t_cost(), params.p_cost()) != (cost.memory_kib, cost.passes, cost.lanes)
}

/// A PHC string to [`verify`] against when there is no such account, so that the answer takes as long as for one that
/// exists. No password fits it, but for a chance of 2⁻²⁵⁶. Costs nothing to make.
#[must_use]
pub fn decoy(cost: &Cost) -> String {
    let Cost {
        memory_kib,
        passes,
        lanes,
    } = cost;
    let salt = STANDARD_NO_PAD.encode([0; SALT]);
    let output = STANDARD_NO_PAD.encode([0; OUTPUT]);
    format!("$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${output}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::SeededChance;

    /// As cheap as Argon2 goes.
    const CHEAP: Cost = Cost {
        memory_kib: 8,
        passes: 1,
        lanes: 1,
    };

    #[test]
    fn the_default_cost_is_the_one_that_is_documented() {
        let phc = hash("correct horse", &Cost::default(), &SeededChance::new(1)).unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert!(verify("correct horse", &phc).unwrap());
    }

    #[test]
    fn the_right_password_fits_and_others_do_not() {
        let phc = hash("pässword ", &CHEAP, &SeededChance::new(1)).unwrap();
        assert!(verify("pässword ", &phc).unwrap());
        for wrong in ["", "pässword", "Pässword ", "password "] {
            assert!(!verify(wrong, &phc).unwrap(), "{wrong:?}");
        }
    }

    #[test]
    fn equal_passwords_have_different_hashes() {
        let chance = SeededChance::new(1);
        assert_ne!(
            hash("a", &CHEAP, &chance).unwrap(),
            hash("a", &CHEAP, &chance).unwrap()
        );
    }

    #[test]
    fn a_hash_of_the_reference_implementation_fits() {
        // From the tests of the reference implementation: "password", "somesalt", 64 MiB, 2 passes, 1 lane.
        let phc = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        assert!(verify("password", phc).unwrap());
        assert!(!verify("differentpassword", phc).unwrap());
    }

    #[test]
    fn a_hash_by_another_cost_or_another_way_is_renewed() {
        let phc = hash("a", &CHEAP, &SeededChance::new(1)).unwrap();
        assert!(!needs_rehash(&phc, &CHEAP));
        assert!(needs_rehash(
            &phc,
            &Cost {
                memory_kib: 16,
                ..CHEAP
            }
        ));
        assert!(needs_rehash(&phc, &Cost { passes: 2, ..CHEAP }));
        assert!(needs_rehash(&phc, &Cost { lanes: 2, ..CHEAP }));
        assert!(needs_rehash(&phc.replace("argon2id", "argon2i"), &CHEAP));
        assert!(needs_rehash(&phc.replace("v=19", "v=16"), &CHEAP));
        assert!(needs_rehash("", &CHEAP));
    }

    #[test]
    fn what_is_no_argon2id_hash_is_an_error_and_not_a_wrong_password() {
        let good = hash("a", &CHEAP, &SeededChance::new(1)).unwrap();
        let without_output = good.rsplit_once('$').unwrap().0;
        for bad in [
            "",
            "plain",
            "$argon2id$",
            without_output,
            &good.replace("argon2id", "argon2i"),
            "$scrypt$ln=1$aaaa$bbbb",
        ] {
            assert!(
                matches!(verify("a", bad), Err(PasswordError::Malformed(_))),
                "{bad}"
            );
        }
    }

    #[test]
    fn an_impossible_cost_is_refused() {
        for cost in [
            Cost {
                memory_kib: 7,
                ..CHEAP
            },
            Cost { passes: 0, ..CHEAP },
            Cost { lanes: 0, ..CHEAP },
        ] {
            assert!(
                matches!(
                    hash("a", &cost, &SeededChance::new(1)),
                    Err(PasswordError::Cost(_))
                ),
                "{cost:?}"
            );
        }
    }

    #[test]
    fn an_endless_password_is_refused_before_any_work() {
        let chance = SeededChance::new(1);
        let longest = "a".repeat(LONGEST);
        let phc = hash(&longest, &CHEAP, &chance).unwrap();
        assert!(verify(&longest, &phc).unwrap());
        let longer = "a".repeat(LONGEST + 1);
        assert!(matches!(
            hash(&longer, &CHEAP, &chance),
            Err(PasswordError::TooLong)
        ));
        assert!(!verify(&longer, &phc).unwrap());
    }

    #[test]
    fn a_decoy_is_verified_like_a_real_hash_and_never_fits() {
        let decoy = decoy(&CHEAP);
        assert!(!needs_rehash(&decoy, &CHEAP), "same work as a real one");
        assert!(!verify("", &decoy).unwrap());
        assert!(!verify("a", &decoy).unwrap());
    }
}
