use chrono::NaiveDate;
use proptest::prelude::*;

use super::*;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn place(zone: &str, holidays: Option<&str>) -> Calendar {
    Calendar {
        zone: zone.parse().unwrap(),
        holidays: holidays.map(|code| region(code).unwrap()),
    }
}

fn due(key: &str, received: &str, extended: bool, calendar: &Calendar) -> NaiveDate {
    let clock = Clock {
        extended,
        ..Clock::new(at(received))
    };
    let due = profile(key)
        .unwrap()
        .due_at(&clock, RequestKind::Access, calendar);
    assert_eq!(
        calendar.day(due + TimeDelta::seconds(1)),
        calendar.day(due).succ_opt().unwrap()
    );
    calendar.day(due)
}

/// The table of issue 6, and what lies beside it.
#[test]
fn the_table_of_deadlines() {
    let plain = Calendar::default();
    let germany = place("Europe/Berlin", Some("DE"));
    let england = place("Europe/London", Some("GB"));
    let california = place("America/Los_Angeles", Some("US"));
    let brazil = place("America/Sao_Paulo", Some("BR"));
    #[rustfmt::skip]
    let table: &[(&str, &str, bool, &Calendar, &str, &str)] = &[
        ("gdpr", "2030-01-31T10:00:00Z", false, &plain, "2030-02-28", "31 January: the end of February"),
        ("gdpr", "2028-01-31T23:59:59Z", false, &plain, "2028-02-29", "of a leap year"),
        ("gdpr", "2028-01-29T10:00:00Z", false, &plain, "2028-02-29", "29 January of a leap year"),
        ("gdpr", "2029-01-29T12:00:00Z", false, &plain, "2029-02-28", "29 January of another"),
        ("gdpr", "2028-02-29T12:00:00Z", false, &plain, "2028-03-29", "from 29 February"),
        ("gdpr", "2026-01-30T10:00:00Z", false, &plain, "2026-03-02", "28 February 2026 is a Saturday"),
        ("gdpr", "2027-01-31T00:00:00Z", false, &plain, "2027-03-01", "28 February 2027 is a Sunday"),
        ("gdpr", "2026-08-31T10:00:00Z", false, &plain, "2026-09-30", "31 August: 30 September"),
        ("gdpr", "2026-03-31T12:00:00Z", false, &plain, "2026-04-30", "31 March: 30 April"),
        ("gdpr", "2026-12-15T12:00:00Z", false, &plain, "2027-01-15", "over the year's end"),
        ("gdpr", "2026-10-21T08:00:00Z", false, &plain, "2026-11-23", "a Saturday"),
        ("gdpr", "2026-10-22T08:00:00Z", false, &plain, "2026-11-23", "a Sunday"),
        ("gdpr", "2026-10-23T08:00:00Z", false, &plain, "2026-11-23", "the Monday itself"),
        ("gdpr", "2026-08-31T10:00:00Z", true,  &plain, "2026-11-30", "three months in all, not 30 September and two"),
        ("gdpr", "2026-11-30T10:00:00Z", true,  &plain, "2027-03-01", "28 February 2027 is a Sunday"),
        ("gdpr", "2027-11-30T10:00:00Z", true,  &plain, "2028-02-29", "into a leap year"),
        ("gdpr", "2026-11-25T10:00:00Z", false, &germany, "2026-12-28", "Christmas, Boxing Day, Sunday"),
        ("gdpr", "2026-03-03T10:00:00Z", false, &germany, "2026-04-07", "Good Friday to Easter Monday"),
        ("gdpr", "2026-09-30T22:30:00Z", false, &germany, "2026-11-02", "1 October in Berlin; 1 November is a Sunday"),
        ("gdpr", "2026-09-03T10:00:00Z", false, &germany, "2026-10-05", "3 October, a Saturday and a holiday"),
        ("uk_gdpr", "2027-11-25T10:00:00Z", false, &england, "2027-12-29", "Christmas on a Saturday, made up until Tuesday"),
        ("uk_gdpr", "2026-01-31T10:00:00Z", true, &england, "2026-04-30", "one month and two"),
        ("ccpa", "2026-01-01T18:00:00Z", false, &california, "2026-02-15", "45 days, a Sunday"),
        ("ccpa", "2026-01-01T18:00:00Z", true,  &california, "2026-04-01", "90 days"),
        ("ccpa", "2027-12-31T18:00:00Z", false, &california, "2028-02-14", "over the year's end"),
        ("ccpa", "2028-01-15T18:00:00Z", true,  &california, "2028-04-14", "90 days with a 29 February"),
        ("ccpa", "2026-01-02T04:00:00Z", false, &california, "2026-02-15", "still 1 January in California"),
        ("lgpd", "2026-03-10T12:00:00Z", false, &brazil, "2026-03-25", "fifteen days"),
        ("lgpd", "2026-03-10T12:00:00Z", true,  &brazil, "2026-03-25", "the law knows no extension"),
    ];
    for (key, received, extended, calendar, expected, why) in table {
        assert_eq!(
            due(key, received, *extended, calendar).to_string(),
            *expected,
            "{key} {received}: {why}"
        );
    }
}

