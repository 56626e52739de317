//! From YAML to the language's types: each record is stated once, with [`record!`], which gives
//! the type, its decoder and its JSON schema.
//!
//! Decoding accumulates: a value that fails is reported and left out, the rest goes on.

mod json;
mod named;
mod parsed;
pub(crate) mod schema;

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{Span, Spanned};
use crate::yaml::{Kind, Node};
pub(crate) use json::Json;
pub(crate) use named::Named;
pub(crate) use parsed::Parsed;

/// A type of the language.
pub(crate) trait Decode: Sized {
    /// Whether a record must have a field of this type.
    const REQUIRED: bool = true;

    /// Reads a value; `None` where it cannot be, which is reported.
    fn decode(node: Node<'_>, diagnostics: &mut Diagnostics) -> Option<Self>;

    /// What an absent field means: an error, unless the type says otherwise.
    fn absent(name: &str, record: Span, diagnostics: &mut Diagnostics) -> Option<Self> {
        let message = format!("the field `{name}` is missing");
        diagnostics.push(
            Diagnostic::error("missing-field", record, message).help(format!("add `{name}: …`")),
        );
        None
    }
}

/// Reports a value of the wrong type.
pub(crate) fn wrong_type<T>(
    node: &Node<'_>,
    expected: &str,
    diagnostics: &mut Diagnostics,
) -> Option<T> {
    let message = format!("expected {expected}, found {}", node.describe());
    let diagnostic = Diagnostic::error("wrong-type", node.span, message);
    let is_scalar = matches!(
        node.kind,
        Kind::Bool(_) | Kind::Integer(_) | Kind::Number(_)
    );
    let help = if is_scalar && expected == "text" {
        Some("put it in quotes".to_owned())
    } else if let (Kind::Text(text), "a list") = (&node.kind, expected) {
        Some(format!("write `[{text}]`"))
    } else {
        None
    };
    diagnostics.push(Diagnostic { help, ..diagnostic });
    None
}

impl<T: Decode> Decode for Option<T> {
    const REQUIRED: bool = false;

    fn decode(node: Node<'_>, diagnostics: &mut Diagnostics) -> Option<Self> {
        T::decode(node, diagnostics).map(Some)
    }

    fn absent(_: &str, _: Span, _: &mut Diagnostics) -> Option<Self> {
        Some(None)
    }
}

/// What few of many records have, so that the others are small.
impl<T: Decode> Decode for Box<T> {
    const REQUIRED: bool = T::REQUIRED;

    fn decode(node: Node<'_>, diagnostics: &mut Diagnostics) -> Option<Self> {
        T::decode(node, diagnostics).map(Self::new)
    }

    fn absent(name: &str, record: Span, diagnostics: &mut Diagnostics) -> Option<Self> {
        T::absent(name, record, diagnostics).map(Self::new)
    }
}

impl<T: Decode> Decode for Vec<T> {
    const REQUIRED: bool = false;

    fn decode(node: Node<'_>, diagnostics: &mut Diagnostics) -> Option<Self> {
        let Kind::Sequence(items) = node.kind else {
            return wrong_type(&node, "a list", diagnostics);
        };
        let mut decoded = Self::with_capacity(items.len());
        decoded.extend(
            items
                .into_iter()
                .filter_map(|item| T::decode(item, diagnostics)),
        );
        Some(decoded)
    }

