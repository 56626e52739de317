//! The periods of a calendar in a time zone: as numbers, so that who counts by them knows no rules.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

use crate::time::UnixMillis;

/// Runs of equal periods that a calendar may have.
pub const MAX_RUNS: usize = 512;

/// How long a period of the calendar is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// From midnight to midnight.
    Day,
    /// From the first of a month to the first of the next.
    Month,
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Day => "day",
            Self::Month => "month",
        })
    }
}

impl FromStr for Period {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "day" => Ok(Self::Day),
            "month" => Ok(Self::Month),
            _ => Err(()),
        }
    }
}

/// The days or months of a time zone, by its rules when the policy was compiled: a day on which
/// clocks change is shorter or longer than others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Calendar {
    /// The zone's name, as `Europe/Zurich`.
    pub zone: String,
    /// What its periods are.
    pub period: Period,
    /// When the first period begins, in seconds since the Unix epoch.
    pub first: u64,
    /// The periods from there on: how many seconds one has, and how many of them follow each other.
    /// The last ones repeat.
    pub runs: Vec<(u32, u32)>,
}

/// A period of a calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CalendarPeriod {
    /// When it begins.
    pub begins: UnixMillis,
    /// Its seconds; at least 1.
    pub seconds: u32,
}

impl CalendarPeriod {
    /// When it ends, and the next one begins.
    pub fn ends(self) -> UnixMillis {
        self.begins
            .plus(u64::from(self.seconds).saturating_mul(1_000))
    }
}

impl Calendar {
    /// Invariant of a bundle's calendars: there are periods, bounded in their number of runs, and
    /// none is empty.
    pub(super) fn is_sound(&self) -> bool {
        let filled = |(seconds, count): &(u32, u32)| *seconds > 0 && *count > 0;
        (1..=MAX_RUNS).contains(&self.runs.len()) && self.runs.iter().all(filled)
    }

    /// The period that a time is in; the first one for all before it.
    pub fn period_at(&self, now: UnixMillis) -> CalendarPeriod {
        let now = now.seconds();
        let mut begins = self.first;
        let mut length = 1;
        for (seconds, count) in &self.runs {
            length = u64::from((*seconds).max(1));
            let end = begins.saturating_add(length.saturating_mul((*count).into()));
            if now < end {
                break;
            }
            begins = end;
        }
        let passed = now.saturating_sub(begins);
        let begins = begins.saturating_add(passed - passed % length.max(1));
        CalendarPeriod {
            begins: UnixMillis(begins.saturating_mul(1_000)),
            seconds: u32::try_from(length).unwrap_or(u32::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(runs: Vec<(u32, u32)>) -> Calendar {
        Calendar {
            zone: "Europe/Zurich".to_owned(),
            period: Period::Day,
            first: 1_000,
            runs,
        }
    }

    #[test]
    fn every_time_is_in_one_period() {
        let days = calendar(vec![(100, 2), (80, 1), (100, 3), (120, 1), (100, 1)]);
        let begins = [
            1_000, 1_100, 1_200, 1_280, 1_380, 1_480, 1_580, 1_700, 1_800, 1_900,
        ];
        for pair in begins.windows(2) {
            let expected = CalendarPeriod {
                begins: UnixMillis(pair[0] * 1_000),
                seconds: u32::try_from(pair[1] - pair[0]).unwrap(),
            };
            for second in pair[0]..pair[1] {
                let found = days.period_at(UnixMillis(second * 1_000 + 999));
                assert_eq!(found, expected, "{second}");
            }
            assert_eq!(expected.ends(), UnixMillis(pair[1] * 1_000));
        }
    }

    #[test]
    fn before_the_first_and_long_after_the_last_there_is_a_period() {
        let days = calendar(vec![(80, 1), (100, 1)]);
        assert_eq!(days.period_at(UnixMillis(0)).begins, UnixMillis(1_000_000));
        let late = days.period_at(UnixMillis(1_000_000_085_000));
        assert_eq!(late.begins, UnixMillis(1_000_000_080_000));
        assert_eq!(late.seconds, 100);
        let end = days.period_at(UnixMillis(u64::MAX));
        assert!(end.begins <= UnixMillis(u64::MAX) && end.seconds == 100);
    }

    #[test]
    fn empty_periods_and_none_at_all_are_not_sound() {
        assert!(calendar(vec![(86_400, 1)]).is_sound());
        for runs in [
            vec![],
            vec![(0, 1)],
            vec![(1, 0)],
            vec![(1, 1); MAX_RUNS + 1],
        ] {
            let calendar = calendar(runs);
            assert!(!calendar.is_sound());
            // Nor does anything go wrong by them.
            calendar.period_at(UnixMillis(5_000_000));
        }
    }
}
