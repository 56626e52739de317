//! Comprehensions: over the elements of a list, or the keys of a map.

use tidegate_shared::condition::{Macro, NodeIndex};

use super::evaluate::{Evaluation, Scope, Wanted, connect};
use super::value::{List, Value};
use super::{EvaluationError, Facts};

impl<'a, F: Facts> Evaluation<'a, F> {
    pub(super) fn each<W: Wanted<'a>>(
        &self,
        kind: Macro,
        range: &Value<'a>,
        body: NodeIndex,
        scope: Option<&Scope<'_, 'a>>,
    ) -> Result<W, EvaluationError> {
        match range {
            Value::List(list) => self.over(kind, list.iter(), body, scope),
            Value::Map(map) => {
                self.take(map.len())?;
                self.over(kind, map.keys().into_iter(), body, scope)
            }
            _ => Err(EvaluationError::NoSuchOverload),
        }
    }

    fn over<W: Wanted<'a>>(
        &self,
        kind: Macro,
        elements: impl Iterator<Item = Value<'a>>,
        body: NodeIndex,
        outer: Option<&Scope<'_, 'a>>,
    ) -> Result<W, EvaluationError> {
        let holds = |value| self.of::<bool>(value, body, outer);
        match kind {
            Macro::All => connect(false, elements.map(holds)).map(W::from_bool),
            Macro::Exists => connect(true, elements.map(holds)).map(W::from_bool),
            Macro::ExistsOne => {
                let mut count = 0_usize;
                for element in elements {
                    count = count.saturating_add(usize::from(holds(element)?));
                }
                Ok(W::from_bool(count == 1))
            }
            Macro::Map => {
                let results = elements.map(|value| self.of(value, body, outer));
                let results = results.collect::<Result<_, _>>()?;
                W::from_value(Value::List(List::Built(results)))
            }
            Macro::Filter => {
                let mut kept = Vec::new();
                for element in elements {
                    if holds(element.clone())? {
                        kept.push(element);
                    }
                }
                W::from_value(Value::List(List::Built(kept.into())))
            }
        }
    }

    /// What is wanted of the body, for one element.
    fn of<W: Wanted<'a>>(
        &self,
        value: Value<'a>,
        body: NodeIndex,
        outer: Option<&Scope<'_, 'a>>,
    ) -> Result<W, EvaluationError> {
        self.take(1)?;
        self.at(body, Some(&Scope { value, outer }))
    }
}
