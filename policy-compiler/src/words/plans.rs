//! Plans.

use tidegate_shared::bundle::{Limit, PlanClaim, Tables};

use super::{code, limit, list};

pub(crate) fn plan(name: &str, limits: &[&Limit], tables: &Tables) -> String {
    let limits = limits.iter().map(|own| limit(own, tables));
    format!("the plan {}: {}", code(name), list(limits))
}

/// The plan that somebody is on.
pub(crate) fn on_plan(name: Option<&str>) -> String {
    name.map_or_else(|| "no plan".to_owned(), code)
}

/// Which plan a token's bearer is on.
pub(crate) fn plan_claim(rule: Option<&PlanClaim>) -> String {
    let Some(PlanClaim { claim, default }) = rule else {
        return "no plan".to_owned();
    };
    let otherwise = match default {
        Some(name) => format!("else {}", code(name)),
        None => "else refused".to_owned(),
    };
    format!("the plan that the claim {} names, {otherwise}", code(claim))
}
