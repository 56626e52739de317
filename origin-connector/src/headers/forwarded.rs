//! The `Forwarded` field (RFC 7239), as far as the original host goes.

use http::header::{FORWARDED, HeaderMap};

use super::InvalidHost;

/// The host of the last element: the one that the gateway at the other end of this connection
/// added. Earlier elements were said by others.
pub(crate) fn host(headers: &HeaderMap) -> Result<Option<String>, InvalidHost> {
    let Some(field) = headers.get_all(FORWARDED).iter().next_back() else {
        return Ok(None);
    };
    let field = field.to_str().map_err(|_| InvalidHost::Forwarded)?;
    let mut host = None;
    let last = split(field, ',')?.pop().unwrap_or_default();
    for pair in split(last, ';')? {
        let (name, value) = pair.split_once('=').ok_or(InvalidHost::Forwarded)?;
        if !name.trim().eq_ignore_ascii_case("host") {
            continue;
        }
        // RFC 7239 §4: each parameter at most once.
        if host.replace(unquote(value.trim())?).is_some() {
            return Err(InvalidHost::Forwarded);
        }
    }
    Ok(host)
}

/// Splits outside quoted strings (RFC 9110 §5.6.4).
fn split(text: &str, separator: char) -> Result<Vec<&str>, InvalidHost> {
    if !text.contains('"') {
        return Ok(text.split(separator).map(str::trim).collect());
    }
    let (mut quoted, mut escaped) = (false, false);
    let parts = text.split(|c: char| {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => return c == separator && !quoted,
        }
        false
    });
    let parts = parts.map(str::trim).collect();
    if quoted {
        Err(InvalidHost::Forwarded)
    } else {
        Ok(parts)
    }
}

/// A token or a quoted string. A host holds no octet that would have to be escaped.
fn unquote(value: &str) -> Result<String, InvalidHost> {
    let bare = value
        .strip_prefix('"')
        .map_or(Some(value), |rest| rest.strip_suffix('"'))
        .filter(|bare| !bare.contains(['"', '\\']));
    bare.map(str::to_owned).ok_or(InvalidHost::Forwarded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(fields: &[&str], expected: Result<Option<&str>, InvalidHost>) {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(FORWARDED, field.parse().unwrap());
        }
        let expected = expected.map(|host| host.map(str::to_owned));
        assert_eq!(host(&headers), expected, "{fields:?}");
    }

    #[test]
    fn takes_the_host_of_the_last_element() {
        check(&[], Ok(None));
        check(&["for=192.0.2.1"], Ok(None));
        check(&["for=192.0.2.1;Host=a.example"], Ok(Some("a.example")));
        check(
            &["host=\"a.example:8443\";proto=https"],
            Ok(Some("a.example:8443")),
        );
        check(
            &["host=evil.example, for=\"a,b;host=c\";host=a.example"],
            Ok(Some("a.example")),
        );
        check(
            &["host=evil.example", "host=a.example"],
            Ok(Some("a.example")),
        );
        check(&["host=evil.example, for=192.0.2.1"], Ok(None));
    }

    proptest! {
        #[test]
        fn no_field_is_too_odd_to_read(field in "[a-z=;, \"\\\\\t]{0,24}") {
            let mut headers = HeaderMap::new();
            headers.append(FORWARDED, field.parse().unwrap());
            if let Ok(Some(host)) = host(&headers) {
                prop_assert!(field.contains(&host));
                prop_assert!(!host.contains('"'));
            }
        }
    }

    #[test]
    fn refuses_what_is_malformed() {
        for field in [
            "",
            "host",
            "host=\"a",
            "host=a;host=b",
            "host=\"a\\\"b\"",
            "host=a,",
        ] {
            check(&[field], Err(InvalidHost::Forwarded));
        }
    }
}
