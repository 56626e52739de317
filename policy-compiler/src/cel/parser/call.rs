//! Calls: of functions, of methods, and of the macros, which are expanded.

use tidegate_shared::condition::Macro;

use super::Parser;
use crate::cel::Finding;
use crate::cel::expression::{Call, Each, Expression, Kind, Name};
use crate::cel::token::Fallible;

impl Parser<'_> {
    /// A method call, or a macro.
    pub(super) fn method(
        &self,
        receiver: Expression,
        name: Name,
        arguments: Vec<Expression>,
        end: usize,
    ) -> Fallible<Expression> {
        let span = receiver.span.start..end;
        let kind = match name.text.as_str() {
            "all" => Some(Macro::All),
            "exists" => Some(Macro::Exists),
            "exists_one" => Some(Macro::ExistsOne),
            "map" => Some(Macro::Map),
            "filter" => Some(Macro::Filter),
            _ => None,
        };
        let Some(kind) = kind else {
            let call = Call {
                receiver: Some(Box::new(receiver)),
                name,
                arguments,
            };
            return self.make(Kind::Call(call), span);
        };
        let mut arguments = arguments.into_iter();
        let (variable, bodies) = (arguments.next(), [arguments.next(), arguments.next()]);
        let variable = variable.and_then(|variable| match variable.kind {
            Kind::Name(name) => Some(name),
            _ => None,
        });
        let each = |kind, range, variable, body| {
            let each = Each {
                kind,
                range,
                variable,
                body,
            };
            self.make(Kind::Each(Box::new(each)), span.clone())
        };
        match (variable, bodies) {
            (Some(variable), [Some(body), None]) => each(kind, receiver, variable, body),
            (Some(variable), [Some(filter), Some(body)])
                if kind == Macro::Map && arguments.next().is_none() =>
            {
                let kept = each(Macro::Filter, receiver, variable.clone(), filter)?;
                each(Macro::Map, kept, variable, body)
            }
            _ => {
                let message = format!("`{}` takes a name and an expression", name.text);
                let finding = Finding::new(name.span, message);
                Err(Box::new(finding.help(format!(
                    "write `list.{}(element, …)` with a name for the element",
                    name.text
                ))))
            }
        }
    }

    /// A call of a function, or `has`.
    pub(super) fn function(
        &self,
        name: Name,
        mut arguments: Vec<Expression>,
        end: usize,
    ) -> Fallible<Expression> {
        let whole = name.span.start..end;
        if name.text != "has" {
            let call = Call {
                receiver: None,
                name,
                arguments,
            };
            return self.make(Kind::Call(call), whole);
        }
        match (
            arguments.pop().map(|argument| argument.kind),
            arguments.len(),
        ) {
            (Some(Kind::Member(operand, name)), 0) => self.make(Kind::Has(operand, name), whole),
            _ => {
                let finding = Finding::new(whole, "`has` asks for a field of something");
                Err(Box::new(finding.help("write `has(auth.claims.tier)`")))
            }
        }
    }
}
