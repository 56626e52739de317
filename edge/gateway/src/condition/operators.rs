//! Functions of one and two values.

use std::borrow::Cow;
use std::cmp::Ordering;

use tidegate_shared::condition::{Binary, Unary};

use super::compare::{equal, find, order, ordered};
use super::evaluate::Evaluated;
use super::value::{List, Map, Value};
use super::{EvaluationError, convert, time};

const NO_OVERLOAD: EvaluationError = EvaluationError::NoSuchOverload;
const RANGE: EvaluationError = EvaluationError::Range;

/// A function of one value.
pub(super) fn unary(function: Unary, value: Value<'_>) -> Evaluated<'_> {
    match function {
        Unary::Not => match value {
            Value::Bool(value) => Ok(Value::Bool(!value)),
            _ => Err(NO_OVERLOAD),
        },
        Unary::Negate => match value {
            Value::Int(value) => value.checked_neg().map(Value::Int).ok_or(RANGE),
            Value::Double(value) => Ok(Value::Double(-value)),
            _ => Err(NO_OVERLOAD),
        },
        Unary::Size => size(&value),
        Unary::Type => Ok(Value::Type(value.type_name())),
        Unary::Bool => convert::to_bool(value),
        Unary::Int => convert::to_int(value),
        Unary::Uint => convert::to_uint(value),
        Unary::Double => convert::to_double(value),
        Unary::String => convert::to_text(value),
        Unary::Bytes => convert::to_octets(value),
        Unary::Timestamp => convert::to_timestamp(value),
        Unary::Duration => convert::to_duration(value),
    }
}

fn size<'a>(value: &Value<'a>) -> Evaluated<'a> {
    let size = match value {
        Value::Text(text) => text.chars().count(),
        Value::Octets(octets) => octets.len(),
        Value::List(list) => list.len(),
        Value::Map(map) => map.len(),
        _ => return Err(NO_OVERLOAD),
    };
    i64::try_from(size).map(Value::Int).map_err(|_| RANGE)
}

/// A function of two values. It counts the elements that it has looked at.
pub(super) enum Function {
    /// It has no other values than true and false.
    Relation(fn(&Value<'_>, &Value<'_>, &mut usize) -> Result<bool, EvaluationError>),
    /// It has a value of its own.
    Operation(for<'a> fn(Value<'a>, Value<'a>, &mut usize) -> Evaluated<'a>),
}

/// What a function of two values does.
pub(super) fn binary(function: Binary) -> Function {
    use Function::{Operation, Relation};
    match function {
        Binary::Equal => Relation(|one, other, steps| Ok(equal(one, other, steps))),
        Binary::NotEqual => Relation(|one, other, steps| Ok(!equal(one, other, steps))),
        Binary::Less => Relation(|one, other, _| compare(one, other, Ordering::is_lt)),
        Binary::LessEqual => Relation(|one, other, _| compare(one, other, Ordering::is_le)),
        Binary::Greater => Relation(|one, other, _| compare(one, other, Ordering::is_gt)),
        Binary::GreaterEqual => Relation(|one, other, _| compare(one, other, Ordering::is_ge)),
        Binary::In => Relation(is_in),
        Binary::Contains => {
            Relation(|one, other, _| search(one, other, |one, part| one.contains(part)))
        }
        Binary::StartsWith => {
            Relation(|one, other, _| search(one, other, |one, part| one.starts_with(part)))
        }
        Binary::EndsWith => {
            Relation(|one, other, _| search(one, other, |one, part| one.ends_with(part)))
        }
        Binary::Index => Operation(|one, other, steps| match &one {
            Value::List(list) => element(list, &other),
            Value::Map(map) => entry(map, &other, steps),
            _ => Err(NO_OVERLOAD),
        }),
        Binary::Add => Operation(add),
        Binary::Subtract => Operation(|one, other, _| subtract(&one, &other)),
        Binary::Multiply => Operation(|one, other, _| {
            let (ints, uints) = (i64::checked_mul, u64::checked_mul);
            numeric(&one, &other, ints, uints, |one, other| one * other)
        }),
        Binary::Divide => Operation(|one, other, _| divide(&one, &other)),
        Binary::Remainder => Operation(|one, other, _| remainder(&one, &other)),
    }
}

fn is_in(one: &Value<'_>, of: &Value<'_>, steps: &mut usize) -> Result<bool, EvaluationError> {
    match of {
        Value::List(list) => Ok(list.iter().any(|element| equal(one, &element, steps))),
        Value::Map(map) => Ok(find(map, one, steps).is_some()),
        _ => Err(NO_OVERLOAD),
    }
}

fn search(
    one: &Value<'_>,
    other: &Value<'_>,
    found: fn(&str, &str) -> bool,
) -> Result<bool, EvaluationError> {
    match (one, other) {
        (Value::Text(text), Value::Text(part)) => Ok(found(text, part)),
        _ => Err(NO_OVERLOAD),
    }
}

