//! A reader of DER (X.690 §10), as far as certificates need it: definite lengths in their shortest
//! form, tags of one octet. It takes no step back, allocates nothing and nests only where its user
//! does.

/// The octets are not the encoding of what is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDer {
    /// The octets end within an element.
    #[error("it breaks off")]
    Truncated,
    /// A length that is indefinite, not in its shortest form, or beyond 65,535.
    #[error("a length is not in its one form")]
    Length,
    /// Another element than the one that stands there.
    #[error("an element is not what should stand there")]
    Unexpected,
    /// More octets behind the last element.
    #[error("there is more behind its end")]
    Trailing,
    /// A date that is none.
    #[error("a date cannot be read")]
    Date,
    /// A distinguished name that is none.
    #[error("a distinguished name cannot be read")]
    Name,
}

/// The first octet of an element: class, form and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag(pub(super) u8);

impl Tag {
    pub(super) const BOOLEAN: Self = Self(0x01);
    pub(super) const INTEGER: Self = Self(0x02);
    pub(super) const BIT_STRING: Self = Self(0x03);
    pub(super) const OCTET_STRING: Self = Self(0x04);
    pub(super) const OBJECT_IDENTIFIER: Self = Self(0x06);
    pub(super) const UTF8_STRING: Self = Self(0x0c);
    pub(super) const NUMERIC_STRING: Self = Self(0x12);
    pub(super) const PRINTABLE_STRING: Self = Self(0x13);
    pub(super) const IA5_STRING: Self = Self(0x16);
    pub(super) const UTC_TIME: Self = Self(0x17);
    pub(super) const GENERALIZED_TIME: Self = Self(0x18);
    pub(super) const BMP_STRING: Self = Self(0x1e);
    pub(super) const SEQUENCE: Self = Self(0x30);
    pub(super) const SET: Self = Self(0x31);
    /// Of a certificate: `[0]`, `[1]`, `[2]` and `[3]` (RFC 5280 §4.1).
    pub(super) const VERSION: Self = Self(0xa0);
    pub(super) const ISSUER_ID: Self = Self(0x81);
    pub(super) const SUBJECT_ID: Self = Self(0x82);
    pub(super) const EXTENSIONS: Self = Self(0xa3);
    /// Of a `GeneralName`: `[1]`, `[2]` and `[6]` (RFC 5280 §4.2.1.6).
    pub(super) const MAIL_ADDRESS: Self = Self(0x81);
    pub(super) const DNS_NAME: Self = Self(0x82);
    pub(super) const URI: Self = Self(0x86);
}

/// An element.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element<'d> {
    pub(super) tag: Tag,
    pub(super) content: &'d [u8],
}

/// What is still to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Der<'d>(&'d [u8]);

impl<'d> Der<'d> {
    pub(super) fn new(octets: &'d [u8]) -> Self {
        Self(octets)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next element; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Element<'d>>, InvalidDer> {
        let Some((tag, rest)) = self.0.split_first() else {
            return Ok(None);
        };
        if tag & 0x1f == 0x1f {
            return Err(InvalidDer::Unexpected);
        }
        let (length, rest) = length(rest)?;
        let (content, rest) = rest.split_at_checked(length).ok_or(InvalidDer::Truncated)?;
        self.0 = rest;
        Ok(Some(Element {
            tag: Tag(*tag),
            content,
        }))
    }

