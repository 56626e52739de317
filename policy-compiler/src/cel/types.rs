//! Types.

use std::fmt;

use tidegate_shared::condition::{Constant, TypeName};

/// The type of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// Known when it is evaluated.
    Dyn,
    /// `null`.
    Null,
    /// A boolean.
    Bool,
    /// A signed integer.
    Int,
    /// An unsigned integer.
    Uint,
    /// A floating-point number.
    Double,
    /// Text.
    String,
    /// Octets.
    Bytes,
    /// A point in time.
    Timestamp,
    /// A span of time.
    Duration,
    /// A type.
    Type,
    /// A list of elements of one type.
    List(Box<Self>),
    /// A map from keys of one type to values of one type.
    Map(Box<Self>, Box<Self>),
}

impl Type {
    /// A list.
    pub fn list(element: Self) -> Self {
        Self::List(Box::new(element))
    }

    /// A map.
    pub fn map(key: Self, value: Self) -> Self {
        Self::Map(Box::new(key), Box::new(value))
    }

    /// The type's name without parameters; `None` of [`Type::Dyn`].
    pub(super) fn name(&self) -> Option<TypeName> {
        Some(match self {
            Self::Dyn => return None,
            Self::Null => TypeName::Null,
            Self::Bool => TypeName::Bool,
            Self::Int => TypeName::Int,
            Self::Uint => TypeName::Uint,
            Self::Double => TypeName::Double,
            Self::String => TypeName::String,
            Self::Bytes => TypeName::Bytes,
            Self::Timestamp => TypeName::Timestamp,
            Self::Duration => TypeName::Duration,
            Self::Type => TypeName::Type,
            Self::List(_) => TypeName::List,
            Self::Map(..) => TypeName::Map,
        })
    }

    /// The type of a literal.
    pub(super) fn of(constant: &Constant) -> Self {
        match constant {
            Constant::Null => Self::Null,
            Constant::Bool(_) => Self::Bool,
            Constant::Int(_) => Self::Int,
            Constant::Uint(_) => Self::Uint,
            Constant::Double(_) => Self::Double,
            Constant::Text(_) => Self::String,
            Constant::Octets(_) => Self::Bytes,
            Constant::Timestamp(_) => Self::Timestamp,
            Constant::Duration(_) => Self::Duration,
            Constant::Type(_) => Self::Type,
            Constant::List(_) => Self::list(Self::Dyn),
        }
    }

    /// Whether it is a number.
    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Int | Self::Uint | Self::Double)
    }

    /// Whether its values have an order.
    pub(super) fn is_ordered(&self) -> bool {
        self.is_number()
            || matches!(
                self,
                Self::Bool | Self::String | Self::Bytes | Self::Timestamp | Self::Duration
            )
    }

    /// Whether one value may be of both types, as far as can be known before.
    pub(super) fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Dyn, _) | (_, Self::Dyn) => true,
            (Self::List(one), Self::List(other)) => one.meets(other),
            (Self::Map(key, value), Self::Map(other_key, other_value)) => {
                key.meets(other_key) && value.meets(other_value)
            }
            _ => self == other,
        }
    }

    /// The type of what is of either type.
    pub(super) fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::List(one), Self::List(other)) => Self::list(one.join(*other)),
            (Self::Map(key, value), Self::Map(other_key, other_value)) => {
                Self::map(key.join(*other_key), value.join(*other_value))
            }
            (one, other) if one == other => one,
            _ => Self::Dyn,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dyn => f.write_str("dyn"),
            Self::Null => f.write_str("null"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Duration => f.write_str("duration"),
            Self::List(element) => write!(f, "list({element})"),
            Self::Map(key, value) => write!(f, "map({key}, {value})"),
            Self::Bool
            | Self::Int
            | Self::Uint
            | Self::Double
            | Self::String
            | Self::Bytes
            | Self::Type => f.write_str(self.name().map_or("dyn", TypeName::name)),
        }
    }
}
