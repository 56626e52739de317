//! The walk over encoded octets that is before all decoding.

use super::{Bounds, InvalidCbor, MAX_DEPTH};

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
