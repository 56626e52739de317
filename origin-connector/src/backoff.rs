//! How long to wait before the next attempt.

use std::time::Duration;

/// The first pause.
const LEAST: Duration = Duration::from_millis(250);

/// Pauses that double up to a bound, each drawn from its upper half: what was cut off together
/// does not come back together.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
    most: Duration,
}

impl Backoff {
    /// Invariant: `most` is no shorter than the first pause.
    pub(crate) fn new(most: Duration) -> Self {
        Self { next: LEAST, most }
    }

    /// The next pause. `draw` is at least 0 and below 1.
    pub(crate) fn pause(&mut self, draw: f64) -> Duration {
        let pause = self.next;
        self.next = pause.saturating_mul(2).min(self.most);
        pause.mul_f64(0.5 + draw / 2.0)
    }

    /// All is well again.
    pub(crate) fn reset(&mut self) {
        self.next = LEAST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_its_bound_and_begins_anew() {
        let mut backoff = Backoff::new(Duration::from_secs(1));
        let mut pause = |draw| backoff.pause(draw).as_millis();
        assert_eq!([pause(0.0), pause(0.0), pause(0.0)], [125, 250, 500]);
        assert_eq!([pause(0.0), pause(0.99)], [500, 995]);
        backoff.reset();
        assert_eq!(backoff.pause(0.0).as_millis(), 125);
    }
}
