//! What an expression may speak of.

use tidegate_shared::condition::Variable;

use super::Type;

/// The names that are declared, with dots as in the text.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// Each name and what it means.
    pub bindings: Vec<(String, Binding)>,
}

/// What a name means.
#[derive(Clone, Debug)]
pub enum Binding {
    /// A fact of that type.
    Variable(Variable, Type),
    /// Fields that are asked for by a name that is written in the expression.
    Lookup(Lookup),
    /// The path: a text, and by index what its pattern captured under these names, from the left.
    Path(Vec<String>),
    /// Something that does not exist here.
    Absent {
        /// The kind of finding.
        code: &'static str,
        /// Why not.
        message: String,
        /// What would be right.
        help: String,
    },
}

/// Fields of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Header fields, whose names ignore case.
    Headers,
    /// Parameters of the query.
    Query,
}

impl Environment {
    pub(super) fn find(&self, name: &str) -> Option<&Binding> {
        let found = self.bindings.iter().find(|(own, _)| own == name);
        found.map(|(_, binding)| binding)
    }

    /// Whether names begin with this one and a dot.
    pub(super) fn is_namespace(&self, name: &str) -> bool {
        self.names().any(|own| {
            own.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with('.'))
        })
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.bindings.iter().map(|(name, _)| name.as_str())
    }
}
