//! Host names: what a request asked for, and what a policy serves.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest host name in octets (RFC 1035 §2.3.4).
const MAX_HOST: usize = 253;

/// The host of an authority (`host [":" port]`, RFC 3986 §3.2) in lower case, without port and
/// without the trailing dot of a rooted name. `None` where it is no host name or address. Borrows
/// when there was nothing to do.
pub fn normalise(authority: &str) -> Option<Cow<'_, str>> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let address = address.parse::<std::net::Ipv6Addr>().ok()?;
        return valid_port(port).then(|| format!("[{address}]").into());
    }
    let (host, port) = match authority.find(':') {
        Some(colon) => authority.split_at_checked(colon)?,
        None => (authority, ""),
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    if !valid_port(port) || !is_name(host) {
        return None;
    }
    let lower = !host.bytes().any(|octet| octet.is_ascii_uppercase());
    Some(if lower {
        host.into()
    } else {
        host.to_ascii_lowercase().into()
    })
}

/// Empty, or a colon and up to five digits.
fn valid_port(text: &str) -> bool {
    match text.strip_prefix(':') {
        None => text.is_empty(),
        Some(digits) => {
            digits.is_empty()
                || digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<u16>().is_ok()
        }
    }
}

/// Labels of 1 to 63 letters, digits, `-` and `_`, with dots between (RFC 1035 §2.3.1).
fn is_name(host: &str) -> bool {
    let mut label = 0_u8;
    let valid = host.bytes().all(|octet| {
        let separates = octet == b'.' && label > 0;
        let continues =
            label < 63 && (octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_'));
        label = if separates {
            0
        } else {
            label.saturating_add(1)
        };
        separates || continues
    });
    valid && label > 0 && host.len() <= MAX_HOST
}

/// A host that a policy serves: exact (`api.bank.example`), or every name below a domain
/// (`*.bank.example`).
///
/// Invariant: lower case, a valid name after the optional `*.`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostPattern(String);

impl HostPattern {
    /// The domain below which every name matches, with its leading dot; `None` for an exact host.
    pub fn suffix(&self) -> Option<&str> {
        self.0.strip_prefix('*')
    }

    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a normalised host matches.
    pub fn matches(&self, host: &str) -> bool {
        match self.suffix() {
            None => self.0 == host,
            Some(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
        }
    }
}

/// Of definitions sorted by pattern, the one that serves a host: of its exact name, else of the
/// closest domain above it that has a wildcard.
pub fn closest<'h, T>(
    hosts: &'h [T],
    pattern: impl Fn(&T) -> &HostPattern,
    host: &str,
) -> Option<&'h T> {
    let entry = |name: &str| {
        let index = hosts.binary_search_by(|entry| pattern(entry).as_str().cmp(name));
        hosts.get(index.ok()?)
    };
    let above = std::iter::successors(host.split_once('.'), |(_, parent)| parent.split_once('.'));
    entry(host).or_else(|| {
        above
            .map(|(_, parent)| format!("*.{parent}"))
            .find_map(|name| entry(&name))
    })
}

/// The text is no host pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a host: write `api.example.com`, or `*.example.com` for every name below a domain"
)]
pub struct InvalidHost(String);

impl FromStr for HostPattern {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        let name = text.strip_prefix("*.").unwrap_or(text);
        let lower = text.to_ascii_lowercase();
        let address = normalise(text).is_some_and(|host| host == lower && host.starts_with('['));
        if is_name(name) || address {
            Ok(Self(lower))
        } else {
            Err(InvalidHost(text.to_owned()))
        }
    }
}

impl TryFrom<String> for HostPattern {
    type Error = InvalidHost;

    fn try_from(text: String) -> Result<Self, InvalidHost> {
        text.parse()
    }
}

impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> Self {
        pattern.0
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalises_an_authority() {
        for (authority, host) in [
            ("API.Bank.example", Some("api.bank.example")),
            ("api.bank.example:8443", Some("api.bank.example")),
            ("api.bank.example.", Some("api.bank.example")),
            ("127.0.0.1:80", Some("127.0.0.1")),
            ("[::1]:80", Some("[::1]")),
            ("", None),
            ("a b", None),
            ("user@host", None),
            ("host:port", None),
            ("host:99999", None),
            ("a..b", None),
            (".a", None),
            (".", None),
            ("a.b..", None),
            ("[::1", None),
        ] {
            assert_eq!(normalise(authority).as_deref(), host, "{authority}");
        }
    }

    #[test]
    fn a_name_keeps_the_bounds_of_dns() {
        let label = "a".repeat(63);
        assert!(normalise(&format!("{label}.example")).is_some());
        assert!(normalise(&format!("{label}a.example")).is_none());
        let longest = format!("{label}.{label}.{label}.{}", "a".repeat(61));
        assert!(normalise(&longest).is_some());
        assert!(normalise(&format!("{longest}a")).is_none());
    }

    #[test]
    fn a_wildcard_matches_below_the_domain_only() {
        let pattern: HostPattern = "*.bank.example".parse().unwrap();
        assert!(pattern.matches("api.bank.example"));
        assert!(pattern.matches("a.b.bank.example"));
        assert!(!pattern.matches("bank.example"));
        assert!(!pattern.matches("evilbank.example"));
        assert!("*".parse::<HostPattern>().is_err());
        assert!("a.*.example".parse::<HostPattern>().is_err());
    }
}
