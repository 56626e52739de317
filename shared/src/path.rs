//! One unambiguous reading of a request path, or none.
//!
//! Gateways have been walked around because they and the origin read a path differently
//! (`%2e%2e`, `//`, `;`, encoded slashes). So a path is normalised by RFC 3986 §6.2.2 before it
//! is matched, the normalised form is what the origin gets, and what has two readings is refused.

use std::borrow::Cow;

/// The longest path in octets, after which it is refused.
pub const MAX_PATH: usize = 8 * 1024;

/// Why a path has no single reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPath {
    /// It does not begin with a slash.
    #[error("the path does not begin with `/`")]
    NotAbsolute,
    /// It is longer than [`MAX_PATH`].
    #[error("the path is longer than {MAX_PATH} octets")]
    TooLong,
    /// A percent sign without two hexadecimal digits after it.
    #[error("the path has a `%` without two hexadecimal digits")]
    BadEncoding,
    /// An encoded slash or backslash: origins disagree whether it separates segments.
    #[error("the path has an encoded slash")]
    EncodedSlash,
    /// A control character, a space, a backslash or another octet that RFC 3986 §3.3 forbids.
    #[error("the path has an octet that must be percent-encoded, or an encoded control character")]
    ForbiddenOctet,
    /// Dot segments that climb above the root.
    #[error("the path climbs above the root")]
    AboveRoot,
}

/// Normalises a path (without query) by RFC 3986 §6.2.2: hexadecimal digits in upper case,
/// unreserved characters decoded, dot segments removed. Borrows when there was nothing to do.
///
/// # Errors
/// [`InvalidPath`] where the path has no single reading.
pub fn normalise(path: &str) -> Result<Cow<'_, str>, InvalidPath> {
    if path.len() > MAX_PATH {
        return Err(InvalidPath::TooLong);
    }
    if !path.starts_with('/') {
        return Err(InvalidPath::NotAbsolute);
    }
    if is_plain(path, |_| false) {
        return Ok(Cow::Borrowed(path));
    }
    let decoded = decode_unreserved(path)?;
    let has_dots = decoded
        .split('/')
        .any(|segment| matches!(segment, "." | ".."));
    if has_dots {
        remove_dot_segments(&decoded).map(Cow::Owned)
    } else {
        Ok(decoded)
    }
}

/// Whether there is certainly nothing to do, as for nearly every path: no percent sign, and no
/// segment that begins with a dot.
fn is_plain(path: &str, may_stand: impl Fn(u8) -> bool) -> bool {
    let mut before = 0;
    path.bytes().all(|octet| {
        let may_be_dots = before == b'/' && octet == b'.';
        before = octet;
        (is_path_octet(octet) || may_stand(octet)) && octet != b'%' && !may_be_dots
    })
}

/// Whether [`normalise`] would certainly leave a path as it is, were it not for octets that stand
/// for something else.
pub(crate) fn is_normal_beside(path: &str, may_stand: impl Fn(u8) -> bool) -> bool {
    path.len() <= MAX_PATH && path.starts_with('/') && is_plain(path, may_stand)
}

/// The first half of [`normalise`] (RFC 3986 §6.2.2.1 and §6.2.2.2): hexadecimal digits in upper
/// case, unreserved characters decoded. Dot segments are still there.
///
/// # Errors
/// [`InvalidPath`] where the path has no single reading.
pub fn decode_unreserved(path: &str) -> Result<Cow<'_, str>, InvalidPath> {
    if path
        .bytes()
        .all(|octet| is_path_octet(octet) && octet != b'%')
    {
        return Ok(Cow::Borrowed(path));
    }
    let mut output = String::with_capacity(path.len());
    let mut octets = path.bytes();
    while let Some(octet) = octets.next() {
        if octet != b'%' {
            if !is_path_octet(octet) {
                return Err(InvalidPath::ForbiddenOctet);
            }
            output.push(char::from(octet));
            continue;
        }
        let (Some(high), Some(low)) =
            (octets.next().and_then(digit), octets.next().and_then(digit))
        else {
            return Err(InvalidPath::BadEncoding);
        };
        let value = high << 4 | low;
        if value == b'/' || value == b'\\' {
            return Err(InvalidPath::EncodedSlash);
        } else if value.is_ascii_control() {
            return Err(InvalidPath::ForbiddenOctet);
        } else if is_unreserved(value) {
            output.push(char::from(value));
        } else {
            output.push('%');
            output.push_str(&hex::encode_upper([value]));
        }
    }
    Ok(Cow::Owned(output))
}

fn digit(octet: u8) -> Option<u8> {
    char::from(octet)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// RFC 3986 §2.3.
fn is_unreserved(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~')
}

/// `pchar`, `/` and `%` of RFC 3986 §3.3.
fn is_path_octet(octet: u8) -> bool {
    is_unreserved(octet)
        || matches!(octet, b'/' | b'%' | b':' | b'@')
        || matches!(
            octet,
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'='
        )
}

/// RFC 3986 §5.2.4, but a climb above the root is an error and not silently dropped.
fn remove_dot_segments(path: &str) -> Result<String, InvalidPath> {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." if last => kept.push(""),
            "." => {}
            ".." => {
                kept.pop().ok_or(InvalidPath::AboveRoot)?;
                if last {
                    kept.push("");
                }
            }
            other => kept.push(other),
        }
    }
    Ok(format!("/{}", kept.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn normalises_or_refuses() {
        use InvalidPath::*;
        for (path, expected) in [
            ("/", Ok("/")),
            ("/v1/accounts/7", Ok("/v1/accounts/7")),
            ("/%7Euser/%41", Ok("/~user/A")),
            ("/caf%c3%a9", Ok("/caf%C3%A9")),
            ("/a/./b/../c", Ok("/a/c")),
            ("/a/%2e%2E/c", Ok("/c")),
            ("/a/..", Ok("/")),
            ("/a/b/.", Ok("/a/b/")),
            ("/a//b", Ok("/a//b")),
            ("/a;v=1/b", Ok("/a;v=1/b")),
            ("/..", Err(AboveRoot)),
            ("/a/../../b", Err(AboveRoot)),
            ("/a%2Fb", Err(EncodedSlash)),
            ("/a%5cb", Err(EncodedSlash)),
            ("/a\\b", Err(ForbiddenOctet)),
            ("/a%00", Err(ForbiddenOctet)),
            ("/a%0d%0ab", Err(ForbiddenOctet)),
            ("/a b", Err(ForbiddenOctet)),
            ("/a\u{e9}", Err(ForbiddenOctet)),
            ("/a%", Err(BadEncoding)),
            ("/a%4", Err(BadEncoding)),
            ("/a%zz", Err(BadEncoding)),
            ("a", Err(NotAbsolute)),
            ("*", Err(NotAbsolute)),
        ] {
            assert_eq!(
                normalise(path).as_deref(),
                expected.as_ref().copied(),
                "{path}"
            );
        }
        assert_eq!(
            normalise(&format!("/{}", "a".repeat(MAX_PATH))),
            Err(TooLong)
        );
    }

    proptest! {
        #[test]
        fn twice_is_once(path in "(/([a-z.]|%[0-9a-fA-F]{2}){0,4}){0,6}") {
            if let Ok(once) = normalise(&path) {
                let twice = normalise(&once);
                prop_assert_eq!(twice.as_deref(), Ok(once.as_ref()));
            }
        }

        #[test]
        fn never_panics(path in "\\PC*") {
            let _ = normalise(&path);
        }
    }
}
