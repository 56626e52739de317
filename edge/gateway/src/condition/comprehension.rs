//! Comprehensions: over the elements of a list, or the keys of a map.

use tidegate_shared::condition::{Macro, NodeIndex};

use super::evaluate::{Evaluated, Evaluation, Scope};
use super::value::{List, Value};
use super::{EvaluationError, Facts};

impl<'a, F: Facts> Evaluation<'a, F> {
    pub(super) fn each(
        &self,
        kind: Macro,
        range: &Value<'a>,
        body: NodeIndex,
        scope: Option<&Scope<'_, 'a>>,
    ) -> Evaluated<'a> {
        match range {
            Value::List(list) => self.over(kind, list.iter(), body, scope),
            Value::Map(map) => {
                self.take(map.len())?;
                self.over(kind, map.keys().into_iter(), body, scope)
            }
            _ => Err(EvaluationError::NoSuchOverload),
        }
    }

    fn over(
        &self,
        kind: Macro,
        elements: impl Iterator<Item = Value<'a>>,
        body: NodeIndex,
        scope: Option<&Scope<'_, 'a>>,
    ) -> Evaluated<'a> {
        let evaluate = |value: Value<'a>| {
            self.weigh(&value)?;
            let inner = Scope {
                value,
                outer: scope,
            };
            self.at(body, Some(&inner))
        };
        match kind {
            Macro::All => self.connect(false, elements.map(evaluate)),
            Macro::Exists => self.connect(true, elements.map(evaluate)),
            Macro::ExistsOne => {
                let mut count = 0_usize;
                for element in elements {
                    count = count.saturating_add(usize::from(truth(&evaluate(element)?)?));
                }
                Ok(Value::Bool(count == 1))
            }
            Macro::Map => {
                let results = elements.map(evaluate);
                Ok(Value::List(List::Built(results.collect::<Result<_, _>>()?)))
            }
            Macro::Filter => {
                let mut kept = Vec::new();
                for element in elements {
                    if truth(&evaluate(element.clone())?)? {
                        kept.push(element);
                    }
                }
                Ok(Value::List(List::Built(kept.into())))
            }
        }
    }
}

fn truth(value: &Value<'_>) -> Result<bool, EvaluationError> {
    match value {
        Value::Bool(value) => Ok(*value),
        _ => Err(EvaluationError::NoSuchOverload),
    }
}