#[test]
fn days_without_weekends_and_holidays() {
    let plain = Calendar::default();
    let california = place("America/Los_Angeles", Some("US"));
    let ack = |received: &str, calendar: &Calendar| {
        let by = profile("ccpa")
            .unwrap()
            .acknowledge_by(at(received), calendar)
            .unwrap();
        calendar.day(by).to_string()
    };
    assert_eq!(ack("2026-11-20T18:00:00Z", &plain), "2026-12-04"); // a Friday
    assert_eq!(ack("2026-11-21T18:00:00Z", &plain), "2026-12-04"); // the Saturday after
    assert_eq!(ack("2026-11-20T18:00:00Z", &california), "2026-12-07"); // Thanksgiving in between
    assert!(
        profile("gdpr")
            .unwrap()
            .acknowledge_by(at("2026-11-20T18:00:00Z"), &plain)
            .is_none()
    );
}

#[test]
fn opting_out_has_a_time_of_its_own() {
    let california = place("America/Los_Angeles", Some("US"));
    let clock = Clock::new(at("2026-03-02T18:00:00Z"));
    let due = profile("ccpa")
        .unwrap()
        .due_at(&clock, RequestKind::Objection, &california);
    assert_eq!(california.day(due).to_string(), "2026-03-23");
}

#[test]
fn seventy_two_hours_are_seventy_two_hours_when_clocks_change() {
    let berlin = place("Europe/Berlin", None);
    for (from, to) in [
        ("2026-03-27T15:00:00+01:00", "2026-03-30T16:00:00+02:00"), // forward on the 29th: later by the wall
        ("2026-10-23T15:00:00+02:00", "2026-10-26T14:00:00+01:00"), // back on the 25th: earlier by the wall
        ("2026-06-01T15:00:00+02:00", "2026-06-04T15:00:00+02:00"),
    ] {
        let to = DateTime::parse_from_rfc3339(to).unwrap();
        let from = DateTime::parse_from_rfc3339(from).unwrap().to_utc();
        assert_eq!(Span::Hours(72).ends(from, true, &berlin), to);
    }
}

#[test]
fn a_day_that_has_no_midnight_still_ends() {
    // Clocks in Beirut and Havana went from 00:00 to 01:00, those in Berlin back an hour.
    for (zone, day, hours) in [
        ("Asia/Beirut", "2023-03-29", 24),
        ("Asia/Beirut", "2023-03-30", 23),
        ("America/Havana", "2026-03-08", 23),
        ("Europe/Berlin", "2026-10-25", 25),
    ] {
        let calendar = place(zone, None);
        let day: NaiveDate = day.parse().unwrap();
        let long = calendar.end_of(day) - calendar.end_of(day.pred_opt().unwrap());
        assert!(
            (22..=25).contains(&long.num_hours()),
            "{zone} {day}: {long}, not {hours} hours"
        );
    }
}

#[test]
fn a_pause_moves_the_end_by_whole_days() {
    let plain = Calendar::default();
    let profile = profile("gdpr").unwrap();
    let mut clock = Clock::new(at("2026-08-31T10:00:00Z"));
    for (hours, expected) in [
        (0, "2026-09-30"),
        (23, "2026-09-30"),
        (25, "2026-10-01"),
        (24 * 10, "2026-10-12"),
    ] {
        clock.paused = TimeDelta::hours(hours);
        let due = profile.due_at(&clock, RequestKind::Erasure, &plain);
        assert_eq!(plain.day(due).to_string(), expected, "{hours} hours");
    }
}

