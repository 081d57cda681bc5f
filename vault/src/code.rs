//! One-time codes: six digits that a person types from an e-mail.
//!
//! A code has a million values, so it is worth only what the caller makes of it: few attempts, a short life, used once.
//! None of that is kept here.

use crate::{
    chance::{self, Chance},
    key::IndexKey,
};

/// How many codes there are.
const CODES: u32 = 1_000_000;

/// A code of six digits, each of the million equally likely. Not to be logged; store its [`fingerprint`].
#[must_use]
pub fn generate(chance: &dyn Chance) -> String {
    loop {
        if let Some(code) = unbiased(u32::from_be_bytes(chance::bytes(chance))) {
            return format!("{code:06}");
        }
    }
}

/// Maps 32 random bits to a code, or to nothing for the last incomplete million, which would favour the low codes.
fn unbiased(random: u32) -> Option<u32> {
    const END: u32 = u32::MAX - u32::MAX % CODES;
    (random < END).then_some(random % CODES)
}

/// What is stored of a code: HMAC-SHA256 under `pepper`, bound to `scope` (e.g. the id of the request it is for).
///
/// A plain hash of a million values is no secret at all; with the pepper, whoever has only the store learns nothing.
/// Compare with [`crate::token::same`].
#[must_use]
pub fn fingerprint(pepper: &IndexKey, scope: &str, code: &str) -> [u8; 32] {
    pepper.fingerprint(*b"v1/codes", scope, code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::SeededChance;

    #[test]
    fn a_code_is_six_digits_and_may_begin_with_zero() {
        let chance = SeededChance::new(1);
        let codes: Vec<_> = (0..1000).map(|_| generate(&chance)).collect();
        assert!(
            codes
                .iter()
                .all(|code| code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()))
        );
        assert!(codes.iter().any(|code| code.starts_with('0')));
    }

    #[test]
    fn only_whole_millions_are_used() {
        assert_eq!(unbiased(0), Some(0));
        assert_eq!(unbiased(4_293_999_999), Some(999_999));
        assert_eq!(unbiased(4_294_000_000), None);
        assert_eq!(unbiased(u32::MAX), None);
    }

    #[test]
    fn every_digit_is_about_equally_likely_at_every_place() {
        let chance = SeededChance::new(2);
        let mut seen = [[0_u32; 10]; 6];
        for _ in 0..20_000 {
            for (place, digit) in generate(&chance).bytes().enumerate() {
                seen[place][usize::from(digit - b'0')] += 1;
            }
        }
        // 2000 expected; five standard deviations are 212.
        assert!(
            seen.iter().flatten().all(|count| (1788..=2212).contains(count)),
            "{seen:?}"
        );
    }

    #[test]
    fn a_refused_draw_is_drawn_again() {
        struct Sequence(std::sync::Mutex<Vec<u32>>);
        impl Chance for Sequence {
            fn fill(&self, out: &mut [u8]) {
                out.copy_from_slice(&self.0.lock().unwrap().remove(0).to_be_bytes());
            }
        }
        let chance = Sequence(std::sync::Mutex::new(vec![u32::MAX, 4_294_000_000, 1_000_042]));
        assert_eq!(generate(&chance), "000042");
    }

    #[test]
    fn a_fingerprint_depends_on_pepper_scope_and_code_and_is_no_index() {
        let pepper = |byte| IndexKey::filled(|bytes| *bytes = [byte; 32]);
        let it = fingerprint(&pepper(1), "request/1", "123456");
        assert_eq!(fingerprint(&pepper(1), "request/1", "123456"), it);
        assert_ne!(fingerprint(&pepper(2), "request/1", "123456"), it);
        assert_ne!(fingerprint(&pepper(1), "request/2", "123456"), it);
        assert_ne!(fingerprint(&pepper(1), "request/1", "123457"), it);
        assert_ne!(pepper(1).blind("request/1", "123456"), it);
    }
}
