//! What an evaluation may cost.

use tidegate_shared::condition::{Binary, Constant};

use super::tree::Tree;

/// The elements that a list is taken to have where nothing is known of it.
const UNKNOWN: usize = 64;

/// The most steps that an evaluation takes, lists of unknown length taken as having 64 elements.
pub(super) fn steps(tree: &Tree) -> usize {
    let below = match tree {
        Tree::Constant(_)
        | Tree::Variable(_)
        | Tree::Header(_)
        | Tree::HasHeader(_)
        | Tree::Query(_)
        | Tree::HasQuery(_)
        | Tree::Parameter(_)
        | Tree::Local(_) => 0,
        Tree::List(many) | Tree::And(many) | Tree::Or(many) => sum(many),
        Tree::Map(entries) => {
            let steps = entries.iter().map(|(key, value)| {
                let looked_at = entries.len();
                steps(key)
                    .saturating_add(steps(value))
                    .saturating_add(looked_at)
            });
            steps.fold(0, usize::saturating_add)
        }
        Tree::Has(of, _) | Tree::Unary(_, of) | Tree::Part(_, of, _) | Tree::Matches(of, _) => {
            steps(of)
        }
        Tree::If(three) => sum(&**three),
        Tree::Binary(function, two) => {
            let [_, other] = &**two;
            let looked_at = match function {
                Binary::In => length(other),
                _ => 0,
            };
            sum(&**two).saturating_add(looked_at)
        }
        Tree::Each(_, parts) => {
            let [range, body] = &**parts;
            let each = steps(body).saturating_add(1);
            steps(range).saturating_add(length(range).saturating_mul(each))
        }
    };
    below.saturating_add(1)
}

fn sum(trees: &[Tree]) -> usize {
    trees.iter().map(steps).fold(0, usize::saturating_add)
}

/// How many elements a value may have.
fn length(tree: &Tree) -> usize {
    match tree {
        Tree::Constant(Constant::List(items)) => items.len(),
        Tree::Constant(_) => 1,
        Tree::List(items) => items.len(),
        Tree::Map(entries) => entries.len(),
        Tree::Each(_, parts) => {
            let [range, _] = &**parts;
            length(range)
        }
        Tree::Header(_)
        | Tree::HasHeader(_)
        | Tree::Query(_)
        | Tree::HasQuery(_)
        | Tree::Parameter(_)
        | Tree::Has(..)
        | Tree::And(_)
        | Tree::Or(_)
        | Tree::Unary(..)
        | Tree::Part(..)
        | Tree::Matches(..) => 1,
        Tree::Binary(Binary::Add, two) => {
            let [one, other] = &**two;
            length(one).saturating_add(length(other))
        }
        Tree::Variable(_) | Tree::Local(_) | Tree::If(_) | Tree::Binary(..) => UNKNOWN,
    }
}
