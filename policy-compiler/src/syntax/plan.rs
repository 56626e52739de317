//! What callers of one kind may use.

use crate::decode::record;
use crate::source::Spanned;

record! {
    /// What callers of one kind may use, beside what holds for everyone.
    struct Plan {
        /// The limits that hold together with those of a route.
        limit: Vec<Spanned<String>>,
    }
}

record! {
    /// How a token says which plan its bearer is on.
    struct PlanClaim {
        /// The claim whose text is the name of a plan.
        claim: Spanned<String>,
        /// The plan of who has no such claim, or one that names no plan; without it, these are
        /// refused.
        default: Option<Spanned<String>>,
    }
}
