//! Calls of the standard functions.

use std::ops::Range;

use tidegate_shared::condition::Constant;

use super::Checker;
use crate::cel::expression::{Call, Expression};
use crate::cel::fold::fold;
use crate::cel::function::{FUNCTIONS, Form, Meaning, Signature};
use crate::cel::pattern::{Search, automaton};
use crate::cel::tree::Tree;
use crate::cel::{Finding, Type};
use crate::diagnostic::suggestion;

impl Checker<'_> {
    pub(super) fn call(&mut self, call: &Call, span: &Range<usize>) -> (Tree, Type) {
        let name = &call.name;
        let Some(signature) = FUNCTIONS.iter().find(|own| own.name == name.text) else {
            let known = FUNCTIONS.iter().map(|own| own.name);
            let macros = ["has", "all", "exists", "exists_one", "map", "filter"];
            let message = format!("there is no function `{}`", name.text);
            let finding = Finding::new(name.span.clone(), message);
            let help = suggestion(&name.text, known.chain(macros));
            return self.note(Finding { help, ..finding });
        };
        let form = match call.receiver {
            Some(_) => Form::Method,
            None => Form::Function,
        };
        if signature.form != form && signature.form != Form::Both {
            let (kind, right) = match signature.form {
                Form::Method => ("method", format!("write `value.{}(…)`", name.text)),
                Form::Function | Form::Both => ("function", format!("write `{}(…)`", name.text)),
            };
            let message = format!("`{}` is a {kind}", name.text);
            return self.note(Finding::new(name.span.clone(), message).help(right));
        }
        let receiver = call.receiver.iter().map(|receiver| &**receiver);
        let operands: Vec<&Expression> = receiver.chain(&call.arguments).collect();
        let (first, second) = match (operands.as_slice(), signature.meaning) {
            ([first], Meaning::Unary(_) | Meaning::Part(_) | Meaning::Dyn) => (first, None),
            ([first, second], Meaning::Search(_) | Meaning::Matches | Meaning::Part(_)) => {
                (first, Some(*second))
            }
            _ => {
                let takes = match signature.meaning {
                    Meaning::Search(_) | Meaning::Matches => "one argument",
                    Meaning::Part(_) => "a time zone or nothing",
                    Meaning::Unary(_) | Meaning::Dyn if call.receiver.is_some() => "no argument",
                    Meaning::Unary(_) | Meaning::Dyn => "one argument",
                };
                return self.fail(span.clone(), format!("`{}` takes {takes}", name.text));
            }
        };
        self.apply(signature, first, second)
    }

    fn apply(
        &mut self,
        signature: &Signature,
        first: &Expression,
        second: Option<&Expression>,
    ) -> (Tree, Type) {
        let (operand, of) = self.check(first);
        let takes = |of: &Type| {
            signature.of.is_empty() || of.name().is_none_or(|name| signature.of.contains(&name))
        };
        if !takes(&of) {
            let message = format!("`{}` is not defined for {of}", signature.name);
            self.fail(first.span.clone(), message);
        }
        let tree = match signature.meaning {
            Meaning::Dyn => operand,
            Meaning::Unary(function) => Tree::Unary(function, Box::new(operand)),
            Meaning::Search(function) => {
                let part = second.map(|second| (self.check(second), second.span.clone()));
                let Some(((part, of), span)) = part else {
                    return (operand, Type::Bool);
                };
                if !of.meets(&Type::String) {
                    let message = format!("`{}` looks for a string, not {of}", signature.name);
                    self.fail(span, message);
                }
                Tree::Binary(function, Box::new([operand, part]))
            }
            Meaning::Matches => match second.and_then(|pattern| self.pattern(pattern)) {
                Some(automaton) => Tree::Matches(Box::new(operand), automaton),
                None => operand,
            },
            Meaning::Part(part) => {
                let zone = second.map_or(Some(0), |zone| self.zone(zone));
                Tree::Part(part, Box::new(operand), zone.unwrap_or(0))
            }
        };
        (tree, signature.meaning.gives())
    }

    /// The automaton of a regular expression, which must be known here.
    fn pattern(&mut self, expression: &Expression) -> Option<Vec<u8>> {
        let (tree, _) = self.check(expression);
        let span = expression.span.clone();
        let Tree::Constant(Constant::Text(pattern)) = fold(tree) else {
            let message = "a regular expression that is written here is expected";
            let finding = Finding::new(span, message);
            self.note(finding.help("the gateway compiles none: use `contains`, or write it out"));
            return None;
        };
        match automaton(&pattern, Search::Anywhere) {
            Ok(octets) => Some(octets),
            Err(error) => {
                let message = match error.label {
                    Some(label) => format!("{}: {label}", error.message),
                    None => error.message,
                };
                let finding = Finding::new(span, message);
                self.note(match error.help {
                    Some(help) => finding.help(help),
                    None => finding,
                });
                None
            }
        }
    }

    /// Minutes east of UTC, of a zone which must be known here.
    fn zone(&mut self, expression: &Expression) -> Option<i16> {
        let (tree, _) = self.check(expression);
        let zone = match fold(tree) {
            Tree::Constant(Constant::Text(zone)) => minutes(&zone),
            _ => None,
        };
        if zone.is_none() {
            let message = "a time zone that is written here is expected";
            let finding = Finding::new(expression.span.clone(), message);
            self.note(finding.help("write `\"UTC\"`, or a difference to it: `\"+02:00\"`"));
        }
        zone
    }
}

/// `UTC`, `02:00`, `+02:00` or `-02:00`. The gateway has no table of places.
fn minutes(zone: &str) -> Option<i16> {
    if zone == "UTC" {
        return Some(0);
    }
    let (sign, digits) = match zone.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, zone.strip_prefix('+').unwrap_or(zone)),
    };
    let (hours, minutes) = digits.split_once(':')?;
    let number = |digits: &str, end: i16| {
        let number = digits.parse::<u8>().ok().map(i16::from);
        number.filter(|number| digits.len() == 2 && *number < end)
    };
    Some(sign * (number(hours, 24)? * 60 + number(minutes, 60)?))
}
