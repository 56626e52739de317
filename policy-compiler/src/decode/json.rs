//! Values of which the language asks nothing.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::Decode;
use crate::diagnostic::Diagnostics;
use crate::yaml::{Kind, Node};

/// Any JSON value, as a policy's reply has it.
#[derive(Clone, Debug)]
pub(crate) struct Json(pub(crate) serde_json::Value);

impl Decode for Json {
    fn decode(node: Node<'_>, _: &mut Diagnostics) -> Option<Self> {
        Some(Self(json(node)))
    }
}

fn json(node: Node<'_>) -> serde_json::Value {
    match node.kind {
        Kind::Null => serde_json::Value::Null,
        Kind::Bool(value) => value.into(),
        Kind::Integer(number) => number.into(),
        Kind::Number(number) => number.into(),
        Kind::Text(text) => text.into_owned().into(),
        Kind::Sequence(items) => items.into_iter().map(json).collect(),
        Kind::Mapping(entries) => entries
            .into_iter()
            .map(|(key, node)| (key.value.into_owned(), json(node)))
            .collect(),
    }
}

impl JsonSchema for Json {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("json")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        Schema::default()
    }
}
