//! Constants of conditions, and the values that have types of their own.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

/// A constant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Constant {
    /// `null`.
    Null,
    /// A boolean.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// An unsigned integer.
    Uint(u64),
    /// A floating-point number, as the bits of IEEE 754: no bundle holds a float of CBOR.
    Double(u64),
    /// Text.
    Text(String),
    /// Octets.
    Octets(ByteBuf),
    /// A point in time.
    Timestamp(Timestamp),
    /// A span of time in nanoseconds.
    Duration(i64),
    /// A type.
    Type(TypeName),
    /// A list.
    List(Vec<Self>),
}

impl Constant {
    /// Whether every point in time is one, and lists nest no deeper than so many levels.
    pub(super) fn is_sound(&self, levels: usize) -> bool {
        match self {
            Self::Timestamp(time) => {
                Timestamp::YEARS.contains(&time.seconds) && time.nanos < 1_000_000_000
            }
            Self::List(items) => levels
                .checked_sub(1)
                .is_some_and(|levels| items.iter().all(|item| item.is_sound(levels))),
            Self::Null
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Uint(_)
            | Self::Double(_)
            | Self::Text(_)
            | Self::Octets(_)
            | Self::Duration(_)
            | Self::Type(_) => true,
        }
    }

    /// How many lists lie in each other.
    pub fn depth(&self) -> usize {
        match self {
            Self::List(items) => items
                .iter()
                .map(Self::depth)
                .max()
                .unwrap_or(0)
                .saturating_add(1),
            Self::Null
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Uint(_)
            | Self::Double(_)
            | Self::Text(_)
            | Self::Octets(_)
            | Self::Timestamp(_)
            | Self::Duration(_)
            | Self::Type(_) => 0,
        }
    }
}

/// A point in time.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize_tuple, Deserialize_tuple,
)]
pub struct Timestamp {
    /// Whole seconds since the Unix epoch, rounded down; within [`Timestamp::YEARS`].
    pub seconds: i64,
    /// Nanoseconds after that; less than a second.
    pub nanos: u32,
}

impl Timestamp {
    /// The seconds of 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z.
    pub const YEARS: RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
}

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of CEL")]
pub enum TypeName {
    Null,
    Bool,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Timestamp,
    Duration,
    Type,
    List,
    Map,
}

impl TypeName {
    /// The name in CEL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Null => "null_type",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Uint => "uint",
            Self::Double => "double",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Timestamp => "google.protobuf.Timestamp",
            Self::Duration => "google.protobuf.Duration",
            Self::Type => "type",
            Self::List => "list",
            Self::Map => "map",
        }
    }

    /// Every type.
    pub const ALL: [Self; 12] = [
        Self::Null,
        Self::Bool,
        Self::Int,
        Self::Uint,
        Self::Double,
        Self::String,
        Self::Bytes,
        Self::Timestamp,
        Self::Duration,
        Self::Type,
        Self::List,
        Self::Map,
    ];
}
