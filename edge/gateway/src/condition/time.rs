//! Points and spans of time: RFC 3339 texts, the parts of a date, sums and differences.
//!
//! Dates are those of the proleptic Gregorian calendar, in the years 1 to 9999; spans are what 64
//! bits of nanoseconds hold, some 292 years.

use std::fmt::Write;

use tidegate_shared::condition::{TimePart, Timestamp};

use super::EvaluationError;
use super::evaluate::Evaluated;
use super::value::Value;

/// A second in nanoseconds.
pub(super) const SECOND: i128 = 1_000_000_000;
const MINUTE: i128 = 60 * SECOND;
const HOUR: i128 = 60 * MINUTE;
const DAY_SECONDS: i64 = 86_400;

/// Nanoseconds since the Unix epoch.
fn nanos(time: Timestamp) -> i128 {
    i128::from(time.seconds) * SECOND + i128::from(time.nanos)
}

/// The point so many nanoseconds after the Unix epoch.
pub(super) fn at<'a>(nanos: i128) -> Evaluated<'a> {
    let seconds = i64::try_from(nanos.div_euclid(SECOND)).ok();
    let seconds = seconds.filter(|seconds| Timestamp::YEARS.contains(seconds));
    Ok(Value::Timestamp(Timestamp {
        seconds: seconds.ok_or(EvaluationError::Range)?,
        nanos: u32::try_from(nanos.rem_euclid(SECOND)).unwrap_or(0),
    }))
}

/// The point so many nanoseconds later.
pub(super) fn shift<'a>(time: Timestamp, span: i128) -> Evaluated<'a> {
    at(nanos(time) + span)
}

/// The span from `other` to `one`.
pub(super) fn between<'a>(one: Timestamp, other: Timestamp) -> Evaluated<'a> {
    let span = i64::try_from(nanos(one) - nanos(other));
    span.map(Value::Duration)
        .map_err(|_| EvaluationError::Range)
}

/// A calendar date.
struct Date {
    year: i64,
    /// 1 to 12.
    month: i64,
    /// 1 to 31.
    day: i64,
}

/// Days from the Unix epoch to a date. (Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms": years begin in March, so that the leap day is the last.)
fn days(date: &Date) -> i64 {
    let year = date.year - i64::from(date.month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month = (date.month + 9) % 12;
    let day_of_year = (153 * month + 2) / 5 + date.day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The date so many days after the Unix epoch.
fn date(days: i64) -> Date {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let (day, month) = (
        day_of_year - (153 * month + 2) / 5 + 1,
        if month < 10 { month + 3 } else { month - 9 },
    );
    Date {
        year: year_of_era + era * 400 + i64::from(month <= 2),
        month,
        day,
    }
}

/// A part of a point in time, in a zone so many minutes east of UTC.
pub(super) fn part(part: TimePart, time: Timestamp, zone: i16) -> i64 {
    let seconds = time.seconds.saturating_add(i64::from(zone) * 60);
    let (day, second) = (
        seconds.div_euclid(DAY_SECONDS),
        seconds.rem_euclid(DAY_SECONDS),
    );
    let local = date(day);
    match part {
        TimePart::FullYear => local.year,
        TimePart::Month => local.month - 1,
        TimePart::Date => local.day,
        TimePart::DayOfMonth => local.day - 1,
        TimePart::DayOfYear => {
            let first = Date {
                year: local.year,
                month: 1,
                day: 1,
            };
            day - days(&first)
        }
        // The epoch was a Thursday.
        TimePart::DayOfWeek => (day + 4).rem_euclid(7),
        TimePart::Hours => second / 3600,
        TimePart::Minutes => second / 60 % 60,
        TimePart::Seconds => second % 60,
        TimePart::Milliseconds => i64::from(time.nanos / 1_000_000),
    }
}

/// How many whole hours, minutes or seconds a span has; of milliseconds, those after the second.
pub(super) fn total<'a>(part: TimePart, nanos: i64) -> Evaluated<'a> {
    Ok(Value::Int(match part {
        TimePart::Hours => nanos / 3_600_000_000_000,
        TimePart::Minutes => nanos / 60_000_000_000,
        TimePart::Seconds => nanos / 1_000_000_000,
        TimePart::Milliseconds => nanos / 1_000_000 % 1_000,
        TimePart::FullYear
        | TimePart::Month
        | TimePart::DayOfYear
        | TimePart::DayOfMonth
        | TimePart::Date
        | TimePart::DayOfWeek => return Err(EvaluationError::NoSuchOverload),
    }))
}

/// RFC 3339 §5.6, in UTC.
pub(super) fn timestamp_text(time: Timestamp) -> Result<String, EvaluationError> {
    let local = date(time.seconds.div_euclid(DAY_SECONDS));
    let second = time.seconds.rem_euclid(DAY_SECONDS);
    let mut text = format!("{:04}-{:02}-{:02}", local.year, local.month, local.day);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    write!(
        text,
        "T{hour:02}:{minute:02}:{second:02}{}Z",
        fraction(time.nanos)
    )
    .map_err(|_| EvaluationError::Conversion)?;
    Ok(text)
}

/// A span in seconds: `1.5s`.
pub(super) fn duration_text(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let size = nanos.unsigned_abs();
    let rest = u32::try_from(size % 1_000_000_000).unwrap_or(0);
    format!("{sign}{}{}s", size / 1_000_000_000, fraction(rest))
}

fn fraction(nanos: u32) -> String {
    let digits = format!(".{nanos:09}");
    digits
        .trim_end_matches('0')
        .trim_end_matches('.')
        .to_owned()
}

/// A text that is read from the left.
struct Reader<'t>(&'t str);

impl<'t> Reader<'t> {
    /// A number of that many digits.
    fn digits(&mut self, count: usize) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        self.0 = rest;
        digits.parse().ok()
    }

    fn take(&mut self, text: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(text)?;
        Some(())
    }

    /// All digits that stand here; possibly none.
    fn run(&mut self) -> &'t str {
        let end = self.0.find(|c: char| !c.is_ascii_digit());
        let (digits, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest;
        digits
    }
}

