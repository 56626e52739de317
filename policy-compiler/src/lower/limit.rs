//! Limits.

use tidegate_shared::bundle;

use super::Context;
use crate::syntax::Limit;

const MAX_BURST: u64 = 1_000_000_000;

pub(super) fn lower(name: &str, limit: &Limit, cx: &mut Context<'_>) -> bundle::Limit {
    let rate = limit.rate.value;
    let burst = limit
        .burst
        .as_ref()
        .map_or(u64::from(rate.count), |burst| burst.value);
    if let Some(given) = limit
        .burst
        .as_ref()
        .filter(|burst| !(1..=MAX_BURST).contains(&burst.value))
    {
        cx.error(
            "invalid-value",
            given.span,
            format!("`burst` is 1 to {MAX_BURST}"),
        );
    }
    bundle::Limit {
        name: name.to_owned(),
        rate,
        burst: u32::try_from(burst).unwrap_or(u32::MAX),
        key: limit
            .key
            .0
            .iter()
            .filter_map(|key| key.value.0.clone())
            .collect(),
    }
}
