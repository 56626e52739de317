//! How much callers may call.

use std::borrow::Cow;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use tidegate_shared::bundle::{KeyPart, Period, Unreachable};
use tidegate_shared::units::Rate;

use super::Mode;
use crate::decode::{Decode, OneOrMany, Parsed, record, wrong_type};
use crate::diagnostic::Diagnostics;
use crate::source::Spanned;
use crate::yaml::{Kind, Node};

record! {
    /// How much callers may call.
    struct Limit {
        /// The steady rate, as `60/m`. A limit has a rate, a quota or a concurrency.
        rate: Option<Parsed<Rate>>,
        /// How much in each day or month of the calendar, as `10000/day` or `100000/month`.
        quota: Option<Parsed<Quota>>,
        /// The time zone of the quota's calendar, by its name in the IANA database, as
        /// `Europe/Zurich`; `UTC` if absent.
        zone: Option<Spanned<String>>,
        /// How many requests may be under way at once, as each place counts them for itself.
        concurrency: Option<Spanned<u64>>,
        /// What may be taken at once from a full bucket; the rate's count if absent.
        burst: Option<Spanned<u64>>,
        /// What is counted apart: `auth.subject`, `auth.issuer`, `client.address`,
        /// `request.headers["NAME"]`, `request.path["NAME"]`, any other expression of the
        /// conditions' language, or `global`; `auth.subject` if absent.
        key: Option<OneOrMany<Parsed<LimitKey>>>,
        /// What a request takes: a number, or an expression of the conditions' language; 1 if
        /// absent.
        cost: Option<LimitCost>,
        /// What counts together: `gateway`, `api` or `route`; `gateway` if absent.
        scope: Option<Parsed<LimitScope>>,
        /// How exactly it holds over many places: `local`, `leased` or `strict`; if absent, `leased`
        /// for a quota, and else `local`, where each place counts for itself.
        accuracy: Option<Parsed<LimitAccuracy>>,
        /// What happens while the authority of a `leased` or `strict` limit does not answer:
        /// `refuse`, `local` or `allow`; `refuse` if absent.
        when_unreachable: Option<Parsed<WhenUnreachable>>,
        /// Whether it counts: `enforce` if absent, or `shadow`.
        mode: Option<Parsed<Mode>>,
    }
}

/// How much in each period of a calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quota {
    pub(crate) units: u32,
    pub(crate) period: Period,
}

impl FromStr for Quota {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let quota = text.split_once('/').and_then(|(units, period)| {
            let digits = units.bytes().all(|octet| octet.is_ascii_digit());
            let units: u32 = units.parse().ok().filter(|units| digits && *units > 0)?;
            let period = period.parse().ok()?;
            Some(Self { units, period })
        });
        quota.ok_or_else(|| {
            format!(
                "`{text}` is not a quota: write a count of at least 1 and a period, as `10000/day` \
                 or `100000/month`"
            )
        })
    }
}

/// How exactly a limit holds over many places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LimitAccuracy {
    /// Each place counts for itself.
    Local,
    /// Places lease tokens ahead of need.
    Leased,
    /// Each request asks.
    Strict,
}

impl FromStr for LimitAccuracy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "local" => Ok(Self::Local),
            "leased" => Ok(Self::Leased),
            "strict" => Ok(Self::Strict),
            _ => Err(format!(
                "`{text}` is no accuracy: use local, leased or strict"
            )),
        }
    }
}

/// What happens while the authority of a limit does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WhenUnreachable(pub(crate) Unreachable);

impl FromStr for WhenUnreachable {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "refuse" => Ok(Self(Unreachable::Refuse)),
            "local" => Ok(Self(Unreachable::Local)),
            "allow" => Ok(Self(Unreachable::Allow)),
            _ => Err(format!("`{text}` is none of refuse, local and allow")),
        }
    }
}

/// What a limit counts apart.
#[derive(Clone, Debug)]
pub(crate) enum LimitKey {
    /// Nothing.
    Global,
    /// Something that needs no expression.
    Part(KeyPart),
    /// The value of an expression.
    Expression(String),
}

impl FromStr for LimitKey {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let member = |of: &str| {
            let inner = text
                .strip_prefix(of)?
                .strip_prefix('[')?
                .strip_suffix(']')?
                .trim();
            let quoted = |quote: char| inner.strip_prefix(quote)?.strip_suffix(quote);
            quoted('"')
                .or_else(|| quoted('\''))
                .filter(|name| !name.is_empty() && !name.contains(['"', '\'', '\\']))
                .map(str::to_owned)
        };
        Ok(match text {
            "global" => Self::Global,
            "auth.subject" => Self::Part(KeyPart::Subject),
            "auth.issuer" => Self::Part(KeyPart::Issuer),
            "client.address" => Self::Part(KeyPart::Address),
            _ => {
                let header = member("request.headers")
                    .and_then(|name| name.parse::<http::HeaderName>().ok());
                let header = header.map(|name| KeyPart::Header(name.as_str().to_owned()));
                let part = header.or_else(|| member("request.path").map(KeyPart::PathParameter));
                part.map_or_else(|| Self::Expression(text.to_owned()), Self::Part)
            }
        })
    }
}

/// What a request takes from a limit's bucket.
#[derive(Clone, Debug)]
pub(crate) enum LimitCost {
    /// So much.
    Fixed(Spanned<u64>),
    /// The value of an expression.
    Expression(Spanned<String>),
}

impl Decode for LimitCost {
    fn decode(node: Node<'_>, diagnostics: &mut Diagnostics) -> Option<Self> {
        match &node.kind {
            Kind::Integer(_) => Spanned::decode(node, diagnostics).map(Self::Fixed),
            Kind::Text(_) => Spanned::decode(node, diagnostics).map(Self::Expression),
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Sequence(_) | Kind::Mapping(_) => {
                wrong_type(&node, "a whole number, or an expression", diagnostics)
            }
        }
    }
}

impl JsonSchema for LimitCost {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("LimitCost")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "integer", "minimum": 1 }, { "type": "string" }] })
    }
}

/// What counts together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LimitScope {
    /// All routes that the limit stands on.
    Gateway,
    /// Those of one API.
    Api,
    /// Each route by itself.
    Route,
}

impl FromStr for LimitScope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "gateway" => Ok(Self::Gateway),
            "api" => Ok(Self::Api),
            "route" => Ok(Self::Route),
            _ => Err(format!("`{text}` is no scope: use gateway, api or route")),
        }
    }
}
