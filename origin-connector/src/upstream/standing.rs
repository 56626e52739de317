//! How much an endpoint is to be trusted with. Pure: the time is an argument.

use std::time::{Duration, Instant};

use crate::config::Ejection;

/// So many failed checks in a row make an endpoint unwell; one that passes makes it well.
const FALL: u32 = 2;

/// What is known of one endpoint.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    /// Requests in a row that it failed.
    failures: u32,
    /// Times that it was ejected without a long good spell between them.
    ejections: u32,
    ejected_until: Option<Instant>,
    /// Health checks in a row that it failed.
    failed_checks: u32,
}

impl Standing {
    pub(super) fn is_ejected(&self, now: Instant) -> bool {
        self.ejected_until.is_some_and(|until| now < until)
    }

    pub(super) fn is_unwell(&self) -> bool {
        self.failed_checks >= FALL
    }

    pub(super) fn is_available(&self, now: Instant) -> bool {
        !self.is_ejected(now) && !self.is_unwell()
    }

    /// A request went well. As long a good spell as an ejection can last makes up for the past.
    pub(super) fn succeeded(&mut self, policy: &Ejection, now: Instant) {
        self.failures = 0;
        let redeemed = |until| now.saturating_duration_since(until) >= policy.max_time;
        if self.ejected_until.is_some_and(redeemed) {
            self.ejections = 0;
            self.ejected_until = None;
        }
    }

    /// A request failed. Where that was one too many and `may_eject`, tells for how long the
    /// endpoint is ejected: each time for twice as long, within the bound. Who comes back and
    /// fails again is ejected at once.
    pub(super) fn failed(
        &mut self,
        policy: &Ejection,
        now: Instant,
        may_eject: bool,
    ) -> Option<Duration> {
        self.failures = self.failures.saturating_add(1);
        // What was under way before the ejection says nothing new.
        if self.is_ejected(now) || self.failures < policy.failures || !may_eject {
            return None;
        }
        let factor = 1_u32.checked_shl(self.ejections).unwrap_or(u32::MAX);
        let time = policy.time.saturating_mul(factor).min(policy.max_time);
        self.ejections = self.ejections.saturating_add(1);
        self.ejected_until = Some(now + time);
        Some(time)
    }

    /// A health check was made. Tells whether the endpoint has become well or unwell by it.
    pub(super) fn checked(&mut self, well: bool) -> bool {
        let before = self.is_unwell();
        self.failed_checks = match well {
            true => 0,
            false => self.failed_checks.saturating_add(1),
        };
        before != self.is_unwell()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Ejection = Ejection {
        failures: 3,
        time: Duration::from_secs(10),
        max_time: Duration::from_secs(35),
    };

    #[test]
    fn only_failures_in_a_row_eject() {
        let now = Instant::now();
        let mut standing = Standing::default();
        for _ in 0..5 {
            assert_eq!(standing.failed(&POLICY, now, true), None);
            assert_eq!(standing.failed(&POLICY, now, true), None);
            standing.succeeded(&POLICY, now);
        }
        standing.failed(&POLICY, now, true);
        standing.failed(&POLICY, now, true);
        assert_eq!(standing.failed(&POLICY, now, true), Some(POLICY.time));
        assert!(standing.is_ejected(now));
        assert!(!standing.is_ejected(now + POLICY.time));
    }

    #[test]
    fn each_ejection_is_longer_up_to_the_bound_until_a_good_spell() {
        let mut now = Instant::now();
        let mut standing = Standing {
            failures: 2,
            ..Standing::default()
        };
        let mut times = Vec::new();
        for _ in 0..4 {
            let time = standing.failed(&POLICY, now, true).unwrap();
            // A failure of a request that was under way changes nothing.
            assert_eq!(standing.failed(&POLICY, now, true), None);
            times.push(time.as_secs());
            now += time;
        }
        assert_eq!(times, [10, 20, 35, 35]);
        standing.succeeded(&POLICY, now);
        assert_eq!(standing.ejections, 4);
        standing.succeeded(&POLICY, now + POLICY.max_time);
        assert_eq!(standing.ejections, 0);
    }

    #[test]
    fn who_may_not_be_ejected_is_at_the_next_failure_that_may() {
        let now = Instant::now();
        let mut standing = Standing {
            failures: 2,
            ..Standing::default()
        };
        assert_eq!(standing.failed(&POLICY, now, false), None);
        assert_eq!(standing.failed(&POLICY, now, true), Some(POLICY.time));
    }

    #[test]
    fn two_failed_checks_make_unwell_and_one_good_one_well() {
        let mut standing = Standing::default();
        let said: Vec<(bool, bool)> = [false, false, false, true, false]
            .map(|well| (standing.checked(well), standing.is_unwell()))
            .to_vec();
        let expected = [
            (false, false),
            (true, true),
            (false, true),
            (true, false),
            (false, false),
        ];
        assert_eq!(said, expected);
    }
}
