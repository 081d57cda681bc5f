//! Lengths of time as laws state them, and the calendar that they are counted in.

use chrono::{DateTime, Days, Months, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::holidays::{Region, is_weekend};

/// A length of time as laws state it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    /// To the same date of a later month, or its last day where that date does not exist.
    Months(u32),
    /// Calendar days.
    Days(u32),
    /// Days without Saturdays, Sundays and public holidays.
    BusinessDays(u32),
    /// Hours that pass, whatever clocks on walls do.
    Hours(u32),
}

/// Where days begin and end, and on which of them nobody works.
#[derive(Clone, Copy, Debug)]
pub struct Calendar {
    /// The time zone that days are counted in.
    pub zone: Tz,
    /// Whose public holidays count, if anybody's.
    pub holidays: Option<&'static Region>,
}

impl Default for Calendar {
    fn default() -> Self {
        Self {
            zone: Tz::UTC,
            holidays: None,
        }
    }
}

impl Calendar {
    /// The day on which something happened.
    pub fn day(&self, at: DateTime<Utc>) -> NaiveDate {
        at.with_timezone(&self.zone).date_naive()
    }

    /// Whether people work on that day.
    pub fn is_working_day(&self, day: NaiveDate) -> bool {
        !is_weekend(day) && !self.holidays.is_some_and(|region| region.is_holiday(day))
    }

    /// The day itself, or the first working day after it.
    pub fn working_day(&self, day: NaiveDate) -> NaiveDate {
        day.iter_days()
            .find(|day| self.is_working_day(*day))
            .unwrap_or(day)
    }

    /// The last second of a day.
    pub fn end_of(&self, day: NaiveDate) -> DateTime<Utc> {
        let midnight = day.succ_opt().unwrap_or(day).and_time(NaiveTime::MIN);
        // Where a change of clocks leaves midnight out, the next day begins an hour later on the wall.
        let next = (0..=2)
            .find_map(|hours| {
                let begin = midnight + TimeDelta::hours(hours);
                self.zone.from_local_datetime(&begin).earliest()
            })
            .map_or_else(|| midnight.and_utc(), |begin| begin.to_utc());
        next - TimeDelta::seconds(1)
    }
}

impl Span {
    /// The last day of a period that an event on `day` starts; that day itself does not count.
    pub fn after(self, day: NaiveDate, calendar: &Calendar) -> NaiveDate {
        match self {
            Self::Months(months) => day.checked_add_months(Months::new(months)),
            Self::Days(days) => day.checked_add_days(Days::new(days.into())),
            Self::BusinessDays(days) => {
                (0..days).try_fold(day, |day, _| Some(calendar.working_day(day.succ_opt()?)))
            }
            Self::Hours(hours) => day.checked_add_days(Days::new(u64::from(hours / 24))),
        }
        // The calendar of chrono ends in the year 262142.
        .unwrap_or(NaiveDate::MAX)
    }

    /// The first day of a period that ends on `day`.
    pub fn before(self, day: NaiveDate) -> NaiveDate {
        match self {
            Self::Months(months) => day.checked_sub_months(Months::new(months)),
            Self::Days(days) => day.checked_sub_days(Days::new(days.into())),
            // Never shorter than the days without weekends.
            Self::BusinessDays(days) => day.checked_sub_days(Days::new(u64::from(days) * 2)),
            Self::Hours(hours) => day.checked_sub_days(Days::new(u64::from(hours.div_ceil(24)))),
        }
        .unwrap_or(NaiveDate::MIN)
    }

    /// The last second of a period that begins with an event.
    pub fn ends(self, from: DateTime<Utc>, rolls: bool, calendar: &Calendar) -> DateTime<Utc> {
        if let Self::Hours(hours) = self {
            return from
                .checked_add_signed(TimeDelta::hours(hours.into()))
                .unwrap_or(DateTime::<Utc>::MAX_UTC);
        }
        let end = self.after(calendar.day(from), calendar);
        calendar.end_of(if rolls { calendar.working_day(end) } else { end })
    }

    /// Both together, where they are of one kind.
    #[must_use]
    pub fn and(self, more: Self) -> Option<Self> {
        Some(match (self, more) {
            (Self::Months(a), Self::Months(b)) => Self::Months(a + b),
            (Self::Days(a), Self::Days(b)) => Self::Days(a + b),
            (Self::BusinessDays(a), Self::BusinessDays(b)) => Self::BusinessDays(a + b),
            (Self::Hours(a), Self::Hours(b)) => Self::Hours(a + b),
            _ => return None,
        })
    }
}

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (n, unit) = match self {
            Self::Months(n) => (n, "month"),
            Self::Days(n) => (n, "day"),
            Self::BusinessDays(n) => (n, "business day"),
            Self::Hours(n) => (n, "hour"),
        };
        write!(f, "{n} {unit}{}", if *n == 1 { "" } else { "s" })
    }
}