    fn absent(_: &str, _: Span, _: &mut Diagnostics) -> Option<Self> {
        Some(Self::new())
    }
}

impl Decode for String {
    fn decode(node: Node<'_>, diagnostics: &mut Diagnostics) -> Option<Self> {
        let Kind::Text(text) = node.kind else {
            return wrong_type(&node, "text", diagnostics);
        };
        Some(text.into_owned())
    }
}

impl Decode for bool {
    fn decode(node: Node<'_>, diagnostics: &mut Diagnostics) -> Option<Self> {
        let Kind::Bool(value) = node.kind else {
            return wrong_type(&node, "`true` or `false`", diagnostics);
        };
        Some(value)
    }
}

impl Decode for u64 {
    fn decode(node: Node<'_>, diagnostics: &mut Diagnostics) -> Option<Self> {
        let Kind::Integer(value) = node.kind else {
            return wrong_type(&node, "a whole number", diagnostics);
        };
        Some(value)
    }
}

impl<T: Decode> Decode for Spanned<T> {
    fn decode(node: Node<'_>, diagnostics: &mut Diagnostics) -> Option<Self> {
        let span = node.span;
        let value = T::decode(node, diagnostics)?;
        Some(Self { value, span })
    }
}

impl<T: JsonSchema> JsonSchema for Spanned<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// One value, or a list of them.
#[derive(Clone, Debug)]
pub(crate) struct OneOrMany<T>(pub(crate) Vec<T>);

impl<T: Decode> Decode for OneOrMany<T> {
    fn decode(node: Node<'_>, diagnostics: &mut Diagnostics) -> Option<Self> {
        if matches!(node.kind, Kind::Sequence(_)) {
            return Vec::decode(node, diagnostics).map(Self);
        }
        T::decode(node, diagnostics).map(|one| Self(vec![one]))
    }
}

impl<T: JsonSchema> JsonSchema for OneOrMany<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one }] })
    }
}

/// Reports a field that a record does not have.
pub(crate) fn unknown_field(
    key: &Spanned<Cow<'_, str>>,
    fields: &[&str],
    diagnostics: &mut Diagnostics,
) {
    let message = format!("there is no field `{}` here", key.value);
    let diagnostic = Diagnostic::error("unknown-field", key.span, message);
    diagnostics.push(diagnostic.suggest(&key.value, fields.iter().copied()));
}

/// States a record of the language: the type, its decoder, its schema.
macro_rules! record {
    ($(#[$attribute:meta])* struct $name:ident { $($(#[doc = $doc:literal])+ $field:ident $(as $key:literal)?: $type:ty,)+ }) => {
        $(#[$attribute])*
        #[derive(Clone, Debug, schemars::JsonSchema)]
        #[schemars(deny_unknown_fields, transform = Self::relax_schema)]
        pub(crate) struct $name {
            $($(#[doc = $doc])+ $(#[schemars(rename = $key)])? pub(crate) $field: $type,)+
        }

        impl $name {
            const FIELDS: &'static [&'static str] =
                &[$($crate::decode::record!(@key $field $($key)?),)+];

            /// Makes the schema ask for what the decoder asks for.
            fn relax_schema(schema: &mut schemars::Schema) {
                $(if !<$type as $crate::decode::Decode>::REQUIRED {
                    let name = $crate::decode::record!(@key $field $($key)?);
                    $crate::decode::schema::make_optional(schema, name);
                })+
            }
        }

        impl $crate::decode::Decode for $name {
            fn decode(
                node: $crate::yaml::Node<'_>,
                diagnostics: &mut $crate::diagnostic::Diagnostics,
            ) -> Option<Self> {
                let $crate::yaml::Kind::Mapping(entries) = node.kind else {
                    return $crate::decode::wrong_type(&node, "a mapping", diagnostics);
                };
                $(let mut $field: Option<Option<$type>> = None;)+
                for (key, value) in entries {
                    match &*key.value {
                        $(field if field == $crate::decode::record!(@key $field $($key)?) => {
                            $field = Some($crate::decode::Decode::decode(value, diagnostics));
                        })+
                        _ => $crate::decode::unknown_field(&key, Self::FIELDS, diagnostics),
                    }
                }
                // Every absent field is reported before the record is given up.
                $(let $field = $field.unwrap_or_else(|| {
                    let name = $crate::decode::record!(@key $field $($key)?);
                    <$type as $crate::decode::Decode>::absent(name, node.span, diagnostics)
                });)+
                Some(Self { $($field: $field?,)+ })
            }
        }
    };
    (@key $field:ident) => { stringify!($field) };
    (@key $field:ident $key:literal) => { $key };
}
pub(crate) use record;
