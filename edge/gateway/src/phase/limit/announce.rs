//! How the caller stands, by draft-ietf-httpapi-ratelimit-headers-10.

use http::header::{HeaderName, HeaderValue};
use tidegate_limits::{Standing, at_once_item, rate_item, standing_item};
use tidegate_shared::bundle::Limit;

use super::measure::Kind;
use super::settle::Told;
use crate::decision::HeadEdits;

/// `RateLimit-Policy` says what is allowed (`q` units in `w` seconds, or at once), `RateLimit` what
/// is left (`r` units, fully replenished in `t` seconds).
pub(super) fn announce(told: &[(&Limit, Kind, Told)], response: &mut HeadEdits) {
    let known = told.iter().filter_map(|(limit, kind, told)| match told {
        Told::Standing(standing) => Some((limit.name.as_str(), *kind, *standing)),
        Told::Failed(_) | Told::Unknown => None,
    });
    let known: Vec<(&str, Kind, Standing)> = known.collect();
    if known.is_empty() {
        return;
    }
    let list = |item: fn(&(&str, Kind, Standing)) -> String| {
        let items: Vec<String> = known.iter().map(item).collect();
        HeaderValue::from_str(&items.join(", ")).ok()
    };
    let policy = list(|(name, kind, _)| match kind {
        Kind::Rate(terms) => rate_item(name, terms.rate),
        Kind::Quota(terms, period) => format!("\"{name}\";q={};w={}", terms.burst, period.seconds),
        Kind::AtOnce(most) => at_once_item(name, *most),
    });
    let standing = list(|(name, kind, standing)| {
        let reset = match kind {
            Kind::Rate(_) | Kind::Quota(..) => standing.reset,
            // Nobody knows when other requests end.
            Kind::AtOnce(_) => None,
        };
        standing_item(name, Standing { reset, ..*standing })
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
