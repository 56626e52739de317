//! Deterministic CBOR (RFC 8949 §4.2.1) with bounds.
//!
//! Writing goes through `ciborium`, whose encoding of our records (arrays of integers, text,
//! octets, arrays) is deterministic. Reading first walks the octets once, without allocating,
//! and refuses all that is not the one deterministic encoding or is over a bound: what the
//! decoder then sees can neither surprise it nor exhaust it.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bounds on an encoded value.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Octets altogether.
    pub octets: usize,
    /// Data items altogether.
    pub items: usize,
}

/// The deepest nesting of arrays and maps.
pub const MAX_DEPTH: usize = 16;

/// Why octets are no acceptable CBOR. Offsets count octets from the start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCbor {
    /// More octets than the bound.
    #[error("{0} octets of CBOR are over the bound of {1}")]
    TooLarge(usize, usize),
    /// More data items than the bound.
    #[error("more than {0} CBOR items")]
    TooManyItems(usize),
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("CBOR nested deeper than {MAX_DEPTH} levels at offset {0}")]
    TooDeep(usize),
    /// The value ends before it is complete.
    #[error("CBOR ends early at offset {0}")]
    Truncated(usize),
    /// Octets follow the value.
    #[error("octets after the CBOR value at offset {0}")]
    TrailingOctets(usize),
    /// A length or integer that is not in its shortest form.
    #[error("CBOR integer or length not in shortest form at offset {0}")]
    NotShortest(usize),
    /// An indefinite length.
    #[error("CBOR of indefinite length at offset {0}")]
    Indefinite(usize),
    /// Map keys out of order or repeated.
    #[error("CBOR map keys out of order or repeated at offset {0}")]
    UnsortedKeys(usize),
    /// Text that is not UTF-8.
    #[error("CBOR text is not UTF-8 at offset {0}")]
    NotUtf8(usize),
    /// A float, a tag, or a simple value other than `false`, `true` and `null`.
    #[error("CBOR type that a bundle never holds at offset {0}")]
    Unsupported(usize),
    /// The record, but not in the form in which it is written: the decoder takes some values for
    /// others, as an empty octet string for an empty list.
    #[error("CBOR is not the encoding of the record that it holds")]
    NotTheEncoding,
    /// Well-formed, but not the expected record.
    #[error("CBOR is not the expected record: {0}")]
    Mismatch(String),
}

/// Encodes a record. Encoding twice gives the same octets, on any machine.
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let mut octets = Vec::new();
    // Writing into memory cannot fail, and no record refuses to be serialised; were one to, the
    // empty result would be refused by every reader.
    if ciborium::into_writer(value, &mut octets).is_err() {
        octets.clear();
    }
    octets
}

/// Decodes a record after [`check`], and requires that it would be encoded so.
///
/// # Errors
/// [`InvalidCbor`], the first reason found.
pub fn decode<T: Serialize + DeserializeOwned>(
    octets: &[u8],
    bounds: &Bounds,
) -> Result<T, InvalidCbor> {
    check(octets, bounds)?;
    let value =
        ciborium::from_reader(octets).map_err(|error| InvalidCbor::Mismatch(error.to_string()))?;
    if encode(&value) == octets {
        Ok(value)
    } else {
        Err(InvalidCbor::NotTheEncoding)
    }
}

