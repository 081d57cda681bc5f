//! Where the line runs between what is readable and what has expired, at one moment, for one class.
//!
//! A message expires at `until(recorded)` ([`Kept::until`]), to the millisecond, and is unreadable from then on.

use chrono::{DateTime, TimeDelta, Utc};
use entity::{channel, message};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait, SubQueryStatement},
};

use super::glob;
use crate::{duration::Kept, ids::MessageId, tenancy::Engine};

/// Nothing is readable: no id reaches this.
const NOTHING: i64 = i64::MAX;

/// The first id that is readable under a duration.
pub fn first_readable(kept: Kept, now: DateTime<Utc>) -> i64 {
    match kept {
        Kept::Nothing => NOTHING,
        // Ids know the millisecond. What was recorded in the very millisecond of the cut-off expires now.
        Kept::For(_) => MessageId::first_at(kept.cutoff(now) + TimeDelta::milliseconds(1)).0,
    }
}

/// What of a class is readable now: messages from a certain id on. Where rules name channels, the first case whose
/// patterns all match says which id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    cases: Vec<(Vec<String>, i64)>,
    otherwise: i64,
}

impl Cut {
    /// Nothing is readable.
    pub const NOTHING: Self = Self {
        cases: Vec::new(),
        otherwise: NOTHING,
    };

    /// The first case without a pattern is the last one that counts.
    pub(super) fn new(cases: Vec<(Vec<String>, Kept)>, now: DateTime<Utc>) -> Self {
        let mut otherwise = NOTHING;
        let mut some = Vec::new();
        for (patterns, kept) in cases {
            let id = first_readable(kept, now);
            if patterns.is_empty() {
                otherwise = id;
                break;
            }
            some.push((patterns, id));
        }
        let mut cases = some;
        // The last cases change nothing when they say the same as what follows.
        while cases.last().is_some_and(|(_, id)| *id == otherwise) {
            cases.pop();
        }
        Self { cases, otherwise }
    }

    /// Whether it is the same for all channels.
    pub fn is_uniform(&self) -> bool {
        self.cases.is_empty()
    }

    /// The first readable id on a channel.
    pub fn of_channel(&self, name: &str) -> i64 {
        self.cases
            .iter()
            .find(|(patterns, _)| patterns.iter().all(|pattern| glob::matches(pattern, name)))
            .map_or(self.otherwise, |(_, id)| *id)
    }

    /// Below this, nothing is readable on any channel.
    pub fn lowest(&self) -> i64 {
        self.ids().min().unwrap_or(self.otherwise)
    }

    /// From this on, everything is readable on every channel.
    pub fn highest(&self) -> i64 {
        self.ids().max().unwrap_or(self.otherwise)
    }

    /// From this on, everything is readable on channels that no case is about.
    pub fn otherwise(&self) -> i64 {
        self.otherwise
    }

    /// Whether nothing is readable.
    pub fn is_nothing(&self) -> bool {
        self.lowest() == NOTHING
    }

    fn ids(&self) -> impl Iterator<Item = i64> {
        self.cases.iter().map(|(_, id)| *id).chain([self.otherwise])
    }

    /// Messages that are readable.
    pub fn readable(&self, engine: Engine) -> Condition {
        let above = Condition::all().add(message::Column::Id.gte(self.lowest()));
        if self.is_uniform() {
            return above;
        }
        above.add(Expr::col((message::Entity, message::Column::Id)).gte(self.by_channel(engine)))
    }

    /// Messages that have expired.
    pub fn expired(&self, engine: Engine) -> Condition {
        let below = Condition::all().add(message::Column::Id.lt(self.highest()));
        if self.is_uniform() {
            return below;
        }
        below.add(Expr::col((message::Entity, message::Column::Id)).lt(self.by_channel(engine)))
    }

    /// The first readable id on the channel of the message at hand. A channel that is gone has nothing readable.
    #[expect(
        clippy::disallowed_methods,
        reason = "a sub-query that is bound to the row of a tenant's message by its channel"
    )]
    fn by_channel(&self, engine: Engine) -> Expr {
        let name = || Expr::col((channel::Entity, channel::Column::Name));
        let all = |patterns: &[String]| {
            let one = |pattern: &String| glob::matches_sql(engine, name(), pattern);
            let each = patterns.iter().map(one);
            each.reduce(ExprTrait::and).unwrap_or_else(|| Expr::val(true))
        };
        let mut case = Expr::case(all(&self.cases[0].0), self.cases[0].1);
        for (patterns, id) in &self.cases[1..] {
            case = case.case(all(patterns), *id);
        }
        let case = case.finally(self.otherwise);
        let query = channel::Entity::find()
            .select_only()
            .expr(case)
            .filter_by_channel()
            .into_query();
        Expr::from(SubQueryStatement::SelectStatement(query)).if_null(Expr::val(NOTHING))
    }
}

trait OfTheMessage {
    fn filter_by_channel(self) -> Self;
}

impl OfTheMessage for sea_orm::Select<channel::Entity> {
    fn filter_by_channel(self) -> Self {
        use sea_orm::QueryFilter;
        self.filter(
            Expr::col((channel::Entity, channel::Column::Id))
                .equals((message::Entity, message::Column::ChannelId)),
        )
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{
        QueryFilter,
        sea_query::{PostgresQueryBuilder, SqliteQueryBuilder},
    };

    use super::*;

    /// The statement that reads what this cut leaves readable.
    #[expect(clippy::disallowed_methods, reason = "the text of a query that is not run")]
    fn sql(engine: Engine) -> String {
        let cut = Cut {
            cases: vec![(vec!["room-*".into()], 20), (vec!["100%_[?]\\".into()], 30)],
            otherwise: 10,
        };
        let query = message::Entity::find()
            .select_only()
            .column(message::Column::Id)
            .filter(cut.readable(engine))
            .into_query();
        match engine {
            Engine::Sqlite => query.to_string(SqliteQueryBuilder),
            Engine::Postgres => query.to_string(PostgresQueryBuilder),
        }
    }

    #[test]
    fn both_engines_are_asked_the_same_question() {
        let around = |first: &str, second: &str, or: &str| {
            format!(
                "SELECT \"message\".\"id\" FROM \"message\" WHERE \"message\".\"id\" >= 10 AND \"message\".\"id\" >= \
                 {or}((SELECT (CASE WHEN (\"channel\".\"name\" {first}) THEN 20 \
                 WHEN (\"channel\".\"name\" {second}) THEN 30 ELSE 10 END) FROM \"channel\" \
                 WHERE \"channel\".\"id\" = \"message\".\"channel_id\"), 9223372036854775807)"
            )
        };
        assert_eq!(
            sql(Engine::Sqlite),
            around("GLOB 'room-*'", "GLOB '100%_[[][?]]\\'", "IFNULL")
        );
        assert_eq!(
            sql(Engine::Postgres),
            around(
                "LIKE 'room-%' ESCAPE E'\\\\'",
                "LIKE E'100\\\\%\\\\_[?]\\\\\\\\' ESCAPE E'\\\\'",
                "COALESCE"
            )
        );
    }
}
