//! How much a backend bears, by the policy: what all gateways together may send it, or each caller.

use http::header::{HeaderName, HeaderValue, RETRY_AFTER};
use tidegate_limits::{Buckets, Contract, Standing, Take, rate_item, standing_item};
use tidegate_shared::bundle::ConnectorLimit;
use tidegate_shared::time::UnixMillis;

use crate::identity::Identity;

/// What callers have taken. Bounded: where there are too many, the one that has used least is
/// forgotten.
#[derive(Debug)]
pub(crate) struct Limiter(Buckets);

/// A limit has nothing left for a request.
#[derive(Debug, thiserror::Error)]
#[error("limit `{name}` is used up")]
pub(crate) struct UsedUp {
    name: String,
    /// What the caller is told.
    pub(crate) fields: Vec<(HeaderName, HeaderValue)>,
}

impl Limiter {
    /// Nothing is used yet. The seed must be unpredictable.
    pub(crate) fn new(seed: [u8; 16]) -> Self {
        Self(Buckets::new(seed))
    }

    /// Takes from each limit, or from none of them.
    pub(crate) fn take(
        &self,
        upstream: &str,
        limits: &[ConnectorLimit],
        caller: &Identity,
        now: UnixMillis,
    ) -> Result<(), UsedUp> {
        if limits.is_empty() {
            return Ok(());
        }
        let takes: Vec<Take> = limits
            .iter()
            .map(|limit| Take {
                contract: Contract::new(limit.rate, limit.burst),
                key: key(upstream, limit, caller),
                cost: 1,
            })
            .collect();
        let standings = self.0.take(&takes, now);
        let refusing = limits.iter().zip(&standings);
        let refusing = refusing.filter(|(_, standing)| !standing.admitted);
        match refusing.max_by_key(|(_, standing)| standing.reset) {
            None => Ok(()),
            Some((limit, standing)) => Err(UsedUp {
                name: limit.name.clone(),
                fields: fields(limit, *standing),
            }),
        }
    }
}

/// Names the bucket. A limit that changes begins anew.
fn key(upstream: &str, limit: &ConnectorLimit, caller: &Identity) -> Vec<u8> {
    let ConnectorLimit {
        name,
        rate,
        burst,
        per_caller,
    } = limit;
    let caller = per_caller.then(|| caller.to_string()).unwrap_or_default();
    let (count, period) = (rate.count, rate.period);
    format!("{upstream}\0{name}\0{count}\0{period}\0{burst}\0{caller}").into_bytes()
}

fn fields(limit: &ConnectorLimit, standing: Standing) -> Vec<(HeaderName, HeaderValue)> {
    let wait = standing.reset.map(|wait| (RETRY_AFTER, wait.to_string()));
    let policy = rate_item(&limit.name, limit.rate);
    let left = standing_item(&limit.name, standing);
    let told = [
        (HeaderName::from_static("ratelimit-policy"), policy),
        (HeaderName::from_static("ratelimit"), left),
    ];
    let fields = told.into_iter().chain(wait);
    let fields = fields.filter_map(|(name, text)| Some((name, HeaderValue::from_str(&text).ok()?)));
    fields.collect()
}
