//! What a scalar is.

use std::borrow::Cow;

use saphyr_parser::ScalarStyle;

use super::Kind;

/// The core schema (YAML 1.2 §10.3.2), as far as a policy needs it.
pub(super) fn scalar(text: Cow<'_, str>, style: ScalarStyle) -> Kind<'_> {
    if !matches!(style, ScalarStyle::Plain) {
        return Kind::Text(text);
    }
    // Nearly all are text, which the first octet tells of most.
    match text.as_bytes().first() {
        None | Some(b'~' | b'n' | b'N' | b't' | b'T' | b'f' | b'F') => match &*text {
            "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
            "true" | "True" | "TRUE" => Kind::Bool(true),
            "false" | "False" | "FALSE" => Kind::Bool(false),
            _ => Kind::Text(text),
        },
        Some(b'0'..=b'9' | b'-' | b'+' | b'.') => {
            if let Ok(number) = text.parse::<u64>() {
                Kind::Integer(number)
            } else if let Some(number) = number(&text) {
                Kind::Number(number)
            } else {
                Kind::Text(text)
            }
        }
        Some(_) => Kind::Text(text),
    }
}

/// A number that is no `u64`. What starts with a letter is text, though Rust reads `inf` and
/// `nan` as numbers.
fn number(text: &str) -> Option<serde_json::Number> {
    let numeric = |b| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    if !text.bytes().all(numeric) {
        return None;
    }
    if let Ok(negative) = text.parse::<i64>() {
        return Some(negative.into());
    }
    serde_json::Number::from_f64(text.parse().ok()?)
}
