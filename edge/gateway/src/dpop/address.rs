//! The address that a proof is for (RFC 9449 §4.2, `htu`).

use std::borrow::Cow;

use tidegate_shared::{host, path};

use crate::head::Scheme;

/// An address without query and fragment, in normal form (RFC 3986 §6.2.2, §6.2.3): of two that
/// mean the same, both are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address<'a> {
    scheme: Scheme,
    host: Cow<'a, str>,
    port: u16,
    path: Cow<'a, str>,
}

impl<'a> Address<'a> {
    /// The address of a request, of which host and path are in normal form already.
    pub(crate) fn of_request(
        scheme: Scheme,
        authority: &str,
        host: &'a str,
        path: &'a str,
    ) -> Self {
        Self {
            scheme,
            host: Cow::Borrowed(host),
            port: port(authority, scheme),
            path: Cow::Borrowed(path),
        }
    }

    /// The address in a text, ignoring any query and fragment parts (RFC 9449 §4.3); `None` where
    /// it is no absolute `http` or `https` address.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let scheme = [Scheme::Https, Scheme::Http]
            .into_iter()
            .find(|own| scheme.eq_ignore_ascii_case(own.as_str()))?;
        let rest = rest.split(['?', '#']).next()?;
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at_checked(slash)?,
            None => (rest, "/"),
        };
        Some(Self {
            scheme,
            host: host::normalise(authority)?,
            port: port(authority, scheme),
            path: path::normalise(path).ok()?,
        })
    }
}

/// The port that a valid authority names, else that of the scheme.
fn port(authority: &str, scheme: Scheme) -> u16 {
    let named = authority.rsplit_once(':').map(|(_, port)| port);
    named
        .and_then(|port| port.parse().ok())
        .unwrap_or(match scheme {
            Scheme::Https => 443,
            Scheme::Http => 80,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_mean_the_same_are_equal() {
        let own = Address::of_request(Scheme::Https, "api.example", "api.example", "/v1/a");
        for (text, same) in [
            ("https://api.example/v1/a", true),
            ("HTTPS://API.Example:443/v1/a", true),
            ("https://api.example./v1/./b/../a", true),
            ("https://api.example:/v1/%61?b=c#d", true),
            ("https://api.example/v1/a#?", true),
            ("http://api.example/v1/a", false),
            ("http://api.example:443/v1/a", false),
            ("https://api.example:8443/v1/a", false),
            ("https://api.example/v1/A", false),
            ("https://api.example/v1/a/", false),
            ("https://api.example/v1%2Fa", false),
            ("https://api.example", false),
            ("https://api.example.evil/v1/a", false),
            ("https://user@api.example/v1/a", false),
            ("https://api.example\\v1/a", false),
            ("https:///v1/a", false),
            ("//api.example/v1/a", false),
            ("/v1/a", false),
            ("", false),
        ] {
            assert_eq!(Address::parse(text).as_ref() == Some(&own), same, "{text}");
        }
    }

    #[test]
    fn an_empty_path_is_the_root_and_an_address_of_numbers_has_its_port() {
        let root = Address::of_request(Scheme::Http, "[::1]:8080", "[::1]", "/");
        for text in ["http://[::1]:8080", "http://[0:0::1]:8080/?a"] {
            assert_eq!(Address::parse(text).as_ref(), Some(&root), "{text}");
        }
        assert_ne!(Address::parse("http://[::1]"), Some(root));
    }
}
