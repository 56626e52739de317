//! Distinguished names, as text (RFC 4514): `CN=acme,O=Partner`, the last part of the name first.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::der::{Der, Element, InvalidDer, Tag};

/// The longest name as text, in octets, and the most attributes of one.
const MAX_TEXT: usize = 4 * 1024;
const MAX_ATTRIBUTES: usize = 64;

/// Types of attributes that have a name: the name and the object identifier (RFC 4514 §3, RFC 4519,
/// and what certificates use besides).
const TYPES: [(&str, &str); 16] = [
    ("CN", "2.5.4.3"),
    ("SN", "2.5.4.4"),
    ("SERIALNUMBER", "2.5.4.5"),
    ("C", "2.5.4.6"),
    ("L", "2.5.4.7"),
    ("ST", "2.5.4.8"),
    ("STREET", "2.5.4.9"),
    ("O", "2.5.4.10"),
    ("OU", "2.5.4.11"),
    ("TITLE", "2.5.4.12"),
    ("POSTALCODE", "2.5.4.17"),
    ("GIVENNAME", "2.5.4.42"),
    ("ORGANIZATIONIDENTIFIER", "2.5.4.97"),
    ("UID", "0.9.2342.19200300.100.1.1"),
    ("DC", "0.9.2342.19200300.100.1.25"),
    ("EMAILADDRESS", "1.2.840.113549.1.9.1"),
];

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
    /// A type of attribute that has no name here.
    #[error("`{0}` is no attribute of distinguished names")]
    Type(String),
    /// A type in numbers, with a value that is not in hexadecimal digits.
    #[error("the value of `{0}` is written as `#` and the hexadecimal digits of its DER")]
    Hexadecimal(String),
    /// Too long.
    #[error("a distinguished name has at most {MAX_TEXT} octets")]
    TooLong,
}

/// One attribute.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Attribute {
    /// Its name, or the numbers of its object identifier.
    of: String,
    /// The value with what RFC 4514 §2.4 escapes, or `#` and its DER in hexadecimal digits.
    value: String,
}

impl DistinguishedName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads the parts of a name in a certificate (RFC 5280 §4.1.2.4).
    pub(super) fn read(mut parts: Der<'_>) -> Result<Self, InvalidDer> {
        let mut read = Vec::new();
        let mut count = 0;
        while !parts.is_empty() {
            let mut set = Der::new(parts.expect(Tag::SET)?);
            let mut attributes = Vec::new();
            while !set.is_empty() {
                let mut attribute = set.sequence()?;
                let of = object_identifier(attribute.expect(Tag::OBJECT_IDENTIFIER)?)?;
                let value = attribute.next()?.ok_or(InvalidDer::Truncated)?;
                attribute.end()?;
                attributes.push(Attribute::of(&of, &value)?);
                count += 1;
            }
            if attributes.is_empty() || count > MAX_ATTRIBUTES {
                return Err(InvalidDer::Name);
            }
            read.push(attributes);
        }
        // RFC 4514 §2.1: the last part first.
        read.reverse();
        Ok(Self(render(read)))
    }
}

/// Sorts the attributes of a part, whose order means nothing.
fn render(parts: Vec<Vec<Attribute>>) -> String {
    let part = |mut attributes: Vec<Attribute>| {
        attributes.sort();
        let attributes = attributes.iter();
        let attributes = attributes.map(|Attribute { of, value }| format!("{of}={value}"));
        attributes.collect::<Vec<_>>().join("+")
    };
    let parts: Vec<String> = parts.into_iter().map(part).collect();
    parts.join(",")
}

impl Attribute {
    fn of(identifier: &str, value: &Element<'_>) -> Result<Self, InvalidDer> {
        let mut known = TYPES.iter();
        let name = known.find(|(_, numbers)| *numbers == identifier);
        let text = match name {
            Some(_) => characters(value)?,
            // RFC 4514 §2.4: of a type without a name the encoding counts.
            None => None,
        };
        Ok(Self {
            of: name.map_or(identifier, |(name, _)| name).to_owned(),
            value: text.map_or_else(|| hexadecimal(value), |text| escape(&text)),
        })
    }
}

/// The characters of a value; `None` where its type has none that all read alike.
fn characters(value: &Element<'_>) -> Result<Option<String>, InvalidDer> {
    let text = match value.tag {
        Tag::UTF8_STRING => std::str::from_utf8(value.content).ok().map(str::to_owned),
        Tag::PRINTABLE_STRING | Tag::IA5_STRING | Tag::NUMERIC_STRING => {
            let text = std::str::from_utf8(value.content).ok();
            text.filter(|text| text.is_ascii()).map(str::to_owned)
        }
        Tag::BMP_STRING => {
            let (pairs, rest) = value.content.as_chunks();
            let units = pairs.iter().map(|pair| u16::from_be_bytes(*pair));
            let text = char::decode_utf16(units)
                .collect::<Result<String, _>>()
                .ok();
            text.filter(|_| rest.is_empty())
        }
        _ => return Ok(None),
    };
    text.map(Some).ok_or(InvalidDer::Name)
}

fn hexadecimal(value: &Element<'_>) -> String {
    // As it was read, in the shortest form.
    let length = match value.content.len() {
        short @ 0..=0x7f => vec![u8::try_from(short).unwrap_or_default()],
        long => {
            let octets = u16::try_from(long).unwrap_or(u16::MAX).to_be_bytes();
            match octets {
                [0, low] => vec![0x81, low],
                [high, low] => vec![0x82, high, low],
            }
        }
    };
    let octets = [&[value.tag.0][..], &length, value.content].concat();
    format!("#{}", hex::encode(octets))
}

