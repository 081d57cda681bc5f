//! The `q` of lists: part of a name, whatever its case, the same on every engine.

use sea_orm::{
    ColumnTrait,
    sea_query::{Expr, ExprTrait, Func, LikeExpr},
};

/// Whether a column's text holds `part`. Its wildcards stand for themselves.
pub(crate) fn holds(column: impl ColumnTrait, part: &str) -> Expr {
    let mut like = String::with_capacity(part.len() + 2);
    like.push('%');
    for c in part.chars().flat_map(char::to_lowercase) {
        if matches!(c, '%' | '_' | '\\') {
            like.push('\\');
        }
        like.push(c);
    }
    like.push('%');
    // On Postgres LIKE compares letters as they are; SQLite folds those of ASCII.
    Expr::expr(Func::lower(Expr::col(column.as_column_ref()))).like(LikeExpr::new(like).escape('\\'))
}