/// Walks one value and requires the deterministic encoding, within the bounds.
///
/// # Errors
/// [`InvalidCbor`], the first reason found.
pub fn check(octets: &[u8], bounds: &Bounds) -> Result<(), InvalidCbor> {
    if octets.len() > bounds.octets {
        return Err(InvalidCbor::TooLarge(octets.len(), bounds.octets));
    }
    let mut walk = Walk { octets, offset: 0 };
    let mut open: Vec<Container> = Vec::with_capacity(MAX_DEPTH);
    let mut items = 0_usize;
    loop {
        items = items.saturating_add(1);
        if items > bounds.items {
            return Err(InvalidCbor::TooManyItems(bounds.items));
        }
        let start = walk.offset;
        if let Some(container) = walk.item()? {
            if open.len() >= MAX_DEPTH {
                return Err(InvalidCbor::TooDeep(start));
            }
            open.push(container);
        }
        // Close every container that this item completed.
        while let Some(container) = open.last_mut() {
            if container.remaining > 0 {
                container.begin_next(&walk)?;
                break;
            }
            container.end_key(&walk)?;
            open.pop();
        }
        if open.is_empty() {
            break;
        }
    }
    if walk.offset < octets.len() {
        Err(InvalidCbor::TrailingOctets(walk.offset))
    } else {
        Ok(())
    }
}

/// An array or map whose items are being read.
struct Container {
    /// Items still to come; a map counts keys and values.
    remaining: u64,
    keys: Option<Keys>,
}

/// The order of a map's keys: offsets of the key before and of the current one.
#[derive(Default)]
struct Keys {
    previous: Option<(usize, usize)>,
    current: Option<usize>,
}

impl Container {
    fn begin_next(&mut self, walk: &Walk<'_>) -> Result<(), InvalidCbor> {
        self.end_key(walk)?;
        let starts_key = self.remaining.is_multiple_of(2);
        self.remaining -= 1;
        if let Some(keys) = self.keys.as_mut().filter(|_| starts_key) {
            keys.current = Some(walk.offset);
        }
        Ok(())
    }

    /// RFC 8949 §4.2.1: keys in the bytewise lexicographic order of their encodings.
    fn end_key(&mut self, walk: &Walk<'_>) -> Result<(), InvalidCbor> {
        let Some(keys) = &mut self.keys else {
            return Ok(());
        };
        let Some(start) = keys.current.take() else {
            return Ok(());
        };
        let key = walk.octets.get(start..walk.offset);
        let previous = keys
            .previous
            .and_then(|(from, to)| walk.octets.get(from..to));
        if previous.is_some() && previous >= key {
            return Err(InvalidCbor::UnsortedKeys(start));
        }
        keys.previous = Some((start, walk.offset));
        Ok(())
    }
}

struct Walk<'a> {
    octets: &'a [u8],
    offset: usize,
}

