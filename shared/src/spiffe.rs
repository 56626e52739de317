//! SPIFFE IDs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest ID in octets (SPIFFE-ID §2.3).
const MAX_ID: usize = 2048;

/// The longest trust domain name in octets (SPIFFE-ID §2.3).
const MAX_TRUST_DOMAIN: usize = 255;

/// A name of the form `spiffe://TRUST-DOMAIN/PATH` (SPIFFE-ID §2).
///
/// Invariant: holds nothing but the characters that the specification allows, so it can be
/// compared octet by octet and written anywhere without escaping.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct SpiffeId(String);

/// The text is no SPIFFE ID.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSpiffeId {
    /// Another scheme, or none.
    #[error("`{0}` does not begin with `spiffe://`")]
    Scheme(String),
    /// The trust domain is empty, too long, or holds something else than lower-case letters,
    /// digits, `.`, `-` and `_`: a port and user information are never allowed.
    #[error("`{0}` has no valid trust domain")]
    TrustDomain(String),
    /// A segment is empty, `.`, `..`, or holds something else than letters, digits, `.`, `-` and
    /// `_`: a query and a fragment are never allowed.
    #[error("`{0}` has no valid path")]
    Path(String),
    /// It is longer than 2048 octets.
    #[error("the SPIFFE ID is longer than {MAX_ID} octets")]
    TooLong,
}

impl SpiffeId {
    /// The whole ID.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SpiffeId {
    type Err = InvalidSpiffeId;

    fn from_str(text: &str) -> Result<Self, InvalidSpiffeId> {
        if text.len() > MAX_ID {
            return Err(InvalidSpiffeId::TooLong);
        }
        let rest = text
            .strip_prefix("spiffe://")
            .ok_or_else(|| InvalidSpiffeId::Scheme(text.to_owned()))?;
        let (trust_domain, path) = match rest.split_once('/') {
            Some((trust_domain, path)) => (trust_domain, Some(path)),
            None => (rest, None),
        };
        let mark = |octet: u8| matches!(octet, b'.' | b'-' | b'_');
        let domain_octet =
            |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || mark(octet);
        let length = 1..=MAX_TRUST_DOMAIN;
        if !length.contains(&trust_domain.len()) || !trust_domain.bytes().all(domain_octet) {
            return Err(InvalidSpiffeId::TrustDomain(text.to_owned()));
        }
        let segment = |segment: &str| {
            !matches!(segment, "" | "." | "..")
                && segment
                    .bytes()
                    .all(|octet| octet.is_ascii_alphanumeric() || mark(octet))
        };
        if path.is_none_or(|path| path.split('/').all(segment)) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidSpiffeId::Path(text.to_owned()))
        }
    }
}

impl TryFrom<String> for SpiffeId {
    type Error = InvalidSpiffeId;

    fn try_from(text: String) -> Result<Self, InvalidSpiffeId> {
        text.parse()
    }
}

impl From<SpiffeId> for String {
    fn from(SpiffeId(text): SpiffeId) -> Self {
        text
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_specification() {
        for id in [
            "spiffe://edge.example",
            "spiffe://edge.example/gateway",
            "spiffe://edge_1-2.example/ns/Prod/sa/gate.way",
            "spiffe://1.2.3.4/...",
        ] {
            assert_eq!(id.parse::<SpiffeId>().unwrap().as_str(), id);
        }
        use InvalidSpiffeId::*;
        type Kind = fn(String) -> InvalidSpiffeId;
        let cases: [(&str, Kind); 16] = [
            ("", Scheme),
            ("https://edge.example/x", Scheme),
            ("SPIFFE://edge.example/x", Scheme),
            ("spiffe:/edge.example/x", Scheme),
            ("spiffe://", TrustDomain),
            ("spiffe:///x", TrustDomain),
            ("spiffe://Edge.example/x", TrustDomain),
            ("spiffe://edge.example:8443/x", TrustDomain),
            ("spiffe://user@edge.example/x", TrustDomain),
            ("spiffe://edge.example?x=1", TrustDomain),
            ("spiffe://edge.example/", Path),
            ("spiffe://edge.example/a//b", Path),
            ("spiffe://edge.example/a/../b", Path),
            ("spiffe://edge.example/a?x=1", Path),
            ("spiffe://edge.example/a#b", Path),
            ("spiffe://edge.example/%61", Path),
        ];
        for (id, error) in cases {
            assert_eq!(id.parse::<SpiffeId>(), Err(error(id.to_owned())), "{id}");
        }
        let long = format!("spiffe://edge.example/{}", "a".repeat(2048));
        assert_eq!(long.parse::<SpiffeId>(), Err(TooLong));
        let long = format!("spiffe://{}/a", "a".repeat(256));
        assert!(matches!(long.parse::<SpiffeId>(), Err(TrustDomain(_))));
    }
}
