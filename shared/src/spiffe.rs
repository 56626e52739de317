//! SPIFFE IDs and trust domains.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const SCHEME: &str = "spiffe://";

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

/// The name of a trust domain (SPIFFE-ID §2.1).
///
/// Invariant: lower-case letters, digits, `.`, `-` and `_`, 1 to 255 of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrustDomain(String);

/// The text is no name of a trust domain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no trust domain: write `bank.example`")]
pub struct InvalidTrustDomain(String);

impl SpiffeId {
    /// The whole ID.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where it comes from: what vouches for it is that trust domain's alone.
    pub fn trust_domain(&self) -> TrustDomain {
        let (trust_domain, _) = self.split();
        TrustDomain(trust_domain.to_owned())
    }

    /// Whether it names a workload. An ID without a path is a trust domain's own (X.509-SVID §3.1).
    pub fn has_path(&self) -> bool {
        self.split().1.is_some()
    }

    fn split(&self) -> (&str, Option<&str>) {
        split(self.0.strip_prefix(SCHEME).unwrap_or_default())
    }
}

impl TrustDomain {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// With `spiffe://` before it or without.
impl FromStr for TrustDomain {
    type Err = InvalidTrustDomain;

    fn from_str(text: &str) -> Result<Self, InvalidTrustDomain> {
        let name = text.strip_prefix(SCHEME).unwrap_or(text);
        if is_trust_domain(name) {
            Ok(Self(name.to_owned()))
        } else {
            Err(InvalidTrustDomain(text.to_owned()))
        }
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SpiffeId {
    type Err = InvalidSpiffeId;

    fn from_str(text: &str) -> Result<Self, InvalidSpiffeId> {
        if text.len() > MAX_ID {
            return Err(InvalidSpiffeId::TooLong);
        }
        let rest = text
            .strip_prefix(SCHEME)
            .ok_or_else(|| InvalidSpiffeId::Scheme(text.to_owned()))?;
        let (trust_domain, path) = split(rest);
        if !is_trust_domain(trust_domain) {
            return Err(InvalidSpiffeId::TrustDomain(text.to_owned()));
        }
        let segment = |segment: &str| {
            !matches!(segment, "" | "." | "..")
                && segment
                    .bytes()
                    .all(|octet| octet.is_ascii_alphanumeric() || is_mark(octet))
        };
        if path.is_none_or(|path| path.split('/').all(segment)) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidSpiffeId::Path(text.to_owned()))
        }
    }
}

/// Trust domain and path of what stands behind the scheme.
fn split(rest: &str) -> (&str, Option<&str>) {
    match rest.split_once('/') {
        Some((trust_domain, path)) => (trust_domain, Some(path)),
        None => (rest, None),
    }
}

fn is_trust_domain(name: &str) -> bool {
    let allowed =
        |octet: u8| octet.is_ascii_lowercase() || octet.is_ascii_digit() || is_mark(octet);
    (1..=MAX_TRUST_DOMAIN).contains(&name.len()) && name.bytes().all(allowed)
}

fn is_mark(octet: u8) -> bool {
    matches!(octet, b'.' | b'-' | b'_')
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

    #[test]
    fn an_id_has_a_trust_domain_and_perhaps_a_path() {
        for (id, trust_domain, has_path) in [
            ("spiffe://edge.example", "edge.example", false),
            ("spiffe://edge.example/gateway", "edge.example", true),
            ("spiffe://a/b/c", "a", true),
        ] {
            let id: SpiffeId = id.parse().unwrap();
            assert_eq!(id.trust_domain().as_str(), trust_domain);
            assert_eq!(id.has_path(), has_path, "{id}");
        }
        let written = ["edge.example", "spiffe://edge.example"];
        let [bare, whole] = written.map(|text| text.parse::<TrustDomain>());
        assert_eq!(bare, whole);
        for text in [
            "",
            "Edge.example",
            "edge.example/",
            "spiffe://",
            "a:1",
            "a b",
        ] {
            let refused = InvalidTrustDomain(text.to_owned());
            assert_eq!(text.parse::<TrustDomain>(), Err(refused));
        }
    }
}