/// What the digits after a point are of a unit.
fn share(digits: &str, unit: i128) -> i128 {
    let mut place = unit;
    let shares = digits.bytes().map(|digit| {
        place /= 10;
        place * i128::from(digit - b'0')
    });
    shares.sum()
}

/// RFC 3339 §5.6.
pub(super) fn parse_timestamp<'a>(text: &str) -> Option<Value<'a>> {
    let mut reader = Reader(text);
    let year = reader.digits(4)?;
    reader.take("-")?;
    let month = reader.digits(2)?;
    reader.take("-")?;
    let day = reader.digits(2)?;
    reader.take("T").or_else(|| reader.take("t"))?;
    let hour = reader.digits(2)?;
    reader.take(":")?;
    let minute = reader.digits(2)?;
    reader.take(":")?;
    let second = reader.digits(2)?;
    let mut nanos = 0;
    if reader.take(".").is_some() {
        let digits = reader.run();
        if digits.is_empty() {
            return None;
        }
        nanos = share(digits, SECOND);
    }
    let zone = match reader.take("Z").or_else(|| reader.take("z")) {
        Some(()) => 0,
        None => {
            let sign = match reader.take("-") {
                Some(()) => -1,
                None => reader.take("+").map(|()| 1)?,
            };
            let hours = reader.digits(2).filter(|hours| *hours < 24)?;
            reader.take(":")?;
            let minutes = reader.digits(2).filter(|minutes| *minutes < 60)?;
            sign * (hours * 60 + minutes)
        }
    };
    let day_of = Date { year, month, day };
    let whole = (1..=12).contains(&month) && (1..=31).contains(&day);
    // The 31st of a shorter month would be the first of the next.
    if !whole || date(days(&day_of)).day != day {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 || !reader.0.is_empty() {
        return None;
    }
    let seconds = days(&day_of) * DAY_SECONDS + hour * 3600 + minute * 60 + second - zone * 60;
    at(i128::from(seconds) * SECOND + nanos).ok()
}

/// A span as `1h30m`, `-1.5s` or `300ms`, in nanoseconds.
pub(super) fn parse_duration(text: &str) -> Option<i128> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if text == "0" {
        return Some(0);
    }
    let mut reader = Reader(text);
    let mut total = 0_i128;
    loop {
        let whole = reader.run();
        let part = if reader.take(".").is_some() {
            reader.run()
        } else {
            ""
        };
        if whole.is_empty() && part.is_empty() {
            return None;
        }
        let units = [
            ("ns", 1),
            ("us", 1_000),
            ("µs", 1_000),
            ("ms", 1_000_000),
            ("s", SECOND),
            ("m", MINUTE),
            ("h", HOUR),
        ];
        let unit = units
            .into_iter()
            .find_map(|(name, unit)| reader.take(name).map(|()| unit))?;
        let whole: i128 = if whole.is_empty() {
            0
        } else {
            whole.parse().ok()?
        };
        total = total
            .checked_add(whole.checked_mul(unit)?)?
            .checked_add(share(part, unit))?;
        if reader.0.is_empty() {
            return Some(sign * total);
        }
    }
}
