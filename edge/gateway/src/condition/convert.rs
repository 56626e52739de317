//! Conversions between types.

use std::borrow::Cow;

use super::evaluate::Evaluated;
use super::value::Value;
use super::{EvaluationError, time};

const NO_OVERLOAD: EvaluationError = EvaluationError::NoSuchOverload;
const RANGE: EvaluationError = EvaluationError::Range;
const NO_VALUE: EvaluationError = EvaluationError::Conversion;

/// 2⁶³ and 2⁶⁴: the first doubles beyond the integers.
const INT_END: f64 = 9_223_372_036_854_775_808.0;
const UINT_END: f64 = 18_446_744_073_709_551_616.0;

pub(super) fn to_bool(value: Value<'_>) -> Evaluated<'_> {
    match &value {
        Value::Bool(_) => Ok(value),
        Value::Text(text) => match &**text {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(Value::Bool(true)),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(Value::Bool(false)),
            _ => Err(NO_VALUE),
        },
        _ => Err(NO_OVERLOAD),
    }
}

pub(super) fn to_int(value: Value<'_>) -> Evaluated<'_> {
    match &value {
        Value::Int(_) => Ok(value),
        Value::Uint(number) => i64::try_from(*number).map(Value::Int).map_err(|_| RANGE),
        Value::Double(number) => int(*number).map(Value::Int),
        Value::Text(text) => text.parse().map(Value::Int).map_err(|_| NO_VALUE),
        Value::Timestamp(time) => Ok(Value::Int(time.seconds)),
        _ => Err(NO_OVERLOAD),
    }
}

/// The integer towards zero. The ends of the range are left out: near them a double stands for
/// numbers beyond it as well.
fn int(number: f64) -> Result<i64, EvaluationError> {
    if number > -INT_END && number < INT_END {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "in range, and truncation is meant"
        )]
        Ok(number as i64)
    } else {
        Err(RANGE)
    }
}

/// A number that is whole, as an integer: what may be the index of a list.
pub(super) fn to_whole<'a>(value: &Value<'_>) -> Evaluated<'a> {
    match value {
        Value::Int(number) => Ok(Value::Int(*number)),
        Value::Uint(number) => i64::try_from(*number).map(Value::Int).map_err(|_| RANGE),
        Value::Double(number) if number.fract() == 0.0 => int(*number).map(Value::Int),
        _ => Err(NO_OVERLOAD),
    }
}

pub(super) fn to_uint(value: Value<'_>) -> Evaluated<'_> {
    match &value {
        Value::Uint(_) => Ok(value),
        Value::Int(number) => u64::try_from(*number).map(Value::Uint).map_err(|_| RANGE),
        Value::Double(number) if *number > -1.0 && *number < UINT_END =>
        {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "in range, and truncation is meant"
            )]
            Ok(Value::Uint(*number as u64))
        }
        Value::Double(_) => Err(RANGE),
        Value::Text(text) => text.parse().map(Value::Uint).map_err(|_| NO_VALUE),
        _ => Err(NO_OVERLOAD),
    }
}

pub(super) fn to_double(value: Value<'_>) -> Evaluated<'_> {
    #[expect(clippy::cast_precision_loss, reason = "a double is what is asked for")]
    match &value {
        Value::Double(_) => Ok(value),
        Value::Int(number) => Ok(Value::Double(*number as f64)),
        Value::Uint(number) => Ok(Value::Double(*number as f64)),
        Value::Text(text) => text.parse().map(Value::Double).map_err(|_| NO_VALUE),
        _ => Err(NO_OVERLOAD),
    }
}

pub(super) fn to_text(value: Value<'_>) -> Evaluated<'_> {
    let text = match value {
        Value::Text(_) => return Ok(value),
        Value::Octets(Cow::Borrowed(octets)) => {
            let text = std::str::from_utf8(octets).map_err(|_| NO_VALUE)?;
            return Ok(Value::text(text));
        }
        Value::Octets(Cow::Owned(octets)) => String::from_utf8(octets).map_err(|_| NO_VALUE)?,
        Value::Bool(value) => value.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Uint(number) => number.to_string(),
        Value::Double(number) => double_text(number),
        Value::Timestamp(time) => time::timestamp_text(time)?,
        Value::Duration(nanos) => time::duration_text(nanos),
        _ => return Err(NO_OVERLOAD),
    };
    Ok(Value::Text(Cow::Owned(text)))
}

/// The shortest text that reads as the same number; with an exponent where it would be long.
fn double_text(number: f64) -> String {
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let size = number.abs();
    if size != 0.0 && !(1e-4..1e21).contains(&size) {
        format!("{number:e}")
    } else {
        number.to_string()
    }
}

pub(super) fn to_octets(value: Value<'_>) -> Evaluated<'_> {
    match value {
        Value::Octets(_) => Ok(value),
        Value::Text(Cow::Borrowed(text)) => Ok(Value::Octets(Cow::Borrowed(text.as_bytes()))),
        Value::Text(Cow::Owned(text)) => Ok(Value::Octets(Cow::Owned(text.into_bytes()))),
        _ => Err(NO_OVERLOAD),
    }
}

pub(super) fn to_timestamp(value: Value<'_>) -> Evaluated<'_> {
    match &value {
        Value::Timestamp(_) => Ok(value),
        Value::Int(seconds) => time::at(i128::from(*seconds).saturating_mul(time::SECOND)),
        Value::Text(text) => time::parse_timestamp(text).ok_or(NO_VALUE),
        _ => Err(NO_OVERLOAD),
    }
}

pub(super) fn to_duration(value: Value<'_>) -> Evaluated<'_> {
    match &value {
        Value::Duration(_) => Ok(value),
        Value::Text(text) => {
            let nanos = time::parse_duration(text).ok_or(NO_VALUE)?;
            i64::try_from(nanos).map(Value::Duration).map_err(|_| RANGE)
        }
        _ => Err(NO_OVERLOAD),
    }
}
