//! Query parameters as signatures cover them (RFC 9421 §2.2.8).

use std::borrow::Cow;

/// The value of the parameter of that percent-encoded name, percent-encoded anew. `None` where
/// there is none of the name, or more than one: such a parameter must not be covered.
pub(super) fn parameter(query: &str, name: &str) -> Option<String> {
    let mut own = form_urlencoded::parse(query.as_bytes()).filter(|(own, _)| encode(own) == name);
    let (_, value) = own.next()?;
    own.next().is_none().then(|| encode(&value).into_owned())
}

/// Percent-encodes what the `application/x-www-form-urlencoded` set of the URL standard names,
/// with `%20` for a space.
fn encode(text: &str) -> Cow<'_, str> {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"*-._".contains(&octet);
    if text.bytes().all(plain) {
        return Cow::Borrowed(text);
    }
    let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    // A plus sign of the text itself is `%2B` by now.
    Cow::Owned(encoded.replace('+', "%20"))
}
