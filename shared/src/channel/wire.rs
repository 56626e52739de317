//! A statement as an array: what is not in it is not written, so that readers of before read every
//! statement that says nothing new to them.

use std::fmt;

use serde::de::{Error as _, IgnoredAny, SeqAccess, Visitor};
use serde::ser::SerializeTuple as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Statement;

/// Members without the bundle in shadow.
const MEMBERS: usize = 8;

impl Serialize for Statement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self {
            format,
            channel,
            sequence,
            issued,
            expires,
            bundle,
            rollout,
            previous,
            shadow,
        } = self;
        let mut array = serializer.serialize_tuple(MEMBERS + usize::from(shadow.is_some()))?;
        array.serialize_element(format)?;
        array.serialize_element(channel)?;
        array.serialize_element(sequence)?;
        array.serialize_element(issued)?;
        array.serialize_element(expires)?;
        array.serialize_element(bundle)?;
        array.serialize_element(rollout)?;
        array.serialize_element(previous)?;
        if let Some(shadow) = shadow {
            array.serialize_element(shadow)?;
        }
        array.end()
    }
}

impl<'de> Deserialize<'de> for Statement {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Statement;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the members of a statement")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Statement, A::Error> {
        fn next<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(array: &mut A) -> Result<T, A::Error> {
            let member = array.next_element()?;
            member.ok_or_else(|| A::Error::invalid_length(0, &Members))
        }
        let statement = Statement {
            format: next(&mut array)?,
            channel: next(&mut array)?,
            sequence: next(&mut array)?,
            issued: next(&mut array)?,
            expires: next(&mut array)?,
            bundle: next(&mut array)?,
            rollout: next(&mut array)?,
            previous: next(&mut array)?,
            shadow: array.next_element()?,
        };
        match array.next_element::<IgnoredAny>()? {
            None => Ok(statement),
            Some(_) => Err(A::Error::invalid_length(MEMBERS + 2, &self)),
        }
    }
}
