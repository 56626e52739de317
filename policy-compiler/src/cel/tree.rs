//! The checked tree, before it is laid flat.

use serde_bytes::ByteBuf;
use tidegate_shared::condition::{
    Binary, Condition, Constant, InvalidCondition, Macro, Node, NodeIndex, Parts, TimePart, Unary,
    Variable,
};

/// A node with its operands. The meaning of each is that of [`Node`].
#[derive(Clone, Debug)]
pub(super) enum Tree {
    Constant(Constant),
    Variable(Variable),
    Header(String),
    HasHeader(String),
    Query(String),
    HasQuery(String),
    Parameter(u32),
    Local(u32),
    List(Vec<Self>),
    Map(Vec<(Self, Self)>),
    Has(Box<Self>, String),
    And(Vec<Self>),
    Or(Vec<Self>),
    If(Box<[Self; 3]>),
    Unary(Unary, Box<Self>),
    Binary(Binary, Box<[Self; 2]>),
    Part(TimePart, Box<Self>, i16),
    /// With the octets of the automaton.
    Matches(Box<Self>, Vec<u8>),
    Each(Macro, Box<[Self; 2]>),
}

impl Tree {
    /// Whether its value depends on itself alone.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed_within(0)
    }

    /// The same, within so many comprehensions of its own.
    fn is_closed_within(&self, own: u32) -> bool {
        match self {
            Self::Constant(_) => true,
            Self::Variable(_)
            | Self::Header(_)
            | Self::HasHeader(_)
            | Self::Query(_)
            | Self::HasQuery(_)
            | Self::Parameter(_) => false,
            Self::Local(outer) => *outer < own,
            Self::List(many) | Self::And(many) | Self::Or(many) => {
                many.iter().all(|one| one.is_closed_within(own))
            }
            Self::Map(entries) => entries
                .iter()
                .all(|(key, value)| key.is_closed_within(own) && value.is_closed_within(own)),
            Self::Has(of, _) | Self::Unary(_, of) | Self::Part(_, of, _) | Self::Matches(of, _) => {
                of.is_closed_within(own)
            }
            Self::If(three) => three.iter().all(|one| one.is_closed_within(own)),
            Self::Binary(_, two) => two.iter().all(|one| one.is_closed_within(own)),
            Self::Each(_, parts) => {
                let [range, body] = &**parts;
                range.is_closed_within(own) && body.is_closed_within(own.saturating_add(1))
            }
        }
    }

    /// The condition of a tree.
    pub(super) fn flatten(self, text: &str) -> Result<Condition, InvalidCondition> {
        let mut parts = Parts {
            text: text.to_owned(),
            ..Parts::default()
        };
        lay(self, &mut parts);
        parts.try_into()
    }
}

/// Lays a tree at the end of the nodes; gives its place.
fn lay(tree: Tree, parts: &mut Parts) -> NodeIndex {
    let node = match tree {
        Tree::Constant(constant) => Node::Constant(constant),
        Tree::Variable(variable) => Node::Variable(variable),
        Tree::Header(name) => Node::Header(place(name, &mut parts.headers)),
        Tree::HasHeader(name) => Node::HasHeader(place(name, &mut parts.headers)),
        Tree::Query(name) => Node::Query(name),
        Tree::HasQuery(name) => Node::HasQuery(name),
        Tree::Parameter(place) => Node::Parameter(place),
        Tree::Local(outer) => Node::Local(outer),
        Tree::List(items) => Node::List(lay_all(items, parts)),
        Tree::Map(entries) => {
            let entries = entries.into_iter();
            Node::Map(
                entries
                    .map(|(key, value)| (lay(key, parts), lay(value, parts)))
                    .collect(),
            )
        }
        Tree::Has(of, name) => Node::Has(lay(*of, parts), name),
        Tree::And(operands) => Node::And(lay_all(operands, parts)),
        Tree::Or(operands) => Node::Or(lay_all(operands, parts)),
        Tree::If(three) => {
            let [condition, one, other] = three.map(|tree| lay(tree, parts));
            Node::If(condition, one, other)
        }
        Tree::Unary(function, of) => Node::Unary(function, lay(*of, parts)),
        Tree::Binary(function, two) => {
            let [one, other] = two.map(|tree| lay(tree, parts));
            Node::Binary(function, one, other)
        }
        Tree::Part(part, of, zone) => Node::Part(part, lay(*of, parts), zone),
        Tree::Matches(of, automaton) => {
            let of = lay(*of, parts);
            Node::Matches(of, place(ByteBuf::from(automaton), &mut parts.automata))
        }
        Tree::Each(kind, two) => {
            let [range, body] = two.map(|tree| lay(tree, parts));
            Node::Each(kind, range, body)
        }
    };
    let index = parts.nodes.len();
    parts.nodes.push(node);
    NodeIndex::try_from(index).unwrap_or(NodeIndex::MAX)
}

fn lay_all(trees: Vec<Tree>, parts: &mut Parts) -> Vec<NodeIndex> {
    trees.into_iter().map(|tree| lay(tree, parts)).collect()
}

/// The place of an entry, which is added unless it is there.
fn place<T: PartialEq>(entry: T, table: &mut Vec<T>) -> u32 {
    let index = table.iter().position(|own| *own == entry);
    let index = index.unwrap_or_else(|| {
        table.push(entry);
        table.len() - 1
    });
    u32::try_from(index).unwrap_or(u32::MAX)
}
