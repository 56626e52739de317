//! One request of each caller in turn, by the gateway's local limiter and by the crate `governor`.

use std::hint::black_box;
use std::num::NonZeroU32;
use std::time::Duration;

use anyhow::Result;
use governor::{DefaultKeyedRateLimiter, Quota};
use tidegate_edge::{Buckets, Take};
use tidegate_limits::Contract;
use tidegate_shared::time::UnixMillis;
use tidegate_shared::units::Rate;

use crate::measure::{Contest, Outcome, operation};
use crate::request::NOW;

/// Callers that take turns.
const CALLERS: usize = 10_000;

pub(super) fn measure() -> Result<Outcome> {
    let rate = Rate {
        count: 1_000_000,
        period: 60,
    };
    let name = |caller: usize| format!("per-customer/9f2c61b0-7d1e-4c5a-9b1f-{caller:012}");
    let names: Vec<String> = (0..CALLERS).map(name).collect();
    let take = |name: &String| {
        [Take {
            contract: Contract::new(rate, 1_000_000),
            key: name.clone().into_bytes(),
            cost: 1,
        }]
    };
    let takes: Vec<[Take; 1]> = names.iter().map(take).collect();
    let buckets = Buckets::new([7; 16]);
    let mut turn = (0..CALLERS).cycle();
    let ours = operation(move || {
        let caller = turn.next().and_then(|caller| takes.get(caller));
        if let Some(takes) = caller {
            black_box(buckets.take(black_box(takes), UnixMillis(NOW * 1_000)));
        }
    });
    let burst = NonZeroU32::new(1_000_000).unwrap_or(NonZeroU32::MIN);
    let quota = Quota::with_period(Duration::from_micros(60));
    let quota = quota.unwrap_or(Quota::per_second(burst)).allow_burst(burst);
    let limiter = DefaultKeyedRateLimiter::<String>::keyed(quota);
    let mut turn = (0..CALLERS).cycle();
    let peer = operation(move || {
        let caller = turn.next().and_then(|caller| names.get(caller));
        if let Some(name) = caller {
            let _ = black_box(limiter.check_key(black_box(name)));
        }
    });
    let contest = Contest {
        ours,
        peer,
        parts: vec![],
    };
    Ok(contest.run())
}
