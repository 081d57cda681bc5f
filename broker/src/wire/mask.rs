//! The mask that a client puts over its payloads (RFC 6455 §5.3).

/// A mask, and how far into its payload it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mask([u8; 4]);

/// So many bytes are unmasked in one step: enough for the compiler to use the widest registers there are.
const STEP: usize = 32;

impl Mask {
    /// Changes nothing: what servers send is not masked.
    pub(crate) const NONE: Self = Self([0; 4]);

    pub(crate) fn new(mask: [u8; 4]) -> Self {
        Self(mask)
    }

    /// Masks or unmasks the next piece of a payload.
    pub(crate) fn apply(&mut self, piece: &mut [u8]) {
        if self.0 == Self::NONE.0 {
            return;
        }
        let mut wide = [0; STEP];
        for part in wide.chunks_exact_mut(4) {
            part.copy_from_slice(&self.0);
        }
        let mut steps = piece.chunks_exact_mut(STEP);
        for step in &mut steps {
            for (byte, mask) in step.iter_mut().zip(wide) {
                *byte ^= mask;
            }
        }
        let rest = steps.into_remainder();
        for (byte, mask) in rest.iter_mut().zip(wide) {
            *byte ^= mask;
        }
        self.0.rotate_left(rest.len() % 4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_any_length_continue_where_the_one_before_ended() {
        let mask = [1, 2, 3, 250];
        let payload: Vec<u8> = (0..=255).collect();
        let expected: Vec<u8> = payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, mask)| byte ^ mask)
            .collect();
        for first in 0..payload.len() {
            let mut masked = payload.clone();
            let (one, two) = masked.split_at_mut(first);
            let mut mask = Mask::new(mask);
            mask.apply(one);
            mask.apply(two);
            assert_eq!(masked, expected, "cut at {first}");
        }
    }
}
