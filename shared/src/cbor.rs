//! Deterministic CBOR (RFC 8949 §4.2.1) with bounds.
//!
//! Writing goes through `ciborium`, whose encoding of our records (arrays of integers, text,
//! octets, arrays) is deterministic. Reading first walks the octets once, without allocating,
//! and refuses all that is not the one deterministic encoding or is over a bound: what the
//! decoder then sees can neither surprise it nor exhaust it.

mod walk;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use walk::check;

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

#[cfg(test)]
mod tests;