#[test]
fn keys_are_unique_and_the_default_is_one_of_them() {
    assert!(profile(DEFAULT).is_some());
    assert!(profile("atlantis").is_none());
    for (at, one) in profiles().iter().enumerate() {
        assert!(profiles()[at + 1..].iter().all(|other| other.key != one.key));
        assert!(
            one.respond_to
                .keys()
                .all(|kind| RequestKind::parse(kind).is_some()),
            "{}",
            one.key
        );
        assert!(
            one.remind_days.windows(2).all(|pair| pair[0] > pair[1]),
            "{}",
            one.key
        );
        assert!(one.respond_to(RequestKind::Access) == one.respond);
    }
}

fn moments() -> impl Strategy<Value = DateTime<Utc>> {
    // 2020 to 2060.
    (1_577_836_800_i64..2_840_140_800).prop_map(|seconds| DateTime::from_timestamp(seconds, 0).unwrap())
}

fn calendars() -> impl Strategy<Value = Calendar> {
    let zones = prop::sample::select(vec![
        "UTC",
        "Europe/Berlin",
        "Europe/Lisbon",
        "America/Los_Angeles",
        "America/Sao_Paulo",
        "Pacific/Auckland",
    ]);
    let codes: Vec<Option<&'static str>> = std::iter::once(None)
        .chain(regions().map(|(code, _)| Some(code)))
        .collect();
    (zones, prop::sample::select(codes)).prop_map(|(zone, code)| place(zone, code))
}

proptest! {
    #[test]
    fn no_profile_is_ever_later_than_its_law(
        received in moments(), paused in 0_i64..60, which in 0_usize..4, extended: bool, calendar in calendars(),
    ) {
        let profile = &profiles()[which];
        let clock = Clock { received_at: received, paused: TimeDelta::days(paused), extended };
        let due = profile.due_at(&clock, RequestKind::Access, &calendar);
        let day = calendar.day(due);
        let unpaused = profile.due_at(&Clock { paused: TimeDelta::zero(), ..clock }, RequestKind::Access, &calendar);
        let plain = profile.due_at(&Clock { extended: false, ..clock }, RequestKind::Access, &calendar);
        // In time means after receipt, and never before what a shorter rule gives.
        prop_assert!(due > received && due >= unpaused && due >= plain);
        if profile.rolls_to_working_day {
            prop_assert!(calendar.is_working_day(day));
        }
        // The last moment of its day, and the same for everybody who asks on the same day.
        prop_assert_eq!(calendar.end_of(day), due);
        let morning = calendar.end_of(calendar.day(received).pred_opt().unwrap()) + TimeDelta::seconds(1);
        let same = profile.due_at(&Clock { received_at: morning, ..clock }, RequestKind::Access, &calendar);
        if paused == 0 {
            prop_assert_eq!(same, due);
        }
        // One month is 28 to 31 days and at most a week of holidays; three are at most 92.
        let days = (day - calendar.day(received)).num_days() - paused;
        let (least, most) = match (profile.key.as_str(), extended) {
            ("gdpr" | "uk_gdpr", false) => (28, 31 + 7),
            ("gdpr" | "uk_gdpr", true) => (89, 92 + 7),
            ("ccpa", false) => (45, 45),
            ("ccpa", true) => (90, 90),
            _ => (15, 15),
        };
        // A change of clocks may move a paused beginning over midnight.
        let slack = i64::from(paused > 0);
        prop_assert!(days >= least - slack && days <= most + slack, "{days} days");
    }

    #[test]
    fn later_receipt_is_never_due_earlier(
        a in moments(), b in moments(), which in 0_usize..4, extended: bool, calendar in calendars(),
    ) {
        let due = |received_at| {
            let clock = Clock { extended, ..Clock::new(received_at) };
            profiles()[which].due_at(&clock, RequestKind::Erasure, &calendar)
        };
        prop_assert!(due(a.min(b)) <= due(a.max(b)));
    }

    #[test]
    fn business_days_are_exactly_so_many_working_days(from in moments(), days in 1_u32..40, calendar in calendars()) {
        let first = calendar.day(from);
        let last = Span::BusinessDays(days).after(first, &calendar);
        let worked = first.iter_days().skip(1).take_while(|day| *day <= last).filter(|day| calendar.is_working_day(*day));
        prop_assert_eq!(worked.count(), days as usize);
        prop_assert!(calendar.is_working_day(last));
    }

    #[test]
    fn hours_pass_the_same_everywhere(from in moments(), hours in 1_u32..200, calendar in calendars()) {
        prop_assert_eq!(Span::Hours(hours).ends(from, true, &calendar) - from, TimeDelta::hours(hours.into()));
    }
}
