//! What conditions compute. Which overload of the CEL standard library is meant shows in the
//! operands.

use serde::{Deserialize, Serialize};

/// A function of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unary {
    /// `!a`
    Not,
    /// `-a`
    Negate,
    /// `size(a)`
    Size,
    /// `type(a)`
    Type,
    /// `bool(a)`
    Bool,
    /// `int(a)`
    Int,
    /// `uint(a)`
    Uint,
    /// `double(a)`
    Double,
    /// `string(a)`
    String,
    /// `bytes(a)`
    Bytes,
    /// `timestamp(a)`
    Timestamp,
    /// `duration(a)`
    Duration,
}

/// A function of two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Binary {
    /// `a + b`
    Add,
    /// `a - b`
    Subtract,
    /// `a * b`
    Multiply,
    /// `a / b`
    Divide,
    /// `a % b`
    Remainder,
    /// `a == b`
    Equal,
    /// `a != b`
    NotEqual,
    /// `a < b`
    Less,
    /// `a <= b`
    LessEqual,
    /// `a > b`
    Greater,
    /// `a >= b`
    GreaterEqual,
    /// `a in b`
    In,
    /// `a[b]`, and `a.b`
    Index,
    /// `a.contains(b)`
    Contains,
    /// `a.startsWith(b)`
    StartsWith,
    /// `a.endsWith(b)`
    EndsWith,
}

/// A part of a point in time, or what a span of time amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimePart {
    /// `a.getFullYear()`
    FullYear,
    /// `a.getMonth()`, from 0.
    Month,
    /// `a.getDayOfYear()`, from 0.
    DayOfYear,
    /// `a.getDayOfMonth()`, from 0.
    DayOfMonth,
    /// `a.getDate()`, the day of the month from 1.
    Date,
    /// `a.getDayOfWeek()`, from Sunday, 0.
    DayOfWeek,
    /// `a.getHours()`; of a span, all of its whole hours.
    Hours,
    /// `a.getMinutes()`; of a span, all of its whole minutes.
    Minutes,
    /// `a.getSeconds()`; of a span, all of its whole seconds.
    Seconds,
    /// `a.getMilliseconds()`, after the whole second.
    Milliseconds,
}

/// What a comprehension makes of its elements: of a list, or of a map's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Macro {
    /// Whether all are true; an error counts where none is false.
    All,
    /// Whether one is true; an error counts where none is.
    Exists,
    /// Whether exactly one is true.
    ExistsOne,
    /// The list of the results.
    Map,
    /// The list of the elements for which the result is true.
    Filter,
}
