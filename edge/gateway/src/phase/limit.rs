//! *Limit*: how much may they call?

mod measure;

use http::header::{HeaderName, HeaderValue, RETRY_AFTER};
use smallvec::SmallVec;
use tidegate_shared::bundle::{Limit, Tables};
use tidegate_shared::problem::Problem;
use tidegate_shared::time::UnixMillis;

use crate::condition::Program;
use crate::decision::HeadEdits;
use crate::head::RequestHead;
use crate::phase::request::Request;
use crate::refusal::Refusal;
use crate::state::{Standing, State};

/// A request that is counted.
pub(crate) struct Counted<'a, H> {
    pub(crate) request: &'a Request<'a, H>,
    /// What limits' expressions refer to.
    pub(crate) programs: &'a [Program],
}

/// Takes what the request costs from every limit of the route and of the caller's plan, or from
/// none. The answer says how the caller stands, by draft-ietf-httpapi-ratelimit-headers-10.
pub(crate) fn limit<'l, H: RequestHead>(
    limits: impl Iterator<Item = &'l u32>,
    tables: &Tables,
    counted: &Counted<'_, H>,
    state: &State,
    now: UnixMillis,
    response: &mut HeadEdits,
) -> Result<(), Refusal> {
    let mut indices: SmallVec<[u32; 4]> = SmallVec::new();
    for index in limits {
        // A limit of the route that the caller's plan has, too, counts once.
        if !indices.contains(index) {
            indices.push(*index);
        }
    }
    let limits = indices
        .iter()
        .filter_map(|index| tables.limits.get(usize::try_from(*index).ok()?));
    let limits: Vec<&Limit> = limits.collect();
    let takes = limits.iter().map(|limit| measure::measure(limit, counted));
    let takes = takes.collect::<Result<Vec<_>, Refusal>>()?;
    let standings = state.buckets.take(&takes, now);
    let standings: Vec<(&Limit, Standing)> = limits.into_iter().zip(standings).collect();
    announce(&standings, response);
    let refusing = standings.iter().filter(|(_, standing)| !standing.admitted);
    // What is never admitted is waited for in vain.
    let last = refusing.max_by_key(|(_, standing)| standing.reset.unwrap_or(u64::MAX));
    let Some((limit, standing)) = last else {
        return Ok(());
    };
    let refusal = Refusal::new(
        Problem::RateLimited,
        format!("limit `{}` is used up", limit.name),
    );
    Err(match standing.reset {
        Some(wait) => refusal.with(RETRY_AFTER, wait.to_string()),
        None => refusal,
    })
}

/// `RateLimit-Policy` says what is allowed (`q` units in `w` seconds), `RateLimit` what is left
/// (`r` units, fully replenished in `t` seconds).
fn announce(standings: &[(&Limit, Standing)], response: &mut HeadEdits) {
    let list = |item: fn(&(&Limit, Standing)) -> String| {
        let items: Vec<String> = standings.iter().map(item).collect();
        HeaderValue::from_str(&items.join(", ")).ok()
    };
    let policy = list(|(limit, _)| {
        format!(
            "\"{}\";q={};w={}",
            limit.name, limit.rate.count, limit.rate.period
        )
    });
    let standing = list(|(limit, standing)| {
        let reset = standing.reset.map(|reset| format!(";t={reset}"));
        let reset = reset.unwrap_or_default();
        format!("\"{}\";r={}{reset}", limit.name, standing.remaining)
    });
    let names = [
        HeaderName::from_static("ratelimit-policy"),
        HeaderName::from_static("ratelimit"),
    ];
    let fields = names.into_iter().zip([policy, standing]);
    response
        .set
        .extend(fields.filter_map(|(name, value)| Some((name, value?))));
}
