//! How much a backend bears, by the policy: what all gateways together may send it, or each caller.

use http::header::{HeaderName, HeaderValue, RETRY_AFTER};
use tidegate_limits::{
    Buckets, Contract, InFlight, NoSlot, Slot, Standing, Take, at_once_item, rate_item,
    standing_item,
};
use tidegate_shared::bundle::{ConnectorAllowance, ConnectorLimit};
use tidegate_shared::problem::Problem;
use tidegate_shared::time::UnixMillis;
use tidegate_shared::units::Rate;

use crate::identity::Identity;

/// What callers have taken, and the requests under way. Bounded: where too many callers have taken
/// something, the one that has used least is forgotten.
#[derive(Debug)]
pub struct Limiter {
    buckets: Buckets,
    in_flight: InFlight,
}

/// A limit has nothing left for a request.
#[derive(Debug, thiserror::Error)]
#[error("limit `{name}` {reason}")]
pub struct UsedUp {
    name: String,
    reason: &'static str,
    /// The problem.
    pub problem: Problem,
    /// What the caller is told beside it.
    pub fields: Vec<(HeaderName, HeaderValue)>,
}

impl Limiter {
    /// Nothing is used yet. The seed must be unpredictable.
    pub fn new(seed: [u8; 16]) -> Self {
        Self {
            buckets: Buckets::new(seed),
            in_flight: InFlight::new(seed),
        }
    }

    /// Takes from each limit, or from none of them; gives what the request holds until it is over.
    ///
    /// # Errors
    /// Where a limit has nothing left.
    pub fn take(
        &self,
        upstream: &str,
        limits: &[ConnectorLimit],
        caller: &Identity,
        now: UnixMillis,
    ) -> Result<Vec<Slot>, UsedUp> {
        let (mut slots, mut takes, mut rates) = (Vec::new(), Vec::new(), Vec::new());
        for limit in limits {
            let key = key(upstream, limit, caller);
            match limit.allows {
                ConnectorAllowance::AtOnce(most) => {
                    let entered = self.in_flight.enter(&key, 1, most);
                    let (slot, _left) = entered.map_err(|error| at_once(limit, most, error))?;
                    slots.push(slot);
                }
                ConnectorAllowance::Rate { rate, burst } => {
                    takes.push(Take {
                        contract: Contract::new(rate, burst),
                        key,
                        cost: 1,
                    });
                    rates.push((limit, rate));
                }
            }
        }
        if takes.is_empty() {
            return Ok(slots);
        }
        let standings = self.buckets.take(&takes, now);
        let refusing = rates.into_iter().zip(standings);
        let refusing = refusing.filter(|(_, standing)| !standing.admitted);
        match refusing.max_by_key(|(_, standing)| standing.reset) {
            None => Ok(slots),
            Some(((limit, rate), standing)) => Err(used_up(limit, rate, standing)),
        }
    }
}

/// Names the bucket. A limit that changes begins anew.
fn key(upstream: &str, limit: &ConnectorLimit, caller: &Identity) -> Vec<u8> {
    let ConnectorLimit {
        name,
        allows,
        per_caller,
    } = limit;
    let caller = per_caller.then(|| caller.to_string()).unwrap_or_default();
    let allows = match allows {
        ConnectorAllowance::Rate { rate, burst } => {
            format!("{}\0{}\0{burst}", rate.count, rate.period)
        }
        // The requests that are under way still are when their bound changes.
        ConnectorAllowance::AtOnce(_) => String::new(),
    };
    format!("{upstream}\0{name}\0{allows}\0{caller}").into_bytes()
}

fn used_up(limit: &ConnectorLimit, rate: Rate, standing: Standing) -> UsedUp {
    let wait = standing.reset.map(|wait| (RETRY_AFTER, wait.to_string()));
    UsedUp {
        name: limit.name.clone(),
        reason: "is used up",
        problem: Problem::RateLimited,
        fields: fields(rate_item(&limit.name, rate), &limit.name, standing, wait),
    }
}

fn at_once(limit: &ConnectorLimit, most: u32, error: NoSlot) -> UsedUp {
    let name = &limit.name;
    // Another request may end at any moment, and nobody knows when.
    let wait = Some((RETRY_AFTER, "1".to_owned()));
    let (reason, problem, fields) = match error {
        NoSlot::Taken(free) => {
            let standing = Standing {
                admitted: false,
                remaining: free.into(),
                reset: None,
            };
            let fields = fields(at_once_item(name, most), name, standing, wait);
            ("is used up", Problem::ConcurrencyLimited, fields)
        }
        NoSlot::Full => (
            "counts as many callers as there is room for",
            Problem::LimitUnavailable,
            lines(wait),
        ),
    };
    UsedUp {
        name: name.clone(),
        reason,
        problem,
        fields,
    }
}

fn fields(
    policy: String,
    name: &str,
    standing: Standing,
    wait: Option<(HeaderName, String)>,
) -> Vec<(HeaderName, HeaderValue)> {
    let left = standing_item(name, standing);
    let told = [
        (HeaderName::from_static("ratelimit-policy"), policy),
        (HeaderName::from_static("ratelimit"), left),
    ];
    lines(told.into_iter().chain(wait))
}

fn lines(fields: impl IntoIterator<Item = (HeaderName, String)>) -> Vec<(HeaderName, HeaderValue)> {
    let fields = fields.into_iter();
    let fields = fields.filter_map(|(name, text)| Some((name, HeaderValue::from_str(&text).ok()?)));
    fields.collect()
}
