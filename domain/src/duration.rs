//! How long something is kept: ISO 8601 durations that know the calendar.
//!
//! `P1M` is a month, not thirty days. What has expired is what is older than a cut-off, so the arithmetic that counts
//! is subtraction from now, and it must never go backwards as now goes on: what was unreadable once stays unreadable.
//! Where a day does not exist (a month before 31 March), the cut-off therefore waits at the start of the month after
//! the missing day, which is also what Regulation 1182/71 Art. 3(2)(c) says: a period of months ends with its last day.
//!
//! ```
//! use domain::duration::Kept;
//! let kept: Kept = "P30D".parse()?;
//! assert_eq!(kept.to_string(), "P30D");
//! assert_eq!("PT0S".parse::<Kept>()?, Kept::Nothing);
//! # Ok::<(), domain::duration::DurationError>(())
//! ```

use std::{fmt, str::FromStr};

use chrono::{DateTime, Datelike, Days, Months, NaiveTime, TimeDelta, Utc};

/// What a retention rule says of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kept {
    /// `P0D`: never recorded at all.
    Nothing,
    /// For this long.
    For(Period),
}

/// A length of time in the units of the calendar. A day is 24 hours of UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Period {
    years: u32,
    months: u32,
    weeks: u32,
    days: u32,
    hours: u32,
    minutes: u32,
    seconds: u32,
}

/// Why a text is not a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Not `PnYnMnWnDTnHnMnS`.
    #[error("write an ISO 8601 duration in whole units, such as PT30S, P30D, P6M or P0D for never recorded")]
    Shape,
    /// Nothing is promised for so long.
    #[error("at most a thousand years")]
    TooLong,
}

impl DurationError {
    /// The code of the fault at a field.
    pub fn code(self) -> &'static str {
        match self {
            Self::Shape => "not_a_duration",
            Self::TooLong => "too_long",
        }
    }
}

/// A thousand years: keeps every date that is computed within four digits, so that stored dates sort as text too.
const LONGEST: TimeDelta = TimeDelta::days(365_250);

impl Kept {
    /// What is older than this has expired; with nothing kept, everything has that exists now.
    pub fn cutoff(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            // Times are kept to the millisecond and the comparison is `<`: this covers what came just now.
            Self::Nothing => now + TimeDelta::milliseconds(1),
            Self::For(period) => period.before(now),
        }
    }

    /// From when on something made at `at` has expired: the other side of [`Kept::cutoff`].
    pub fn until(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Nothing => at,
            Self::For(period) => period.after(at),
        }
    }

    /// About how long that is, for the width of slices and for sorting. Not for deciding what has expired.
    pub fn approximate(&self) -> TimeDelta {
        match self {
            Self::Nothing => TimeDelta::zero(),
            Self::For(period) => period.approximate(),
        }
    }
}

impl Period {
    fn total_months(&self) -> u32 {
        self.years * 12 + self.months
    }

    /// Everything but months and years, which is of fixed length.
    fn fixed(&self) -> TimeDelta {
        TimeDelta::weeks(self.weeks.into())
            + TimeDelta::days(self.days.into())
            + TimeDelta::hours(self.hours.into())
            + TimeDelta::minutes(self.minutes.into())
            + TimeDelta::seconds(self.seconds.into())
    }

    fn approximate(&self) -> TimeDelta {
        TimeDelta::days(i64::from(self.years) * 365 + i64::from(self.months) * 30) + self.fixed()
    }

    fn before(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let months = Months::new(self.total_months());
        settle(now, now.checked_sub_months(months)) - self.fixed()
    }

    fn after(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        // The inverse of `before`: there the months come first, so here they come last.
        let at = at + self.fixed();
        settle(at, at.checked_add_months(Months::new(self.total_months())))
    }
}

/// Corrects what chrono answers for a day that does not exist: it takes the last day of the month at the same time,
/// so that an hour later, on the next day, it would answer something earlier.
fn settle(from: DateTime<Utc>, moved: Option<DateTime<Utc>>) -> DateTime<Utc> {
    // Out of chrono's range only from the far ends of it, which no stored date comes near.
    let Some(moved) = moved else { return from };
    if moved.day() == from.day() {
        return moved;
    }
    moved
        .date_naive()
        .checked_add_days(Days::new(1))
        .map_or(moved, |day| day.and_time(NaiveTime::MIN).and_utc())
}

impl FromStr for Kept {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text.strip_prefix('P').ok_or(DurationError::Shape)?;
        let (date, time) = match rest.split_once('T') {
            Some((_, "")) => return Err(DurationError::Shape),
            Some((date, time)) => (date, time),
            None if rest.is_empty() => return Err(DurationError::Shape),
            None => (rest, ""),
        };
        let [years, months, weeks, days] = numbers(date, ['Y', 'M', 'W', 'D'])?;
        let [hours, minutes, seconds] = numbers(time, ['H', 'M', 'S'])?;
        // Each number alone first: the sums below are then far from overflowing.
        if [years, months, weeks, days].iter().any(|n| *n > 400_000)
            || [hours, minutes].iter().any(|n| *n > 1_000_000_000)
        {
            return Err(DurationError::TooLong);
        }
        let period = Period {
            years,
            months,
            weeks,
            days,
            hours,
            minutes,
            seconds,
        };
        if period.approximate() > LONGEST {
            return Err(DurationError::TooLong);
        }
        Ok(if period == Period::default() {
            Self::Nothing
        } else {
            Self::For(period)
        })
    }
}

