//! The core through its public door: a bundle, a request, a decision.

#![cfg(test)]

#[path = "decide/kit.rs"]
mod kit;

#[path = "decide/accept.rs"]
mod accept;
#[path = "decide/attempt.rs"]
mod attempt;
#[path = "decide/authenticate.rs"]
mod authenticate;
#[path = "decide/caller.rs"]
mod caller;
#[path = "decide/concurrency.rs"]
mod concurrency;
#[path = "decide/condition.rs"]
mod condition;
#[path = "decide/flood.rs"]
mod flood;
#[path = "decide/leases.rs"]
mod leases;
#[path = "decide/limit.rs"]
mod limit;
#[path = "decide/plans.rs"]
mod plans;
#[path = "decide/quota.rs"]
mod quota;
#[path = "decide/record.rs"]
mod record;
#[path = "decide/route.rs"]
mod route;
#[path = "decide/screen.rs"]
mod screen;
#[path = "decide/shadow.rs"]
mod shadow;
#[path = "decide/shadow_bundle.rs"]
mod shadow_bundle;
#[path = "decide/shape.rs"]
mod shape;
#[path = "decide/signing.rs"]
mod signing;
