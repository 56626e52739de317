//! The walk over a condition's nodes.

use std::cell::Cell;

use regex_automata::Input;
use regex_automata::dfa::Automaton;
use tidegate_shared::condition::{Node, NodeIndex, Unary, bounds};

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

/// What an evaluation is asked for: a value, or only whether something holds, for which no value
/// has to be made.
pub(super) trait Wanted<'a>: Sized {
    fn from_bool(holds: bool) -> Self;

    /// # Errors
    /// [`EvaluationError::NoSuchOverload`] where the value is none of those that are wanted.
    fn from_value(value: Value<'a>) -> Result<Self, EvaluationError>;
}

impl<'a> Wanted<'a> for Value<'a> {
    fn from_bool(holds: bool) -> Self {
        Self::Bool(holds)
    }

    fn from_value(value: Self) -> Result<Self, EvaluationError> {
        Ok(value)
    }
}

impl<'a> Wanted<'a> for bool {
    fn from_bool(holds: bool) -> Self {
        holds
    }

    fn from_value(value: Value<'a>) -> Result<Self, EvaluationError> {
        match value {
            Value::Bool(holds) => Ok(holds),
            _ => Err(EvaluationError::NoSuchOverload),
        }
    }
}

impl<'a, F: Facts> Evaluation<'a, F> {
    pub(super) fn new(program: &'a Program, facts: &'a F) -> Self {
        Self {
            program,
            facts,
            steps: Cell::new(0),
        }
    }

    pub(super) fn result<W: Wanted<'a>>(&self) -> Result<W, EvaluationError> {
        let root = self.program.nodes.last();
        self.node(root.ok_or(EvaluationError::Unknown)?, None)
    }

    /// Takes steps.
    pub(super) fn take(&self, steps: usize) -> Result<(), EvaluationError> {
        self.steps.set(self.steps.get().saturating_add(steps));
        if self.steps.get() > bounds::STEPS {
            return Err(EvaluationError::TooManySteps);
        }
        Ok(())
    }

    /// Takes the steps of a long text that is searched, compared or joined to another.
    fn weigh(&self, value: &Value<'a>) -> Result<(), EvaluationError> {
        self.take(value.octets() / 64)
    }

    /// What is wanted of a node.
    pub(super) fn at<W: Wanted<'a>>(
        &self,
        index: NodeIndex,
        scope: Option<&Scope<'_, 'a>>,
    ) -> Result<W, EvaluationError> {
        let node = usize::try_from(index)
            .ok()
            .and_then(|index| self.program.nodes.get(index));
        self.node(node.ok_or(EvaluationError::Unknown)?, scope)
    }

    fn node<W: Wanted<'a>>(
        &self,
        node: &'a Node,
        scope: Option<&Scope<'_, 'a>>,
    ) -> Result<W, EvaluationError> {
        self.take(1)?;
        let known = |value: Option<Value<'a>>, missing| match value {
            Some(value) => W::from_value(value),
            None => Err(missing),
        };
        let absent = EvaluationError::NoSuchKey;
        let holds = |operand: &NodeIndex| self.at::<bool>(*operand, scope);
        match node {
            Node::Constant(constant) => W::from_value(constant.into()),
            Node::Variable(variable) => {
                known(self.facts.variable(*variable), EvaluationError::Unknown)
            }
            Node::Header(header) => known(self.header(*header)?, absent),
            Node::HasHeader(header) => Ok(W::from_bool(self.header(*header)?.is_some())),
            Node::Query(name) => known(self.facts.query(name).map(Value::Text), absent),
            Node::HasQuery(name) => Ok(W::from_bool(self.facts.query(name).is_some())),
            Node::Parameter(place) => known(self.facts.parameter(*place).map(Value::Text), absent),
            Node::Local(outer) => {
                let mut scopes = std::iter::successors(scope, |scope| scope.outer);
                let scope = usize::try_from(*outer)
                    .ok()
                    .and_then(|outer| scopes.nth(outer));
                let value = scope.map(|scope| scope.value.clone());
                known(value, EvaluationError::Unknown)
            }
            Node::List(items) => {
                let items = items.iter().map(|item| self.at(*item, scope));
                W::from_value(Value::List(List::Built(items.collect::<Result<_, _>>()?)))
            }
            Node::Map(entries) => W::from_value(self.map(entries, scope)?),
            Node::Has(of, name) => match self.at(*of, scope)? {
                Value::Map(map) => Ok(W::from_bool(map.member(name).is_some())),
                _ => Err(EvaluationError::NoSuchOverload),
            },
            Node::And(operands) => connect(false, operands.iter().map(holds)).map(W::from_bool),
            Node::Or(operands) => connect(true, operands.iter().map(holds)).map(W::from_bool),
            Node::If(condition, one, other) => {
                let taken = if holds(condition)? { one } else { other };
                self.at(*taken, scope)
            }
            Node::Unary(Unary::Not, operand) => Ok(W::from_bool(!holds(operand)?)),
            Node::Unary(function, operand) => {
                let operand = self.at(*operand, scope)?;
                self.weigh(&operand)?;
                W::from_value(operators::unary(*function, operand)?)
            }
            Node::Binary(function, one, other) => {
                let (one, other) = (self.at(*one, scope)?, self.at(*other, scope)?);
                self.weigh(&one)?;
                self.weigh(&other)?;
                let mut steps = 0;
                let result = match operators::binary(*function) {
                    operators::Function::Relation(holds) => {
                        holds(&one, &other, &mut steps).map(W::from_bool)
                    }
                    operators::Function::Operation(compute) => {
                        compute(one, other, &mut steps).and_then(W::from_value)
                    }
                };
                self.take(steps)?;
                result
            }
            Node::Part(part, of, zone) => match self.at(*of, scope)? {
                Value::Timestamp(time) => W::from_value(Value::Int(time::part(*part, time, *zone))),
                Value::Duration(nanos) => W::from_value(time::total(*part, nanos)?),
                _ => Err(EvaluationError::NoSuchOverload),
            },
            Node::Matches(text, automaton) => {
                let text = self.at(*text, scope)?;
                self.weigh(&text)?;
                self.matches(&text, *automaton).map(W::from_bool)
            }
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
            let key: Value<'a> = self.at(*key, scope)?;
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

    /// Whether an automaton finds a match anywhere in a text.
    fn matches(&self, text: &Value<'a>, automaton: u32) -> Result<bool, EvaluationError> {
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
        Ok(found.is_some())
    }
}

/// Conjunction, which one false decides, or disjunction, which one true decides: whatever errors
/// others are, and in whatever order they stand.
pub(super) fn connect(
    decisive: bool,
    operands: impl Iterator<Item = Result<bool, EvaluationError>>,
) -> Result<bool, EvaluationError> {
    let mut error = None;
    for operand in operands {
        match operand {
            Ok(holds) if holds == decisive => return Ok(decisive),
            Ok(_) => {}
            Err(EvaluationError::TooManySteps) => return Err(EvaluationError::TooManySteps),
            Err(other) => error = error.or(Some(other)),
        }
    }
    error.map_or(Ok(!decisive), Err)
}
