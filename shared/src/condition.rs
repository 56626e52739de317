//! Conditions: expressions of CEL, checked and compiled, as the gateway evaluates them.
//!
//! The tree is flat: a list of nodes in which each refers to earlier ones. It therefore nests in
//! no encoding, and checking it is one pass. What may be asked of a request is a closed list;
//! regular expressions are automata already.

mod constant;
mod function;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

pub use constant::{Constant, Timestamp, TypeName};
pub use function::{Binary, Macro, TimePart, Unary};

/// Bounds that the compiler keeps, the decoder enforces and the evaluator counts on.
pub mod bounds {
    /// The text of a condition, in octets.
    pub const TEXT: usize = 4 * 1024;
    /// Nodes of a condition.
    pub const NODES: usize = 1024;
    /// The deepest nesting of nodes.
    pub const DEPTH: usize = 64;
    /// The deepest nesting of lists in a constant.
    pub const CONSTANT_DEPTH: usize = 3;
    /// Steps of an evaluation; each node, and each element that is looked at, is one.
    pub const STEPS: usize = 65_536;
}

/// A condition.
///
/// Invariant: every node but the last is the operand of exactly one later node; the last is the
/// result. Indices of headers and automata exist, and a local variable stands within as many
/// comprehensions as it counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize)]
#[serde(try_from = "Parts")]
pub struct Condition {
    text: String,
    headers: Vec<String>,
    automata: Vec<ByteBuf>,
    nodes: Vec<Node>,
}

/// The parts of a [`Condition`], not yet checked.
#[derive(Clone, Debug, Default, Deserialize_tuple)]
pub struct Parts {
    /// The text that it was compiled from, for records.
    pub text: String,
    /// The request headers that it asks for, in lower case.
    pub headers: Vec<String>,
    /// Sparse DFAs of `regex-automata`, little-endian, that search for a match anywhere.
    pub automata: Vec<ByteBuf>,
    /// The nodes, operands first.
    pub nodes: Vec<Node>,
}

/// The place of a node.
pub type NodeIndex = u32;

/// A node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Node {
    /// A value.
    Constant(Constant),
    /// A fact about the request.
    Variable(Variable),
    /// The value of the header of that index.
    Header(u32),
    /// Whether the request has that header.
    HasHeader(u32),
    /// The first value of a query parameter.
    Query(String),
    /// Whether the query has a parameter.
    HasQuery(String),
    /// What the path's pattern captured at that place, from the left: routes of one path may
    /// call it differently.
    Parameter(u32),
    /// The variable of a comprehension around the node, counted from the innermost.
    Local(u32),
    /// A list.
    List(Vec<NodeIndex>),
    /// A map, of keys and values.
    Map(Vec<(NodeIndex, NodeIndex)>),
    /// Whether a map has a key.
    Has(NodeIndex, String),
    /// Conjunction: false where one is, whatever error another is.
    And(Vec<NodeIndex>),
    /// Disjunction: true where one is, whatever error another is.
    Or(Vec<NodeIndex>),
    /// The second where the first is true, else the third.
    If(NodeIndex, NodeIndex, NodeIndex),
    /// A function of one value.
    Unary(Unary, NodeIndex),
    /// A function of two values.
    Binary(Binary, NodeIndex, NodeIndex),
    /// A part of a point in time, in a zone so many minutes east of UTC; or of a span of time.
    Part(TimePart, NodeIndex, i16),
    /// Whether the automaton of that index finds a match in a text.
    Matches(NodeIndex, u32),
    /// A comprehension: over the first, with the second for each element.
    Each(Macro, NodeIndex, NodeIndex),
}

/// A fact about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Variable {
    /// The method.
    Method,
    /// The path in normal form.
    Path,
    /// The host in normal form.
    Host,
    /// The token's subject, or the consumer.
    Subject,
    /// The policy's name of the token's issuer, or of the ring of API keys.
    Issuer,
    /// The token's scopes.
    Scopes,
    /// The token's claims.
    Claims,
    /// What the client certificate says.
    Certificate,
    /// The name of the plan that the caller is on.
    Plan,
    /// The client's address, as text.
    Address,
    /// When the request came.
    Now,
}

/// Why parts are no condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCondition {
    /// More of something than [`bounds`] allow.
    #[error("the condition has more {0} than {1}")]
    TooLarge(&'static str, usize),
    /// An index that is not that of an earlier node, a header or an automaton.
    #[error("node {0} of the condition refers to what is not there")]
    Reference(usize),
    /// A node that is the operand of none, or of several.
    #[error("node {0} of the condition is not the operand of exactly one other")]
    Shared(usize),
    /// A constant that nests too deep, or that is no point in time.
    #[error("node {0} of the condition is no constant")]
    Constant(usize),
    /// A local variable outside its comprehension.
    #[error("the condition has a local variable outside its comprehension")]
    Unbound,
    /// No node at all.
    #[error("the condition is empty")]
    Empty,
}

