//! Distinguished names, as text (RFC 4514): `CN=acme,O=Partner`, the last part of the name first.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use x509_cert::name::Name;

/// The longest name as text, in octets.
const MAX_TEXT: usize = 4 * 1024;

/// A distinguished name in its one form as text, so that two are compared octet by octet: the case
/// of letters counts, which string type a certificate uses does not.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DistinguishedName(String);

/// The text is no distinguished name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDistinguishedName {
    /// Not of the form.
    #[error("`{0}` is no distinguished name: write it as in `CN=acme,O=Partner`")]
    Form(String),
    /// Too long.
    #[error("a distinguished name has at most {MAX_TEXT} octets")]
    TooLong,
}

impl DistinguishedName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text of a name in a certificate.
    pub(super) fn of(name: &Name) -> Result<Self, InvalidDistinguishedName> {
        let mut text = String::new();
        let written = write!(text, "{name}");
        if written.is_err() || text.len() > MAX_TEXT {
            return Err(InvalidDistinguishedName::TooLong);
        }
        Ok(Self(text))
    }
}

impl fmt::Display for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<DistinguishedName> for String {
    fn from(name: DistinguishedName) -> Self {
        name.0
    }
}

impl TryFrom<String> for DistinguishedName {
    type Error = InvalidDistinguishedName;

    fn try_from(text: String) -> Result<Self, InvalidDistinguishedName> {
        text.parse()
    }
}

impl FromStr for DistinguishedName {
    type Err = InvalidDistinguishedName;

    fn from_str(text: &str) -> Result<Self, InvalidDistinguishedName> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        if text.len() > MAX_TEXT {
            return Err(InvalidDistinguishedName::TooLong);
        }
        let form = || InvalidDistinguishedName::Form(text.to_owned());
        let name: Name = text.parse().map_err(|_| form())?;
        let mut attributes = name.iter();
        if attributes.any(|attribute| attribute.value.value().is_empty()) {
            return Err(form());
        }
        let one = Self::of(&name)?;
        // What does not come back as it went is not understood.
        match one.0.parse::<Name>() {
            Ok(again) if again == name => Ok(one),
            _ => Err(form()),
        }
    }
}
