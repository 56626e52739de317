//! Which bucket a request takes from, and how much.

use http::header::HeaderName;
use tidegate_shared::bundle::{Allowance, CalendarPeriod, Cost, KeyPart, Limit, Scope};
use tidegate_shared::problem::Problem;
use tidegate_shared::units::Rate;

use super::Counted;
use crate::condition::{EvaluationError, Program, Value};
use crate::head::RequestHead;
use crate::refusal::Refusal;
use crate::state::Terms;

/// What a request takes by a limit.
#[derive(Debug)]
pub(super) struct Measured<'l> {
    pub(super) limit: &'l Limit,
    pub(super) kind: Kind,
    /// Names what is counted together; the limit is a part.
    pub(super) key: Vec<u8>,
    /// How many units.
    pub(super) cost: u64,
}

/// What a limit counts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Units of a bucket that drains.
    Rate(Terms),
    /// Units of a period of the calendar.
    Quota(Terms, CalendarPeriod),
    /// Requests under way, up to so many units.
    AtOnce(u32),
}

pub(super) fn measure<'l, H: RequestHead>(
    limit: &'l Limit,
    counted: &Counted<'_, H>,
) -> Result<Measured<'l>, Refusal> {
    let mut key = counted.key(limit)?;
    let kind = match limit.allows {
        Allowance::Rate { rate, burst } => Kind::Rate(Terms { rate, burst }),
        Allowance::Quota { units, calendar } => {
            let period = counted.period(calendar)?;
            // Each period has a bucket of its own, which never drains.
            mark(&mut key, &period.begins.0.to_string());
            let rate = Rate {
                count: 0,
                period: period.seconds,
            };
            Kind::Quota(Terms { rate, burst: units }, period)
        }
        Allowance::AtOnce(units) => Kind::AtOnce(units),
    };
    Ok(Measured {
        limit,
        kind,
        key,
        cost: counted.cost(limit)?,
    })
}

impl<H: RequestHead> Counted<'_, H> {
    /// The octets that name the bucket: the limit, its scope and each part of its key, each with
    /// its length before it, so that no two keys run together.
    fn key(&self, limit: &Limit) -> Result<Vec<u8>, Refusal> {
        let mut key = Vec::with_capacity(64);
        push(&mut key, &limit.name);
        match &limit.scope {
            Scope::Gateway => {}
            Scope::Api(name) => {
                push(&mut key, "api");
                push(&mut key, name);
            }
            Scope::Route(name) => {
                push(&mut key, "route");
                push(&mut key, name);
            }
        }
        let request = self.request;
        let address = || Some(request.head().peer().address?.to_string());
        for part in &limit.key {
            let unknown = |what: &str| {
                Refusal::new(
                    Problem::Internal,
                    format!("limit `{}` needs {what}, which is not known", limit.name),
                )
            };
            match part {
                KeyPart::Subject => match request.identity() {
                    Some(identity) => {
                        push(&mut key, &identity.issuer);
                        push(&mut key, &identity.subject);
                    }
                    // No issuer has an empty name.
                    None => {
                        push(&mut key, "");
                        push(&mut key, &address().ok_or_else(|| unknown("the caller"))?);
                    }
                },
                KeyPart::Issuer => {
                    let issuer = request.identity().map(|identity| identity.issuer.as_str());
                    push(&mut key, issuer.unwrap_or_default());
                }
                KeyPart::Address => {
                    let address = address().ok_or_else(|| unknown("the client's address"))?;
                    push(&mut key, &address);
                }
                KeyPart::Header(name) => {
                    let name =
                        HeaderName::from_bytes(name.as_bytes()).map_err(|_| unknown("a header"))?;
                    push(&mut key, &request.head().header(&name).unwrap_or_default());
                }
                KeyPart::PathParameter(name) => {
                    let mut parameters = request.parameters().iter();
                    let value = parameters.find(|(parameter, _)| parameter == name);
                    push(
                        &mut key,
                        value.ok_or_else(|| unknown("a path parameter"))?.1,
                    );
                }
                KeyPart::Value(index) => match self.value(limit, *index)? {
                    Value::Text(text) => push(&mut key, &text),
                    // No text is as long as these are marked to be: a number is not its digits.
                    Value::Int(number) => mark(&mut key, &number.to_string()),
                    Value::Uint(number) => mark(&mut key, &number.to_string()),
                    Value::Bool(value) => mark(&mut key, if value { "true" } else { "false" }),
                    Value::Null
                    | Value::Double(_)
                    | Value::Octets(_)
                    | Value::Timestamp(_)
                    | Value::Duration(_)
                    | Value::Type(_)
                    | Value::List(_)
                    | Value::Map(_) => {
                        let cause = "its key is no text, whole number or boolean";
                        return Err(undetermined(limit, cause));
                    }
                },
            }
        }
        Ok(key)
    }

    fn cost(&self, limit: &Limit) -> Result<u64, Refusal> {
        match limit.cost {
            Cost::Fixed(cost) => Ok(u64::from(cost)),
            Cost::Value(index) => {
                let program = self.program(index)?;
                let cost = program.amount(self.request);
                cost.map_err(|error| unevaluated(limit, program, error))
            }
        }
    }

    fn value(&self, limit: &Limit, index: u32) -> Result<Value<'_>, Refusal> {
        let program = self.program(index)?;
        let value = program.evaluate(self.request);
        value.map_err(|error| unevaluated(limit, program, error))
    }

    fn period(&self, calendar: u32) -> Result<CalendarPeriod, Refusal> {
        let calendar = usize::try_from(calendar).ok();
        let calendar = calendar.and_then(|index| self.calendars.get(index));
        let calendar = calendar.ok_or_else(|| {
            Refusal::new(Problem::Internal, "a limit refers to a missing calendar")
        })?;
        Ok(calendar.period_at(self.now))
    }

    fn program(&self, index: u32) -> Result<&Program, Refusal> {
        let index = usize::try_from(index).ok();
        let program = index.and_then(|index| self.programs.get(index));
        program.ok_or_else(|| {
            Refusal::new(Problem::Internal, "a limit refers to a missing expression")
        })
    }
}

fn unevaluated(limit: &Limit, program: &Program, error: EvaluationError) -> Refusal {
    let cause = format!("`{}` cannot be evaluated: {error}", program.text());
    undetermined(limit, &cause)
}

/// What an expression asks of a request may be missing there: it is not counted as another.
fn undetermined(limit: &Limit, cause: &str) -> Refusal {
    Refusal::new(
        Problem::LimitUndetermined,
        format!("limit `{}`: {cause}", limit.name),
    )
}

/// The same octets on every machine, however wide its words.
pub(super) fn push(key: &mut Vec<u8>, part: &str) {
    let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
    key.extend_from_slice(&length.to_be_bytes());
    key.extend_from_slice(part.as_bytes());
}

fn mark(key: &mut Vec<u8>, part: &str) {
    key.extend_from_slice(&u64::MAX.to_be_bytes());
    push(key, part);
}