impl Condition {
    /// The text that the condition was compiled from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The request headers that it asks for, in lower case.
    pub fn headers(&self) -> &[String] {
        &self.headers
    }

    /// Automata, as [`Parts::automata`].
    pub fn automata(&self) -> &[ByteBuf] {
        &self.automata
    }

    /// The nodes, operands first. Never empty.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }
}

/// What the check knows of a node.
struct Seen {
    depth: usize,
    /// How many comprehensions must stand around it.
    open: usize,
    used: bool,
}

impl TryFrom<Parts> for Condition {
    type Error = InvalidCondition;

    fn try_from(parts: Parts) -> Result<Self, InvalidCondition> {
        let Parts {
            text,
            headers,
            automata,
            nodes,
        } = parts;
        if text.len() > bounds::TEXT {
            return Err(InvalidCondition::TooLarge("octets of text", bounds::TEXT));
        }
        if nodes.len() > bounds::NODES {
            return Err(InvalidCondition::TooLarge("nodes", bounds::NODES));
        }
        let mut seen: Vec<Seen> = Vec::with_capacity(nodes.len());
        for (node, index) in nodes.iter().zip(0..) {
            let known = match node {
                Node::Header(header) | Node::HasHeader(header) => within(*header, headers.len()),
                Node::Matches(_, automaton) => within(*automaton, automata.len()),
                Node::Constant(constant) => {
                    if !constant.is_sound(bounds::CONSTANT_DEPTH) {
                        return Err(InvalidCondition::Constant(index));
                    }
                    true
                }
                Node::Variable(_)
                | Node::Query(_)
                | Node::HasQuery(_)
                | Node::Parameter(_)
                | Node::Local(_)
                | Node::List(_)
                | Node::Map(_)
                | Node::Has(..)
                | Node::And(_)
                | Node::Or(_)
                | Node::If(..)
                | Node::Unary(..)
                | Node::Binary(..)
                | Node::Part(..)
                | Node::Each(..) => true,
            };
            if !known {
                return Err(InvalidCondition::Reference(index));
            }
            let own = look(node, index, &mut seen)?;
            seen.push(own);
        }
        let result = seen.pop().ok_or(InvalidCondition::Empty)?;
        if let Some(unused) = seen.iter().position(|node| !node.used) {
            return Err(InvalidCondition::Shared(unused));
        }
        if result.open > 0 {
            return Err(InvalidCondition::Unbound);
        }
        Ok(Self {
            text,
            headers,
            automata,
            nodes,
        })
    }
}

fn within(index: u32, length: usize) -> bool {
    usize::try_from(index).is_ok_and(|index| index < length)
}

/// Marks the operands of a node as used, and adds up what they need.
fn look(node: &Node, index: usize, seen: &mut [Seen]) -> Result<Seen, InvalidCondition> {
    let mut own = Seen {
        depth: 1,
        open: 0,
        used: false,
    };
    if let Node::Local(outer) = node {
        own.open = usize::try_from(*outer).map_or(usize::MAX, |outer| outer.saturating_add(1));
    }
    let body = if let Node::Each(_, _, body) = node {
        Some(*body)
    } else {
        None
    };
    for operand in node.operands() {
        let at = usize::try_from(operand).unwrap_or(usize::MAX);
        let earlier = seen.get_mut(at).ok_or(InvalidCondition::Reference(index))?;
        if std::mem::replace(&mut earlier.used, true) {
            return Err(InvalidCondition::Shared(at));
        }
        let bound = usize::from(body == Some(operand));
        own.open = own.open.max(earlier.open.saturating_sub(bound));
        own.depth = own.depth.max(earlier.depth.saturating_add(1));
    }
    if own.depth > bounds::DEPTH {
        return Err(InvalidCondition::TooLarge("levels", bounds::DEPTH));
    }
    Ok(own)
}

impl Node {
    /// The nodes that it works on.
    fn operands(&self) -> Vec<NodeIndex> {
        match self {
            Self::Constant(_)
            | Self::Variable(_)
            | Self::Header(_)
            | Self::HasHeader(_)
            | Self::Query(_)
            | Self::HasQuery(_)
            | Self::Parameter(_)
            | Self::Local(_) => Vec::new(),
            Self::List(items) | Self::And(items) | Self::Or(items) => items.clone(),
            Self::Map(entries) => entries
                .iter()
                .flat_map(|(key, value)| [*key, *value])
                .collect(),
            Self::Has(of, _) | Self::Matches(of, _) | Self::Unary(_, of) | Self::Part(_, of, _) => {
                vec![*of]
            }
            Self::Each(_, one, other) | Self::Binary(_, one, other) => vec![*one, *other],
            Self::If(condition, one, other) => vec![*condition, *one, *other],
        }
    }
}

#[cfg(test)]
mod tests;
