//! From YAML to the language's types: each record is stated once, with [`record!`], which gives
//! the type, its decoder and its JSON schema.
//!
//! Decoding accumulates: a value that fails is reported and left out, the rest goes on.

pub(crate) mod schema;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{Span, Spanned};
use crate::yaml::{Kind, Node};

/// A type of the language.
pub(crate) trait Decode: Sized {
    /// Whether a record must have a field of this type.
    const REQUIRED: bool = true;

    /// Reads a value; `None` where it cannot be, which is reported.
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self>;

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
    node: &Node,
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

    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        T::decode(node, diagnostics).map(Some)
    }

    fn absent(_: &str, _: Span, _: &mut Diagnostics) -> Option<Self> {
        Some(None)
    }
}

impl<T: Decode> Decode for Vec<T> {
    const REQUIRED: bool = false;

    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        let Kind::Sequence(items) = &node.kind else {
            return wrong_type(node, "a list", diagnostics);
        };
        Some(
            items
                .iter()
                .filter_map(|item| T::decode(item, diagnostics))
                .collect(),
        )
    }

    fn absent(_: &str, _: Span, _: &mut Diagnostics) -> Option<Self> {
        Some(Self::new())
    }
}

/// Named definitions in the order of the file.
#[derive(Clone, Debug)]
pub(crate) struct Named<T> {
    pub(crate) entries: Vec<(Spanned<String>, T)>,
    /// Names whose definitions could not be read: a reference to one is not a second error.
    broken: Vec<String>,
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            broken: Vec::new(),
        }
    }
}

impl<T> Named<T> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &(Spanned<String>, T)> {
        self.entries.iter()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(name, _)| name.as_str())
    }

    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.names().position(|other| other == name)
    }

    pub(crate) fn is_broken(&self, name: &str) -> bool {
        self.broken.iter().any(|other| other == name)
    }

    /// Takes in the definitions of another file; a name that is there already is an error.
    pub(crate) fn merge(&mut self, other: Self, what: &str, diagnostics: &mut Diagnostics) {
        self.broken.extend(other.broken);
        for (name, definition) in other.entries {
            match self.entries.iter().find(|(own, _)| own.value == name.value) {
                None => self.entries.push((name, definition)),
                Some((first, _)) => diagnostics.push(
                    Diagnostic::error(
                        "duplicate-definition",
                        name.span,
                        format!("the {what} `{}` is defined twice", name.value),
                    )
                    .label("again here")
                    .related(first.span, "first here"),
                ),
            }
        }
    }
}

impl<T: Decode> Decode for Named<T> {
    const REQUIRED: bool = false;

    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        let Kind::Mapping(nodes) = &node.kind else {
            return wrong_type(node, "a mapping of names", diagnostics);
        };
        let mut named = Self::default();
        for (name, node) in nodes {
            match T::decode(node, diagnostics) {
                Some(definition) => named.entries.push((name.clone(), definition)),
                None => named.broken.push(name.value.clone()),
            }
        }
        Some(named)
    }

    fn absent(_: &str, _: Span, _: &mut Diagnostics) -> Option<Self> {
        Some(Self::default())
    }
}

impl<T: JsonSchema> JsonSchema for Named<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        BTreeMap::<String, T>::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        BTreeMap::<String, T>::json_schema(generator)
    }
}

impl Decode for String {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        let Kind::Text(text) = &node.kind else {
            return wrong_type(node, "text", diagnostics);
        };
        Some(text.clone())
    }
}

impl Decode for bool {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        let Kind::Bool(value) = node.kind else {
            return wrong_type(node, "`true` or `false`", diagnostics);
        };
        Some(value)
    }
}

impl Decode for u64 {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        let Kind::Integer(value) = node.kind else {
            return wrong_type(node, "a whole number", diagnostics);
        };
        Some(value)
    }
}

impl<T: Decode> Decode for Spanned<T> {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
        Some(Self {
            value: T::decode(node, diagnostics)?,
            span: node.span,
        })
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
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
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

/// One value, or a list of them.
#[derive(Clone, Debug)]
pub(crate) struct OneOrMany<T>(pub(crate) Vec<T>);

impl<T: Decode> Decode for OneOrMany<T> {
    fn decode(node: &Node, diagnostics: &mut Diagnostics) -> Option<Self> {
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

/// Any JSON value, as a policy's reply has it.
#[derive(Clone, Debug)]
pub(crate) struct Json(pub(crate) serde_json::Value);

impl Decode for Json {
    fn decode(node: &Node, _: &mut Diagnostics) -> Option<Self> {
        Some(Self(json(node)))
    }
}

fn json(node: &Node) -> serde_json::Value {
    match &node.kind {
        Kind::Null => serde_json::Value::Null,
        Kind::Bool(value) => (*value).into(),
        Kind::Integer(number) => (*number).into(),
        Kind::Number(number) => number.clone().into(),
        Kind::Text(text) => text.clone().into(),
        Kind::Sequence(items) => items.iter().map(json).collect(),
        Kind::Mapping(entries) => entries
            .iter()
            .map(|(key, node)| (key.value.clone(), json(node)))
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

/// Reports a field that a record does not have.
pub(crate) fn unknown_field(key: &Spanned<String>, fields: &[&str], diagnostics: &mut Diagnostics) {
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
                node: &$crate::yaml::Node,
                diagnostics: &mut $crate::diagnostic::Diagnostics,
            ) -> Option<Self> {
                let $crate::yaml::Kind::Mapping(entries) = &node.kind else {
                    return $crate::decode::wrong_type(node, "a mapping", diagnostics);
                };
                $(let mut $field: Option<Option<$type>> = None;)+
                for (key, value) in entries {
                    match key.value.as_str() {
                        $(field if field == $crate::decode::record!(@key $field $($key)?) => {
                            $field = Some($crate::decode::Decode::decode(value, diagnostics));
                        })+
                        _ => $crate::decode::unknown_field(key, Self::FIELDS, diagnostics),
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
