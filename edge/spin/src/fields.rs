//! Header fields where they are: in the host. A field that nobody asks about
//! never crosses into the component.

use http::{HeaderName, HeaderValue};
use spin_sdk::wasip3::http::types::{Fields, HeaderError, Headers};
use tidegate_edge::HeadEdits;

/// What Spin adds to a request for the component, and no origin should see.
pub(crate) const SPIN: [&str; 7] = [
    "spin-base-path",
    "spin-client-addr",
    "spin-component-route",
    "spin-full-url",
    "spin-matched-route",
    "spin-path-info",
    "spin-raw-component-route",
];

/// The values of a name, joined by `, ` (RFC 9110 §5.2), octets above 0x7F as
/// ISO 8859-1.
pub(crate) fn joined(headers: &Headers, name: &HeaderName) -> Option<String> {
    let values = headers.get(name.as_str());
    let mut text: Option<String> = None;
    for value in values {
        let text = match &mut text {
            Some(text) => {
                text.push_str(", ");
                text
            }
            None => text.insert(String::new()),
        };
        text.extend(value.into_iter().map(char::from));
    }
    text
}

/// A copy of a message's fields without `also`, edited. Hop-by-hop fields are
/// not among them: the host keeps those to itself.
///
/// # Errors
/// Where the host refuses a field, so that the message would not be what the
/// policy says.
pub(crate) fn edited(
    headers: &Headers,
    also: &[&str],
    edits: HeadEdits,
) -> Result<Fields, HeaderError> {
    let HeadEdits { remove, set, add } = edits;
    let fields = headers.clone();
    let removed = remove.iter().map(HeaderName::as_str);
    for name in also.iter().copied().chain(removed) {
        match fields.delete(name) {
            // What a message can never have need not be removed.
            Ok(()) | Err(HeaderError::Forbidden) => {}
            Err(error) => return Err(error),
        }
    }
    for (name, value) in set {
        fields.set(name.as_str(), &[value.as_bytes().to_vec()])?;
    }
    for (name, value) in add {
        fields.append(name.as_str(), value.as_bytes())?;
    }
    Ok(fields)
}

/// A copy of a message's fields with more of them, whatever was there.
///
/// # Errors
/// Where the host refuses a field.
pub(crate) fn with<'f>(
    headers: &Headers,
    more: impl Iterator<Item = &'f (HeaderName, HeaderValue)>,
) -> Result<Fields, HeaderError> {
    let fields = headers.clone();
    for (name, value) in more {
        fields.set(name.as_str(), &[value.as_bytes().to_vec()])?;
    }
    Ok(fields)
}
