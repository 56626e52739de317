//! Operators of two operands.

use std::ops::Range;

use tidegate_shared::condition::Binary;

use super::Checker;
use crate::cel::expression::Expression;
use crate::cel::tree::Tree;
use crate::cel::{Finding, Type};

impl Checker<'_> {
    pub(super) fn binary(
        &mut self,
        function: Binary,
        one: &Expression,
        other: &Expression,
        span: &Range<usize>,
    ) -> (Tree, Type) {
        let (one, type_one) = self.check(one);
        let (other, type_other) = self.check(other);
        match result(function, &type_one, &type_other) {
            Some(of) => (Tree::Binary(function, Box::new([one, other])), of),
            None => {
                let symbol = symbol(function);
                let message = format!("`{symbol}` is not defined for {type_one} and {type_other}");
                let finding = Finding::new(span.clone(), message);
                let (finding, numbers) = (finding, type_one.is_number() && type_other.is_number());
                self.note(if numbers {
                    finding.help(format!("convert one of them: `{type_one}(…)`"))
                } else {
                    finding
                })
            }
        }
    }
}

/// The type of the result; `None` where there is no such operation.
fn result(function: Binary, one: &Type, other: &Type) -> Option<Type> {
    match function {
        Binary::Equal | Binary::NotEqual => one.meets(other).then_some(Type::Bool),
        Binary::Less | Binary::LessEqual | Binary::Greater | Binary::GreaterEqual => {
            let ordered = |of: &Type| of.is_ordered() || *of == Type::Dyn;
            let alike = one.meets(other) || (one.is_number() && other.is_number());
            (ordered(one) && ordered(other) && alike).then_some(Type::Bool)
        }
        Binary::Add => added(one, other),
        Binary::Subtract => subtracted(one, other),
        Binary::Multiply | Binary::Divide => number(one, other),
        Binary::Remainder => number(one, other).filter(|of| *of != Type::Double),
        Binary::In | Binary::Index | Binary::Contains | Binary::StartsWith | Binary::EndsWith => {
            None
        }
    }
}

/// Numbers of one type.
fn number(one: &Type, other: &Type) -> Option<Type> {
    match (one, other) {
        (Type::Dyn, Type::Dyn) => Some(Type::Dyn),
        (Type::Dyn, number) | (number, Type::Dyn) if number.is_number() => Some(number.clone()),
        _ => (one == other && one.is_number()).then(|| one.clone()),
    }
}

fn added(one: &Type, other: &Type) -> Option<Type> {
    match (one, other) {
        (Type::List(one), Type::List(other)) => Some(Type::list(one.clone().join(*other.clone()))),
        (Type::String, Type::String | Type::Dyn) | (Type::Dyn, Type::String) => Some(Type::String),
        (Type::Bytes, Type::Bytes | Type::Dyn) | (Type::Dyn, Type::Bytes) => Some(Type::Bytes),
        (Type::List(_), Type::Dyn) | (Type::Dyn, Type::List(_)) => Some(Type::list(Type::Dyn)),
        (Type::Timestamp, Type::Duration | Type::Dyn)
        | (Type::Duration | Type::Dyn, Type::Timestamp) => Some(Type::Timestamp),
        (Type::Duration, Type::Duration) => Some(Type::Duration),
        (Type::Duration, Type::Dyn) | (Type::Dyn, Type::Duration) => Some(Type::Dyn),
        _ => number(one, other),
    }
}

fn subtracted(one: &Type, other: &Type) -> Option<Type> {
    match (one, other) {
        (Type::Timestamp, Type::Timestamp) | (Type::Duration, Type::Duration | Type::Dyn) => {
            Some(Type::Duration)
        }
        (Type::Dyn, Type::Timestamp) => Some(Type::Duration),
        (Type::Timestamp, Type::Duration) => Some(Type::Timestamp),
        (Type::Timestamp, Type::Dyn) | (Type::Dyn, Type::Duration) => Some(Type::Dyn),
        _ => number(one, other),
    }
}

fn symbol(function: Binary) -> &'static str {
    match function {
        Binary::Add => "+",
        Binary::Subtract => "-",
        Binary::Multiply => "*",
        Binary::Divide => "/",
        Binary::Remainder => "%",
        Binary::Equal => "==",
        Binary::NotEqual => "!=",
        Binary::Less => "<",
        Binary::LessEqual => "<=",
        Binary::Greater => ">",
        Binary::GreaterEqual => ">=",
        Binary::In => "in",
        Binary::Index => "[]",
        Binary::Contains => "contains",
        Binary::StartsWith => "startsWith",
        Binary::EndsWith => "endsWith",
    }
}
