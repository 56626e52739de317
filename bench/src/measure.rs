//! Processor time of contestants that take turns.

use rustix::time::{ClockId, clock_gettime};
pub(crate) use tidegate_measure::{Outcome, median, ratio};

/// How often each contestant takes its turn.
const ROUNDS: usize = 41;
/// Nanoseconds of one turn, at least.
const TURN: f64 = 2_000_000.0;

/// Performs an operation as many times as it is told.
pub(crate) type Operation = Box<dyn FnMut(u32)>;

/// Makes an operation of what performs it once.
pub(crate) fn operation(mut once: impl FnMut() + 'static) -> Operation {
    Box::new(move |times| {
        for _ in 0..times {
            once();
        }
    })
}

/// Two operations to compare, and parts of the first that are worth a look on their own.
pub(crate) struct Contest {
    pub(crate) ours: Operation,
    pub(crate) peer: Operation,
    pub(crate) parts: Vec<(&'static str, Operation)>,
}

impl Contest {
    /// Lets all take turns.
    pub(crate) fn run(self) -> Outcome {
        let Self { ours, peer, parts } = self;
        let mut contestants = vec![Contestant::warm(ours), Contestant::warm(peer)];
        let names: Vec<_> = parts.iter().map(|(name, _)| *name).collect();
        contestants.extend(parts.into_iter().map(|(_, part)| Contestant::warm(part)));
        for _ in 0..ROUNDS {
            contestants.iter_mut().for_each(Contestant::turn);
        }
        let mut turns = contestants.into_iter().map(|contestant| contestant.turns);
        let ours = turns.next().unwrap_or_default();
        let peer = turns.next().unwrap_or_default();
        Outcome {
            ratio: ratio(&ours, &peer),
            ours: median(ours),
            peer: median(peer),
            parts: names.into_iter().zip(turns.map(median)).collect(),
        }
    }
}

struct Contestant {
    operation: Operation,
    /// Operations in a turn.
    times: u32,
    /// Nanoseconds of one operation, in each turn.
    turns: Vec<f64>,
}

impl Contestant {
    /// Finds how many operations fill a turn; what is built on first use is built here.
    fn warm(operation: Operation) -> Self {
        let mut contestant = Self {
            operation,
            times: 1,
            turns: Vec::with_capacity(ROUNDS),
        };
        while contestant.time() < TURN && contestant.times < u32::MAX {
            contestant.times = contestant.times.saturating_mul(2);
        }
        contestant
    }

    fn turn(&mut self) {
        let took = self.time();
        self.turns.push(took / f64::from(self.times));
    }

    fn time(&mut self) -> f64 {
        let start = processor_time();
        (self.operation)(self.times);
        processor_time() - start
    }
}

/// Nanoseconds that this thread has run.
#[expect(
    clippy::cast_precision_loss,
    reason = "exact for the first hundred days of a thread"
)]
fn processor_time() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}
