//! The values of CEL, borrowed where they can be.

use std::borrow::Cow;
use std::rc::Rc;

use serde_json::Value as Json;
use tidegate_shared::condition::{Constant, Timestamp, TypeName};

/// A value.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// `null`.
    Null,
    /// A boolean.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// An unsigned integer.
    Uint(u64),
    /// A floating-point number.
    Double(f64),
    /// Text.
    Text(Cow<'a, str>),
    /// Octets.
    Octets(Cow<'a, [u8]>),
    /// A point in time.
    Timestamp(Timestamp),
    /// A span of time in nanoseconds.
    Duration(i64),
    /// A type.
    Type(TypeName),
    /// A list.
    List(List<'a>),
    /// A map.
    Map(Map<'a>),
}

/// A list, wherever its elements lie.
#[derive(Clone, Debug)]
pub enum List<'a> {
    /// Made by the expression.
    Built(Rc<[Value<'a>]>),
    /// Written in the expression.
    Constant(&'a [Constant]),
    /// Of a claim.
    Json(&'a [Json]),
    /// Of texts.
    Texts(&'a [String]),
}

/// A map, wherever its entries lie.
#[derive(Clone, Debug)]
pub enum Map<'a> {
    /// Made by the expression. Invariant: keys of the types that keys may have, each once.
    Built(Rc<[(Value<'a>, Value<'a>)]>),
    /// The claims, or an object in them.
    Json(&'a serde_json::Map<String, Json>),
}

impl<'a> Value<'a> {
    /// The value of borrowed text.
    pub fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// The value's type.
    pub fn type_name(&self) -> TypeName {
        match self {
            Self::Null => TypeName::Null,
            Self::Bool(_) => TypeName::Bool,
            Self::Int(_) => TypeName::Int,
            Self::Uint(_) => TypeName::Uint,
            Self::Double(_) => TypeName::Double,
            Self::Text(_) => TypeName::String,
            Self::Octets(_) => TypeName::Bytes,
            Self::Timestamp(_) => TypeName::Timestamp,
            Self::Duration(_) => TypeName::Duration,
            Self::Type(_) => TypeName::Type,
            Self::List(_) => TypeName::List,
            Self::Map(_) => TypeName::Map,
        }
    }

    /// The constant of that value; `None` for a map, and for a list that holds one.
    pub fn to_constant(&self) -> Option<Constant> {
        Some(match self {
            Self::Null => Constant::Null,
            Self::Bool(value) => Constant::Bool(*value),
            Self::Int(value) => Constant::Int(*value),
            Self::Uint(value) => Constant::Uint(*value),
            Self::Double(value) => Constant::Double(value.to_bits()),
            Self::Text(value) => Constant::Text(value.clone().into_owned()),
            Self::Octets(value) => Constant::Octets(value.clone().into_owned().into()),
            Self::Timestamp(value) => Constant::Timestamp(*value),
            Self::Duration(value) => Constant::Duration(*value),
            Self::Type(value) => Constant::Type(*value),
            Self::List(list) => {
                let items = list.iter().map(|item| item.to_constant());
                Constant::List(items.collect::<Option<_>>()?)
            }
            Self::Map(_) => return None,
        })
    }

    /// The octets of a text, or octets.
    pub(super) fn octets(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Octets(octets) => octets.len(),
            _ => 0,
        }
    }
}

impl<'a> From<&'a Constant> for Value<'a> {
    fn from(constant: &'a Constant) -> Self {
        match constant {
            Constant::Null => Self::Null,
            Constant::Bool(value) => Self::Bool(*value),
            Constant::Int(value) => Self::Int(*value),
            Constant::Uint(value) => Self::Uint(*value),
            Constant::Double(bits) => Self::Double(f64::from_bits(*bits)),
            Constant::Text(text) => Self::text(text),
            Constant::Octets(octets) => Self::Octets(Cow::Borrowed(octets)),
            Constant::Timestamp(value) => Self::Timestamp(*value),
            Constant::Duration(value) => Self::Duration(*value),
            Constant::Type(value) => Self::Type(*value),
            Constant::List(items) => Self::List(List::Constant(items)),
        }
    }
}

impl<'a> From<&'a Json> for Value<'a> {
    /// Whole numbers are integers: what a token calls `3` equals `3`.
    fn from(json: &'a Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(value), _) => Self::Int(value),
                (None, Some(value)) => Self::Uint(value),
                (None, None) => Self::Double(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Self::text(text),
            Json::Array(items) => Self::List(List::Json(items)),
            Json::Object(members) => Self::Map(Map::Json(members)),
        }
    }
}

impl<'a> List<'a> {
    /// How many elements there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Built(items) => items.len(),
            Self::Constant(items) => items.len(),
            Self::Json(items) => items.len(),
            Self::Texts(items) => items.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The element of an index.
    pub fn get(&self, index: usize) -> Option<Value<'a>> {
        match self {
            Self::Built(items) => items.get(index).cloned(),
            Self::Constant(items) => items.get(index).map(Value::from),
            Self::Json(items) => items.get(index).map(Value::from),
            Self::Texts(items) => items.get(index).map(|text| Value::text(text)),
        }
    }

    /// The elements.
    pub fn iter(&self) -> impl Iterator<Item = Value<'a>> {
        (0..self.len()).map_while(|index| self.get(index))
    }
}

impl<'a> Map<'a> {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Built(entries) => entries.len(),
            Self::Json(members) => members.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The keys.
    pub fn keys(&self) -> Vec<Value<'a>> {
        match self {
            Self::Built(entries) => entries.iter().map(|(key, _)| key.clone()).collect(),
            Self::Json(members) => members.keys().map(|key| Value::text(key)).collect(),
        }
    }

    /// The value of a textual key.
    pub(super) fn member(&self, name: &str) -> Option<Value<'a>> {
        match self {
            Self::Built(entries) => entries.iter().find_map(|(key, value)| match key {
                Value::Text(key) if key == name => Some(value.clone()),
                _ => None,
            }),
            Self::Json(members) => members.get(name).map(Value::from),
        }
    }
}
