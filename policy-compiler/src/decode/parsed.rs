//! Values that are written as text.

use std::borrow::Cow;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::Decode;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Spanned;
use crate::yaml::{Kind, Node};

/// A value that is written as text: a rate, a host, a pattern.
#[derive(Clone, Debug)]
pub(crate) struct Parsed<T>(pub(crate) Spanned<T>);

impl<T> std::ops::Deref for Parsed<T> {
    type Target = Spanned<T>;

    fn deref(&self) -> &Spanned<T> {
        &self.0
    }
}

impl<T: FromStr<Err: std::fmt::Display>> Decode for Parsed<T> {
    fn decode(node: Node<'_>, diagnostics: &mut Diagnostics) -> Option<Self> {
        // A number here mostly lacks its unit, which quotes would not give it.
        if let Kind::Integer(number) = node.kind
            && let Err(error) = number.to_string().parse::<T>()
        {
            diagnostics.push(Diagnostic::error(
                "wrong-type",
                node.span,
                error.to_string(),
            ));
            return None;
        }
        let text = Spanned::<String>::decode(node, diagnostics)?;
        match text.parse() {
            Ok(value) => Some(Self(Spanned {
                value,
                span: text.span,
            })),
            Err(error) => {
                diagnostics.push(Diagnostic::error(
                    "invalid-value",
                    text.span,
                    format!("{error}"),
                ));
                None
            }
        }
    }
}

impl<T> JsonSchema for Parsed<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("text")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}
