//! Public holidays, from rules in `holidays.toml`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use chrono::{Datelike, Days, NaiveDate, Weekday};
use serde::Deserialize;

/// The holidays of one country.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// What people call it.
    pub name: String,
    days: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    on: Option<String>,
    easter: Option<i64>,
    nth: Option<(i8, String, u32)>,
    observed: Option<Observed>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Observed {
    Next,
    Nearest,
}

#[derive(Deserialize)]
struct File {
    regions: BTreeMap<String, Region>,
}

#[expect(
    clippy::expect_used,
    reason = "the file is part of the program, and a test reads all of it"
)]
static REGIONS: LazyLock<BTreeMap<String, Region>> = LazyLock::new(|| {
    toml::from_str::<File>(include_str!("holidays.toml"))
        .expect("holidays.toml is well-formed")
        .regions
});

/// The holidays of a country, by its code (ISO 3166-1).
pub fn region(code: &str) -> Option<&'static Region> {
    REGIONS.get(code)
}

/// Every country there is, with its code.
pub fn regions() -> impl Iterator<Item = (&'static str, &'static Region)> {
    REGIONS.iter().map(|(code, region)| (code.as_str(), region))
}

impl Region {
    /// Whether nobody works on that day, weekends aside.
    pub fn is_holiday(&self, day: NaiveDate) -> bool {
        // What is made up for may lie in the year before: 1 January 2028 is a Saturday, observed on 31 December 2027.
        self.of(day.year()).contains(&day) || self.of(day.year() + 1).contains(&day)
    }

    fn of(&self, year: i32) -> BTreeSet<NaiveDate> {
        let dated: Vec<_> = self
            .days
            .iter()
            .filter_map(|rule| Some((rule.day(year)?, rule.observed)))
            .collect();
        let mut days: BTreeSet<_> = dated.iter().map(|(day, _)| *day).collect();
        for (day, observed) in dated.into_iter().filter(|(day, _)| is_weekend(*day)) {
            let made_up = match observed {
                None => continue,
                Some(Observed::Nearest) if day.weekday() == Weekday::Sat => day.pred_opt(),
                Some(Observed::Nearest) => day.succ_opt(),
                Some(Observed::Next) => day
                    .iter_days()
                    .find(|day| !is_weekend(*day) && !days.contains(day)),
            };
            days.extend(made_up);
        }
        days
    }
}

impl Rule {
    fn day(&self, year: i32) -> Option<NaiveDate> {
        if let Some(on) = &self.on {
            let (month, day) = on.split_once('-')?;
            return NaiveDate::from_ymd_opt(year, month.parse().ok()?, day.parse().ok()?);
        }
        if let Some(days) = self.easter {
            return easter(year)?.checked_add_signed(chrono::TimeDelta::days(days));
        }
        let (n, weekday, month) = self.nth.as_ref()?;
        let weekday: Weekday = weekday.parse().ok()?;
        if *n > 0 {
            return NaiveDate::from_weekday_of_month_opt(year, *month, weekday, u8::try_from(*n).ok()?);
        }
        let last = (1..=5)
            .rev()
            .find_map(|n| NaiveDate::from_weekday_of_month_opt(year, *month, weekday, n))?;
        last.checked_sub_days(Days::new(7 * (u64::from(n.unsigned_abs()).checked_sub(1)?)))
    }
}

pub(super) fn is_weekend(day: NaiveDate) -> bool {
    matches!(day.weekday(), Weekday::Sat | Weekday::Sun)
}

/// Western Easter Sunday, by the method that appeared anonymously in Nature 13 (1876), p. 487.
#[expect(
    clippy::many_single_char_names,
    reason = "the names that the method was published with"
)]
fn easter(year: i32) -> Option<NaiveDate> {
    let a = year.rem_euclid(19);
    let (b, c) = (year.div_euclid(100), year.rem_euclid(100));
    let h = (19 * a + b - b / 4 - (b - (b + 8) / 25 + 1) / 3 + 15).rem_euclid(30);
    let l = (32 + 2 * (b % 4) + 2 * (c / 4) - h - c % 4).rem_euclid(7);
    let m = (a + 11 * h + 22 * l) / 451;
    let at = h + l - 7 * m + 114;
    NaiveDate::from_ymd_opt(
        year,
        u32::try_from(at / 31).ok()?,
        u32::try_from(at % 31 + 1).ok()?,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn easter_is_where_the_almanac_has_it() {
        for known in [
            "1961-04-02",
            "2000-04-23",
            "2024-03-31",
            "2025-04-20",
            "2026-04-05",
            "2027-03-28",
            "2028-04-16",
            "2038-04-25",
            "2285-03-22",
        ] {
            let known = day(known);
            assert_eq!(easter(known.year()), Some(known));
        }
    }

    #[test]
    fn every_rule_of_every_country_names_a_day() {
        for (code, region) in regions() {
            assert_eq!(code.len(), 2);
            for rule in &region.days {
                let named = [rule.on.is_some(), rule.easter.is_some(), rule.nth.is_some()];
                assert_eq!(
                    named.iter().filter(|named| **named).count(),
                    1,
                    "{code}: {rule:?}"
                );
                for year in [2024, 2026, 2100] {
                    assert!(rule.day(year).is_some(), "{code}: {rule:?}");
                }
            }
        }
    }

    #[test]
    fn holidays_on_weekends_are_made_up_where_the_law_says_so() {
        let gb = region("GB").unwrap();
        // Christmas 2027 is a Saturday: made up on Monday and Tuesday. New Year 2028 is a Saturday too.
        for made_up in ["2027-12-27", "2027-12-28", "2028-01-03", "2026-12-28"] {
            assert!(gb.is_holiday(day(made_up)), "{made_up}");
        }
        assert!(!gb.is_holiday(day("2027-12-29")) && !gb.is_holiday(day("2026-12-29")));
        let us = region("US").unwrap();
        for made_up in [
            "2026-07-03",
            "2027-12-31",
            "2027-07-05",
            "2026-11-26",
            "2026-05-25",
        ] {
            assert!(us.is_holiday(day(made_up)), "{made_up}");
        }
        let de = region("DE").unwrap();
        assert!(de.is_holiday(day("2027-12-25")) && !de.is_holiday(day("2027-12-27")));
        assert!(de.is_holiday(day("2026-05-25")) && de.is_holiday(day("2026-04-03")));
    }
}