impl Walk<'_> {
    fn take(&mut self, count: usize) -> Result<&[u8], InvalidCbor> {
        let end = self
            .offset
            .checked_add(count)
            .ok_or(InvalidCbor::Truncated(self.offset))?;
        let taken = self
            .octets
            .get(self.offset..end)
            .ok_or(InvalidCbor::Truncated(self.offset))?;
        self.offset = end;
        Ok(taken)
    }

    /// Reads one item's head, and its content where it has no items of its own.
    fn item(&mut self) -> Result<Option<Container>, InvalidCbor> {
        let start = self.offset;
        let initial = self.take(1)?.first().copied().unwrap_or_default();
        let (major, information) = (initial >> 5, initial & 0x1f);
        if major == 7 {
            // false, true, null
            return if matches!(information, 20..=22) {
                Ok(None)
            } else {
                Err(InvalidCbor::Unsupported(start))
            };
        }
        let argument = self.argument(information, start)?;
        match major {
            0 | 1 => Ok(None),
            2 | 3 => {
                let length =
                    usize::try_from(argument).map_err(|_| InvalidCbor::Truncated(start))?;
                let content = self.take(length)?;
                if major == 3 && std::str::from_utf8(content).is_err() {
                    return Err(InvalidCbor::NotUtf8(start));
                }
                Ok(None)
            }
            4 => Ok(Some(Container {
                remaining: argument,
                keys: None,
            })),
            5 => {
                let remaining = argument
                    .checked_mul(2)
                    .ok_or(InvalidCbor::Truncated(start))?;
                Ok(Some(Container {
                    remaining,
                    keys: Some(Keys::default()),
                }))
            }
            _ => Err(InvalidCbor::Unsupported(start)),
        }
    }

    fn argument(&mut self, information: u8, start: usize) -> Result<u64, InvalidCbor> {
        let (width, least) = match information {
            0..=23 => return Ok(u64::from(information)),
            24 => (1, 24),
            25 => (2, 1 << 8),
            26 => (4, 1 << 16),
            27 => (8, 1 << 32),
            31 => return Err(InvalidCbor::Indefinite(start)),
            _ => return Err(InvalidCbor::Unsupported(start)),
        };
        let argument = self
            .take(width)?
            .iter()
            .fold(0_u64, |value, octet| value << 8 | u64::from(*octet));
        if argument < least {
            Err(InvalidCbor::NotShortest(start))
        } else {
            Ok(argument)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BOUNDS: Bounds = Bounds {
        octets: 1024,
        items: 64,
    };

    #[test]
    fn each_deviation_has_its_error() {
        use InvalidCbor::*;
        for (octets, expected) in [
            ("83010203", Ok(())),
            ("8301", Err(Truncated(2))),
            ("", Err(Truncated(0))),
            ("0100", Err(TrailingOctets(1))),
            ("1817", Err(NotShortest(0))),
            ("1900ff", Err(NotShortest(0))),
            ("1b00000000ffffffff", Err(NotShortest(0))),
            ("9f01ff", Err(Indefinite(0))),
            ("5f4101ff", Err(Indefinite(0))),
            ("a2616101616202", Ok(())),
            ("a2616201616102", Err(UnsortedKeys(4))),
            ("a2616101616102", Err(UnsortedKeys(4))),
            ("a1a2616201616102f6", Err(UnsortedKeys(5))),
            ("61ff", Err(NotUtf8(0))),
            ("f97e00", Err(Unsupported(0))),
            ("c11a514b67b0", Err(Unsupported(0))),
            ("f7", Err(Unsupported(0))),
            ("f6", Ok(())),
            ("9bffffffffffffffff", Err(Truncated(9))),
            ("5bffffffffffffffff", Err(Truncated(9))),
        ] {
            assert_eq!(
                check(&hex::decode(octets).unwrap(), &BOUNDS),
                expected,
                "{octets}"
            );
        }
        let deep = [vec![0x81; 17], vec![0]].concat();
        assert_eq!(check(&deep, &BOUNDS), Err(TooDeep(16)));
        assert_eq!(check(&[vec![0x81; 16], vec![0]].concat(), &BOUNDS), Ok(()));
        let many = [vec![0x98, 64], vec![0; 64]].concat();
        assert_eq!(check(&many, &BOUNDS), Err(TooManyItems(64)));
        assert_eq!(check(&[0; 1025], &BOUNDS), Err(TooLarge(1025, 1024)));
    }

    #[test]
    fn octets_are_no_list() {
        assert_eq!(decode::<Vec<u64>>(&[0x80], &BOUNDS), Ok(vec![]));
        assert_eq!(
            decode::<Vec<u64>>(&[0x40], &BOUNDS),
            Err(InvalidCbor::NotTheEncoding)
        );
    }

    proptest! {
        #[test]
        fn what_we_write_is_what_we_accept(value: (u64, i64, String, Vec<Option<bool>>)) {
            let octets = encode(&value);
            let bounds = Bounds { octets: 1 << 20, items: 1 << 10 };
            prop_assert_eq!(decode::<(u64, i64, String, Vec<Option<bool>>)>(&octets, &bounds), Ok(value));
        }

        #[test]
        fn what_we_read_is_what_we_would_write(octets: Vec<u8>) {
            let bounds = Bounds { octets: 1 << 20, items: 1 << 10 };
            if let Ok(value) = decode::<(Vec<u8>, Option<bool>)>(&octets, &bounds) {
                prop_assert_eq!(encode(&value), octets);
            }
        }

        #[test]
        fn never_panics(octets: Vec<u8>) {
            let _ = check(&octets, &BOUNDS);
        }
    }
}