/// RFC 4514 §2.4, and control characters as hexadecimal digits.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let last = text.chars().count().saturating_sub(1);
    for (at, one) in text.chars().enumerate() {
        let special = matches!(one, '"' | '+' | ',' | ';' | '<' | '>' | '\\')
            || at == 0 && matches!(one, ' ' | '#')
            || at == last && one == ' ';
        if one.is_control() {
            let mut octets = [0; 4];
            for octet in one.encode_utf8(&mut octets).bytes() {
                // Writing to a text cannot fail.
                let _ = write!(escaped, "\\{octet:02X}");
            }
            continue;
        }
        if special {
            escaped.push('\\');
        }
        escaped.push(one);
    }
    escaped
}

/// The numbers of an object identifier (X.690 §8.19).
fn object_identifier(octets: &[u8]) -> Result<String, InvalidDer> {
    let mut numbers: Vec<u32> = Vec::new();
    let mut number: u32 = 0;
    let mut begun = false;
    for octet in octets {
        if !begun && *octet == 0x80 {
            return Err(InvalidDer::Name);
        }
        let shifted = number.checked_mul(128).ok_or(InvalidDer::Name)?;
        number = shifted + u32::from(octet & 0x7f);
        begun = octet & 0x80 != 0;
        if !begun {
            numbers.push(std::mem::take(&mut number));
        }
    }
    let (first, rest) = numbers.split_first().ok_or(InvalidDer::Name)?;
    if begun {
        return Err(InvalidDer::Name);
    }
    let top = (first / 40).min(2);
    let mut text = format!("{top}.{}", first - top * 40);
    for number in rest {
        let _ = write!(text, ".{number}");
    }
    Ok(text)
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
        if text.len() > MAX_TEXT {
            return Err(InvalidDistinguishedName::TooLong);
        }
        if text.is_empty() {
            return Ok(Self::default());
        }
        let form = || InvalidDistinguishedName::Form(text.to_owned());
        let mut parts = vec![Vec::new()];
        let mut rest = text;
        loop {
            let (of, after) = rest.split_once('=').ok_or_else(form)?;
            let of = attribute_type(of.trim())?;
            let (value, separator, after) = value(after).ok_or_else(form)?;
            if of.starts_with(|first: char| first.is_ascii_digit()) && !value.starts_with('#') {
                return Err(InvalidDistinguishedName::Hexadecimal(of));
            }
            if let Some(part) = parts.last_mut() {
                part.push(Attribute { of, value });
            }
            match separator {
                None => break,
                Some('+') => {}
                Some(_) => parts.push(Vec::new()),
            }
            rest = after;
        }
        if parts.iter().map(Vec::len).sum::<usize>() > MAX_ATTRIBUTES {
            return Err(InvalidDistinguishedName::TooLong);
        }
        Ok(Self(render(parts)))
    }
}

fn attribute_type(text: &str) -> Result<String, InvalidDistinguishedName> {
    let unknown = || InvalidDistinguishedName::Type(text.to_owned());
    let mut known = TYPES.iter();
    let same =
        |(name, numbers): &&(&str, &str)| name.eq_ignore_ascii_case(text) || *numbers == text;
    if let Some((name, _)) = known.find(same) {
        return Ok((*name).to_owned());
    }
    let number = |number: &str| {
        let canonical = number == "0" || !number.starts_with('0');
        canonical && number.parse::<u32>().is_ok()
    };
    let numbers = text.contains('.') && text.split('.').all(number);
    numbers.then(|| text.to_owned()).ok_or_else(unknown)
}

/// The value that a text begins with, in the form of [`escape`], what ends it, and what is behind
/// that.
fn value(text: &str) -> Option<(String, Option<char>, &str)> {
    let text = text.trim_start_matches(' ');
    if let Some(digits) = text.strip_prefix('#') {
        let end = digits.find([',', '+']).unwrap_or(digits.len());
        let (digits, rest) = digits.split_at_checked(end)?;
        let octets = hex::decode(digits.trim_end()).ok()?;
        let mut rest = rest.chars();
        let separator = rest.next();
        return Some((
            format!("#{}", hex::encode(octets)),
            separator,
            rest.as_str(),
        ));
    }
    let mut octets: Vec<u8> = Vec::new();
    // Spaces at the end count only where they are escaped.
    let mut kept = 0;
    let mut rest = text.chars();
    let mut separator = None;
    while let Some(one) = rest.next() {
        match one {
            ',' | '+' => {
                separator = Some(one);
                break;
            }
            '"' | ';' | '<' | '>' => return None,
            '\\' => {
                let next = rest.next()?;
                if let Some(high) = next.to_digit(16) {
                    let low = rest.next()?.to_digit(16)?;
                    octets.push(u8::try_from(high * 16 + low).ok()?);
                } else {
                    octets.extend(next.encode_utf8(&mut [0; 4]).bytes());
                }
                kept = octets.len();
            }
            one => {
                octets.extend(one.encode_utf8(&mut [0; 4]).bytes());
                if one != ' ' {
                    kept = octets.len();
                }
            }
        }
    }
    octets.truncate(kept);
    let value = String::from_utf8(octets).ok()?;
    let value = Some(value).filter(|value| !value.is_empty())?;
    Some((escape(&value), separator, rest.as_str()))
}
