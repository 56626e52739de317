//! The standard functions and their signatures.

use tidegate_shared::condition::{TimePart, TypeName, Unary};

use super::Type;
use TypeName::{Bool, Bytes, Double, Duration, Int, List, Map, String, Timestamp, Uint};

/// A function.
#[derive(Debug)]
pub(super) struct Signature {
    pub(super) name: &'static str,
    pub(super) form: Form,
    /// The types that the first operand may have; every one where there is none.
    pub(super) of: &'static [TypeName],
    pub(super) meaning: Meaning,
}

/// How a function is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `name(a)`
    Function,
    /// `a.name()`
    Method,
    /// Either.
    Both,
}

/// What a function does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Meaning {
    /// A function of the operand alone.
    Unary(Unary),
    /// A search for a text that is the other operand.
    Search(tidegate_shared::condition::Binary),
    /// A search for a regular expression.
    Matches,
    /// A part of a time, perhaps in a zone.
    Part(TimePart),
    /// The operand itself, of a type that is not known.
    Dyn,
}

impl Meaning {
    /// The type of the result.
    pub(super) fn gives(self) -> Type {
        match self {
            Self::Unary(Unary::Size | Unary::Int | Unary::Negate) | Self::Part(_) => Type::Int,
            Self::Unary(Unary::Not | Unary::Bool) | Self::Search(_) | Self::Matches => Type::Bool,
            Self::Unary(Unary::Uint) => Type::Uint,
            Self::Unary(Unary::Double) => Type::Double,
            Self::Unary(Unary::String) => Type::String,
            Self::Unary(Unary::Bytes) => Type::Bytes,
            Self::Unary(Unary::Timestamp) => Type::Timestamp,
            Self::Unary(Unary::Duration) => Type::Duration,
            Self::Unary(Unary::Type) => Type::Type,
            Self::Dyn => Type::Dyn,
        }
    }
}

const fn conversion(name: &'static str, of: &'static [TypeName], function: Unary) -> Signature {
    Signature {
        name,
        form: Form::Function,
        of,
        meaning: Meaning::Unary(function),
    }
}

const fn method(name: &'static str, of: &'static [TypeName], meaning: Meaning) -> Signature {
    Signature {
        name,
        form: Form::Method,
        of,
        meaning,
    }
}

const DATES: &[TypeName] = &[Timestamp];
const TIMES: &[TypeName] = &[Timestamp, Duration];

/// Every function. Operators and macros are not among them.
pub(super) const FUNCTIONS: [Signature; 25] = [
    Signature {
        form: Form::Both,
        ..conversion("size", &[String, Bytes, List, Map], Unary::Size)
    },
    Signature {
        form: Form::Both,
        ..method("matches", &[String], Meaning::Matches)
    },
    method(
        "contains",
        &[String],
        Meaning::Search(tidegate_shared::condition::Binary::Contains),
    ),
    method(
        "startsWith",
        &[String],
        Meaning::Search(tidegate_shared::condition::Binary::StartsWith),
    ),
    method(
        "endsWith",
        &[String],
        Meaning::Search(tidegate_shared::condition::Binary::EndsWith),
    ),
    conversion("type", &[], Unary::Type),
    Signature {
        meaning: Meaning::Dyn,
        ..conversion("dyn", &[], Unary::Type)
    },
    conversion("bool", &[Bool, String], Unary::Bool),
    conversion("int", &[Int, Uint, Double, String, Timestamp], Unary::Int),
    conversion("uint", &[Uint, Int, Double, String], Unary::Uint),
    conversion("double", &[Double, Int, Uint, String], Unary::Double),
    conversion(
        "string",
        &[String, Bool, Int, Uint, Double, Bytes, Timestamp, Duration],
        Unary::String,
    ),
    conversion("bytes", &[Bytes, String], Unary::Bytes),
    conversion("timestamp", &[Timestamp, Int, String], Unary::Timestamp),
    conversion("duration", &[Duration, String], Unary::Duration),
    method("getFullYear", DATES, Meaning::Part(TimePart::FullYear)),
    method("getMonth", DATES, Meaning::Part(TimePart::Month)),
    method("getDayOfYear", DATES, Meaning::Part(TimePart::DayOfYear)),
    method("getDayOfMonth", DATES, Meaning::Part(TimePart::DayOfMonth)),
    method("getDate", DATES, Meaning::Part(TimePart::Date)),
    method("getDayOfWeek", DATES, Meaning::Part(TimePart::DayOfWeek)),
    method("getHours", TIMES, Meaning::Part(TimePart::Hours)),
    method("getMinutes", TIMES, Meaning::Part(TimePart::Minutes)),
    method("getSeconds", TIMES, Meaning::Part(TimePart::Seconds)),
    method(
        "getMilliseconds",
        TIMES,
        Meaning::Part(TimePart::Milliseconds),
    ),
];
