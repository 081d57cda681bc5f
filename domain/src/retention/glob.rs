//! Channel patterns: `*` stands for any run of characters, everything else for itself.

use sea_orm::sea_query::{Expr, ExprTrait, LikeExpr, extension::sqlite::SqliteExpr};

use crate::tenancy::Engine;

/// Whether `name` matches `pattern`.
pub fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    // Where to go on when a literal does not match: the last star, and what it has swallowed so far.
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            retry = Some((p, n));
        } else if pattern.get(p) == Some(&name[n]) {
            p += 1;
            n += 1;
        } else if let Some((after_star, swallowed)) = retry {
            p = after_star;
            n = swallowed + 1;
            retry = Some((p, n));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// The same question, asked of a column by the database. Both engines compare letters as they are.
pub(super) fn matches_sql(engine: Engine, column: Expr, pattern: &str) -> Expr {
    match engine {
        Engine::Sqlite => {
            let mut glob = String::with_capacity(pattern.len());
            for c in pattern.chars() {
                match c {
                    '?' | '[' => glob.extend(['[', c, ']']),
                    c => glob.push(c),
                }
            }
            column.glob(Expr::val(glob))
        }
        Engine::Postgres => {
            let mut like = String::with_capacity(pattern.len());
            for c in pattern.chars() {
                match c {
                    '*' => like.push('%'),
                    '%' | '_' | '\\' => like.extend(['\\', c]),
                    c => like.push(c),
                }
            }
            column.like(LikeExpr::new(like).escape('\\'))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_run_and_the_rest_is_itself() {
        for (pattern, name, expected) in [
            ("room-*", "room-1", true),
            ("room-*", "room-", true),
            ("room-*", "Room-1", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*b*c", "a-bb-b-c", true),
            ("a*b*c", "a-b-c-d", false),
            ("*-private", "x-private-private", true),
            ("a?[b]", "a?[b]", true),
            ("a?", "ab", false),
            ("**a", "a", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} on {name}");
        }
    }

    #[test]
    fn a_hostile_pattern_costs_no_more_than_the_product_of_the_lengths() {
        let pattern = "*a".repeat(100);
        assert!(!matches(&pattern, &"b".repeat(10_000)));
    }
}
