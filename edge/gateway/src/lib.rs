//! The core of the gateway: a request's head goes in, a [`Decision`] comes out, as data.
//!
//! It does no IO, reads no clock, spawns nothing and never sees a body. What it needs of the
//! world it asks of [`Ports`]; what it remembers is in [`State`]. An adapter for a runtime
//!
//! 1. loads a [`Gateway`] from a verified bundle, and keeps one [`State`];
//! 2. for each request calls [`Gateway::decide`];
//! 3. sends the reply, or follows the [`AttemptPlan`] with the request that [`Forward`] describes
//!    and applies [`Gateway::respond`] to the answer's head;
//! 4. calls [`Gateway::finish`] exactly once and delivers the [`AccessRecord`].
#![warn(missing_docs)]

mod attempt;
mod authority;
pub mod condition;
mod confirmation;
mod decision;
pub mod dpop;
mod gateway;
mod head;
mod hosts;
mod identity;
mod introspection;
mod json;
pub mod jwk;
pub mod jws;
mod jwt;
mod key_sets;
mod phase;
mod ports;
mod record;
mod refusal;
mod revocations;
mod shadow_bundle;
pub mod signature;
mod signing;
mod state;
mod stored_keys;
mod ways;

pub use attempt::{Attempt, AttemptOutcome, AttemptPlan, Destination};
pub use authority::{InvalidLimitServer, LIMITS_MEDIA_TYPE, LimitServer};
pub use decision::{Decision, Exchange, Forward, HeadEdits, Reply};
pub use gateway::{Gateway, LoadError, Refreshed};
pub use head::{Peer, RequestHead, ResponseHead, Scheme};
pub use hosts::{Candidate, Mismatch, Routing};
pub use phase::HOP_BY_HOP;
pub use ports::{FetchBounds, PortError, Ports};
pub use record::{AccessRecord, End, MAX_SHADOWED, Outcome, Shadowed, Verdict};
pub use refusal::problem_reply;
pub use shadow_bundle::{LateRecord, ShadowBundle, ShadowVerdict, Watched, Would};
pub use state::{DueRenewal, State};
pub use tidegate_limits::{Buckets, Standing, Take};