    /// The content of the next element, which must have this tag.
    pub(super) fn expect(&mut self, tag: Tag) -> Result<&'d [u8], InvalidDer> {
        let element = self.next()?.ok_or(InvalidDer::Truncated)?;
        if element.tag == tag {
            Ok(element.content)
        } else {
            Err(InvalidDer::Unexpected)
        }
    }

    /// The same of an element that may be left out.
    pub(super) fn optional(&mut self, tag: Tag) -> Result<Option<&'d [u8]>, InvalidDer> {
        if self.0.first() == Some(&tag.0) {
            self.expect(tag).map(Some)
        } else {
            Ok(None)
        }
    }

    pub(super) fn sequence(&mut self) -> Result<Self, InvalidDer> {
        self.expect(Tag::SEQUENCE).map(Self)
    }

    pub(super) fn end(self) -> Result<(), InvalidDer> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(InvalidDer::Trailing)
        }
    }

    /// A date, in seconds since the Unix epoch; what was before counts as the epoch (RFC 5280
    /// §4.1.2.5).
    pub(super) fn time(&mut self) -> Result<u64, InvalidDer> {
        let Element { tag, content } = self.next()?.ok_or(InvalidDer::Truncated)?;
        let digits = content.strip_suffix(b"Z").ok_or(InvalidDer::Date)?;
        match tag {
            // §4.1.2.5.1: from 1950 to 2049.
            Tag::UTC_TIME if digits.len() == 12 => {
                let year = number(digits, 0..2)?;
                let century = if year >= 50 { 1900 } else { 2000 };
                seconds(century + year, digits.get(2..).unwrap_or_default())
            }
            Tag::GENERALIZED_TIME if digits.len() == 14 => {
                let year = number(digits, 0..4)?;
                seconds(year, digits.get(4..).unwrap_or_default())
            }
            _ => Err(InvalidDer::Date),
        }
    }
}

fn length(octets: &[u8]) -> Result<(usize, &[u8]), InvalidDer> {
    let (first, rest) = octets.split_first().ok_or(InvalidDer::Truncated)?;
    match first {
        0..=0x7f => Ok((usize::from(*first), rest)),
        0x81 => {
            let (length, rest) = rest.split_first().ok_or(InvalidDer::Truncated)?;
            let length = Some(usize::from(*length)).filter(|length| *length > 0x7f);
            Ok((length.ok_or(InvalidDer::Length)?, rest))
        }
        0x82 => {
            let (length, rest) = rest.split_first_chunk().ok_or(InvalidDer::Truncated)?;
            let length = Some(usize::from(u16::from_be_bytes(*length)));
            let length = length.filter(|length| *length > 0xff);
            Ok((length.ok_or(InvalidDer::Length)?, rest))
        }
        _ => Err(InvalidDer::Length),
    }
}

fn number(digits: &[u8], place: std::ops::Range<usize>) -> Result<u64, InvalidDer> {
    let digits = digits.get(place).unwrap_or_default();
    let text = std::str::from_utf8(digits).ok();
    let text = text.filter(|_| digits.iter().all(u8::is_ascii_digit));
    text.and_then(|text| text.parse().ok())
        .ok_or(InvalidDer::Date)
}

/// The month, the day, the hour, the minute and the second of a year.
fn seconds(year: u64, digits: &[u8]) -> Result<u64, InvalidDer> {
    let part = |at: usize| number(digits, at..at + 2);
    let (month, day) = (part(0)?, part(2)?);
    let (hour, minute, second) = (part(4)?, part(6)?, part(8)?);
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let lengths = [
        31,
        if leap { 29 } else { 28 },
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let before = month
        .checked_sub(1)
        .and_then(|month| usize::try_from(month).ok());
    let length = before.and_then(|month| lengths.get(month));
    let valid = length.is_some_and(|length| (1..=*length).contains(&day));
    if !valid || hour > 23 || minute > 59 || second > 59 {
        return Err(InvalidDer::Date);
    }
    if year < 1970 {
        return Ok(0);
    }
    let months: u64 = lengths.iter().take(before.unwrap_or(0)).sum();
    // Leap days from 1970 until the year begins.
    let leaps = |year: u64| year / 4 - year / 100 + year / 400;
    let days = (year - 1970) * 365 + leaps(year - 1) - leaps(1969) + months + day - 1;
    Ok(((days * 24 + hour) * 60 + minute) * 60 + second)
}
