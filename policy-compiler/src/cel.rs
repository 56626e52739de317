//! Conditions: the Common Expression Language (<https://github.com/google/cel-spec>), from text
//! to the tree that a bundle holds.
//!
//! ```text
//! text ─ token ─► tokens ─ parser ─► Expression ─ check ─► Tree ─ fold ─► Tree ─► Condition
//! ```
//!
//! The language is CEL without protocol buffers: its literals, operators, macros and standard
//! functions. Every expression is checked against the types that are declared; claims are `dyn`.
//! What an evaluation may cost is known before it is shipped.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "an operation is for the types that it lists, a place for the tokens: all else is one error"
)]

mod check;
mod cost;
mod environment;
mod expression;
mod fold;
mod function;
mod literal;
mod parser;
mod pattern;
mod token;
mod tree;
mod types;

use std::ops::Range;

use tidegate_shared::condition::{Condition, bounds};

pub use environment::{Binding, Environment, Lookup};
pub(crate) use pattern::{Search, automaton};
pub use types::Type;

use check::check;
use expression::Expression;
use tree::Tree;

/// What is wrong with an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// A stable name of the kind of finding.
    pub code: &'static str,
    /// Where: octets of the text.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

impl Finding {
    fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            code: "invalid-condition",
            span,
            message: message.into(),
            help: None,
        }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// A compiled expression.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The tree.
    pub condition: Condition,
    /// The type of its value.
    pub of: Type,
    /// Whether it asks nothing of a request, so that its value is always the same.
    pub constant: bool,
}

/// Compiles an expression.
///
/// # Errors
/// All that was found, in the order of the text; a syntax error alone.
pub fn compile(text: &str, environment: &Environment) -> Result<Compiled, Vec<Finding>> {
    let expression: Expression = parser::parse(text).map_err(|finding| vec![*finding])?;
    let (tree, of) = check(&expression, environment)?;
    let tree = fold::fold(tree);
    let whole = 0..text.len();
    let steps = cost::steps(&tree);
    if steps > bounds::STEPS {
        let most = bounds::STEPS;
        let message = format!("the condition may take {steps} steps, more than {most}");
        let finding = Finding::new(whole, message);
        return Err(vec![finding.help(
            "go over the elements of one list within those of another at most once",
        )]);
    }
    let constant = tree.is_closed();
    let condition =
        Tree::flatten(tree, text).map_err(|error| vec![Finding::new(whole, error.to_string())])?;
    Ok(Compiled {
        condition,
        of,
        constant,
    })
}
