//! Equality, which is total, and order, which is not. Numbers compare by what they stand for,
//! whatever their types.

use std::cmp::Ordering;

use super::value::{List, Map, Value};

/// Whether two values are equal. Values of different types are not, but for numbers; NaN equals
/// nothing. `steps` counts the elements that were looked at.
pub(super) fn equal(one: &Value<'_>, other: &Value<'_>, steps: &mut usize) -> bool {
    *steps = steps.saturating_add(1);
    match (one, other) {
        (Value::Null, Value::Null) => true,
        (Value::Text(one), Value::Text(other)) => one == other,
        (Value::Type(one), Value::Type(other)) => one == other,
        (Value::List(one), Value::List(other)) => equal_lists(one, other, steps),
        (Value::Map(one), Value::Map(other)) => equal_maps(one, other, steps),
        _ => order(one, other) == Some(Ordering::Equal),
    }
}

fn equal_lists(one: &List<'_>, other: &List<'_>, steps: &mut usize) -> bool {
    one.len() == other.len()
        && one
            .iter()
            .zip(other.iter())
            .all(|(one, other)| equal(&one, &other, steps))
}

fn equal_maps(one: &Map<'_>, other: &Map<'_>, steps: &mut usize) -> bool {
    one.len() == other.len()
        && one.keys().iter().all(|key| {
            let values = (find(one, key, steps), find(other, key, steps));
            matches!(values, (Some(one), Some(other)) if equal(&one, &other, steps))
        })
}

/// The value of a key.
pub(super) fn find<'a>(map: &Map<'a>, key: &Value<'_>, steps: &mut usize) -> Option<Value<'a>> {
    match (map, key) {
        (Map::Json(_), Value::Text(key)) => map.member(key),
        (Map::Json(_), _) => None,
        (Map::Built(entries), _) => entries
            .iter()
            .find(|(own, _)| equal(own, key, steps))
            .map(|(_, value)| value.clone()),
    }
}

/// Which of two values comes first; `None` where neither does.
pub(super) fn order(one: &Value<'_>, other: &Value<'_>) -> Option<Ordering> {
    match (one, other) {
        (Value::Bool(one), Value::Bool(other)) => Some(one.cmp(other)),
        (Value::Int(one), Value::Int(other)) => Some(one.cmp(other)),
        (Value::Uint(one), Value::Uint(other)) => Some(one.cmp(other)),
        (Value::Int(one), Value::Uint(other)) => Some(i128::from(*one).cmp(&i128::from(*other))),
        (Value::Uint(one), Value::Int(other)) => Some(i128::from(*one).cmp(&i128::from(*other))),
        (Value::Text(one), Value::Text(other)) => Some(one.cmp(other)),
        (Value::Octets(one), Value::Octets(other)) => Some(one.cmp(other)),
        (Value::Timestamp(one), Value::Timestamp(other)) => Some(one.cmp(other)),
        (Value::Duration(one), Value::Duration(other)) => Some(one.cmp(other)),
        _ => double(one)?.partial_cmp(&double(other)?),
    }
}

/// Whether two values have an order at all, were they not NaN.
pub(super) fn ordered(one: &Value<'_>, other: &Value<'_>) -> bool {
    order(one, other).is_some() || (double(one).is_some() && double(other).is_some())
}

/// The number that a value is, rounded where a double cannot hold it.
#[expect(
    clippy::cast_precision_loss,
    reason = "a comparison with a double is one of doubles"
)]
fn double(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Int(number) => Some(*number as f64),
        Value::Uint(number) => Some(*number as f64),
        Value::Double(number) => Some(*number),
        _ => None,
    }
}
