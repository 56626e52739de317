//! Days and months of a time zone, as a bundle has them: by the rules of the IANA database that this
//! program was built with, and not by those of the machine, so that the same policy makes the same
//! bundle everywhere.

use jiff::civil::{Date, DateTime, date};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Span, ToSpan};
use tidegate_shared::bundle::{Calendar, Period};

/// The first day that bundles know, and the first that they do not know any more. What comes later
/// is reckoned as if every period were as long as the last one.
const YEARS: (Date, Date) = (date(2025, 1, 1), date(2045, 1, 1));

/// A time zone by its name; `None` where there is none.
pub(crate) fn zone(name: &str) -> Option<TimeZone> {
    TimeZoneDatabase::bundled().get(name).ok()
}

/// The names of all time zones.
pub(crate) fn zones() -> Vec<String> {
    let database = TimeZoneDatabase::bundled();
    database.available().map(|name| name.to_string()).collect()
}

/// The periods of a zone. `None` where a time cannot be told, which the database has no case of.
pub(crate) fn calendar(zone: &TimeZone, period: Period) -> Option<Calendar> {
    let step: Span = match period {
        Period::Day => 1.day(),
        Period::Month => 1.month(),
    };
    let (mut begins, end) = YEARS;
    let first = midnight(begins, zone)?;
    let mut runs: Vec<(u32, u32)> = Vec::new();
    let mut at = first;
    while begins < end {
        begins = begins.checked_add(step).ok()?;
        let next = midnight(begins, zone)?;
        let seconds = u32::try_from(next.checked_sub(at)?).ok()?;
        match runs.last_mut() {
            Some((length, count)) if *length == seconds => *count = count.saturating_add(1),
            Some(_) | None => runs.push((seconds, 1)),
        }
        at = next;
    }
    Some(Calendar {
        zone: zone.iana_name()?.to_owned(),
        period,
        first,
        runs,
    })
}

/// When a day begins, in seconds since the Unix epoch: at the first midnight where there are two,
/// and where there is none, when clocks show the next time.
fn midnight(day: Date, zone: &TimeZone) -> Option<u64> {
    let midnight: DateTime = day.at(0, 0, 0, 0);
    let at = midnight.to_zoned(zone.clone()).ok()?;
    u64::try_from(at.timestamp().as_second()).ok()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;
    use tidegate_shared::bundle::MAX_RUNS;
    use tidegate_shared::time::UnixMillis;

    use super::*;

    fn period_at(name: &str, period: Period, at: &str) -> (String, u32) {
        let calendar = calendar(&zone(name).unwrap(), period).unwrap();
        let at: Timestamp = at.parse().unwrap();
        let found = calendar.period_at(UnixMillis(u64::try_from(at.as_millisecond()).unwrap()));
        let begins = i64::try_from(found.begins.seconds()).unwrap();
        (
            Timestamp::from_second(begins).unwrap().to_string(),
            found.seconds,
        )
    }

    #[test]
    fn days_on_which_clocks_change_are_shorter_and_longer() {
        let cases = [
            (
                "Europe/Zurich",
                "2026-03-28T22:59:59Z",
                "2026-03-27T23:00:00Z",
                24.0,
            ),
            (
                "Europe/Zurich",
                "2026-03-28T23:00:00Z",
                "2026-03-28T23:00:00Z",
                23.0,
            ),
            (
                "Europe/Zurich",
                "2026-03-29T21:59:59Z",
                "2026-03-28T23:00:00Z",
                23.0,
            ),
            (
                "Europe/Zurich",
                "2026-03-29T22:00:00Z",
                "2026-03-29T22:00:00Z",
                24.0,
            ),
            (
                "Europe/Zurich",
                "2026-10-25T12:00:00Z",
                "2026-10-24T22:00:00Z",
                25.0,
            ),
            // Clocks change at midnight: this day begins at one.
            (
                "America/Havana",
                "2026-03-08T05:00:00Z",
                "2026-03-08T05:00:00Z",
                23.0,
            ),
            (
                "Australia/Lord_Howe",
                "2026-04-04T20:00:00Z",
                "2026-04-04T13:00:00Z",
                24.5,
            ),
            ("UTC", "2026-03-29T01:00:00Z", "2026-03-29T00:00:00Z", 24.0),
        ];
        for (zone, at, begins, hours) in cases {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "small"
            )]
            let seconds = (hours * 3_600.0) as u32;
            let expected = (begins.to_owned(), seconds);
            assert_eq!(period_at(zone, Period::Day, at), expected, "{zone} {at}");
        }
    }

    #[test]
    fn months_are_those_of_the_zone() {
        let day = 86_400;
        let cases = [
            (
                "UTC",
                "2028-02-29T23:59:59Z",
                "2028-02-01T00:00:00Z",
                29 * day,
            ),
            (
                "Asia/Tokyo",
                "2026-01-31T15:00:00Z",
                "2026-01-31T15:00:00Z",
                28 * day,
            ),
            (
                "Europe/Zurich",
                "2026-03-15T00:00:00Z",
                "2026-02-28T23:00:00Z",
                31 * day - 3_600,
            ),
            (
                "Europe/Zurich",
                "2026-10-15T00:00:00Z",
                "2026-09-30T22:00:00Z",
                31 * day + 3_600,
            ),
        ];
        for (zone, at, begins, seconds) in cases {
            let expected = (begins.to_owned(), seconds);
            assert_eq!(period_at(zone, Period::Month, at), expected, "{zone} {at}");
        }
    }

    #[test]
    fn every_zone_fits_into_a_bundle() {
        let names = zones();
        assert!(names.len() > 400, "{}", names.len());
        let runs = |name: &str, period| {
            let runs = calendar(&zone(name).unwrap(), period).unwrap().runs;
            assert!(runs.len() <= MAX_RUNS, "{name}: {}", runs.len());
        };
        for name in &names {
            runs(name, Period::Month);
        }
        // Clocks that change four times a year, and some of the others.
        runs("Africa/Casablanca", Period::Day);
        for name in names.iter().step_by(29) {
            runs(name, Period::Day);
        }
    }

    proptest! {
        /// At any time, the day that was found is the one that clocks show.
        #[test]
        fn a_day_begins_with_the_first_time_that_clocks_show(
            second in 1_735_776_000_i64..2_366_000_000, which in any::<prop::sample::Index>()
        ) {
            let names = ["Europe/Zurich", "America/Havana", "Asia/Beirut", "America/Asuncion",
                "Africa/Casablanca", "Australia/Lord_Howe", "Pacific/Apia", "UTC"];
            let name: &&str = which.get(&names);
            let zone = zone(name).unwrap();
            let days = calendar(&zone, Period::Day).unwrap();
            let at = Timestamp::from_second(second).unwrap().to_zoned(zone);
            let begins = at.start_of_day().unwrap().timestamp().as_second();
            let found = days.period_at(UnixMillis(u64::try_from(second).unwrap() * 1_000));
            prop_assert_eq!(i64::try_from(found.begins.seconds()).unwrap(), begins);
        }
    }
}
