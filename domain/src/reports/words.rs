//! Numbers in sentences.

use std::fmt::Display;

/// A number with what is counted: `1 member`, `2 members`.
pub(super) fn counted<N: Copy + Display + PartialEq + From<u8>>(number: N, one: &str, many: &str) -> String {
    let noun = if number == N::from(1) { one } else { many };
    format!("{number} {noun}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_one_and_all_others_are_many() {
        assert_eq!(counted(1_u64, "leaf proves", "leaves prove"), "1 leaf proves");
        assert_eq!(counted(0_usize, "member", "members"), "0 members");
        assert_eq!(counted(2_i64, "entry", "entries"), "2 entries");
    }
}
