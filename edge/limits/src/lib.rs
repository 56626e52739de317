//! One limit, held by many places at once.
//!
//! A *holder* (an isolate, a process) leases tokens of a bucket from the bucket's *authority* and
//! admits requests with them, without asking anybody. Both sides are pure functions of their
//! state and the time: [`Ledger`] is the authority's, [`Holding`] the holder's. They do no IO and
//! read no clock; how messages travel is the caller's business.
//!
//! # The bound
//!
//! However many holders there are, and whatever happens to them and to their messages: in any
//! time T at most `burst + rate · T` requests are admitted. [`Ledger`] has the invariant and why
//! this follows. It rests on one thing outside of this crate: while a lease lasts, the clocks of
//! holder and authority drift apart by less than [`GRACE`]. No clock is compared with another;
//! what they show does not matter, only how fast they go.
//!
//! # What it costs
//!
//! A holder renews its lease once in a [`horizon`], a third of the time in which a full bucket
//! drains. With A holders and load ρ (demand over rate) that is 3A / (ρ · burst) remote calls a
//! request.
#![warn(missing_docs)]

mod authority;
mod buckets;
mod contract;
mod fields;
mod holding;
mod in_flight;
mod ledger;
mod message;
mod reservation;
mod seed;

pub use authority::{Authority, Full};
pub use buckets::{Buckets, Standing, Take, seconds_up};
pub use contract::{Contract, EmptyAt};
pub use fields::{at_once_item, rate_item, standing_item};
pub use holding::{Holding, Spend};
pub use in_flight::{InFlight, NoSlot, Slot};
pub use ledger::Ledger;
pub use message::{Answer, Ask, BucketId, Grant, MAX_MESSAGE, Question, Renewal, Spent};
pub use reservation::Reservation;
pub use seed::Seed;
pub use tidegate_shared::bundle::Unreachable;

/// Milliseconds that a lease lasts, from when its renewal was sent.
pub const LIFETIME: u64 = 20_000;

/// Milliseconds that the authority waits longer than the holder before a lease has ended: by how
/// much two clocks may differ in measuring one lease.
pub const GRACE: u64 = 1_000;

/// How many holders a bucket may have at a time. One more gets nothing until another's lease ends.
pub const MAX_HOLDERS: usize = 4_096;

/// Milliseconds for which a holder asks tokens at a time: a third of the time in which a full
/// bucket drains, but no longer than leases last, and no shorter than a call can take.
pub fn horizon(contract: Contract) -> u64 {
    let third = match contract.lasts() {
        None => contract::millis_up(contract.capacity() / 3),
        Some(_) => u64::MAX,
    };
    third.clamp(250, LIFETIME * 3 / 4)
}
