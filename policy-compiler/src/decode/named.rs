//! Named definitions.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::{Decode, wrong_type};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{Span, Spanned};
use crate::yaml::{Kind, Node};

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
