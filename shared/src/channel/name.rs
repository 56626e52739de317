//! Names of channels.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Names a channel, as `production`: 1 to 64 lower-case letters, digits and hyphens, the first a
/// letter. It stands in paths and keys of stores as it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ChannelName(String);

/// The text names no channel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a channel: write 1 to 64 lower-case letters, digits and hyphens, as `production`"
)]
pub struct InvalidChannelName(String);

impl TryFrom<String> for ChannelName {
    type Error = InvalidChannelName;

    fn try_from(text: String) -> Result<Self, InvalidChannelName> {
        let rest =
            |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'-';
        let holds = text.len() <= 64
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.bytes().all(rest);
        if holds {
            Ok(Self(text))
        } else {
            Err(InvalidChannelName(text))
        }
    }
}

impl FromStr for ChannelName {
    type Err = InvalidChannelName;

    fn from_str(text: &str) -> Result<Self, InvalidChannelName> {
        text.to_owned().try_into()
    }
}

impl From<ChannelName> for String {
    fn from(name: ChannelName) -> Self {
        name.0
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_path() {
        for name in ["production", "eu-west-1", "a"] {
            assert_eq!(name.parse::<ChannelName>().unwrap().to_string(), name);
        }
        let long = "a".repeat(65);
        for name in ["", "Production", "1a", "-a", "a/b", "..", "a.b", "ä", &long] {
            assert!(name.parse::<ChannelName>().is_err(), "{name}");
        }
    }
}
