//! Values with units, as people write them in a policy: `60/m`, `3s`, `1MiB`, `20%`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

/// The text is no value of the unit; says what would be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
pub struct InvalidUnit {
    text: String,
    expected: &'static str,
}

/// Splits `250ms` into the number and the unit.
fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(end)?;
    Some((digits.parse().ok()?, unit))
}

/// A span of time in milliseconds, written `250ms`, `3s`, `5m`, `2h` or `1d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(pub u64);

impl FromStr for Span {
    type Err = InvalidUnit;

    fn from_str(text: &str) -> Result<Self, InvalidUnit> {
        let millis = number_and_unit(text).and_then(|(number, unit)| {
            let factor = match unit {
                "ms" => 1,
                "s" => 1000,
                "m" => 60_000,
                "h" => 3_600_000,
                "d" => 86_400_000,
                _ => return None,
            };
            number.checked_mul(factor)
        });
        let expected = "a span of time: write `250ms`, `3s`, `5m`, `2h` or `1d`";
        millis.map(Self).ok_or(InvalidUnit {
            text: text.to_owned(),
            expected,
        })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            millis if millis % 1000 != 0 => write!(f, "{millis}ms"),
            millis => write!(f, "{}s", millis / 1000),
        }
    }
}

/// How many in how long, written `60/m`, `5/s`, `1000/h` or `10000/d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Rate {
    /// Requests in each period; at least 1.
    pub count: u32,
    /// The period in seconds; at least 1.
    pub period: u32,
}

impl FromStr for Rate {
    type Err = InvalidUnit;

    fn from_str(text: &str) -> Result<Self, InvalidUnit> {
        let rate = text.split_once('/').and_then(|(count, unit)| {
            let period = match unit {
                "s" => 1,
                "m" => 60,
                "h" => 3600,
                "d" => 86_400,
                _ => return None,
            };
            let count = number_and_unit(count)
                .filter(|(_, rest)| rest.is_empty())?
                .0;
            u32::try_from(count)
                .ok()
                .filter(|count| *count > 0)
                .map(|count| Self { count, period })
        });
        let expected = "a rate: write a count of at least 1 and a period, as `5/s`, `60/m`, `1000/h` or `10000/d`";
        rate.ok_or(InvalidUnit {
            text: text.to_owned(),
            expected,
        })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.period {
            1 => write!(f, "{}/s", self.count),
            60 => write!(f, "{}/m", self.count),
            3600 => write!(f, "{}/h", self.count),
            86_400 => write!(f, "{}/d", self.count),
            period => write!(f, "{}/{period}s", self.count),
        }
    }
}

/// A size in octets, written `512`, `64KiB`, `1MiB` or `1GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ByteSize(pub u64);

impl FromStr for ByteSize {
    type Err = InvalidUnit;

    fn from_str(text: &str) -> Result<Self, InvalidUnit> {
        let octets = number_and_unit(text).and_then(|(number, unit)| {
            let shift = match unit {
                "" | "B" => 0,
                "KiB" => 10,
                "MiB" => 20,
                "GiB" => 30,
                _ => return None,
            };
            number.checked_mul(1 << shift)
        });
        let expected = "a size: write `512`, `64KiB`, `1MiB` or `1GiB`";
        octets.map(Self).ok_or(InvalidUnit {
            text: text.to_owned(),
            expected,
        })
    }
}

/// A share of a hundred, written `20%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Percent(pub u8);

impl FromStr for Percent {
    type Err = InvalidUnit;

    fn from_str(text: &str) -> Result<Self, InvalidUnit> {
        let share = number_and_unit(text)
            .filter(|(share, unit)| *unit == "%" && *share <= 100)
            .and_then(|(share, _)| u8::try_from(share).ok());
        let expected = "a share: write `20%`, from `0%` to `100%`";
        share.map(Self).ok_or(InvalidUnit {
            text: text.to_owned(),
            expected,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        assert_eq!("3s".parse(), Ok(Span(3000)));
        assert_eq!("250ms".parse(), Ok(Span(250)));
        assert_eq!(
            "60/m".parse(),
            Ok(Rate {
                count: 60,
                period: 60
            })
        );
        assert_eq!("1MiB".parse(), Ok(ByteSize(1 << 20)));
        assert_eq!("20%".parse(), Ok(Percent(20)));
    }

    #[test]
    fn refuses_the_rest_and_says_what_would_be_right() {
        for text in [
            "3",
            "s",
            "-1s",
            "1.5s",
            "3 s",
            "99999999999999999999s",
            "18446744073709551615d",
            "",
        ] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        for text in ["0/m", "60", "60/w", "/m", "60/", "6x/m", "4294967296/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
        for text in ["1MB", "MiB", "18446744073709551615KiB"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
        for text in ["101%", "20", "%"] {
            assert!(text.parse::<Percent>().is_err(), "{text}");
        }
        assert_eq!(
            "3".parse::<Span>().unwrap_err().to_string(),
            "`3` is not a span of time: write `250ms`, `3s`, `5m`, `2h` or `1d`"
        );
    }
}
