//! What callers are told, by draft-ietf-httpapi-ratelimit-headers-10.

use tidegate_shared::units::Rate;

use crate::buckets::Standing;

/// The item of `RateLimit-Policy` for a rate: `q` units in `w` seconds.
pub fn rate_item(name: &str, rate: Rate) -> String {
    format!("\"{name}\";q={};w={}", rate.count, rate.period)
}

/// The item of `RateLimit-Policy` for requests under way: `q` at once.
pub fn at_once_item(name: &str, most: u32) -> String {
    format!("\"{name}\";q={most};qu=\"concurrent-requests\"")
}

/// The item of `RateLimit`: `r` units are left, and are fully replenished in `t` seconds.
pub fn standing_item(name: &str, standing: Standing) -> String {
    let reset = standing.reset.map(|reset| format!(";t={reset}"));
    let reset = reset.unwrap_or_default();
    format!("\"{name}\";r={}{reset}", standing.remaining)
}
