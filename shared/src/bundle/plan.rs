//! Plans: how much a caller may call, beside what holds for everyone on a route.

use serde_tuple::{Deserialize_tuple, Serialize_tuple};

/// The limits of a plan on a route. They hold together with the route's own.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize_tuple, Deserialize_tuple,
)]
pub struct PlanLimits {
    /// The name of the plan.
    pub plan: String,
    /// The limits, by index.
    pub limits: Vec<u32>,
}

/// How a token, or what a server says of it, says which plan its bearer is on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct PlanClaim {
    /// The claim whose text is the name of a plan.
    pub claim: String,
    /// The plan of who has no such claim, or one that names no plan. Without it, these are
    /// refused.
    pub default: Option<String>,
}
