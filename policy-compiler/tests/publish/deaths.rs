//! A publisher that dies at any step, in any store: before the step or after it, whatever it was
//! about to do next. Readers go on, and the next publisher needs nobody to tidy up.

use std::cell::Cell;

use tidegate_policy_compiler::publish::{PublishError, Sink, SinkError, Terms};

use crate::fated::{Fate, Fated, Step, Trouble};
use crate::kit::{NOW, Reader, bundle, channel, digest, key, terms};

/// What publishing takes at the most; each step is died at twice.
const MOST_STEPS: usize = 16;

/// Lets so many steps be and no more; the last is done, and nobody hears of it, or it is not.
struct Mortal {
    left: Cell<usize>,
    does_the_last: bool,
}

impl Fate for Mortal {
    async fn next(&self) -> Step {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        match left {
            0 => Step::Undone(Trouble::Final),
            1 if self.does_the_last => Step::Unheard(Trouble::Final),
            1 => Step::Undone(Trouble::Final),
            _ => Step::Done,
        }
    }
}

/// A store with whatever is in it, but for the channel's statement.
pub(crate) async fn hold(sink: &impl Sink) {
    for rolls_back in [false, true] {
        for does_the_last in [false, true] {
            let lived = survive(sink, rolls_back, does_the_last).await;
            assert!((3..MOST_STEPS).contains(&lived), "it took {lived} steps");
        }
    }
}

/// Lets publishers die at each step until one lives. Gives how many steps that one took.
async fn survive(sink: &impl Sink, rolls_back: bool, does_the_last: bool) -> usize {
    let (key, mut reader) = (key(), Reader::default());
    for steps in 1..MOST_STEPS {
        // So that each has two bundles to choose from.
        let whole = channel(sink);
        for name in ["old", "in force"] {
            whole.publish(&bundle(name), &terms(&key)).await.unwrap();
        }
        let before = reader.read(sink).await.unwrap();
        let fate = Mortal {
            left: Cell::new(steps),
            does_the_last,
        };
        let mortal = channel(Fated { sink, fate });
        let terms = Terms {
            now: NOW.plus(1),
            ..terms(&key)
        };
        let wanted = if rolls_back { "old" } else { "new" };
        let outcome = if rolls_back {
            mortal.roll_back(None, &terms).await
        } else {
            mortal.publish(&bundle(wanted), &terms).await
        };
        let after = reader.read(sink).await.unwrap();
        match outcome {
            Ok(statement) => {
                assert_eq!(after, statement);
                assert_eq!(after.bundle, digest(wanted));
                return steps.saturating_sub(1);
            }
            Err(PublishError::Sink(SinkError::Failed { .. })) => {}
            Err(error) => panic!("step {steps}: {error}"),
        }
        // All of it or nothing.
        let done = after.sequence == before.sequence + 1 && after.bundle == digest(wanted);
        assert!(after == before || done, "step {steps}: {after:?}");
        assert!(does_the_last || !done, "step {steps} was not done");
    }
    panic!("nobody lived")
}
