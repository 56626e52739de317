//! How the caller stands, by draft-ietf-httpapi-ratelimit-headers-10.

use http::header::{HeaderName, HeaderValue};
use tidegate_shared::bundle::Limit;

use crate::decision::HeadEdits;
use crate::state::Standing;

/// `RateLimit-Policy` says what is allowed (`q` units in `w` seconds), `RateLimit` what is left
/// (`r` units, fully replenished in `t` seconds).
pub(super) fn announce(standings: &[(&Limit, Standing)], response: &mut HeadEdits) {
    if standings.is_empty() {
        return;
    }
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
