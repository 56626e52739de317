//! The syntax tree, with macros expanded.

use std::ops::Range;

use tidegate_shared::condition::{Binary, Constant, Macro, Unary};

/// An expression.
#[derive(Clone, Debug)]
pub(super) struct Expression {
    pub(super) kind: Kind,
    /// Octets of the text.
    pub(super) span: Range<usize>,
    /// How deep expressions lie in each other here.
    pub(super) depth: usize,
}

/// A name and its place.
#[derive(Clone, Debug)]
pub(super) struct Name {
    pub(super) text: String,
    pub(super) span: Range<usize>,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Literal(Constant),
    Name(String),
    /// `operand.name`
    Member(Box<Expression>, Name),
    /// `has(operand.name)`
    Has(Box<Expression>, Name),
    /// `operand[index]`
    Index(Box<Expression>, Box<Expression>),
    Call(Call),
    List(Vec<Expression>),
    Map(Vec<(Expression, Expression)>),
    Unary(Unary, Box<Expression>),
    Binary(Binary, Box<Expression>, Box<Expression>),
    And(Vec<Expression>),
    Or(Vec<Expression>),
    If(Box<[Expression; 3]>),
    Each(Box<Each>),
}

/// `name(arguments)`, or `receiver.name(arguments)`.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) receiver: Option<Box<Expression>>,
    pub(super) name: Name,
    pub(super) arguments: Vec<Expression>,
}

/// A comprehension.
#[derive(Clone, Debug)]
pub(super) struct Each {
    pub(super) kind: Macro,
    pub(super) range: Expression,
    pub(super) variable: String,
    pub(super) body: Expression,
}

impl Expression {
    pub(super) fn new(kind: Kind, span: Range<usize>) -> Self {
        let depth = kind.deepest().saturating_add(1);
        Self { kind, span, depth }
    }

    /// The name that a chain of members spells: `a.b.c`.
    pub(super) fn dotted(&self) -> Option<String> {
        match &self.kind {
            Kind::Name(name) => Some(name.clone()),
            Kind::Member(operand, name) => Some(format!("{}.{}", operand.dotted()?, name.text)),
            Kind::Literal(_)
            | Kind::Has(..)
            | Kind::Index(..)
            | Kind::Call(_)
            | Kind::List(_)
            | Kind::Map(_)
            | Kind::Unary(..)
            | Kind::Binary(..)
            | Kind::And(_)
            | Kind::Or(_)
            | Kind::If(_)
            | Kind::Each(_) => None,
        }
    }

    /// The first name of such a chain.
    pub(super) fn root(&self) -> Option<&str> {
        match &self.kind {
            Kind::Name(name) => Some(name),
            Kind::Member(operand, _) => operand.root(),
            Kind::Literal(_)
            | Kind::Has(..)
            | Kind::Index(..)
            | Kind::Call(_)
            | Kind::List(_)
            | Kind::Map(_)
            | Kind::Unary(..)
            | Kind::Binary(..)
            | Kind::And(_)
            | Kind::Or(_)
            | Kind::If(_)
            | Kind::Each(_) => None,
        }
    }
}

impl Kind {
    fn deepest(&self) -> usize {
        let deepest = |many: &[Expression]| many.iter().map(|one| one.depth).max();
        let depth = match self {
            Self::Literal(_) | Self::Name(_) => None,
            Self::Member(one, _) | Self::Has(one, _) | Self::Unary(_, one) => Some(one.depth),
            Self::Index(one, other) | Self::Binary(_, one, other) => {
                Some(one.depth.max(other.depth))
            }
            Self::Call(call) => {
                let receiver = call.receiver.as_ref().map(|receiver| receiver.depth);
                receiver.max(deepest(&call.arguments))
            }
            Self::List(many) | Self::And(many) | Self::Or(many) => deepest(many),
            Self::Map(entries) => entries
                .iter()
                .map(|(key, value)| key.depth.max(value.depth))
                .max(),
            Self::If(three) => deepest(&**three),
            Self::Each(each) => Some(each.range.depth.max(each.body.depth)),
        };
        depth.unwrap_or(0)
    }
}
