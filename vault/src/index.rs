//! Blind indexes: how a sealed e-mail address or external id is found without being readable.
//!
//! The same value under the same key and label always gives the same fingerprint, so equality shows and nothing else does.
//! Nothing is normalised here: trim and fold case before, in one place, or two spellings will not meet.

use ring::hmac;

use crate::key::IndexKey;

impl IndexKey {
    /// HMAC-SHA256 of `value` under this key. `label` names the column, so that equal values in different columns do not
    /// look equal.
    #[must_use]
    pub fn blind(&self, label: &str, value: &str) -> [u8; 32] {
        self.fingerprint(*b"v1/blind", label, value)
    }

    /// HMAC-SHA256 over `use ‖ length of scope ‖ scope ‖ value`: no two different inputs give the same bytes.
    pub(crate) fn fingerprint(&self, used: [u8; 8], scope: &str, value: &str) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, self.bytes()));
        context.update(&used);
        context.update(&(scope.len() as u64).to_be_bytes());
        context.update(scope.as_bytes());
        context.update(value.as_bytes());
        let mut out = [0; 32];
        out.copy_from_slice(context.sign().as_ref());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> IndexKey {
        IndexKey::filled(|bytes| *bytes = [byte; 32])
    }

    #[test]
    fn equal_values_meet_and_all_else_differs() {
        let it = key(1).blind("email", "a@example.org");
        assert_eq!(key(1).blind("email", "a@example.org"), it);
        assert_ne!(key(2).blind("email", "a@example.org"), it);
        assert_ne!(key(1).blind("external_id", "a@example.org"), it);
        assert_ne!(
            key(1).blind("email", "A@example.org"),
            it,
            "nothing is normalised"
        );
    }

    #[test]
    fn label_and_value_do_not_flow_into_each_other() {
        assert_ne!(key(1).blind("ab", "c"), key(1).blind("a", "bc"));
        assert_ne!(key(1).blind("", "abc"), key(1).blind("abc", ""));
    }
}
