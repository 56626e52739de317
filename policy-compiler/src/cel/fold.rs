//! What is known before any request comes: constant parts are evaluated, by the evaluator that
//! the gateway has.

use std::borrow::Cow;

use http::HeaderName;
use tidegate_edge::condition::{Facts, Program, Value};
use tidegate_shared::condition::{Constant, Variable, bounds};

use super::tree::Tree;

/// Folds a tree. A part whose evaluation fails is left as it is: it fails where it is asked for,
/// or another decides.
pub(super) fn fold(tree: Tree) -> Tree {
    let tree = match tree {
        Tree::List(items) => Tree::List(fold_all(items)),
        Tree::Map(entries) => {
            let entries = entries.into_iter();
            Tree::Map(
                entries
                    .map(|(key, value)| (fold(key), fold(value)))
                    .collect(),
            )
        }
        Tree::Has(of, name) => Tree::Has(Box::new(fold(*of)), name),
        Tree::And(operands) => return connect(operands, false),
        Tree::Or(operands) => return connect(operands, true),
        Tree::If(three) => {
            let [condition, one, other] = three.map(fold);
            match condition {
                Tree::Constant(Constant::Bool(true)) => return one,
                Tree::Constant(Constant::Bool(false)) => return other,
                _ => Tree::If(Box::new([condition, one, other])),
            }
        }
        Tree::Unary(function, of) => Tree::Unary(function, Box::new(fold(*of))),
        Tree::Binary(function, two) => Tree::Binary(function, Box::new(two.map(fold))),
        Tree::Part(part, of, zone) => Tree::Part(part, Box::new(fold(*of)), zone),
        Tree::Matches(of, automaton) => Tree::Matches(Box::new(fold(*of)), automaton),
        Tree::Each(kind, two) => Tree::Each(kind, Box::new(two.map(fold))),
        Tree::Constant(_)
        | Tree::Variable(_)
        | Tree::Header(_)
        | Tree::HasHeader(_)
        | Tree::Query(_)
        | Tree::HasQuery(_)
        | Tree::Parameter(_)
        | Tree::Local(_) => return tree,
    };
    evaluate(&tree).map_or(tree, Tree::Constant)
}

fn fold_all(trees: Vec<Tree>) -> Vec<Tree> {
    trees.into_iter().map(fold).collect()
}

/// A conjunction, which `false` decides, or a disjunction, which `true` decides.
fn connect(operands: Vec<Tree>, decisive: bool) -> Tree {
    let mut left = fold_all(operands);
    let is =
        |tree: &Tree, value| matches!(tree, Tree::Constant(Constant::Bool(own)) if *own == value);
    if left.iter().any(|tree| is(tree, decisive)) {
        return Tree::Constant(Constant::Bool(decisive));
    }
    left.retain(|tree| !is(tree, !decisive));
    if left.is_empty() {
        return Tree::Constant(Constant::Bool(!decisive));
    }
    if decisive {
        Tree::Or(left)
    } else {
        Tree::And(left)
    }
}

/// The value of a closed tree, where a bundle may hold it.
fn evaluate(tree: &Tree) -> Option<Constant> {
    if !tree.is_closed() {
        return None;
    }
    let condition = tree.clone().flatten("").ok()?;
    let program = Program::prepare(&condition).ok()?;
    let constant = program.evaluate(&Nothing).ok()?.to_constant()?;
    let fits = constant.depth() <= bounds::CONSTANT_DEPTH && size(&constant) <= bounds::TEXT;
    fits.then_some(constant)
}

/// About how many octets a constant takes.
fn size(constant: &Constant) -> usize {
    match constant {
        Constant::Text(text) => text.len(),
        Constant::Octets(octets) => octets.len(),
        Constant::List(items) => items.iter().map(|item| 1 + size(item)).sum(),
        Constant::Null
        | Constant::Bool(_)
        | Constant::Int(_)
        | Constant::Uint(_)
        | Constant::Double(_)
        | Constant::Timestamp(_)
        | Constant::Duration(_)
        | Constant::Type(_) => 1,
    }
}

/// No request.
struct Nothing;

impl Facts for Nothing {
    fn variable(&self, _: Variable) -> Option<Value<'_>> {
        None
    }

    fn header(&self, _: &HeaderName) -> Option<Cow<'_, str>> {
        None
    }

    fn query(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }

    fn parameter(&self, _: u32) -> Option<Cow<'_, str>> {
        None
    }
}
