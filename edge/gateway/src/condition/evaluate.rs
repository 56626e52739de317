//! The walk over a condition's nodes.

use std::cell::Cell;

use regex_automata::Input;
use regex_automata::dfa::Automaton;
use tidegate_shared::condition::{Node, NodeIndex, bounds};

use super::compare::equal;
use super::value::{List, Map, Value};
use super::{EvaluationError, Facts, Program, operators, time};

/// One evaluation of a program.
pub(super) struct Evaluation<'a, F> {
    program: &'a Program,
    facts: &'a F,
    steps: Cell<usize>,
}

/// The variables of the comprehensions around a node, innermost first.
pub(super) struct Scope<'s, 'a> {
    pub(super) value: Value<'a>,
    pub(super) outer: Option<&'s Self>,
}

pub(super) type Evaluated<'a> = Result<Value<'a>, EvaluationError>;

impl<'a, F: Facts> Evaluation<'a, F> {
    pub(super) fn new(program: &'a Program, facts: &'a F) -> Self {
        Self {
            program,
            facts,
            steps: Cell::new(0),
        }
    }

    pub(super) fn result(&self) -> Evaluated<'a> {
        let root = self.program.nodes.last();
        self.value(root.ok_or(EvaluationError::Unknown)?, None)
    }

    /// Takes steps.
    pub(super) fn take(&self, steps: usize) -> Result<(), EvaluationError> {
        self.steps.set(self.steps.get().saturating_add(steps));
        if self.steps.get() > bounds::STEPS {
            return Err(EvaluationError::TooManySteps);
        }
        Ok(())
    }

    /// Takes the steps of a value: one, and more for a long text, which is searched, compared or
    /// joined to another at a cost.
    pub(super) fn weigh(&self, value: &Value<'a>) -> Result<(), EvaluationError> {
        self.take(1 + value.octets() / 64)
    }

    /// The value of a node.
    pub(super) fn at(&self, index: NodeIndex, scope: Option<&Scope<'_, 'a>>) -> Evaluated<'a> {
        let node = usize::try_from(index)
            .ok()
            .and_then(|index| self.program.nodes.get(index));
        self.value(node.ok_or(EvaluationError::Unknown)?, scope)
    }

    fn value(&self, node: &'a Node, scope: Option<&Scope<'_, 'a>>) -> Evaluated<'a> {
        let value = self.compute(node, scope)?;
        self.weigh(&value)?;
        Ok(value)
    }

    fn compute(&self, node: &'a Node, scope: Option<&Scope<'_, 'a>>) -> Evaluated<'a> {
        let absent = EvaluationError::NoSuchKey;
        match node {
            Node::Constant(constant) => Ok(constant.into()),
            Node::Variable(variable) => {
                let value = self.facts.variable(*variable);
                value.ok_or(EvaluationError::Unknown)
            }
            Node::Header(header) => self.header(*header)?.ok_or(absent),
            Node::HasHeader(header) => Ok(Value::Bool(self.header(*header)?.is_some())),
            Node::Query(name) => self.facts.query(name).map(Value::Text).ok_or(absent),
            Node::HasQuery(name) => Ok(Value::Bool(self.facts.query(name).is_some())),
            Node::Parameter(place) => self.facts.parameter(*place).map(Value::Text).ok_or(absent),
            Node::Local(outer) => {
                let mut scopes = std::iter::successors(scope, |scope| scope.outer);
                let scope = usize::try_from(*outer)
                    .ok()
                    .and_then(|outer| scopes.nth(outer));
                Ok(scope.ok_or(EvaluationError::Unknown)?.value.clone())
            }
            Node::List(items) => {
                let items = items.iter().map(|item| self.at(*item, scope));
                Ok(Value::List(List::Built(items.collect::<Result<_, _>>()?)))
            }
            Node::Map(entries) => self.map(entries, scope),
            Node::Has(of, name) => match self.at(*of, scope)? {
                Value::Map(map) => Ok(Value::Bool(map.member(name).is_some())),
                _ => Err(EvaluationError::NoSuchOverload),
            },
            Node::And(operands) => self.connect(
                false,
                operands.iter().map(|operand| self.at(*operand, scope)),
            ),
            Node::Or(operands) => self.connect(
                true,
                operands.iter().map(|operand| self.at(*operand, scope)),
            ),
            Node::If(condition, one, other) => match self.at(*condition, scope)? {
                Value::Bool(true) => self.at(*one, scope),
                Value::Bool(false) => self.at(*other, scope),
                _ => Err(EvaluationError::NoSuchOverload),
            },
            Node::Unary(function, operand) => {
                operators::unary(*function, self.at(*operand, scope)?)
            }
            Node::Binary(function, one, other) => {
                let (one, other) = (self.at(*one, scope)?, self.at(*other, scope)?);
                let mut steps = 0;
                let result = operators::binary(*function, one, other, &mut steps);
                self.take(steps)?;
                result
            }
            Node::Part(part, of, zone) => match self.at(*of, scope)? {
                Value::Timestamp(time) => Ok(Value::Int(time::part(*part, time, *zone))),
                Value::Duration(nanos) => time::total(*part, nanos),
                _ => Err(EvaluationError::NoSuchOverload),
            },
            Node::Matches(text, automaton) => self.matches(&self.at(*text, scope)?, *automaton),
            Node::Each(kind, range, body) => {
                let range = self.at(*range, scope)?;
                self.each(*kind, &range, *body, scope)
            }
        }
    }

    fn header(&self, index: u32) -> Result<Option<Value<'a>>, EvaluationError> {
        let name = usize::try_from(index)
            .ok()
            .and_then(|index| self.program.headers.get(index));
        let name = name.ok_or(EvaluationError::Unknown)?;
        Ok(self.facts.header(name).map(Value::Text))
    }

    fn map(
        &self,
        entries: &[(NodeIndex, NodeIndex)],
        scope: Option<&Scope<'_, 'a>>,
    ) -> Evaluated<'a> {
        let mut built: Vec<(Value<'a>, Value<'a>)> = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let key = self.at(*key, scope)?;
            if !matches!(
                key,
                Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Text(_)
            ) {
                return Err(EvaluationError::NoSuchOverload);
            }
            let mut steps = 0;
            let repeated = built.iter().any(|(own, _)| equal(own, &key, &mut steps));
            self.take(steps)?;
            if repeated {
                return Err(EvaluationError::RepeatedKey);
            }
            built.push((key, self.at(*value, scope)?));
        }
        Ok(Value::Map(Map::Built(built.into())))
    }

    /// Conjunction, which one false decides, or disjunction, which one true decides: whatever
    /// errors others are, and in whatever order they stand.
    pub(super) fn connect(
        &self,
        decisive: bool,
        operands: impl Iterator<Item = Evaluated<'a>>,
    ) -> Evaluated<'a> {
        let mut error = None;
        for operand in operands {
            match operand {
                Ok(Value::Bool(value)) if value == decisive => return Ok(Value::Bool(decisive)),
                Ok(Value::Bool(_)) => {}
                Ok(_) => error = error.or(Some(EvaluationError::NoSuchOverload)),
                Err(EvaluationError::TooManySteps) => return Err(EvaluationError::TooManySteps),
                Err(other) => error = error.or(Some(other)),
            }
        }
        error.map_or(Ok(Value::Bool(!decisive)), Err)
    }

    /// Whether an automaton finds a match anywhere in a text.
    fn matches(&self, text: &Value<'a>, automaton: u32) -> Evaluated<'a> {
        let Value::Text(text) = text else {
            return Err(EvaluationError::NoSuchOverload);
        };
        let automaton = usize::try_from(automaton)
            .ok()
            .and_then(|index| self.program.automata.get(index));
        let automaton = automaton.ok_or(EvaluationError::Unknown)?;
        let input = Input::new(text.as_bytes()).earliest(true);
        let found = automaton.try_search_fwd(&input);
        let found = found.map_err(|_| EvaluationError::Unknown)?;
        Ok(Value::Bool(found.is_some()))
    }
}
