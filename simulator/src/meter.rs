//! What came of a run, beside one bucket that sees every request at once.

use tidegate_limits::{Contract, EmptyAt};
use tidegate_shared::time::UnixMillis;

use crate::scenario::WARM_UP;

/// Counts a run.
#[derive(Clone, Debug)]
pub(crate) struct Meter {
    contract: Contract,
    ideal: EmptyAt,
    actual: EmptyAt,
    ideal_admitted: u64,
    requests: u64,
    admitted: u64,
    calls: u64,
    waited: u64,
    /// The most nanoseconds of drain by which a bucket of all that was admitted was over full.
    excess: u64,
}

/// The figures of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    /// The most tokens above burst + rate · T, over every time T.
    pub(crate) over: u64,
    /// The part of what one bucket would have admitted that was not.
    pub(crate) under: f64,
    /// Remote calls a request.
    pub(crate) calls: f64,
    /// The part of requests that waited for the authority.
    pub(crate) waited: f64,
    pub(crate) requests: u64,
}

impl Meter {
    pub(crate) fn new(contract: Contract) -> Self {
        Self {
            contract,
            ideal: EmptyAt(0),
            actual: EmptyAt(0),
            ideal_admitted: 0,
            requests: 0,
            admitted: 0,
            calls: 0,
            waited: 0,
            excess: 0,
        }
    }

    pub(crate) fn arrive(&mut self, now: UnixMillis) {
        let fits = self.contract.space(self.ideal, now) > 0;
        if fits {
            self.ideal = self.contract.fill(self.ideal, 1, now);
        }
        if counts(now) {
            self.requests += 1;
            self.ideal_admitted += u64::from(fits);
        }
    }

    pub(crate) fn admit(&mut self, now: UnixMillis) {
        self.actual = self.contract.fill(self.actual, 1, now);
        let over = self
            .contract
            .level(self.actual, now)
            .saturating_sub(self.contract.capacity());
        self.excess = self.excess.max(over);
        self.admitted += u64::from(counts(now));
    }

    pub(crate) fn call(&mut self, now: UnixMillis) {
        self.calls += u64::from(counts(now));
    }

    pub(crate) fn wait(&mut self, now: UnixMillis) {
        self.waited += u64::from(counts(now));
    }

    pub(crate) fn figures(&self) -> Figures {
        let missing = self.ideal_admitted.saturating_sub(self.admitted);
        Figures {
            over: self.excess.div_ceil(self.contract.drain(1)),
            under: part(missing, self.ideal_admitted),
            calls: part(self.calls, self.requests),
            waited: part(self.waited, self.requests),
            requests: self.requests,
        }
    }
}

fn counts(now: UnixMillis) -> bool {
    now.0 >= WARM_UP
}

fn part(some: u64, all: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    let part = some as f64 / all.max(1) as f64;
    part
}
