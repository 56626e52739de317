//! Whether a roll-out goes on: what the gateways that run the new bundle did is held against what
//! those did that run the old one, in the same time.
//!
//! The judgement is a pure function of counts. It may be asked as often as one likes, which makes
//! no error likelier: its intervals hold at all times together (`interval`).

mod counts;
mod feed;
mod interval;
mod judge;
mod lines;
mod record;

pub use counts::{Counts, Durations, Share};
pub use feed::{Feed, Records};
pub use judge::{Compared, Finding, Judgement, Measure, Rules, Verdict, judge};
pub(crate) use lines::Lines;
pub use record::Tally;

#[cfg(test)]
mod tests;