fn compare(
    one: &Value<'_>,
    other: &Value<'_>,
    holds: fn(Ordering) -> bool,
) -> Result<bool, EvaluationError> {
    match order(one, other) {
        Some(order) => Ok(holds(order)),
        None if ordered(one, other) => Ok(false),
        None => Err(NO_OVERLOAD),
    }
}

/// The element of a list; a number of any type that is whole may be the index.
fn element<'a>(list: &List<'a>, index: &Value<'_>) -> Evaluated<'a> {
    let Value::Int(index) = convert::to_whole(index)? else {
        return Err(NO_OVERLOAD);
    };
    let element = usize::try_from(index)
        .ok()
        .and_then(|index| list.get(index));
    element.ok_or(EvaluationError::Index)
}

fn entry<'a>(map: &Map<'a>, key: &Value<'_>, steps: &mut usize) -> Evaluated<'a> {
    match key {
        Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Double(_) | Value::Text(_) => {
            find(map, key, steps).ok_or(EvaluationError::NoSuchKey)
        }
        _ => Err(NO_OVERLOAD),
    }
}

fn add<'a>(one: Value<'a>, other: Value<'a>, steps: &mut usize) -> Evaluated<'a> {
    match (one, other) {
        (Value::Int(one), Value::Int(other)) => one.checked_add(other).map(Value::Int).ok_or(RANGE),
        (Value::Uint(one), Value::Uint(other)) => {
            one.checked_add(other).map(Value::Uint).ok_or(RANGE)
        }
        (Value::Double(one), Value::Double(other)) => Ok(Value::Double(one + other)),
        (Value::Text(one), Value::Text(other)) => Ok(Value::Text(one + other)),
        (Value::Octets(one), Value::Octets(other)) => {
            Ok(Value::Octets(Cow::Owned([one, other].concat())))
        }
        (Value::List(one), Value::List(other)) => {
            let length = one.len().saturating_add(other.len());
            *steps = steps.saturating_add(length);
            let elements = one.iter().chain(other.iter());
            Ok(Value::List(List::Built(elements.collect())))
        }
        (Value::Timestamp(time), Value::Duration(span))
        | (Value::Duration(span), Value::Timestamp(time)) => time::shift(time, i128::from(span)),
        (Value::Duration(one), Value::Duration(other)) => {
            one.checked_add(other).map(Value::Duration).ok_or(RANGE)
        }
        _ => Err(NO_OVERLOAD),
    }
}

/// Arithmetic on two numbers of one type.
fn numeric<'a>(
    one: &Value<'_>,
    other: &Value<'_>,
    ints: fn(i64, i64) -> Option<i64>,
    uints: fn(u64, u64) -> Option<u64>,
    doubles: fn(f64, f64) -> f64,
) -> Evaluated<'a> {
    match (one, other) {
        (Value::Int(one), Value::Int(other)) => ints(*one, *other).map(Value::Int).ok_or(RANGE),
        (Value::Uint(one), Value::Uint(other)) => uints(*one, *other).map(Value::Uint).ok_or(RANGE),
        (Value::Double(one), Value::Double(other)) => Ok(Value::Double(doubles(*one, *other))),
        _ => Err(NO_OVERLOAD),
    }
}

fn subtract<'a>(one: &Value<'_>, other: &Value<'_>) -> Evaluated<'a> {
    match (one, other) {
        (Value::Timestamp(one), Value::Timestamp(other)) => time::between(*one, *other),
        (Value::Timestamp(time), Value::Duration(span)) => time::shift(*time, -i128::from(*span)),
        (Value::Duration(one), Value::Duration(other)) => {
            one.checked_sub(*other).map(Value::Duration).ok_or(RANGE)
        }
        _ => numeric(
            one,
            other,
            i64::checked_sub,
            u64::checked_sub,
            |one, other| one - other,
        ),
    }
}

fn divide<'a>(one: &Value<'_>, other: &Value<'_>) -> Evaluated<'a> {
    if is_zero(other) {
        return Err(EvaluationError::DivisionByZero);
    }
    let (ints, uints) = (i64::checked_div, u64::checked_div);
    numeric(one, other, ints, uints, |one, other| one / other)
}

/// Of integers alone. That of the least one by -1 is out of range, as the quotient is.
fn remainder<'a>(one: &Value<'_>, other: &Value<'_>) -> Evaluated<'a> {
    match (one, other) {
        _ if is_zero(other) => Err(EvaluationError::DivisionByZero),
        (Value::Double(_), _) => Err(NO_OVERLOAD),
        _ => numeric(
            one,
            other,
            i64::checked_rem,
            u64::checked_rem,
            |one, other| one % other,
        ),
    }
}

/// Whether this is an integer by which nothing can be divided.
fn is_zero(value: &Value<'_>) -> bool {
    matches!(value, Value::Int(0) | Value::Uint(0))
}
