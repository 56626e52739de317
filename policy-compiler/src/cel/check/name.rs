//! Names: local variables, facts about the request, types.

use http::HeaderName;
use tidegate_shared::condition::{Binary, Constant, TypeName, Variable};

use super::Checker;
use crate::cel::environment::{Binding, Lookup};
use crate::cel::expression::{Expression, Name};
use crate::cel::fold::fold;
use crate::cel::tree::Tree;
use crate::cel::{Finding, Type};
use crate::diagnostic::suggestion;

impl Checker<'_> {
    pub(super) fn name(&mut self, expression: &Expression) -> (Tree, Type) {
        let name = expression.dotted().unwrap_or_default();
        let locals = self.locals.iter().rev();
        if let Some(((_, of), outer)) = locals.zip(0..).find(|((own, _), _)| *own == name) {
            return (Tree::Local(outer), of.clone());
        }
        if let Some(binding) = self.environment.find(&name) {
            let binding = binding.clone();
            return self.bound(&name, binding, expression);
        }
        if let Some(of) = TypeName::ALL.into_iter().find(|of| of.name() == name) {
            return (Tree::Constant(Constant::Type(of)), Type::Type);
        }
        let (message, help) = if self.environment.is_namespace(&name) {
            let fields = self.environment.names();
            let fields: Vec<&str> = fields.filter(|own| own.starts_with(&name)).collect();
            let help = format!("ask for one of `{}`", fields.join("`, `"));
            (format!("`{name}` is no value itself"), Some(help))
        } else {
            let locals = self.locals.iter().map(|(name, _)| name.as_str());
            let help = suggestion(&name, locals.chain(self.environment.names()));
            (format!("there is no `{name}`"), help)
        };
        let finding = Finding::new(expression.span.clone(), message);
        self.note(Finding { help, ..finding })
    }

    /// A name of the environment as a value.
    fn bound(&mut self, name: &str, binding: Binding, expression: &Expression) -> (Tree, Type) {
        let span = expression.span.clone();
        match binding {
            Binding::Variable(variable, of) => (Tree::Variable(variable), of),
            Binding::Path(_) => (Tree::Variable(Variable::Path), Type::String),
            Binding::Lookup(_) => {
                let message = format!("`{name}` is asked for one field at a time");
                let help = format!("write `{name}[\"name\"]`, or `\"name\" in {name}`");
                self.note(Finding::new(span, message).help(help))
            }
            Binding::Absent {
                code,
                message,
                help,
            } => {
                let finding = Finding::new(span, message).help(help);
                self.note(Finding { code, ..finding })
            }
        }
    }

    /// What the environment has under a chain of members that begins with no local variable.
    fn binding(&self, expression: &Expression) -> Option<Binding> {
        let root = expression.root()?;
        if self.locals.iter().any(|(name, _)| name == root) {
            return None;
        }
        self.environment.find(&expression.dotted()?).cloned()
    }

    pub(super) fn member(
        &mut self,
        whole: &Expression,
        operand: &Expression,
        name: &Name,
    ) -> (Tree, Type) {
        if let Some(binding) = self.binding(whole) {
            return self.bound(&whole.dotted().unwrap_or_default(), binding, whole);
        }
        if let Some(Binding::Lookup(lookup)) = self.binding(operand) {
            return self.field(lookup, name.text.clone(), name);
        }
        if let Some(spelt) = operand.dotted()
            && self
                .locals
                .iter()
                .all(|(own, _)| Some(own.as_str()) != operand.root())
        {
            let full = format!("{spelt}.{}", name.text);
            if let Some(of) = TypeName::ALL.into_iter().find(|of| of.name() == full) {
                return (Tree::Constant(Constant::Type(of)), Type::Type);
            }
            if self.environment.find(&spelt).is_none() && self.environment.is_namespace(&spelt) {
                let names = self.environment.names();
                let help = suggestion(&full, names.filter(|own| own.starts_with(&spelt)));
                let finding = Finding::new(whole.span.clone(), format!("there is no `{full}`"));
                return self.note(Finding { help, ..finding });
            }
        }
        let is_path = matches!(self.binding(operand), Some(Binding::Path(_)));
        let (tree, of) = self.check(operand);
        let value = match of {
            Type::Map(key, value) if key.meets(&Type::String) => *value,
            Type::Dyn => Type::Dyn,
            other => {
                let message = format!("{other} has no field `{}`", name.text);
                let finding = Finding::new(name.span.clone(), message);
                return self.note(if is_path {
                    finding.help(format!("write `request.path[\"{}\"]`", name.text))
                } else {
                    finding
                });
            }
        };
        let key = Tree::Constant(Constant::Text(name.text.clone()));
        (Tree::Binary(Binary::Index, Box::new([tree, key])), value)
    }

    /// The field of a request by its name.
    fn field(&mut self, lookup: Lookup, field: String, place: &Name) -> (Tree, Type) {
        match lookup {
            Lookup::Query => (Tree::Query(field), Type::String),
            Lookup::Headers => match self.header(&field, place) {
                Some(name) => (Tree::Header(name), Type::String),
                None => (Tree::Constant(Constant::Null), Type::Dyn),
            },
        }
    }

    /// Whether a request has a field.
    fn has_field(&mut self, lookup: Lookup, field: String, place: &Name) -> (Tree, Type) {
        let tree = match lookup {
            Lookup::Query => Tree::HasQuery(field),
            Lookup::Headers => match self.header(&field, place) {
                Some(name) => Tree::HasHeader(name),
                None => Tree::Constant(Constant::Bool(false)),
            },
        };
        (tree, Type::Bool)
    }

    /// The name of a header in lower case.
    fn header(&mut self, name: &str, place: &Name) -> Option<String> {
        match name.parse::<HeaderName>() {
            Ok(name) => Some(name.as_str().to_owned()),
            Err(_) => {
                let message = format!("`{name}` is no header name");
                self.fail(place.span.clone(), message);
                None
            }
        }
    }

    pub(super) fn has(&mut self, operand: &Expression, name: &Name) -> (Tree, Type) {
        if let Some(Binding::Lookup(lookup)) = self.binding(operand) {
            return self.has_field(lookup, name.text.clone(), name);
        }
        let (tree, of) = self.check(operand);
        match of {
            Type::Map(key, _) if key.meets(&Type::String) => {}
            Type::Dyn => {}
            other => {
                let message = format!("{other} has no field `{}`", name.text);
                self.fail(name.span.clone(), message);
            }
        }
        (Tree::Has(Box::new(tree), name.text.clone()), Type::Bool)
    }

    pub(super) fn index(&mut self, operand: &Expression, index: &Expression) -> (Tree, Type) {
        match self.binding(operand) {
            Some(Binding::Lookup(lookup)) => {
                let Some(name) = self.written(index) else {
                    return (Tree::Constant(Constant::Null), Type::Dyn);
                };
                return self.field(lookup, name.text.clone(), &name);
            }
            Some(Binding::Path(parameters)) => return self.parameter(&parameters, index),
            Some(Binding::Variable(..) | Binding::Absent { .. }) | None => {}
        }
        let (tree, of) = self.check(operand);
        let (key, key_type) = self.check(index);
        let value = match of {
            Type::List(element) if key_type.meets(&Type::Int) => *element,
            Type::Map(own, value) if own.meets(&key_type) || both_numbers(&own, &key_type) => {
                *value
            }
            Type::Dyn => Type::Dyn,
            other => {
                let message = format!("{other} has no element of index {key_type}");
                return self.fail(index.span.clone(), message);
            }
        };
        (Tree::Binary(Binary::Index, Box::new([tree, key])), value)
    }

    /// What the path's pattern captured.
    fn parameter(&mut self, parameters: &[String], index: &Expression) -> (Tree, Type) {
        let Some(name) = self.written(index) else {
            return (Tree::Constant(Constant::Null), Type::Dyn);
        };
        let place = parameters.iter().position(|own| *own == name.text);
        let Some(place) = place.and_then(|place| u32::try_from(place).ok()) else {
            let finding = Finding {
                code: "unknown-parameter",
                help: suggestion(&name.text, parameters.iter().map(String::as_str)),
                ..Finding::new(name.span, format!("the path has no `{{{}}}`", name.text))
            };
            return self.note(finding);
        };
        (Tree::Parameter(place), Type::String)
    }

    /// The text that an expression is, whatever the request.
    fn written(&mut self, expression: &Expression) -> Option<Name> {
        let (tree, _) = self.check(expression);
        let span = expression.span.clone();
        match fold(tree) {
            Tree::Constant(Constant::Text(text)) => Some(Name { text, span }),
            _ => {
                let finding = Finding::new(span, "a name that is written here is expected");
                self.note(finding.help("write a text between quotes"));
                None
            }
        }
    }

    pub(super) fn within(
        &mut self,
        one: &Expression,
        other: &Expression,
        span: &std::ops::Range<usize>,
    ) -> (Tree, Type) {
        if let Some(Binding::Lookup(lookup)) = self.binding(other) {
            return match self.written(one) {
                Some(name) => self.has_field(lookup, name.text.clone(), &name),
                None => (Tree::Constant(Constant::Bool(false)), Type::Bool),
            };
        }
        let (one, type_one) = self.check(one);
        let (other, type_other) = self.check(other);
        let fits = match &type_other {
            Type::List(element) => element.meets(&type_one),
            Type::Map(key, _) => key.meets(&type_one) || both_numbers(key, &type_one),
            Type::Dyn => true,
            _ => {
                let message = format!("`in` looks into a list or a map, not into {type_other}");
                return self.fail(span.clone(), message);
            }
        };
        if !fits {
            let message = format!("{type_one} is never in {type_other}");
            self.fail(span.clone(), message);
        }
        (Tree::Binary(Binary::In, Box::new([one, other])), Type::Bool)
    }
}

fn both_numbers(one: &Type, other: &Type) -> bool {
    one.is_number() && other.is_number()
}
