//! Conditions, as a bundle holds them, evaluated: the Common Expression Language's values,
//! overloads and errors (<https://github.com/google/cel-spec>, `doc/langdef.md`).
//!
//! Values are borrowed from the condition, the request and the claims; only what an expression
//! computes is allocated. Nothing panics, and an evaluation has so many steps and no more.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "an operation is defined for the values that it lists, and for no others"
)]

mod compare;
mod comprehension;
mod convert;
mod evaluate;
mod operators;
mod time;
mod value;

use std::borrow::Cow;

use http::HeaderName;
use regex_automata::dfa::sparse;
use tidegate_shared::condition::{Condition, Node, Variable};

use evaluate::Evaluation;
pub use value::{List, Map, Value};

/// What conditions ask of a request.
pub trait Facts {
    /// A fact; `None` where it is not known.
    fn variable(&self, variable: Variable) -> Option<Value<'_>>;

    /// A header's value, as [`RequestHead::header`](crate::RequestHead::header).
    fn header(&self, name: &HeaderName) -> Option<Cow<'_, str>>;

    /// The first value of a query parameter.
    fn query(&self, name: &str) -> Option<Cow<'_, str>>;

    /// What the path's pattern captured at a place, from the left.
    fn parameter(&self, place: u32) -> Option<Cow<'_, str>>;
}

/// A condition, ready to be evaluated: header names parsed, automata loaded.
#[derive(Debug)]
pub struct Program {
    text: Box<str>,
    nodes: Box<[Node]>,
    headers: Box<[HeaderName]>,
    automata: Box<[sparse::DFA<Vec<u8>>]>,
}

/// A condition cannot be evaluated, although its tree is sound.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProgram {
    /// A header that no request can have.
    #[error("`{0}` is no header name")]
    Header(String),
    /// An automaton that is none.
    #[error("an automaton of `{0}` is unusable: {1}")]
    Automaton(String, String),
}

/// Why an evaluation has no result. No text repeats anything of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationError {
    /// A map has no such key.
    #[error("no such key")]
    NoSuchKey,
    /// An operation on values that it is not defined for.
    #[error("no such overload")]
    NoSuchOverload,
    /// An index beyond a list.
    #[error("index out of range")]
    Index,
    /// A result that its type cannot hold.
    #[error("result out of range")]
    Range,
    /// A division by zero, or its remainder.
    #[error("division by zero")]
    DivisionByZero,
    /// A value that has no counterpart in another type.
    #[error("the value cannot be converted")]
    Conversion,
    /// A map with one key twice.
    #[error("repeated key")]
    RepeatedKey,
    /// Something that is not known of this request.
    #[error("a fact is not known of this request")]
    Unknown,
    /// More steps than [`STEPS`](tidegate_shared::condition::bounds::STEPS).
    #[error("too many steps")]
    TooManySteps,
}

impl Program {
    /// Makes a condition ready.
    ///
    /// # Errors
    /// [`InvalidProgram`].
    pub fn prepare(condition: &Condition) -> Result<Self, InvalidProgram> {
        let text = condition.text();
        let header = |name: &String| {
            let parsed = HeaderName::from_lowercase(name.as_bytes());
            parsed.map_err(|_| InvalidProgram::Header(name.clone()))
        };
        let headers = condition.headers().iter().map(header);
        let automata = condition.automata().iter().map(|octets| {
            let (automaton, _) = sparse::DFA::from_bytes(octets)
                .map_err(|error| InvalidProgram::Automaton(text.to_owned(), error.to_string()))?;
            Ok(automaton.to_owned())
        });
        Ok(Self {
            text: text.into(),
            nodes: condition.nodes().into(),
            headers: headers.collect::<Result<_, _>>()?,
            automata: automata.collect::<Result<_, _>>()?,
        })
    }

    /// The text that the condition was compiled from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The value of the expression.
    ///
    /// # Errors
    /// [`EvaluationError`].
    pub fn evaluate<'a, F: Facts>(&'a self, facts: &'a F) -> Result<Value<'a>, EvaluationError> {
        Evaluation::new(self, facts).result()
    }

    /// An amount: a whole number from 0.
    ///
    /// # Errors
    /// [`EvaluationError`], also where the value is none.
    pub fn amount<F: Facts>(&self, facts: &F) -> Result<u64, EvaluationError> {
        match self.evaluate(facts)? {
            Value::Int(amount) => u64::try_from(amount).map_err(|_| EvaluationError::Range),
            Value::Uint(amount) => Ok(amount),
            _ => Err(EvaluationError::NoSuchOverload),
        }
    }

    /// Whether the condition holds.
    ///
    /// # Errors
    /// [`EvaluationError`], also where the value is no boolean.
    pub fn holds<F: Facts>(&self, facts: &F) -> Result<bool, EvaluationError> {
        Evaluation::new(self, facts).result()
    }
}