/// The numbers before the designators, which come in this order, each at most once.
fn numbers<const N: usize>(mut text: &str, designators: [char; N]) -> Result<[u32; N], DurationError> {
    let mut found = [0; N];
    let mut next = 0;
    while !text.is_empty() {
        let end = text
            .find(|c: char| !c.is_ascii_digit())
            .filter(|end| *end > 0)
            .ok_or(DurationError::Shape)?;
        let (digits, tail) = text.split_at(end);
        let place = designators[next..]
            .iter()
            .position(|designator| tail.starts_with(*designator))
            .ok_or(DurationError::Shape)?
            + next;
        found[place] = digits.parse().map_err(|_| DurationError::TooLong)?;
        next = place + 1;
        // Designators are ASCII.
        text = &tail[1..];
    }
    Ok(found)
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("P0D"),
            Self::For(period) => period.fmt(f),
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |f: &mut fmt::Formatter<'_>, parts: &[(u32, char)]| {
            parts
                .iter()
                .filter(|(number, _)| *number > 0)
                .try_for_each(|(number, designator)| write!(f, "{number}{designator}"))
        };
        f.write_str("P")?;
        part(
            f,
            &[
                (self.years, 'Y'),
                (self.months, 'M'),
                (self.weeks, 'W'),
                (self.days, 'D'),
            ],
        )?;
        let time = [(self.hours, 'H'), (self.minutes, 'M'), (self.seconds, 'S')];
        if time.iter().any(|(number, _)| *number > 0) {
            f.write_str("T")?;
            part(f, &time)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn kept(text: &str) -> Kept {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_written_comes_back_without_its_zeros() {
        for (text, again) in [
            ("P30D", "P30D"),
            ("PT2S", "PT2S"),
            ("P1Y2M3W4DT5H6M7S", "P1Y2M3W4DT5H6M7S"),
            ("P0Y6M", "P6M"),
            ("P1M", "P1M"),
            ("PT1M", "PT1M"),
            ("P0D", "P0D"),
            ("PT0S", "P0D"),
            ("P1DT0H", "P1D"),
            ("P1000Y", "P1000Y"),
        ] {
            assert_eq!(kept(text).to_string(), again, "{text}");
        }
    }

    #[test]
    fn what_is_not_a_duration_is_refused() {
        use DurationError::{Shape, TooLong};
        for (text, error) in [
            ("", Shape),
            ("P", Shape),
            ("PT", Shape),
            ("P1DT", Shape),
            ("30D", Shape),
            ("P30", Shape),
            ("PD", Shape),
            ("P1D1Y", Shape),
            ("P1D1D", Shape),
            ("PT1D", Shape),
            ("P1H", Shape),
            ("P-1D", Shape),
            ("P1.5D", Shape),
            ("p1d", Shape),
            ("P1D ", Shape),
            ("P1ä", Shape),
            ("P1001Y", TooLong),
            ("P99999999999D", TooLong),
            ("P4294967295W", TooLong),
            ("PT4294967295H", TooLong),
        ] {
            assert_eq!(text.parse::<Kept>(), Err(error), "{text}");
        }
    }

    #[test]
    fn a_cutoff_goes_by_the_calendar() {
        for (duration, now, cutoff) in [
            ("P1M", "2026-01-31T10:00:00Z", "2025-12-31T10:00:00Z"),
            // No 31 February, no 31 April: everything before March, before May.
            ("P1M", "2026-03-31T10:00:00Z", "2026-03-01T00:00:00Z"),
            ("P1M", "2026-05-31T10:00:00Z", "2026-05-01T00:00:00Z"),
            ("P1M", "2024-03-29T10:00:00Z", "2024-02-29T10:00:00Z"),
            ("P1Y", "2024-02-29T10:00:00Z", "2023-03-01T00:00:00Z"),
            ("P4Y", "2028-02-29T10:00:00Z", "2024-02-29T10:00:00Z"),
            ("P1Y", "2025-02-28T10:00:00Z", "2024-02-28T10:00:00Z"),
            ("P2W", "2026-01-10T10:00:00Z", "2025-12-27T10:00:00Z"),
            ("P30D", "2026-03-31T10:00:00Z", "2026-03-01T10:00:00Z"),
            ("PT2S", "2026-01-01T00:00:01Z", "2025-12-31T23:59:59Z"),
            ("P1M1DT1H", "2026-03-15T00:30:00Z", "2026-02-13T23:30:00Z"),
            ("P1000Y", "2026-01-01T00:00:00Z", "1026-01-01T00:00:00Z"),
            ("P0D", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.001Z"),
        ] {
            assert_eq!(
                kept(duration).cutoff(at(now)),
                at(cutoff),
                "{now} less {duration}"
            );
        }
    }

    #[test]
    fn what_has_expired_stays_expired_and_expires_when_it_was_said() {
        for duration in ["P1M", "P1Y", "P1M1DT5H", "P13M", "P45D", "PT90M"] {
            let kept = kept(duration);
            let start = at("2023-12-25T00:00:00Z");
            let mut last = kept.cutoff(start);
            for hour in 0..24 * 500 {
                let now = start + TimeDelta::hours(hour);
                let cutoff = kept.cutoff(now);
                assert!(cutoff >= last, "{duration} at {now}");
                last = cutoff;
                let until = kept.until(now);
                let (before, after) = (until - TimeDelta::seconds(1), until + TimeDelta::seconds(1));
                assert!(
                    now >= kept.cutoff(before),
                    "{duration} from {now} is readable at {before}"
                );
                assert!(
                    now < kept.cutoff(after),
                    "{duration} from {now} has expired at {after}"
                );
            }
        }
    }

    #[test]
    fn about_how_long_is_good_enough_to_sort() {
        let mut durations = ["P1Y", "PT2S", "P0D", "P30D", "P2M"].map(kept);
        durations.sort_by_key(Kept::approximate);
        assert_eq!(
            durations.map(|kept| kept.to_string()),
            ["P0D", "PT2S", "P30D", "P2M", "P1Y"]
        );
    }
}
