//! How long the law gives for an answer, as data: one [`Profile`] per jurisdiction, picked by the tenant.
//! Another jurisdiction is another row of [`PROFILES`]; no rule lives outside this table and the arithmetic below.
//!
//! Days are counted in UTC. Public holidays are not known here: a date that falls on one is early, never late.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday};

/// A length of time as laws state it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// To the same date of a later month, or its last day where that date does not exist.
    Months(u32),
    /// Calendar days.
    Days(u32),
    /// Days without Saturdays and Sundays.
    BusinessDays(u32),
}

/// What one law asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Stored with the tenant.
    pub key: &'static str,
    /// What people call the law.
    pub name: &'static str,
    /// By when the receipt of a request is confirmed, where the law says so.
    pub acknowledge: Option<Span>,
    /// By when a request is answered.
    pub respond: Span,
    /// By how much that may be put off, with notice and reasons.
    pub extend: Span,
    /// Whether an end on a Saturday or Sunday moves to the next working day.
    pub rolls_over_weekends: bool,
    /// How long records of requests are kept.
    pub keep_records: Span,
    /// To whom a person can complain; part of refusals and of the answer to an access request.
    pub complaint: &'static str,
    /// What else a person can do against a refusal.
    pub remedy: &'static str,
}

/// Every profile there is.
pub const PROFILES: &[Profile] = &[
    // Art. 12(3); periods as Regulation (EEC, Euratom) 1182/71 Art. 3 counts them.
    Profile {
        key: "gdpr",
        name: "GDPR",
        acknowledge: None,
        respond: Span::Months(1),
        extend: Span::Months(2),
        rolls_over_weekends: true,
        keep_records: Span::Months(36),
        complaint: "You can lodge a complaint with a data protection supervisory authority, in particular in the country \
                    where you live, where you work or where you think the law was broken (Art. 77 GDPR).",
        remedy: "You can also go to court (Art. 79 GDPR).",
    },
    // Cal. Civ. Code §1798.130(a)(2)(A); 11 CCR §7021 (from receipt, not paused by verification), §7101 (records).
    Profile {
        key: "ccpa",
        name: "CCPA",
        acknowledge: Some(Span::BusinessDays(10)),
        respond: Span::Days(45),
        extend: Span::Days(45),
        rolls_over_weekends: false,
        keep_records: Span::Months(24),
        complaint: "You can file a complaint with the California Privacy Protection Agency or the California Attorney \
                    General.",
        remedy: "You can also ask us to look at this decision again by answering this mail.",
    },
];

/// The profile of a tenant that says nothing else.
pub const DEFAULT: &str = "gdpr";

/// The profile with this key.
pub fn profile(key: &str) -> Option<&'static Profile> {
    PROFILES.iter().find(|profile| profile.key == key)
}

/// The profile with this key, or the strictest one when a store names one that this program does not know.
pub fn profile_or_default(key: &str) -> &'static Profile {
    profile(key).unwrap_or(&PROFILES[0])
}

impl Profile {
    /// The last second in which an answer to a request received then is in time.
    pub fn due_at(&self, received_at: DateTime<Utc>) -> DateTime<Utc> {
        let end = self.respond.after(received_at.date_naive());
        end_of(if self.rolls_over_weekends {
            working_day(end)
        } else {
            end
        })
    }
}

impl Span {
    /// The last day of a period that an event on `day` starts; that day itself does not count.
    pub fn after(self, day: NaiveDate) -> NaiveDate {
        match self {
            Self::Months(months) => day.checked_add_months(Months::new(months)),
            Self::Days(days) => day.checked_add_days(Days::new(days.into())),
            Self::BusinessDays(days) => (0..days).try_fold(day, |day, _| day.succ_opt().map(working_day)),
        }
        // The calendar of chrono ends in the year 262142.
        .unwrap_or(NaiveDate::MAX)
    }
}

impl Span {
    /// The first day of a period that ends on `day`.
    pub fn before(self, day: NaiveDate) -> NaiveDate {
        match self {
            Self::Months(months) => day.checked_sub_months(Months::new(months)),
            Self::Days(days) => day.checked_sub_days(Days::new(days.into())),
            // Never shorter than the days without weekends.
            Self::BusinessDays(days) => day.checked_sub_days(Days::new(u64::from(days) * 2)),
        }
        .unwrap_or(NaiveDate::MIN)
    }
}

/// The day itself, or the Monday after it.
fn working_day(day: NaiveDate) -> NaiveDate {
    let skip = match day.weekday() {
        Weekday::Sat => 2,
        Weekday::Sun => 1,
        _ => 0,
    };
    day.checked_add_days(Days::new(skip)).unwrap_or(day)
}

fn end_of(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc() + TimeDelta::seconds(86_399)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(key: &str, received: &str) -> String {
        let received = received.parse::<DateTime<Utc>>().unwrap();
        profile(key).unwrap().due_at(received).to_rfc3339()
    }

    #[test]
    fn a_month_ends_on_the_same_date_or_the_last_day_there_is() {
        for (received, expected) in [
            ("2026-01-30T10:00:00Z", "2026-03-02"), // 28 February 2026 is a Saturday
            ("2027-01-31T00:00:00Z", "2027-03-01"), // 28 February 2027 is a Sunday
            ("2028-01-31T23:59:59Z", "2028-02-29"),
            ("2029-01-31T12:00:00Z", "2029-02-28"),
            ("2026-03-31T12:00:00Z", "2026-04-30"),
            ("2026-12-15T12:00:00Z", "2027-01-15"),
        ] {
            assert_eq!(
                due("gdpr", received),
                format!("{expected}T23:59:59+00:00"),
                "{received}"
            );
        }
    }

    #[test]
    fn an_end_on_a_weekend_moves_to_monday_and_one_on_monday_stays() {
        assert_eq!(due("gdpr", "2026-09-21T08:00:00Z"), "2026-10-21T23:59:59+00:00");
        assert_eq!(due("gdpr", "2026-10-21T08:00:00Z"), "2026-11-23T23:59:59+00:00"); // a Saturday
        assert_eq!(due("gdpr", "2026-10-22T08:00:00Z"), "2026-11-23T23:59:59+00:00"); // a Sunday
        assert_eq!(due("gdpr", "2026-10-23T08:00:00Z"), "2026-11-23T23:59:59+00:00");
    }

    #[test]
    fn california_counts_45_days_and_no_weekend_moves_them() {
        assert_eq!(due("ccpa", "2026-01-01T09:00:00Z"), "2026-02-15T23:59:59+00:00"); // a Sunday
        let ack = profile("ccpa").unwrap().acknowledge.unwrap();
        let friday = NaiveDate::from_ymd_opt(2026, 11, 20).unwrap();
        assert_eq!(ack.after(friday), NaiveDate::from_ymd_opt(2026, 12, 4).unwrap());
    }

    #[test]
    fn keys_are_unique_and_the_default_is_one_of_them() {
        assert!(profile(DEFAULT).is_some());
        assert!(profile("atlantis").is_none());
        for (at, one) in PROFILES.iter().enumerate() {
            assert!(PROFILES[at + 1..].iter().all(|other| other.key != one.key));
        }
    }
}
