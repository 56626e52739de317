//! Named definitions.

use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

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

    /// Takes in the definitions of another file.
    pub(crate) fn extend(&mut self, other: Self) {
        self.entries.extend(other.entries);
        self.broken.extend(other.broken);
    }

    /// Leaves the first of each name; another is an error.
    pub(crate) fn keep_first(&mut self, what: &str, diagnostics: &mut Diagnostics) {
        let mut places: HashMap<String, Span> = HashMap::with_capacity(self.entries.len());
        self.entries
            .retain(|(name, _)| match places.entry(name.value.clone()) {
                Entry::Vacant(place) => {
                    place.insert(name.span);
                    true
                }
                Entry::Occupied(first) => {
                    let message = format!("the {what} `{}` is defined twice", name.value);
                    diagnostics.push(
                        Diagnostic::error("duplicate-definition", name.span, message)
                            .label("again here")
                            .related(*first.get(), "first here"),
                    );
                    false
                }
            });
    }
}

impl<T> IntoIterator for Named<T> {
    type Item = (Spanned<String>, T);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl<T: Decode> Decode for Named<T> {
    const REQUIRED: bool = false;

    fn decode(node: Node<'_>, diagnostics: &mut Diagnostics) -> Option<Self> {
        let Kind::Mapping(nodes) = node.kind else {
            return wrong_type(&node, "a mapping of names", diagnostics);
        };
        let mut named = Self {
            entries: Vec::with_capacity(nodes.len()),
            broken: Vec::new(),
        };
        for (name, node) in nodes {
            let name = Spanned {
                value: name.value.into_owned(),
                span: name.span,
            };
            match T::decode(node, diagnostics) {
                Some(definition) => named.entries.push((name, definition)),
                None => named.broken.push(name.value),
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
